"""What a local model needs and this machine lacks: one line, before anything is fetched or read."""

import asyncio
import json
import os
import shutil
import subprocess
import sys

import pytest

from common.errors import UserError
from models.factory import open_models
from models.local import lacking
from models.local.entry import LocalEntry
from tests.conftest import ROOT

BASE = "meta-llama/Meta-Llama-3-8B-Instruct"
FETCH = f"`hf download {BASE} --exclude 'original/*'`"
GPU = "there is no CUDA GPU here, and it needs one with 18 GB or more"
TRAIN = "`python -m training.dpo training/recipes/dpo-llama3.yaml` makes it"


@pytest.fixture(autouse=True)
def bare(monkeypatch, tmp_path):
    """A machine without a GPU, on which nothing was fetched, and no network."""
    monkeypatch.setattr(lacking, "memory", lambda device: 0 if device == "cuda" else 25 * 10**9)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def said(call):
    with pytest.raises(UserError) as caught:
        call()
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    "words",
    [
        ("--model", "dpo-llama3", "--baseline", "champion"),
        ("--model", "echo", "--baseline", "dpo-llama3"),
        ("--model", "echo", "--judge", "llama3"),
    ],
    ids=lambda words: words[-1],
)
def test_the_line_that_people_type_says_all_that_is_missing(words, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "evals", *words, "--limit", "2", "-p", "no:cacheprovider"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        env={
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "CUDA_VISIBLE_DEVICES": "",
            "BAR_EXAM_LEDGER": os.environ["BAR_EXAM_LEDGER"], "PYTHONDONTWRITEBYTECODE": "1",
        },
    )  # fmt: skip
    assert done.returncode == 4, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert FETCH in line and GPU in line and "docs/servers.md" in line
    assert (TRAIN in line) == ("dpo-llama3" in words)


@pytest.mark.parametrize("name", ["llama3", "sft-llama3", "dpo-llama3", "orpo-llama3"])
def test_each_names_what_brings_it(name):
    line = said(lambda: open_models([name]))
    assert FETCH in line and "hf auth login" in line and GPU in line
    method = name.partition("-")[0]
    recipe = f"training/recipes/{name}.yaml"
    assert (f"`python -m training.{method} {recipe}` makes it" in line) == (name != "llama3")
    assert name == "llama3" or (ROOT / recipe).is_file()


def test_a_machine_with_room_is_asked_to_fetch_the_weights(monkeypatch):
    monkeypatch.setattr(lacking, "memory", lambda device: 24 * 10**9)
    line = said(lambda: open_models(["llama3"]))
    assert line.startswith(f"base '{BASE}' cannot be fetched") and FETCH in line
    assert TRAIN in said(lambda: open_models(["dpo-llama3"]))


@pytest.mark.parametrize(
    ("device", "dtype", "memory", "line"),
    [
        (
            "cpu",
            "float32",
            25,
            "it needs 36 GB of memory in this dtype, and this machine has 25 GB",
        ),
        ("cpu", "bfloat16", 25, None),
        ("cuda", "bfloat16", 16, "it needs 18 GB of memory in this dtype, and the GPU has 16 GB"),
        ("cuda", "bfloat16", 24, None),
        ("cuda", "bfloat16", 0, GPU),
    ],
)
def test_room_is_by_device_and_dtype(device, dtype, memory, line, monkeypatch):
    monkeypatch.setattr(lacking, "memory", lambda device: memory * 10**9)
    entry = LocalEntry(
        kind="local", base=BASE, parameters=8_030_261_248, device=device, dtype=dtype
    )
    assert lacking.no_room(entry) == line


def test_weights_that_are_here_are_counted_by_their_files(tiny_base, tmp_path, monkeypatch):
    from safetensors import safe_open

    (tmp_path / "tiny.toml").write_text(f'kind = "local"\nbase = "{tiny_base}"\ndtype = "float32"')
    with safe_open(tiny_base / "model.safetensors", framework="np") as opened:
        size = 4 * sum(opened.get_tensor(name).size for name in opened.offset_keys())
    (model,) = open_models(["tiny"], tmp_path)
    monkeypatch.setattr(lacking, "memory", lambda device: int(1.1 * size) + 1)
    asyncio.run(model.preflight())
    monkeypatch.setattr(lacking, "memory", lambda device: int(1.1 * size) - 1)
    (model,) = open_models(["tiny"], tmp_path)  # it can be identified all the same
    assert model.identity
    line = said(lambda: asyncio.run(model.preflight()))
    assert line.startswith("model tiny: it needs 1 GB of memory in this dtype, and this machine")


def test_a_device_that_is_not_there_is_said_before_weights_are_read(tiny_base, tmp_path):
    (tmp_path / "tiny.toml").write_text(f'kind = "local"\nbase = "{tiny_base}"\ndevice = "cuda"')
    (model,) = open_models(["tiny"], tmp_path)
    line = said(lambda: asyncio.run(model.preflight()))
    assert line.startswith("model tiny: there is no CUDA GPU here, and it needs one with 1 GB")


def test_an_adapter_that_is_yet_to_be_made_is_no_start_for_training(tmp_path):
    from training.trainer.loading import find_adapter

    line = said(lambda: find_adapter("sft-llama3", ROOT / "models" / "registry"))
    assert "`python -m training.sft training/recipes/sft-llama3.yaml` makes it" in line


def test_a_revision_is_part_of_the_line_that_fetches(tmp_path):
    text = f'kind = "local"\nbase = "{BASE}"\nrevision = "abc"\ndevice = "cuda"\n'
    (tmp_path / "pinned.toml").write_text(text)
    assert f"`hf download {BASE} --revision abc --exclude" in said(
        lambda: open_models(["pinned"], tmp_path)
    )


def test_who_is_asked_for_answers_to_train_on_must_be_there(tmp_path):
    from training.data.lineage import seen_by

    line = said(lambda: seen_by(["sft-llama3"], ROOT / "models" / "registry"))
    assert "`python -m training.sft training/recipes/sft-llama3.yaml` makes it" in line


def test_what_a_cpu_holds_and_hardly_computes_is_said_beforehand(tiny_base, tmp_path, monkeypatch):
    from reports.examination import beforehand

    (tmp_path / "tiny.toml").write_text(f'kind = "local"\nbase = "{tiny_base}"\ndevice = "cpu"')
    models = open_models(["tiny", "tiny"], tmp_path)
    assert list(beforehand.slow_notes(models)) == []
    monkeypatch.setattr(beforehand, "LARGE", 1e6)
    (line, _) = beforehand.slow_notes(models)
    assert line.startswith("warning: tiny: 0.0 billion weights on a CPU")


def test_half_a_download_is_said_with_the_line_that_goes_on(tmp_path, monkeypatch):
    from models.local.weights import base_folder

    cached = tmp_path / "hub" / f"models--{BASE.replace('/', '--')}"
    snapshot = cached / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("a" * 40)
    (snapshot / "config.json").write_text("{}")
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    index = {"weight_map": {f"layer.{name}": name for name in names}}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps(index))
    (snapshot / names[0]).write_bytes(b"")
    line = said(lambda: base_folder(BASE))
    assert f"of its weights {names[1]} (1 such files) is not in {snapshot}" in line
    assert FETCH in line
    said(lambda: open_models(["llama3"]))
    copied = shutil.copytree(snapshot, tmp_path / "copied")
    assert said(lambda: base_folder(str(copied))).endswith(
        "which was not fetched whole: copy it again"
    )
