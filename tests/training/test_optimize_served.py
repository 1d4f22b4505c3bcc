"""Every optimiser on a real server of a real model: `transformers serve` with the embedded one."""

import json
import os

import pytest

from models.local.embedded import embedded_smollm2
from models.manifest import read_manifest
from tests.builders.served import served
from training.optimize.__main__ import main

pytestmark = pytest.mark.heavy

KINDS = {
    "bootstrap": "metric_threshold = 0.1",
    "bootstrap-search": "metric_threshold = 0.1\nnum_candidate_programs = 0",
    "mipro": "num_candidates = 2\nnum_trials = 2\nmetric_threshold = 0.1\nminibatch_size = 3",
    "gepa": "max_metric_calls = 14",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with served(embedded_smollm2(), folder, longest_reply=15.0) as running:
        yield running


@pytest.mark.parametrize("kind", KINDS)
def test_an_optimiser_ends_in_a_candidate(tmp_path, monkeypatch, server, kind):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAR_EXAM_CACHE", os.environ.get("BAR_EXAM_CACHE", str(tmp_path / "cache")))
    registry = tmp_path / "registry"
    registry.mkdir()
    entry = server.entry(context=2000, timeout=600.0, concurrency=1)
    (registry / "small.toml").write_text(f"{entry}[decoding]\nmax_tokens = 24\n")
    (registry / "plain.toml").write_text(
        'kind = "program"\nprogram = "instruct"\ngenerator = "small"\nmost_passages = 1\n'
    )
    settings = {"name": kind, "program": "plain", "train": 4, "validation": 4, "threads": 1}
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f'{lines}[optimizer]\nkind = "{kind}"\n{KINDS[kind]}\n')
    assert main([str(recipe), "--registry", str(registry), "--store", "store.sqlite"]) == 0
    facts = read_manifest(tmp_path / "programs" / kind).model_dump()
    print(kind, facts["scores"], facts["cost"], f"{facts['seconds']} s")
    assert facts["cost"]["calls"] >= settings["validation"]
    assert facts["cost"]["tokens_out"] > 0
    assert 0 <= facts["scores"]["before"] <= 1
    assert 0 <= facts["scores"]["after"] <= 1
