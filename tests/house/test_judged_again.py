"""Whatever an exam concludes, a promotion that computes it again concludes the same."""

import json
import subprocess
import sys

import pytest

from models.promotion.refused import RefusedError
from reports.evidence.last_exam import evidence_of
from reports.evidence.verdict import judged_again
from tests.builders.world import World
from tests.conftest import ROOT

GATE = """
minimum_cases = 10
[metrics.token_f1]
role = "primary"
floor = 0.01
margin = 0.2
[metrics.correctness]
role = "guard"
floor = 0.01
[metrics."hit@5"]
role = "guard"
floor = 0.1
[metrics.grounded_quote]
role = "guard"
margin = 0.3
"""


def again(report, registry):
    """Outcome by model, as the report says and as it is computed again."""
    verdicts = json.loads(report.read_text())["verdicts"]
    found = {}
    for each in verdicts:
        exam = evidence_of(report, each["model"])
        found[each["model"]] = judged_again(exam, registry).verdict.outcome
        assert found[each["model"]] == each["outcome"]
    return found


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return World.written(tmp_path_factory.mktemp("small") / "world", contracts=60)


@pytest.mark.parametrize("words", [(), ("--sequential",)], ids=["at once", "sequential"])
def test_of_several_candidates_in_a_world(small, words):
    models = ("--model=better", "--model=hedging", "--model=gaps-where-it-fails")
    done = small.examine(*models, "--baseline=incumbent", *words)
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr
    report = (small.folder / "latest" / "report.json").resolve()
    assert len(set(again(report, small.registry).values())) > 1
    assert (json.loads(report.read_text())["look"] is None) == (not words)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The report of an exam with passages, a judge and its own exam, and a closed book."""
    folder = tmp_path_factory.mktemp("judged")
    (folder / "gate.toml").write_text(GATE)
    (folder / "models" / "registry").mkdir(parents=True)
    for name, passages in (("open", "true"), ("closed", "false")):
        entry = f'kind = "echo"\npassages = {passages}\n'
        (folder / "models" / "registry" / f"{name}.toml").write_text(entry)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "evals", "-q", "-p", "no:cacheprovider", "--model=open",
         "--model=closed", "--baseline=open", "--judge=reference", "--retriever=bm25",
         f"--registry={folder}/models/registry", f"--gate={folder}/gate.toml",
         f"--store={folder}/store.sqlite", f"--runs={folder}/runs"],
        cwd=ROOT, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr
    return folder


def test_with_passages_and_a_judge(judged):
    again((judged / "latest" / "report.json").resolve(), judged / "models" / "registry")


def edited(judged, change):
    """The refusal of an edit of that report."""
    path = judged / "edited" / "report.json"
    path.parent.mkdir(exist_ok=True)
    written = json.loads((judged / "latest" / "report.json").read_text())
    change(written)
    path.write_text(json.dumps(written))
    with pytest.raises(RefusedError) as caught:
        judged_again(evidence_of(path, "closed"), judged / "models" / "registry")
    return str(caught.value)


def test_a_passage_and_a_judges_exam_cannot_be_edited(judged):
    assert "does not stand in its contract" in edited(
        judged, lambda value: value["passages"][0].update(text="the answer")
    )

    def found(value):
        row = next(each for each in value["results"] if each["scores"].get("hit@5") == 0)
        row["scores"]["hit@5"] = 1.0

    assert "hit@5 of the answer of open" in edited(judged, found)

    def trusted(value):
        section = next(each for each in value["sections"] if each["name"] == "judge")
        finding = next(each for each in section["findings"] if each["measure"] == "kappa")
        finding["estimate"]["low"] = 0.1
        finding["outcome"] = "PASS"

    assert "does not pass kappa by the numbers it gives" in edited(judged, trusted)

    def covered(value):
        section = next(each for each in value["sections"] if each["name"] == "judge_forms")
        finding = next(each for each in section["findings"] if each["outcome"] == "INCONCLUSIVE")
        finding["outcome"] = "PASS"

    assert "answers by the numbers it gives" in edited(judged, covered)
