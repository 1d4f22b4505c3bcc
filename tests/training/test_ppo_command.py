"""`python -m training.ppo`: real steps, resumed runs, refusals in one line."""

import json
import math
import re
import shutil
from dataclasses import replace

import pytest

from models.manifest import Manifest, write_manifest
from tests.builders.reinforcement_data import (
    LAWS,
    example,
    run,
    same,
    vowels,
    weights,
    write_recipe,
)
from training import ppo
from training.data.examples import write_examples

pytestmark = pytest.mark.usefixtures("one_thread")

TRAINING = {
    "max_steps": 2,
    "rollout_batch_size": 4,
    "minibatch_size": 4,
    "forward_batch_size": 2,
    "epochs": 2,
    "learning_rate": 1e-3,
    "max_completion_length": 6,
    "kl_target": 0.5,
    "kl_horizon": 20,
    "save_steps": 1,
    "report_to": "none",
}


def test_two_steps_make_a_candidate(tiny_base, tmp_path, capsys):
    recipe = write_recipe(tmp_path, tiny_base, TRAINING)
    assert run(ppo.METHOD, recipe, tmp_path) == 0
    assert 'status = "candidate"' in (tmp_path / "registry" / "tiny.toml").read_text()
    manifest = json.loads((tmp_path / "adapters" / "tiny" / "manifest.json").read_text())
    assert (manifest["method"], manifest["steps"]) == ("ppo", 2)
    assert manifest["tokens"] > 100
    assert "pytest evals --model tiny" in capsys.readouterr().out


@pytest.mark.parametrize("from_adapter", [False, True], ids=["from the base", "from an adapter"])
def test_a_stopped_run_ends_with_the_same_weights(
    tiny_base, tiny_adapters, tmp_path, capsys, from_adapter
):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for folder in (whole, stopped):
        folder.mkdir()
    start = {}
    if from_adapter:
        shutil.copytree(tiny_adapters[0], tmp_path / "start")
        write_manifest(tmp_path / "start", Manifest(contracts=(), cases=()))
        start = {"adapter": str(tmp_path / "start")}
    recipe = write_recipe(tmp_path, tiny_base, {**TRAINING, "max_steps": 3}, **start)
    assert run(ppo.METHOD, recipe, whole, reward=vowels) == 0
    assert run(ppo.METHOD, recipe, stopped, reward=vowels, killed_at=3) == 2
    assert not (stopped / "registry").exists()
    assert not (stopped / "adapters").exists()
    checkpoint = stopped / "runs" / "tiny" / "checkpoint-2"
    assert (checkpoint / "critic.safetensors").is_file()
    assert not (checkpoint / "reference").exists()
    history = json.loads((checkpoint / "trainer_state.json").read_text())["log_history"]
    assert history[1]["kl_coef"] != 0.05  # it adapts, and has to be found again
    assert run(ppo.METHOD, recipe, stopped, reward=vowels) == 0
    assert "continuing from step 2" in capsys.readouterr().out
    assert same(weights(whole), weights(stopped))


def test_the_validation_exam_chooses_the_weights(tiny_base, tmp_path):
    rows = tmp_path / "held.jsonl"
    held = [example(law, answerable=law == LAWS[0]) for law in LAWS[:2]]
    write_examples(rows, [replace(each, contract="another lease") for each in held])
    exam = {"every": 1, "cases": 2, "patience": 1}
    recipe = write_recipe(tmp_path, tiny_base, TRAINING, validation=str(rows), validation_exam=exam)
    assert run(ppo.METHOD, recipe, tmp_path, reward=vowels) == 0
    manifest = json.loads((tmp_path / "adapters" / "tiny" / "manifest.json").read_text())
    assert [each["step"] for each in manifest["validation"]] == [1, 2]
    assert manifest["delivered_step"] == 1


def test_a_reward_model_takes_the_place_of_the_metrics(tiny_base, tmp_path):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(0)
    base = AutoModelForSequenceClassification.from_pretrained(tiny_base, num_labels=1)
    judge = get_peft_model(base, LoraConfig(r=2, task_type="SEQ_CLS", target_modules="all-linear"))
    judge.save_pretrained(tmp_path / "judge")
    write_manifest(tmp_path / "judge", Manifest(contracts=(), cases=()))
    recipe = write_recipe(tmp_path, tiny_base, TRAINING, reward_model=str(tmp_path / "judge"))
    assert run(ppo.METHOD, recipe, tmp_path) == 0
    rewarded = weights(tmp_path)
    assert any(weight.any() for name, weight in rewarded.items() if "lora_B" in name)


def test_an_adapter_that_answers_is_no_reward_model(tiny_base, tmp_path, capsys):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(tiny_base)
    config = LoraConfig(r=2, task_type="CAUSAL_LM", target_modules="all-linear")
    get_peft_model(base, config).save_pretrained(tmp_path / "answers")
    write_manifest(tmp_path / "answers", Manifest(contracts=(), cases=()))
    recipe = write_recipe(tmp_path, tiny_base, TRAINING, reward_model=str(tmp_path / "answers"))
    assert run(ppo.METHOD, recipe, tmp_path) == 4
    assert "this adapter answers and gives no number" in capsys.readouterr().err


def test_a_reward_that_is_no_number_leaves_nothing_behind(tiny_base, tmp_path, capsys):
    recipe = write_recipe(tmp_path, tiny_base, TRAINING)
    assert run(ppo.METHOD, recipe, tmp_path, reward=lambda text: math.nan) == 4
    said = capsys.readouterr().err
    assert "ERROR: the loss is not a number at step 1" in said
    assert not (tmp_path / "adapters").exists()
    assert not list((tmp_path / "runs" / "tiny").glob("checkpoint-*"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set", "training.clip_rang=0.1"], "did you mean 'clip_range'?"),
        (["--set", "training.clip_range=-1"], "make it more than 0"),
        (["--set", "training.epochs=many"], "training.epochs"),
        (["--set", "reward_model=/nowhere"], "python -m training.reward"),
        (["--set", "rewards={token_f1: 0, grounded: 0, abstention: 0}"], "raise one"),
        (["--set", "training.max_completion_length=511"], "none asks about a contract"),
    ],
)
def test_mistakes_are_said_in_one_line(tiny_base, tmp_path, capsys, options, said):
    recipe = write_recipe(tmp_path, tiny_base, TRAINING)
    assert run(ppo.METHOD, recipe, tmp_path, *options) == 4
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("ERROR: ")
    assert said in error
    assert not (tmp_path / "adapters").exists()


@pytest.mark.heavy
def test_the_embedded_model_learns_from_the_metrics_of_the_exam(smollm2, tmp_path, capsys):
    laws = (*LAWS, "Kansas", "Alaska", "Hawaii", "Oregon", "Georgia", "Idaho")
    training = {
        **TRAINING,
        "max_steps": 10,
        "rollout_batch_size": 12,
        "minibatch_size": 6,
        "forward_batch_size": 6,
        "learning_rate": 1e-3,
        "max_completion_length": 16,
        "kl_target": None,
        "kl_coef": 0.01,
    }
    rows = [example(law) for law in laws]
    recipe = write_recipe(tmp_path, "embedded:smollm2", training, rows=rows)
    assert run(ppo.METHOD, recipe, tmp_path) == 0
    rewards = [float(each) for each in re.findall(r"'reward': '([^']+)'", capsys.readouterr().out)]
    assert len(rewards) == 10
    assert sum(rewards[-3:]) > sum(rewards[:3]) * 1.2
