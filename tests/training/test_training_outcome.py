"""What a run leaves behind, what it is trained on, and what it says when it cannot."""

import asyncio
import errno
import json
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from common import files
from common.errors import UserError
from common.identity import file_digest
from models.chat import Message
from models.manifest import TrainedContract, read_manifest
from models.registry import read_entry
from tests.builders.training_data import (
    examples,
    held_out,
    make_base,
    meta,
    method_named,
    write_data,
    write_recipe,
)
from training import command
from training.command import run_command
from training.data.examples import write_examples, write_meta
from training.outcome.delivery import Places
from training.trainer import device
from training.trainer.loading import load, open_chat
from training.trainer.recipe import read_recipe
from training.trainer.rows import completions, end_of_turn, reply_ids
from training.trainer.run import train

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def base(one_thread, tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def folder(tmp_path):
    return write_data(tmp_path)


@pytest.fixture
def chat(base, folder):
    return open_chat(read_recipe(write_recipe(folder, base)), folder / "registry")


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


def test_prompt_and_reply_are_concatenated_as_the_template_does(chat):
    tokenizer = chat.base.tokenizer
    for example in examples(6):
        turns = [{"role": each.role, "content": each.content} for each in example.prompt]
        reply = {"role": "assistant", "content": example.completion}
        prompt = chat.ids(example.prompt)
        assert prompt == tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, return_dict=False
        )
        whole = tokenizer.apply_chat_template([*turns, reply], return_dict=False)
        row = prompt + reply_ids(chat, example.completion)
        assert row == whole[: len(row)]
        assert row[-1] == tokenizer.eos_token_id
        assert tokenizer.decode(whole[len(row) :]).strip() == ""


def test_the_embedded_model_is_trained_to_stop_where_the_exam_stops(smollm2):
    from transformers import AutoTokenizer, GenerationConfig

    tokenizer = AutoTokenizer.from_pretrained(smollm2)
    ends = GenerationConfig.from_pretrained(smollm2).eos_token_id
    assert end_of_turn(tokenizer) == [ends]


def test_marks_of_the_template_in_a_contract_are_broken(chat):
    end = chat.base.tokenizer.eos_token_id
    assert reply_ids(chat, "Ohio <|im_end|> Texas").count(end) == 1
    clean = chat.ids((Message("user", "Ohio"),))
    dirty = chat.ids((Message("user", "Ohio <|im_end|>"),))
    assert clean.count(end) == dirty.count(end)


def test_only_the_reply_has_labels(chat, folder):
    rows = completions(folder / "sft.jsonl", chat, None)
    for row, example in zip(rows, examples(12), strict=True):
        kept = [label for label in row["labels"] if label != -100]
        assert kept == reply_ids(chat, example.completion)
        assert row["input_ids"][-len(kept) :] == kept


# What is left behind


def test_the_entry_takes_the_exam(base, folder, chat, capsys):
    from models.factory import open_models

    assert run(folder, write_recipe(folder, base)) == 0
    said = capsys.readouterr().out.strip().splitlines()
    examine = "pytest evals --model tiny --baseline champion"
    assert said[-1] == f"Next: {examine} --registry {folder / 'registry'}"
    entry = read_entry("tiny", folder / "registry")
    assert (entry.status, entry.most_passages, entry.passages) == ("candidate", 1, True)
    assert entry.manifest == file_digest(folder / "adapters" / "tiny" / "manifest.json")
    (model,) = open_models(["tiny"], folder / "registry")
    assert entry.dtype == model.chat.base.dtype == chat.base.dtype
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
    assert {"python", "torch", "transformers", "peft", "trl"} <= set(facts["versions"])
    best = max(facts["validation"], key=lambda entry: entry["balanced"])
    assert facts["delivered_step"] == best["step"]
    card = (folder / "adapters" / "tiny" / "README.md").read_text()
    assert "pytest evals --model tiny" in card and f"{best['balanced']:.3f}" in card


def meanwhile(monkeypatch, work):
    """Let `work` happen between the last step and the delivery."""
    ours = command.deliver

    def deliver(*args, **kwargs):
        work()
        return ours(*args, **kwargs)

    monkeypatch.setattr(command, "deliver", deliver)


def test_the_manifest_says_what_the_adapter_cost_where_a_price_was_named(base, folder, capsys):
    recipe = write_recipe(folder, base)
    assert "--hourly-price much" in refused(capsys, folder, recipe, "--hourly-price", "much")
    assert run(folder, recipe, "--hourly-price", "3.6") == 0
    adapter = folder / "adapters" / "tiny"
    facts = read_manifest(adapter).model_dump()
    training, storage = facts["cost"]["training"], facts["cost"]["storage"]
    assert (training["seconds"], training["usd_per_hour"]) == (facts["seconds"], "3.6")
    assert training["usd"] == f"{Decimal(str(facts['seconds'])) / 1000:.4f}"
    assert storage["bytes"] >= (adapter / "adapter_model.safetensors").stat().st_size
    assert storage["usd_per_gb_month"] is storage["usd_per_month"] is None, "never 0"
    assert read_entry("tiny", folder / "registry").manifest == file_digest(
        adapter / "manifest.json"
    )
    assert run(folder, recipe, "--force") == 0
    assert "cost" not in read_manifest(adapter).model_dump()


def test_the_manifest_is_of_the_files_that_the_run_began_with(base, folder, monkeypatch):
    assert run(folder, write_recipe(folder, base)) == 0
    start = folder / "adapters" / "tiny"
    weights = json.loads((start / "manifest.json").read_text())["base"]["weights"]
    rows = file_digest(folder / "pairs.jsonl")

    def change():
        (folder / "pairs.jsonl").write_text("{}\n")
        (start / "manifest.json").write_text('{"contracts": [], "cases": []}')
        (start / "adapter_model.safetensors").unlink()

    meanwhile(monkeypatch, change)
    missing = str(folder / "nowhere.jsonl")
    recipe = write_recipe(folder, base, "pairs", name="next", adapter="tiny", validation=missing)
    assert run(folder, recipe, method="dpo") == 0
    manifest = read_manifest(folder / "adapters" / "next")
    assert manifest.data["rows"] == rows and manifest.data["validation"] is None
    assert manifest.base["weights"] == weights
    assert len(manifest.contracts) == 3


def test_a_run_that_goes_on_keeps_the_commit_that_it_began_with(base, folder, monkeypatch):
    recipe = write_recipe(folder, base)

    def killed():
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setenv("BAR_EXAM_COMMIT", "a" * 40)
        meanwhile(patched, killed)
        assert run(folder, recipe) == 2
    monkeypatch.setenv("BAR_EXAM_COMMIT", "b" * 40)
    assert run(folder, recipe) == 0
    assert read_manifest(folder / "adapters" / "tiny").commit == "a" * 40


def test_a_commit_whose_files_were_changed_is_dirty(monkeypatch, tmp_path):
    from common.provenance import commit

    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    monkeypatch.delenv("BAR_EXAM_COMMIT", raising=False)
    (tmp_path / "code.py").write_text("1")
    git("init")
    git("add", "code.py")
    git("commit", "-m", "first")
    (tmp_path / "notes.md").write_text("1")
    clean = commit(tmp_path)
    assert len(clean) == 40
    (tmp_path / "code.py").write_text("2")
    assert commit(tmp_path) == f"{clean}-dirty"


@pytest.mark.parametrize(
    ("before", "now", "credited", "ours"),
    [
        (None, "cuad + sample", True, True),
        (None, "sample", False, True),
        (None, "leases", False, False),
        ("cuad", "sample", True, True),
    ],
)
def test_the_card_credits_the_data_sets_that_were_seen(base, folder, before, now, credited, ours):
    start = {}
    if before:
        write_meta(folder / "sft.jsonl", meta(dataset=before, contracts=meta().contracts[:2]))
        assert run(folder, write_recipe(folder, base, name="first")) == 0
        start = {"adapter": "first"}
    write_meta(folder / "sft.jsonl", meta(dataset=now, contracts=meta().contracts[2:]))
    assert run(folder, write_recipe(folder, base, **start)) == 0
    card = (folder / "adapters" / "tiny" / "README.md").read_text()
    assert ("The Atticus Project" in card, "written for this project" in card) == (credited, ours)
    assert "from 1 contracts" in card
    assert ("it saw 3" in card) == bool(before)


def test_the_commit_is_told_where_there_is_no_repository(monkeypatch, tmp_path):
    from common.provenance import commit

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
    from training.trainer.validation import ValidationScores

    scores = iter([0.2, 0.6, 0.5, 0.4])

    def examine(model, chat, rows):
        score = next(scores)
        return ValidationScores(score, score, score, 0.0)

    monkeypatch.setattr("training.trainer.run.examine", examine)
    recipe = write_recipe(
        folder, base, training={"max_steps": 9, "save_steps": 3},
        validation_exam={"every": 1, "cases": 2, "patience": 2},
        validation=str(folder / "sft.validation.jsonl"),
    )  # fmt: skip
    assert run(folder, recipe) == 0
    facts = read_manifest(folder / "adapters" / "tiny").model_dump()
    assert (facts["steps"], facts["delivered_step"]) == (4, 2)


def test_the_validation_exam_answers_as_the_exam_does(base, folder):
    from models.chat import Decoding
    from models.local.chat import LocalChat
    from training.trainer.loading import load_model
    from training.trainer.validation import examine, selected

    assert run(folder, write_recipe(folder, base)) == 0
    recipe = read_recipe(write_recipe(folder, base, adapter=str(folder / "adapters" / "tiny")))
    chat = open_chat(recipe, folder / "registry")
    rows = selected(examples(12), 6)
    model, _ = load_model(chat, recipe)
    model.train()
    heard = []
    from training.trainer import validation

    ours = validation.scores_of
    validation.scores_of = lambda rows, answers: heard.extend(answers) or ours(rows, answers)
    try:
        examine(model, chat, rows)
    finally:
        validation.scores_of = ours
    assert model.training

    async def ask():
        again = LocalChat("tiny", chat.base, Decoding(), chat.adapter)
        return await asyncio.gather(*(again.chat(each.prompt) for each in rows))

    assert [each.text for each in heard] == [each.text for each in asyncio.run(ask())]


# What can go wrong


def test_a_name_that_is_taken_is_not_overwritten(base, folder, capsys):
    recipe = write_recipe(folder, base)
    assert run(folder, recipe) == 0
    assert "--force" in refused(capsys, folder, recipe)
    assert run(folder, recipe, "--force") == 0
    entry = folder / "registry" / "tiny.toml"
    for status in ("champion", "retired"):
        entry.write_text(re.sub('status = ".*"', f'status = "{status}"', entry.read_text()))
        assert f"is {status}" in refused(capsys, folder, recipe, "--force")


def test_what_became_champion_meanwhile_is_not_overwritten(base, folder, capsys, monkeypatch):
    from training.sagemaker import artifacts

    recipe = write_recipe(folder, base)
    assert run(folder, recipe) == 0
    adapter, entry = folder / "adapters" / "tiny", folder / "registry" / "tiny.toml"
    delivered = folder / "delivered"
    shutil.copytree(adapter, delivered / "adapter")
    shutil.copy(entry, delivered / "entry.toml")
    before = tree(adapter)

    def promote():
        entry.write_text(entry.read_text().replace('"candidate"', '"champion"'))

    meanwhile(monkeypatch, promote)
    assert run(folder, recipe, "--force") == 4
    assert "tiny is champion" in capsys.readouterr().err
    assert tree(adapter) == before and '"champion"' in entry.read_text()
    with pytest.raises(UserError, match="tiny is champion"):
        artifacts.install(delivered, "tiny", Places(folder / "registry", folder / "adapters"))


def test_an_adapter_that_does_not_say_what_it_saw_is_refused(base, folder, capsys):
    assert run(folder, write_recipe(folder, base)) == 0
    (folder / "adapters" / "tiny" / "manifest.json").unlink()
    capsys.readouterr()
    recipe = write_recipe(folder, base, "pairs", name="next", adapter="tiny")
    line = refused(capsys, folder, recipe, method="dpo")
    assert "has no manifest.json" in line and '{"contracts": [], "cases": []}' in line


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
    write_meta(folder / "sft.jsonl", meta())
    assert said in refused(capsys, folder, write_recipe(folder, base))


def test_pairs_without_a_rejected_reply_are_refused(base, folder, capsys):
    recipe = write_recipe(folder, base, "sft")
    assert "line 1: no column 'chosen'" in refused(capsys, folder, recipe, method="dpo")


def test_rows_that_are_all_too_long_are_refused(base, folder, capsys):
    rows = [json.loads(line) for line in (folder / "sft.jsonl").read_text().splitlines()]
    for row in rows:
        row["prompt"][-1]["content"] *= 40
    (folder / "sft.jsonl").write_text("\n".join(map(json.dumps, rows)))
    write_meta(folder / "sft.jsonl", meta())
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
    assert "gradient_checkpointing=true, which goes on from the last checkpoint" in line


def test_every_method_is_told_its_own_way_to_less_memory():
    from training.trainer.failures import explanation

    line = explanation(MemoryError(), Path("runs"), "ppo")
    assert "--set training.forward_batch_size=1" in line and "per_device" not in line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "a"), "runs cannot be written ("),
        (OSError(errno.ENOSPC, "No space left on device"), "runs cannot be written ("),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.json"), "[Errno 2] No such file"),
        (OSError("We could not connect"), "We could not connect; the same command"),
    ],
)
def test_a_disk_is_not_blamed_for_other_failures(error, said):
    from training.trainer.failures import explanation

    assert explanation(error, Path("runs"), "sft").startswith(said)


def test_a_bug_of_ours_shows(base, folder, monkeypatch):
    from trl import SFTTrainer

    def wrong(*args, **kwargs):
        raise ValueError("a bug")

    monkeypatch.setattr(SFTTrainer, "compute_loss", wrong)
    with pytest.raises(ValueError, match="a bug"):
        run(folder, write_recipe(folder, base))


def test_settings_that_a_trainer_refuses_are_one_line(base, folder, capsys):
    wrong = {"lora": {"r": 4, "target_modules": ["no_such_module"]}}
    line = refused(capsys, folder, write_recipe(folder, base, **wrong))
    assert "the recipe cannot be trained" in line and "no_such_module" in line
    recipe = write_recipe(folder, base, "thumbs", training={"per_device_train_batch_size": 1})
    assert "the recipe cannot be trained" in refused(capsys, folder, recipe, method="kto")
    recipe = write_recipe(folder, base, lora={"r": "sixteen"})
    assert "the recipe cannot be trained" in refused(capsys, folder, recipe)


def test_an_unknown_loss_is_one_line(base, folder, capsys):
    assert run(folder, write_recipe(folder, base)) == 0
    wrong = {"name": "next", "adapter": "tiny", "training": {"loss_type": ["sigmod"]}}
    line = refused(capsys, folder, write_recipe(folder, base, "pairs", **wrong), method="dpo")
    assert "the recipe cannot be trained: Unknown loss type" in line


def test_a_wrong_command_line_is_one_line(base, folder, capsys):
    line = refused(capsys, folder, write_recipe(folder, base), "--nonsense")
    assert "--nonsense" in line and "--help" in line


def test_a_full_disk_leaves_nothing_and_the_run_can_go_on(base, folder, capsys, monkeypatch):
    recipe = write_recipe(folder, base)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("training.outcome.delivery._write_card", full)
        assert "No space left on device" in refused(capsys, folder, recipe)
    with monkeypatch.context() as patched:
        flush = files._flush
        patched.setattr(
            files, "_flush", lambda d: full() if d.parent.name == "registry" else flush(d)
        )
        assert run(folder, recipe) == 4
        assert "tiny.toml cannot be written: No space left on device" in capsys.readouterr().err
        assert not list((folder / "registry").iterdir())
    assert run(folder, recipe) == 0


EXAM = {"every": 2, "cases": 2, "patience": 3}


@pytest.mark.parametrize("changed", ["seed", "exam", "validation rows", "dtype"])
def test_another_run_does_not_go_on_from_checkpoints_of_this_one(
    base, folder, capsys, monkeypatch, changed
):
    places = Places(folder / "registry", folder / "adapters", folder / "runs")
    rows = folder / "sft.validation.jsonl"
    kept = {"validation": str(rows), "validation_exam": EXAM, "seed": 0}
    recipe = read_recipe(write_recipe(folder, base, **kept))
    train(load(method_named("sft"), recipe, places.registry, places.runs / "tiny"))
    if changed == "validation rows":
        write_examples(rows, held_out(4))
    if changed == "dtype":
        wider = {"bfloat16": "float32", "float32": "bfloat16"}
        ours = device.choose_dtype
        monkeypatch.setattr(device, "choose_dtype", lambda *a: wider[ours(*a)])
    other = {"seed": {"seed": 1}, "exam": {"validation_exam": {**EXAM, "cases": 4}}}
    recipe = write_recipe(folder, base, **{**kept, **other.get(changed, {})})
    assert run(folder, recipe) == 0
    assert "tiny.old now; starting anew" in capsys.readouterr().out
    assert (folder / "runs" / "tiny.old" / "checkpoint-2" / "adapter_model.safetensors").is_file()


def test_what_moves_no_weight_may_change(base, folder, capsys):
    places = Places(folder / "registry", folder / "adapters", folder / "runs")
    recipe = read_recipe(write_recipe(folder, base))
    train(load(method_named("sft"), recipe, places.registry, places.runs / "tiny"))
    spared = write_recipe(folder, base, training={"gradient_checkpointing": True, "save_steps": 2})
    capsys.readouterr()
    assert run(folder, spared) == 0
    said = capsys.readouterr().out
    assert "starting anew" not in said and "train_runtime" not in said


def test_validation_rows_that_are_trained_on_are_refused(base, folder, capsys):
    rows = folder / "sft.validation.jsonl"
    write_examples(rows, [*held_out(4), *examples(4)])
    recipe = write_recipe(folder, base, validation=str(rows), validation_exam=EXAM)
    assert "contract 'Contract 0' is in" in refused(capsys, folder, recipe)


def test_another_reward_model_is_another_run(base, folder, chat):
    from training.trainer.origin import take_origin
    from training.trainer.run import run_identity

    assert run(folder, write_recipe(folder, base)) == 0
    judge = folder / "adapters" / "tiny"
    recipe = read_recipe(write_recipe(folder, base, name="next", reward_model=str(judge)))

    def identity():
        return run_identity(
            method_named("ppo"), recipe, take_origin(recipe, chat, meta()), "float32"
        )

    first = identity()
    assert identity() == first
    (judge / "adapter_model.safetensors").write_bytes(b"other weights")
    assert identity() != first


def test_the_validation_exam_is_held_where_the_model_lies(base, folder, chat):
    from dataclasses import replace

    from peft import get_peft_model

    from training.trainer.loading import load_model
    from training.trainer.validation import examine

    # In the second of two processes "cuda" would be the first one's GPU; here there is none.
    elsewhere = replace(chat, base=replace(chat.base, device="cuda"))
    model, lora = load_model(chat, read_recipe(write_recipe(folder, base)))
    model = get_peft_model(model, lora)
    found = examine(model, elsewhere, examples(4))
    assert 0 <= found.balanced <= 1


def test_a_half_written_checkpoint_is_passed_over(tmp_path):
    from training.trainer.checkpoints import last_checkpoint

    # As left by two processes, and by DeepSpeed, which keeps the optimizer in folders of its own.
    header = json.dumps({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}).encode()
    weights = len(header).to_bytes(8, "little") + header + bytes(4)
    for step, kept, names in (
        (2, weights, ["rng_state_1.pth", "trainer_state.json"]),
        (4, weights, ["optimizer.pt"]),
        (6, weights[:-1], ["optimizer.pt", "trainer_state.json"]),  # a power cut
        (8, b"", ["optimizer.pt", "trainer_state.json"]),
    ):
        place = tmp_path / f"checkpoint-{step}"
        place.mkdir()
        (place / "adapter_model.safetensors").write_bytes(kept)
        for name in names:
            (place / name).write_text(json.dumps({"global_step": step, "max_steps": 9}))
    assert last_checkpoint(tmp_path).step == 2
    assert [place.name for place in tmp_path.iterdir()] == ["checkpoint-2"]


def test_importing_the_trainers_loads_nothing_heavy():
    code = (
        "import sys, importlib\n"
        "from training.trainer.method import METHODS\n"
        "for name in METHODS:\n"
        "    importlib.import_module(f'training.{name}')\n"
        "heavy = 'datasets dspy numpy pandas peft torch transformers trl'.split()\n"
        "print(*[name for name in heavy if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == ""
