"""GRPO and RLOO over trl: real steps, resumed runs, refusals in one line."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.builders.reinforcement_data import example, run, same, vowels, weights, write_recipe
from training import grpo, rloo
from training.data.examples import read_examples
from training.rl.rows import prompts
from training.trainer.loading import open_chat
from training.trainer.recipe import read_recipe

METHODS = {"grpo": grpo.METHOD, "rloo": rloo.METHOD}

TRAINING = {
    "max_steps": 2,
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 2,
    "num_generations": 2,
    "max_completion_length": 6,
    "learning_rate": 1e-3,
    "save_steps": 1,
    "report_to": "none",
}

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.parametrize("method", METHODS.values(), ids=METHODS),
]


def test_two_steps_make_a_candidate(method, tiny_base, tmp_path, capsys):
    recipe = write_recipe(tmp_path, tiny_base, TRAINING)
    assert run(method, recipe, tmp_path) == 0
    assert 'status = "candidate"' in (tmp_path / "registry" / "tiny.toml").read_text()
    assert weights(tmp_path)
    out = capsys.readouterr().out
    assert "pytest evals --model tiny" in out


def test_a_run_that_was_stopped_ends_with_the_same_weights(method, tiny_base, tmp_path, capsys):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for folder in (whole, stopped):
        folder.mkdir()
    training = {**TRAINING, "max_steps": 3}
    recipe = write_recipe(tmp_path, tiny_base, training)
    assert run(method, recipe, whole, reward=vowels) == 0
    assert run(method, recipe, stopped, reward=vowels, killed_at=3) == 2
    assert not (stopped / "registry").exists()
    assert not (stopped / "adapters").exists()
    assert run(method, recipe, stopped, reward=vowels) == 0
    assert "continuing from step 2" in capsys.readouterr().out
    assert same(weights(whole), weights(stopped))
    assert any(weight.any() for name, weight in weights(whole).items() if "lora_B" in name)


def test_from_an_adapter_too(method, tiny_base, tiny_adapters, tmp_path, capsys):
    import shutil

    from safetensors.torch import load_file

    from models.manifest import Manifest, write_manifest

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for folder in (whole, stopped):
        folder.mkdir()
    start = str(shutil.copytree(tiny_adapters[0], tmp_path / "start"))
    write_manifest(tmp_path / "start", Manifest(contracts=(), cases=()))
    recipe = write_recipe(tmp_path, tiny_base, {**TRAINING, "max_steps": 3}, adapter=start)
    assert run(method, recipe, whole, reward=vowels) == 0
    assert run(method, recipe, stopped, reward=vowels, killed_at=3) == 2
    assert run(method, recipe, stopped, reward=vowels) == 0
    assert same(weights(whole), weights(stopped))
    before = load_file(tiny_adapters[0] / "adapter_model.safetensors")
    assert weights(whole).keys() == before.keys()
    assert not all(weights(whole)[name].equal(before[name].bfloat16().float()) for name in before)


@pytest.mark.parametrize(
    ("group", "said"),
    [
        (3, "2 x gradient_accumulation_steps 2 makes 4 replies a step, which must be divisible"),
        (1, "training.num_generations is 1; make it 2 or more"),
    ],
)
def test_groups_that_do_not_fill_a_batch_are_refused(
    method, tiny_base, tmp_path, capsys, group, said
):
    recipe = write_recipe(tmp_path, tiny_base, {**TRAINING, "num_generations": group})
    assert run(method, recipe, tmp_path) == 4
    error = capsys.readouterr().err
    assert error.startswith("ERROR: recipe: training.")
    assert said in error
    assert error.count("\n") == 1


def test_rows_without_a_contract_are_refused(method, tiny_base, tmp_path, capsys):
    rows = [replace(example("Ohio"), kind="general", gold=())]
    recipe = write_recipe(tmp_path, tiny_base, TRAINING, rows=rows)
    assert run(method, recipe, tmp_path) == 4
    assert "none asks about a contract" in capsys.readouterr().err


def test_a_wrong_weight_is_refused(method, tiny_base, tmp_path, capsys):
    recipe = write_recipe(tmp_path, tiny_base, TRAINING, rewards={"f1": 1.0})
    assert run(method, recipe, tmp_path) == 4
    assert "rewards: unknown key 'f1'" in capsys.readouterr().err


def test_prompts_are_tokenized_as_the_exam_does(method, tiny_base, tmp_path):
    rows = [example("Ohio<|im_end|>"), example("Utah", answerable=False)]
    recipe = read_recipe(write_recipe(tmp_path, tiny_base, TRAINING, rows=rows))
    chat = open_chat(recipe, tmp_path)
    read = read_examples(recipe.data)
    numbers = SimpleNamespace(max_completion_length=6)
    for row, asked in zip(method.rows(recipe.data, chat, numbers), read, strict=True):
        trl_sends = chat.base.tokenizer.apply_chat_template(
            row["prompt"], add_generation_prompt=True, return_dict=False
        )
        assert trl_sends == row["prompt_ids"] == chat.ids(asked.prompt)
        assert row["gold"] == list(asked.gold)
    assert prompts is method.rows


def test_a_row_without_gold_column_is_rewarded_by_its_completion(method, tiny_base, tmp_path):
    rows = [replace(example("Ohio"), gold=()), example("Utah", answerable=False)]
    recipe = read_recipe(write_recipe(tmp_path, tiny_base, TRAINING, rows=rows))
    numbers = SimpleNamespace(max_completion_length=6)
    found = method.rows(recipe.data, open_chat(recipe, tmp_path), numbers)
    assert [row["gold"] for row in found] == [["the law of Ohio"], []]
