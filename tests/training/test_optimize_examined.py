"""A compiled program before the gate: examined, held to its manifest, refused as any other."""

import json
import subprocess
import sys

from fixtures.datasets import load_dataset
from models.manifest import contract_entry
from models.promote import main as promote
from tests.conftest import ROOT
from tests.training.test_optimize import place, recipe_of, server, typed  # noqa: F401 - fixtures
from training.optimize.__main__ import main


def test_a_candidate_is_examined_by_its_manifest_and_refused_as_any_other(place):  # noqa: F811
    """One that was made from a contract of the exam fails it, whatever its scores."""
    assert main(typed(place, recipe_of(place, "bootstrap-search"))) == 0
    manifest = place / "programs" / "better" / "manifest.json"
    said = json.loads(manifest.read_text())
    sample = load_dataset("sample")
    exam = next(c for c in sample.cases if c.contract.id in sample.test_contracts).contract
    said["contracts"].append(contract_entry(exam).model_dump(mode="json"))
    manifest.write_text(json.dumps(said))
    places = {"registry": "registry", "store": "store.sqlite", "runs": "runs", "ledger": "ledger"}
    where = [word for name, to in places.items() for word in (f"--{name}", str(place / to))]
    command = [sys.executable, "-m", "pytest", "evals", "--model", "better", "--baseline", "plain",
               *where, "--dataset", "sample", "--limit", "9", "-p", "no:cacheprovider"]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert "trained on 1 of the exam's contracts (1 by identity)" in done.stdout
    (noted,) = (place / "ledger").glob("*.json")
    candidates = json.loads(noted.read_text().splitlines()[0])["candidates"]
    assert [(each["family"], each["parents"]) for each in candidates] == [
        ("bootstrap-search", ["plain", "remote"])
    ]
    places = ["--registry", str(place / "registry"), "--runs", str(place / "runs")]
    assert promote(["better", *places, "--ledger", str(place / "ledger")]) == 1
