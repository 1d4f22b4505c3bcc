"""Hyperparameters of a recipe: real steps on a tiny random Llama, by the command that is typed."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.chat import Answer
from models.registry import SHIPPED
from tests.builders.training_data import (
    examples,
    held_out,
    make_base,
    method_named,
    write_data,
    write_recipe,
)
from training.sweep.__main__ import main
from training.sweep.varied import check_varied, combinations
from training.trainer.validation import score_each, scores_of

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("one_thread")
VARY = ("--vary", "training.learning_rate=0.01,0.03")


@pytest.fixture(scope="module")
def base(one_thread, tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def recipe(base, tmp_path):
    folder = write_data(tmp_path / "data")
    validation = str(folder / "sft.validation.jsonl")
    return write_recipe(folder, base, validation=validation)


def words(recipe, output, *more):
    return ["sft", str(recipe), *VARY, "--steps", "2", "--output", str(output), *more]


def test_each_combination_is_trained_once_and_leaves_scores_alone(
    recipe, tmp_path, capsys, monkeypatch
):
    from training.sweep import hyperparameters

    began = []
    monkeypatch.setattr(
        hyperparameters, "train", lambda loaded, own=hyperparameters.train: (
            began.append(loaded.recipe), own(loaded),
        )[1],
    )  # fmt: skip
    output = tmp_path / "out"
    assert main(words(recipe, output)) == 0
    assert [each.training["learning_rate"] for each in began] == [0.01, 0.03]
    assert [each.training["max_steps"] for each in began] == [2, 2]
    page = (output / "sweep.md").read_text()
    assert "6 cases of 1 validation contracts" in page
    assert page.count("| `--set training.learning_rate=0.0") == 2
    assert "noise" in page
    said = shlex.split(page.partition("Recommended: `")[2].partition("`")[0])
    assert said[0] == "--set" and said[1].startswith("training.learning_rate=0.0")
    runs = sorted((output / "runs").iterdir())
    assert len(runs) == 2
    assert all((run / "scores.json").is_file() for run in runs)
    assert not [*output.rglob("checkpoint-*"), *output.rglob("*.safetensors")]
    assert not list(SHIPPED.glob("tiny*"))
    assert (output / "GFLOP.svg").exists()

    assert main(words(recipe, output)) == 0
    assert len(began) == 2
    assert (output / "sweep.md").read_text() == page


def test_a_changed_file_of_rows_is_asked_anew(recipe, tmp_path):
    output = tmp_path / "out"
    assert main(words(recipe, output)) == 0
    place = min((output / "runs").glob("*/scores.json"))
    before = json.loads(place.read_text())
    assert main(words(recipe, output, "--limit", "2")) == 0
    after = json.loads(place.read_text())
    assert (len(before["scores"]), len(after["scores"])) == (6, 2)
    assert before["key"] != after["key"]
    place.write_text("{")
    assert main(words(recipe, output, "--limit", "2")) == 0
    assert json.loads(place.read_text()) == after


@pytest.mark.heavy  # processes that import torch anew
def test_a_killed_sweep_goes_on_from_its_checkpoint(recipe, tmp_path):
    line = [sys.executable, "-m", "training.sweep", "sft", str(recipe), *VARY, "--steps", "100"]
    line += ["--output", str(tmp_path / "out")]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    first = subprocess.Popen(line, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    runs = tmp_path / "out" / "runs"
    while not list(runs.glob("*/checkpoint-*/trainer_state.json")):
        assert first.poll() is None
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not list(runs.glob("*/scores.json"))
    again = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("continuing from step ") == 1
    assert len(list(runs.glob("*/scores.json"))) == 2
    assert not list(runs.glob("*/checkpoint-*"))


def test_scores_by_case_average_to_the_balanced_score():
    rows = [*examples(4), *held_out(4)]
    answers = [Answer(row.completion if place % 3 else "Ohio") for place, row in enumerate(rows)]
    each = score_each(rows, answers)
    assert 0 < sum(each) / len(each) < 1
    assert sum(each) / len(each) == pytest.approx(scores_of(rows, answers).balanced)


def test_values_are_read_as_yaml_reads_a_list():
    assert combinations(["lora.target_modules=[q_proj, v_proj],all-linear", "seed=1,1,2"]) == [
        ('lora.target_modules=["q_proj", "v_proj"]', "seed=1"),
        ('lora.target_modules=["q_proj", "v_proj"]', "seed=2"),
        ("lora.target_modules=all-linear", "seed=1"),
        ("lora.target_modules=all-linear", "seed=2"),
    ]
    assert combinations(["training.learning_rate=1e-4,true,null"]) == [
        ("training.learning_rate=1e-4",), ("training.learning_rate=true",),
        ("training.learning_rate=null",),
    ]  # fmt: skip


def test_every_key_of_the_method_can_be_varied():
    check_varied(["training.beta", "training.learning_rate", "lora.r"], method_named("dpo"))


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ("learning_rate=1,2", "did you mean training.learning_rate?"),
        ("training.learning_rat=1,2", "did you mean training.learning_rate?"),
        ("lora.rr=1,2", "no such hyperparameter of sft"),
        ("training.max_steps=1,2", "every combination makes --steps N"),
        ("validation=a,b", "no such hyperparameter of sft"),
        ("training.output_dir=a,b", "is not yours to set"),
        ("training.learning_rate=a,b", "training.learning_rate"),
        ("lora.r=0,4", "r"),
        ("lora.r=8", "--vary makes 1 combinations, each a training run; give 2 to 12"),
        ("lora.r=1,2,3,4,5,6,7,8,9,10,11,12,13", "--vary makes 13 combinations"),
        ("lora.r", "give KEY=VALUE,VALUE"),
        ("lora.r=[1", "give KEY=VALUE,VALUE"),
        ("lora.r=1,2 --vary lora.r=3", "--vary lora.r was given twice"),
        ("lora.r=1,2 --steps 0", "give a whole number of 1 or more"),
        ("lora.r=1,2 --limit 1", "--limit takes 2 or more"),
        ("lora.r=1,2 --set validation=null", "names no validation rows"),
    ],
)
def test_what_cannot_be_tried_is_one_line(recipe, tmp_path, mistake, vary, said):
    line = ["sft", str(recipe), "--steps", "2", "--output", str(tmp_path / "out")]
    assert said in mistake(main([*line, "--vary", *vary.split()]))
    assert not list(tmp_path.glob("out/runs/*/checkpoint-*"))


def test_a_method_stands_first(recipe, mistake):
    assert "invalid choice" in mistake(main([str(recipe), *VARY, "--steps", "2"]))
    assert "no answer to validate" in mistake(main(["reward", str(recipe), *VARY, "--steps", "2"]))
