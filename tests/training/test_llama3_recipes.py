"""The shipped recipes of Llama 3 8B with a base in small: from data to a refused promotion."""

import json
import shutil

import pytest

from models.promote import main as promote
from models.registry import SHIPPED, read_entry
from tests.builders.llama3 import make_llama3
from tests.builders.training_data import method_named
from tests.builders.world import World
from tests.conftest import ROOT
from training.data.__main__ import main as make_data
from training.preferences.__main__ import main as make_pairs

METHODS = ("sft", "dpo", "orpo")
NAMES = [f"{method}-llama3" for method in METHODS]
CASES = 40


@pytest.fixture(scope="module")
def trained(one_thread, tmp_path_factory):
    """A world of contracts with the shipped entries, after two steps of each recipe."""
    folder = tmp_path_factory.mktemp("llama3") / "world"
    world = World.written(folder, contracts=60)
    base = make_llama3(folder / "base")
    for name in ("llama3", *NAMES):
        shutil.copy(SHIPPED / f"{name}.toml", world.registry)
    rows, pairs = folder / "rows.jsonl", folder / "pairs.jsonl"
    contracts = str(folder / "contracts")
    assert make_data(["--dataset", contracts, "--n", "24", "--output", str(rows)]) == 0
    line = ["--examples", str(rows), "--opposites", "16", "--output", str(pairs)]
    assert make_pairs(line) == 0
    for method in METHODS:
        words = changed(
            base=base,
            data=rows if method == "sft" else pairs,
            validation=folder / "rows.validation.jsonl",
            **{"training.max_steps": 2, "training.gradient_accumulation_steps": 2},
        )
        assert method_named_main(method)([recipe(method), *words, *places(folder)]) == 0
    return world


@pytest.fixture(scope="module")
def examined(trained):
    """The exam of all three, against a model of the world."""
    models = [word for name in NAMES for word in ("--model", name)]
    return trained, trained.examine(*models, "--baseline", "incumbent", "--limit", str(CASES))


def recipe(method):
    return str(ROOT / "training" / "recipes" / f"{method}-llama3.yaml")


def method_named_main(method):
    import importlib

    assert method_named(method).name == method
    return importlib.import_module(f"training.{method}").main


def changed(**values):
    return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]


def places(folder):
    models = folder / "models"
    return [
        f"--registry={models / 'registry'}",
        f"--adapters={models / 'adapters'}",
        f"--runs={folder / 'training'}",
    ]


@pytest.mark.parametrize("method", METHODS)
def test_an_entry_that_waited_is_the_adapters_now(method, trained):
    name, adapters = f"{method}-llama3", trained.models / "adapters"
    entry = read_entry(name, trained.registry)
    assert entry.adapter == adapters / name and entry.manifest
    assert (entry.status, entry.base) == ("candidate", str(trained.folder / "base"))
    # Another base than the entry spoke of: neither its weights nor its device are this one's.
    assert (entry.parameters, entry.device) == (None, "auto")
    manifest = json.loads((adapters / name / "manifest.json").read_text())
    assert manifest["steps"] == 2 and len(manifest["losses"]) == 2
    assert manifest["recipe"]["name"] == name


def test_preferences_began_with_the_adapter_that_the_recipe_names(trained):
    manifest = json.loads((trained.models / "adapters/dpo-llama3/manifest.json").read_text())
    assert manifest["start"]["name"] == "sft-llama3"


def test_what_is_trained_is_not_trained_over(trained, capsys):
    words = changed(base=trained.folder / "base", data=trained.folder / "rows.jsonl")
    assert method_named_main("sft")([recipe("sft"), *words, *places(trained.folder)]) == 4
    assert "sft-llama3 was trained before" in capsys.readouterr().err


def test_the_exam_rejects_them(examined):
    world, done = examined
    assert done.returncode == 1, done.stdout + done.stderr
    verdicts = {each["model"]: each["outcome"] for each in world.report["verdicts"]}
    assert verdicts == dict.fromkeys(NAMES, "REJECT")
    results = [each for each in world.report["results"] if each["model"] in NAMES]
    assert len(results) == len(NAMES) * CASES
    assert all(each["error"] is None and each["tokens_out"] for each in results)
    assert not any("<|" in each["answer"] for each in results)


@pytest.mark.parametrize("name", NAMES)
def test_their_promotion_is_refused(name, examined, capsys):
    world, _ = examined
    line = [name, "--registry", str(world.registry), "--runs", str(world.runs)]
    assert promote(line) == 1
    (said,) = capsys.readouterr().err.strip().splitlines()
    assert said.startswith("REFUSED: ") and "REJECT" in said
    assert not (world.models / "champion.toml").exists()
    assert read_entry(name, world.registry).status == "candidate"
