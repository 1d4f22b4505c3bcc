"""What a run leaves behind, what it is trained on, and what it says when it cannot."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.identity import file_digest
from models.chat import Message
from models.manifest import TrainedContract, read_manifest
from models.registry import read_entry
from tests.training_data import examples, make_base, meta, write_data, write_recipe
from training.command import run_command
from training.examples import write_meta
from training.method import method_named
from training.parts import end_of_turn, open_parts
from training.recipe import read_recipe

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def base(one_thread, tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def folder(tmp_path):
    return write_data(tmp_path)


@pytest.fixture
def parts(base, folder):
    return open_parts(read_recipe(write_recipe(folder, base)), folder / "registry")


def run(folder, recipe, *more, method="sft"):
    places = [f"--{name}={folder / name}" for name in ("registry", "adapters", "runs")]
    return run_command(method_named(method), [str(recipe), *places, *more])


def refused(capsys, folder, recipe, *more, method="sft"):
    """The one line that a run which exits 4 prints; it leaves no adapter and no entry."""
    before = tree(folder / "adapters"), tree(folder / "registry")
    assert run(folder, recipe, *more, method=method) == 4
    assert (tree(folder / "adapters"), tree(folder / "registry")) == before
    lines = capsys.readouterr().err.strip().splitlines()
    (line,) = [each for each in lines if each.startswith("ERROR: ")]
    assert lines[-1] == line
    return line


def tree(folder):
    return sorted(
        (str(path), path.stat().st_size) for path in folder.glob("**/*") if path.is_file()
    )


# Tokens


def test_prompt_and_reply_are_concatenated_as_the_template_does(parts):
    tokenizer = parts.tokenizer
    for example in examples(6):
        turns = [{"role": each.role, "content": each.content} for each in example.prompt]
        reply = {"role": "assistant", "content": example.completion}
        prompt = parts.prompt_ids(example.prompt)
        assert prompt == tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, return_dict=False
        )
        whole = tokenizer.apply_chat_template([*turns, reply], return_dict=False)
        row = prompt + parts.reply_ids(example.completion)
        assert row == whole[: len(row)]
        assert row[-1] == tokenizer.eos_token_id
        assert tokenizer.decode(whole[len(row) :]).strip() == ""


def test_the_embedded_model_is_trained_to_stop_where_the_exam_stops(smollm2):
    from transformers import AutoTokenizer, GenerationConfig

    tokenizer = AutoTokenizer.from_pretrained(smollm2)
    ends = GenerationConfig.from_pretrained(smollm2).eos_token_id
    assert end_of_turn(tokenizer) == [ends]


def test_marks_of_the_template_in_a_contract_are_broken(parts):
    end = parts.tokenizer.eos_token_id
    assert parts.reply_ids("Ohio <|im_end|> Texas").count(end) == 1
    clean = parts.prompt_ids((Message("user", "Ohio"),))
    dirty = parts.prompt_ids((Message("user", "Ohio <|im_end|>"),))
    assert clean.count(end) == dirty.count(end)


def test_only_the_reply_has_labels(parts, folder, base):
    from training.rows import completions

    recipe = read_recipe(write_recipe(folder, base))
    for row, example in zip(completions(recipe, parts), examples(12), strict=True):
        kept = [label for label in row["labels"] if label != -100]
        assert kept == parts.reply_ids(example.completion)
        assert row["input_ids"][-len(kept) :] == kept


# What is left behind


def test_the_entry_takes_the_exam(base, folder, parts, capsys):
    from models.factory import open_models

    assert run(folder, write_recipe(folder, base)) == 0
    said = capsys.readouterr().out.strip().splitlines()
    assert said[-1] == "Next: pytest evals --model tiny"
    entry = read_entry("tiny", folder / "registry")
    assert (entry.status, entry.most_passages, entry.passages) == ("candidate", 1, True)
    assert entry.manifest == file_digest(folder / "adapters" / "tiny" / "manifest.json")
    (model,) = open_models(["tiny"], folder / "registry")
    assert entry.dtype == model.chat.base.dtype == parts.device.dtype
    answer = asyncio.run(model.chat.chat([Message("user", "Why?")]))
    assert answer.error is None and answer.tokens_out


def test_the_adapter_is_small_and_names_its_base_as_the_recipe_does(base, folder):
    import torch
    from safetensors.torch import load_file

    assert run(folder, write_recipe(folder, base)) == 0
    adapter = folder / "adapters" / "tiny"
    assert {t.dtype for t in load_file(adapter / "adapter_model.safetensors").values()} == {
        torch.bfloat16
    }
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(base)


def test_the_manifest_says_how_the_adapter_came_about(base, folder):
    exam = {"validation_exam": {"every": 1, "cases": 4}}
    validation = str(folder / "sft.validation.jsonl")
    assert run(folder, write_recipe(folder, base, validation=validation, **exam)) == 0
    manifest = read_manifest(folder / "adapters" / "tiny")
    assert [each.title for each in manifest.contracts] == ["Contract 0", "Contract 1", "Contract 2"]
    assert manifest.cases == meta().cases
    facts = manifest.model_dump()
    assert facts["data"]["rows"] == file_digest(folder / "sft.jsonl")
    assert facts["recipe"]["training"]["max_steps"] == facts["steps"] == 2
    assert [entry["step"] for entry in facts["losses"]] == [1, 2]
    assert [entry["step"] for entry in facts["validation"]] == [1, 2]
    assert facts["tokens"] > 0 and facts["seconds"] > 0
    assert set(facts["versions"]) == {"python", "torch", "transformers", "peft", "trl"}
    best = max(facts["validation"], key=lambda entry: entry["balanced"])
    assert facts["delivered_step"] == best["step"]
    card = (folder / "adapters" / "tiny" / "README.md").read_text()
    assert "pytest evals --model tiny" in card and f"{best['balanced']:.3f}" in card


def test_the_commit_is_told_where_there_is_no_repository(monkeypatch, tmp_path):
    from training.account import commit

    monkeypatch.delenv("BAR_EXAM_COMMIT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() is None
    monkeypatch.setenv("BAR_EXAM_COMMIT", "c" * 40)
    assert commit() == "c" * 40


def test_what_the_first_adapter_saw_the_second_one_saw(base, folder):
    assert run(folder, write_recipe(folder, base)) == 0
    other = TrainedContract(title="Another", digest="e" * 64, sketch=())
    write_meta(folder / "pairs.jsonl", meta(contracts=(other,), cases=("f" * 64,)))
    recipe = write_recipe(folder, base, "pairs", name="second", adapter="tiny")
    assert run(folder, recipe, method="dpo") == 0
    manifest = read_manifest(folder / "adapters" / "second")
    assert [each.title for each in manifest.contracts][-1] == "Another"
    assert len(manifest.contracts) == 4 and len(manifest.cases) == 5
    assert manifest.start["name"] == "tiny"


def test_the_best_examined_weights_are_delivered(base, folder, monkeypatch):
    from training.validation import Marks

    scores = iter([0.2, 0.6, 0.5, 0.4])

    def examine(model, parts, rows):
        score = next(scores)
        return Marks(score, score, score, 0.0)

    monkeypatch.setattr("training.run.examine", examine)
    recipe = write_recipe(
        folder, base, training={"max_steps": 9, "save_steps": 3},
        validation_exam={"every": 1, "cases": 2, "patience": 2},
        validation=str(folder / "sft.validation.jsonl"),
    )  # fmt: skip
    assert run(folder, recipe) == 0
    facts = read_manifest(folder / "adapters" / "tiny").model_dump()
    assert (facts["steps"], facts["delivered_step"]) == (4, 2)


def test_the_validation_exam_answers_as_the_exam_does(base, folder):
    from models.decoding import Decoding
    from models.local import LocalChat
    from training.parts import load_model
    from training.validation import examine, selected

    assert run(folder, write_recipe(folder, base)) == 0
    recipe = read_recipe(write_recipe(folder, base, adapter=str(folder / "adapters" / "tiny")))
    parts = open_parts(recipe, folder / "registry")
    rows = selected(examples(12), 6)
    model, _ = load_model(parts, recipe)
    model.train()
    heard = []
    from training import validation

    ours = validation.marks
    validation.marks = lambda rows, answers: heard.extend(answers) or ours(rows, answers)
    try:
        examine(model, parts, rows)
    finally:
        validation.marks = ours
    assert model.training

    async def ask():
        chat = LocalChat("tiny", parts.chat.base, Decoding(), parts.adapter)
        return await asyncio.gather(*(chat.chat(each.prompt) for each in rows))

    assert [each.text for each in heard] == [each.text for each in asyncio.run(ask())]


# What can go wrong


def test_a_name_that_is_taken_is_not_overwritten(base, folder, capsys):
    recipe = write_recipe(folder, base)
    assert run(folder, recipe) == 0
    assert "--force" in refused(capsys, folder, recipe)
    assert run(folder, recipe, "--force") == 0
    entry = folder / "registry" / "tiny.toml"
    entry.write_text(entry.read_text().replace('"candidate"', '"champion"'))
    assert "is a champion" in refused(capsys, folder, recipe, "--force")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "holds no rows"),
        ('{"question": "Why?"}\n', "line 1: no column 'prompt'; it has question"),
        ("{\n", "line 1: not JSON"),
    ],
)
def test_data_of_another_shape_is_refused(base, folder, capsys, line, said):
    (folder / "sft.jsonl").write_text(line)
    assert said in refused(capsys, folder, write_recipe(folder, base))


def test_pairs_without_a_rejected_reply_are_refused(base, folder, capsys):
    recipe = write_recipe(folder, base, "sft")
    assert "line 1: no column 'chosen'" in refused(capsys, folder, recipe, method="dpo")


def test_rows_that_are_all_too_long_are_refused(base, folder, capsys):
    rows = [json.loads(line) for line in (folder / "sft.jsonl").read_text().splitlines()]
    for row in rows:
        row["prompt"][-1]["content"] *= 40
    (folder / "sft.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert "all 12 rows are longer than the 512 tokens" in refused(
        capsys, folder, write_recipe(folder, base)
    )


def test_an_adapter_of_another_base_is_refused(base, folder, capsys, tmp_path_factory):
    assert run(folder, write_recipe(folder, base)) == 0
    capsys.readouterr()
    wider = make_base(tmp_path_factory.mktemp("wider"), hidden=64)
    recipe = write_recipe(folder, wider, "pairs", name="next", adapter="tiny")
    assert "does not fit base" in refused(capsys, folder, recipe, method="dpo")


def test_an_adapter_that_is_nowhere_is_refused(base, folder, capsys):
    recipe = write_recipe(folder, base, "pairs", adapter="nobody")
    assert "adapter nobody: no folder" in refused(capsys, folder, recipe, method="dpo")


def test_a_loss_that_is_no_number_stops_the_run(base, folder, capsys):
    recipe = write_recipe(folder, base, training={"max_steps": 6, "learning_rate": 1e30})
    assert "the loss is not a number at step" in refused(capsys, folder, recipe)


def test_weights_that_are_no_numbers_are_not_delivered(base, folder, capsys, monkeypatch):
    from safetensors.torch import load_file

    def spoiled(path):
        return {name: tensor * float("nan") for name, tensor in load_file(path).items()}

    monkeypatch.setattr("safetensors.torch.load_file", spoiled)
    assert "weights are not numbers" in refused(capsys, folder, write_recipe(folder, base))


def test_memory_that_runs_out_is_one_line(base, folder, capsys, monkeypatch):
    import torch
    from trl import SFTTrainer

    def full(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(SFTTrainer, "compute_loss", full)
    line = refused(capsys, folder, write_recipe(folder, base))
    assert "per_device_train_batch_size" in line


def test_a_full_disk_leaves_nothing_and_the_run_can_go_on(base, folder, capsys, monkeypatch):
    recipe = write_recipe(folder, base)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("training.outcome._write_card", full)
        assert "No space left on device" in refused(capsys, folder, recipe)
    with monkeypatch.context() as patched:
        patched.setattr("training.outcome._write_entry", full)
        assert run(folder, recipe) == 4
        assert not (folder / "registry").exists()
    assert run(folder, recipe) == 0


def test_another_recipe_does_not_go_on_from_checkpoints_of_this_one(base, folder, capsys):
    from training.run import Places, train

    places = Places(folder / "registry", folder / "adapters", folder / "runs")
    train(method_named("sft"), read_recipe(write_recipe(folder, base)), places)
    recipe = write_recipe(folder, base, seed=1)
    assert run(folder, recipe) == 0
    assert "starting anew" in capsys.readouterr().out


def test_a_half_written_checkpoint_is_passed_over(tmp_path):
    from training.checkpoints import last_checkpoint

    # As left by two processes, and by DeepSpeed, which keeps the optimizer in folders of its own.
    for step, names in ((2, ["rng_state_1.pth", "trainer_state.json"]), (4, ["optimizer.pt"])):
        place = tmp_path / f"checkpoint-{step}"
        place.mkdir()
        for name in ["adapter_model.safetensors", *names]:
            (place / name).write_text(json.dumps({"global_step": step, "max_steps": 9}))
    assert last_checkpoint(tmp_path).step == 2
    assert not (tmp_path / "checkpoint-4").exists()


def test_importing_the_trainers_loads_nothing_heavy():
    code = (
        "import sys, importlib\n"
        "from training.method import METHODS\n"
        "for module in METHODS.values():\n"
        "    importlib.import_module(module)\n"
        "heavy = 'datasets dspy numpy pandas peft torch transformers trl'.split()\n"
        "print(*[name for name in heavy if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == ""
