"""An exam on recorded answers gives the report that it gave before the house was rebuilt.

`tests/data/equal_exam.json` is what `examined` gave in a checkout of commit c969181, its numbers to
twelve digits. What of it may differ is listed here, each with the reason: whoever changes what an
exam finds adds a line to `CHANGED`, or mends the code.
"""

import json
import math
import shutil
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

from fixtures.datasets import load_dataset
from tests.builders.excuses import excusing

ROOT = Path(__file__).parents[2]
EXPECTED = ROOT / "tests" / "data" / "equal_exam.json"

OF_THE_RUN = {
    "id": "the time, and chance",
    "started": "the time",
    "command": "names this machine's folders",
    "provenance": "commit, versions and machine; before, training alone noted trl's version",
    "spending.seconds": "the machine",
    "spending.peak_memory": "the machine",
}
"""What no two exams share, by its place in the report."""

CHANGED: dict[str, str] = {
    **{
        f"fingerprint.metrics.{name}": "version 3: yes and no is a hedge, orders to the grader "
        "earn nothing, and what is unseen counts for nothing"
        for name in (
            "exact_match",
            "token_f1",
            "containment",
            "jaccard",
            "abstention",
            "laziness",
            "balanced",
            "bleu",
            "rouge1",
            "rouge2",
            "rougeL",
        )
    },
    **{
        f"{place}.{name}": "new metrics: words too many, and what the contract does not have"
        for name in ("verbosity", "fabrication")
        for place in (
            "metrics",
            "fingerprint.metrics",
            "results.*.scores",
            "results.*.reasons",
            "*.estimates",
        )
    },
    "fingerprint.judges.0.2": "the reference judge, fitted on labels that look like life",
    "*.estimates.correctness.*": "the reference judge, fitted on labels that look like life",
    "results.*.scores.correctness": "the reference judge, fitted on labels that look like life",
    "results.32.missed.*": "a clause cut before its deciding words is called wrong now",
    "results.*.reasons.correctness": "the reference judge, fitted on labels that look like life",
    "sections.0.findings.*.estimate": "one labelled answer, which says no and then yes, is a hedge",
    "gate.leakage.excused": "the policy excuses, and says why",
    "dataset.source": "new: what loads the data set again, for a promotion to compute by",
    "judges": "new: whom `--judge` named, which bars metrics",
    "results.*.further": "new: the answers after the first of a model that draws",
    "look": "new: at which look a sequential exam ended, which gives its risk",
    "exceptions": "new: how many cases had one, which is a check",
    "notes": "new: what the contracts can prove, in place of two lines on the margins; and the "
    "correlation within contracts that the exam had, beside the planned one",
    "gate.attrition": "a quarter of the smallest margin at most",
    "gate.sha256": "as the attrition",
    "gate.identity": "as the attrition",
    "verdicts.0.reasons": "they name the attrition, and how many more contracts would settle it",
    **{f"verdicts.0.checks.{number}.reason": "likewise" for number in range(9)},
    "gate.stability.role": "new: report, as before",
    "gate.forgetting.role": "likewise",
    "gate.critical": "new: none in this gate",
    "sections.0.findings": "eighty probes of a judge, in place of forty",
    **{
        f"verdicts.0.checks.{number}.{name}": "new: with what was lost, and the p-value"
        for number in range(9)
        for name in ("worst", "best", "p_value")
    },
    "gate.nominal_alpha": "new: the file's alpha, beside the one that was used",
    "gate.fairness": "new: how the fairness suite gates",
    "spending.asked_again": "new: calls that failed and were made once more",
    "spending.came_back": "new: how many of them brought a reply",
    "metrics.sufficiency.summary": "the reference judge reads passages too",
    "metrics.sufficiency.of_retrieval": "of passages alone, so that no answer is wanted for it",
    "spending.cost": "new: dollars paid by this run",
    "spending.judging": "new: the part of it that judges asked for",
    "spending.embedding": "new: the part of it that the retriever's embedder cost",
    "metrics.cost": "new metric: dollars for a thousand answers, of models with a price",
    "fingerprint.metrics.cost": "likewise",
    "spending.paid_before": "new: dollars that earlier runs of the same exam had paid",
    "results.*.cost": "new: dollars that were paid for the answer",
    "models.*.price": "new: of the entry",
    "dataset.open_questions": "new: questions that wait for a person",
    "dataset.sealed": "new: whether these were sealed contracts",
    "judged": "new: how often these contracts had judged before",
    "retriever.embedder": "new: which embedder compared passages",
    "retriever.passages": "new: whether the gold passages were put among those retrieved",
    "models.*.family": "new: whose answers a judge may prefer, where the entry says so",
    "results.*.votes": "new: the judges' own scores, where there are several",
    "sections.2": "new: where answers are lost",
    "sections.3": "new: the share of right answers, corrected by the judge's errors",
    "gate.judge.separation": "new: what a metric must tell apart in an exam of its own",
    "gate.judge.forms": "new: what a judge must show of a form of answer",
    "sections.4": "new: the judges' exam by form of answer",
    "sections.5": "new: what people give where a judge gives so much",
    "contract_differences": "new: as those by category, by contract",
    "results.*.conversations": "new: what was sent and replied, where the exam asks",
    "results.*.judging": "new: what judges were sent and replied, likewise",
    "turns": "new: the turns of these conversations, each once",
    "texts": "new: the texts of these turns, each once",
}
"""What the code has come to say otherwise since, by its place in the report, and why."""

INTERVALS = {"low": "of the bounds that docs/statistics.md describes", "high": "likewise"}
"""Ends of any interval: t and a bootstrap were replaced; the means are as they were."""

ANSWERS = (
    lambda gold: gold,
    lambda gold: "Not found.",
    lambda gold: gold[: len(gold) // 2] + "\x1b[31m",
    lambda gold: f"Under clause 7.1, {gold} Authorization: Bearer abcdef123456",
    lambda gold: None,
    lambda gold: "The fee is 12,000 dollars, due on 3 May 2021.",
)
"""What is recorded of a case whose gold answer is given; None leaves the case out."""


def record(folder, name, pattern):
    """Register a model whose answers to the sample's cases follow the pattern, row by row."""
    rows = []
    for number, case in enumerate(load_dataset("sample").cases):
        gold = case.golds[0] if case.golds else "Not found."
        answer = ANSWERS[pattern[number % len(pattern)]](gold)
        start = case.spans[0].start if case.spans else 0
        shown = [case.contract.text[max(0, start - 200) : start + 400], case.contract.text[:300]]
        if answer is not None:
            rows.append({"case_id": case.id, "answer": answer, "context": shown[: 1 + number % 2]})
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    registry = folder / "registry"
    registry.mkdir(exist_ok=True)
    (registry / f"{name}.toml").write_text(f'kind = "recorded"\npath = "{path}"\n')


def examined(folder, checkout=ROOT):
    """The value of report.json of an exam of two recorded models, by the code of a checkout."""
    record(folder, "careful", (0, 0, 0, 1, 0, 2, 0, 0, 3))
    record(folder, "hasty", (0, 1, 0, 2, 5, 0, *(0,) * 40, 4))
    shutil.copy(ROOT / "tests" / "data" / "equal_exam.toml", folder / "gate.toml")
    (folder / "policy.toml").write_text(excusing("careful", "hasty"))
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "evals", "-q", "-p", "no:cacheprovider",
            "--model=careful", "--baseline=hasty", f"--registry={folder / 'registry'}",
            "--split=all", "--limit=44", "--retriever=bm25", f"--store={folder / 'store.sqlite'}",
            f"--runs={folder / 'runs'}", f"--gate={folder / 'gate.toml'}",
        ],
        cwd=checkout, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    (path,) = (folder / "runs").glob("*/report.json")
    assert done.returncode in (0, 1), done.stdout[-3000:]
    return json.loads(path.read_text().replace(str(folder), "FOLDER"))


def leaves(value, place=""):
    """Every value that holds no other, by its place, as in `results.3.answer`."""
    inner = value if isinstance(value, dict) else dict(enumerate(value))
    found = {}
    for key, each in inner.items():
        at = f"{place}.{key}" if place else str(key)
        found |= leaves(each, at) if isinstance(each, dict | list) and each else {at: each}
    return found


def listed(place):
    """What is listed of the place, or of one around it, if anything is; `*` stands for any part."""
    parts = place.split(".")
    around = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
    listing = (*OF_THE_RUN, *CHANGED)
    found = next((what for each in around for what in listing if fnmatchcase(each, what)), None)
    return found or (parts[-1] if parts[-1] in INTERVALS else None)


def same(one, other):
    """Equal; numbers nearly, since processors add in different orders."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    return type(one) is type(other) and one == other


def test_an_exam_gives_the_report_that_it_gave_before(tmp_path):
    before, now = leaves(json.loads(EXPECTED.read_text())), leaves(examined(tmp_path))
    unlike = {
        place: (before.get(place), now.get(place))  # a new field that says nothing is None
        for place in before | now
        if not listed(place) and not same(before.get(place), now.get(place))
    }
    assert not unlike


def test_what_no_two_exams_share_is_in_the_report():
    assert {listed(place) for place in leaves(json.loads(EXPECTED.read_text()))} >= {*OF_THE_RUN}
