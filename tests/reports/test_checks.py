"""The seam of the gate: every entry gives its checks, and losing what is known helps nobody."""

import ast
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.identity import file_digest
from evals.gate import Gate, Leakage, MetricGate
from evals.metrics.table import METRICS
from evals.results import Result, Score
from fixtures.cases import Case, Contract, Span
from fixtures.imports.imported import imported_dataset
from fixtures.retrieval.passages import Chunker
from fixtures.retrieval.retrieval import RetrieverOptions
from models.chat import Answer
from models.local.entry import LocalEntry
from models.manifest import Manifest, contract_entry, write_manifest
from models.registry import EchoEntry, ExtractiveEntry, RecordedEntry
from reports.report import Check, Opponent
from reports.verdict.bars import Bars, inapplicable
from reports.verdict.decide import decide, gate_checks
from reports.verdict.leakage import leak_checks
from tests import seams

OPPONENTS = (Opponent("champion", "old", "1"), Opponent("anchor", "older", "2"))
NAMES = ("token_f1", "laziness", "abstention", "correctness", "hit@5", "latency")
FLOORS = st.sampled_from([None, 0.0, 0.3, 0.7, 1.0])

ENTRIES = st.builds(
    lambda role, floor, margin, superior: (
        MetricGate()
        if role == "report" or (floor is None and margin is None and not superior)
        else MetricGate(role=role, floor=floor, goal="superior")
        if superior
        else MetricGate(role=role, floor=floor, margin=margin)
    ),
    st.sampled_from(["guard", "primary", "report"]),
    FLOORS,
    st.sampled_from([None, 0.02, 0.2]),
    st.booleans(),
)

GATES = st.builds(
    lambda metrics, attrition, least: Gate(
        metrics=metrics, attrition=attrition, minimum_cases=least
    ),
    st.dictionaries(st.sampled_from(NAMES), ENTRIES, max_size=4),
    st.sampled_from([0.0, 0.02, 0.1]),
    st.sampled_from([1, 20]),
)


def exam(model, share, contracts, questions, draw):
    """One model's results; every third case has no answer in its contract."""
    found = []
    for c in range(contracts):
        for q in range(questions):
            spans = (Span("text", 0),) if (c + q) % 3 else ()
            case = Case(f"{c}/{q}", f"{c}-{q}", Contract(f"c{c}", f"text {c}"), "cat", "?", spans)
            scores = {
                name: Score(float(draw.random() < share))
                for name in NAMES
                if METRICS[name].is_of(case)
            }
            found.append(Result(model, case, Answer("text"), scores, asked=True))
    return found


@st.composite
def exams(draw):
    """Candidate, champion and anchor on the same cases."""
    contracts, questions = draw(st.integers(1, 8)), draw(st.integers(1, 12))
    random = draw(st.randoms(use_true_random=False))
    return {
        name: exam(name, draw(st.sampled_from([0.0, 0.5, 0.9, 1.0])), contracts, questions, random)
        for name in ("new", "old", "older")
    }


def judged(gate, of_model, bars=None, opponents=OPPONENTS):
    checks = gate_checks(gate, "new", of_model, opponents, bars or Bars())
    return decide("new", checks, OPPONENTS[0], OPPONENTS[1])


def expected(gate, opponents=OPPONENTS):
    """What the gate file asks: (metric, against), in any order."""
    asked = [(metric, "floor") for metric, e in gate.gating.items() if e.floor is not None]
    for opponent in opponents:
        compared = [
            metric
            for metric, e in gate.gating.items()
            if e.margin is not None or (e.goal == "superior" and opponent.role == "champion")
        ]
        asked += [(metric, opponent.words) for metric in compared or ["comparison"]]
    return sorted(asked)


@st.composite
def losses(draw):
    """Something to lose: answers, values, judgements or contracts of a model, or a judge's trust.

    Returns a function from (results by model, bars) to what is left of them.
    """
    kind = draw(st.sampled_from(["answers", "values", "keys", "contract", "model", "trust"]))
    model = draw(st.sampled_from(["new", "old", "older"]))
    metric = draw(st.sampled_from(NAMES))
    every = draw(st.integers(1, 5))

    def lose(of_model, bars):
        rows = list(of_model[model])
        gone = [number for number in range(len(rows)) if number % every == 0]
        if kind == "trust":
            return of_model, replace(bars, untrusted={**bars.untrusted, metric: "no exam"})
        if kind == "model":
            rows = [_failed(row) for row in rows]
        if kind == "answers":
            rows = [_failed(row) if n in gone else row for n, row in enumerate(rows)]
        if kind == "contract":
            rows = [_failed(row) if row.case.contract.id == "c0" else row for row in rows]
        if kind in ("values", "keys"):
            rows = [
                _without(row, metric, kind == "keys") if n in gone else row
                for n, row in enumerate(rows)
            ]
        return {**of_model, model: rows}, bars

    return lose


def _failed(row):
    scores = {
        name: row.scores[name] if METRICS[name].of_retrieval else Score(None, "no answer: timeout")
        for name in row.scores
    }
    return replace(row, answer=Answer("", error="timeout"), scores=scores)


def _without(row, metric, key):
    if metric not in row.scores:
        return row
    kept = {name: score for name, score in row.scores.items() if name != metric}
    return replace(row, scores=kept if key else {**row.scores, metric: Score(float("nan"))})


@given(GATES, exams(), st.lists(losses(), max_size=3))
@settings(max_examples=60, derandomize=True)
def test_every_entry_gives_exactly_its_checks_whatever_is_missing(gate, of_model, lost):
    bars = Bars()
    for lose in lost:
        of_model, bars = lose(of_model, bars)
    for present in (of_model, {**of_model, "old": []}, {**of_model, "new": []}, {}):
        found = gate_checks(gate, "new", present, OPPONENTS, bars)
        assert sorted((check.metric, check.against) for check in found) == expected(gate)
        assert all(check.reason for check in found)


@given(GATES, exams(), st.lists(losses(), min_size=1, max_size=3))
@settings(max_examples=140, derandomize=True)
def test_to_lose_what_is_known_turns_nothing_for_the_better(gate, of_model, lost):
    bars = Bars()
    before = judged(gate, of_model, bars)
    for lose in lost:
        of_model, bars = lose(of_model, bars)
    after = judged(gate, of_model, bars)
    was = {(check.metric, check.against): check.outcome for check in before.checks}
    for check in after.checks:
        if check.outcome == "PASS":
            assert was[check.metric, check.against] == "PASS", check
    if after.outcome == "PROMOTE":
        assert before.outcome == "PROMOTE"


@given(GATES, exams())
@settings(max_examples=60, derandomize=True)
def test_promotion_rests_on_a_check_of_answers_that_passed(gate, of_model):
    found = judged(gate, of_model)
    if found.outcome == "PROMOTE":
        assert any(METRICS[c.metric].reads_answers and c.outcome == "PASS" for c in found.checks)
    else:
        assert found.reasons


@pytest.mark.parametrize("outcome", ["FAIL", "INCONCLUSIVE", "PASS", "N/A"])
def test_no_check_of_answers_is_no_promotion(outcome):
    found = decide("new", [Check("hit@5", "floor", outcome, "so it is")])
    assert found.outcome == ("REJECT" if outcome == "FAIL" else "INCONCLUSIVE")


# Leakage: always one check, and nothing that is taken away helps.


@pytest.mark.parametrize("excused", [{}, {"x": "ours"}], ids=["asked", "excused"])
@pytest.mark.parametrize("leaks", [True, False])
def test_a_manifest_or_seal_that_is_taken_away_helps_no_adapter(tmp_path, sample, leaks, excused):
    exam_cases = sample.cases[:41]
    trained = (contract_entry(exam_cases[0].contract),) if leaks else ()
    write_manifest(tmp_path, Manifest(contracts=trained, cases=()))
    seal = file_digest(tmp_path / "manifest.json")
    entry = LocalEntry(kind="local", base="b", adapter=tmp_path, manifest=seal)
    unsealed = entry.model_copy(update={"manifest": None})

    def outcome(of):
        (check,) = leak_checks([("x", of)], exam_cases, Leakage(), excused)
        return check.outcome

    whole = outcome(entry)
    assert whole == ("FAIL" if leaks else "PASS")
    assert outcome(unsealed) == ("FAIL" if leaks else "INCONCLUSIVE")
    (tmp_path / "manifest.json").unlink()
    assert outcome(entry) == "INCONCLUSIVE"
    assert outcome(unsealed) == ("PASS" if excused else "INCONCLUSIVE")


# What does not apply follows from kinds and options alone.


RETRIEVER = RetrieverOptions(kind="bm25", k=5, chunker=Chunker(1000, 100))


def test_retrieval_does_not_apply_where_nothing_is_ranked(sample):
    cases = sample.cases
    closed = LocalEntry(kind="local", base="b", passages=False)
    open_book = LocalEntry(kind="local", base="b")
    assert set(inapplicable(closed, cases, RETRIEVER)) == {
        name for name, metric in METRICS.items() if metric.of_retrieval
    }
    assert inapplicable(RecordedEntry(kind="recorded", path="x.csv"), cases, RETRIEVER)
    assert inapplicable(open_book, cases, replace(RETRIEVER, kind="none"))
    assert inapplicable(open_book, cases, replace(RETRIEVER, passages="gold"))
    assert inapplicable(open_book, cases, replace(RETRIEVER, chunker=Chunker(10**6, 0)))
    for entry in (open_book, EchoEntry(kind="echo"), ExtractiveEntry(kind="extractive")):
        assert inapplicable(entry, cases, RETRIEVER) == {}


@pytest.mark.parametrize("shown", ["", "The rent is $500."])
def test_who_does_not_hold_the_contract_cannot_say_what_is_made_up(tmp_path, shown):
    path = tmp_path / "answers.jsonl"
    row = {
        "question": "Who?",
        "answer": "Acme Inc. pays $900",
        "expected": "Acme",
        "context": shown,
    }
    path.write_text(json.dumps(row))
    cases = imported_dataset("recorded", path).cases
    assert METRICS["fabrication"].rule(cases[0], Answer("Acme Inc. pays $900")).value is None
    for entry in (EchoEntry(kind="echo"), RecordedEntry(kind="recorded", path="x.csv")):
        barred = inapplicable(entry, cases, RETRIEVER)
        assert "what was shown of its contracts" in barred["fabrication"]
        rows = [Result("new", each, Answer("x"), {}, True) for each in cases]
        gate = Gate(metrics={"fabrication": MetricGate(role="guard", floor=0.25, margin=0.05)})
        old = Opponent("champion", "old", "")
        found = gate_checks(gate, "new", {"new": rows}, (old,), Bars(inapplicable={"new": barred}))
        assert [check.outcome for check in found] == ["N/A", "N/A"]


def test_recorded_answers_about_whole_contracts_can_be_made_up(sample):
    entry = RecordedEntry(kind="recorded", path="x.csv")
    assert "fabrication" not in inapplicable(entry, sample.cases, RETRIEVER)


def test_a_model_that_is_shown_passages_cannot_escape_by_losing_them(sample):
    gate = Gate(metrics={"hit@5": MetricGate(role="guard", floor=0.5),
                         "token_f1": MetricGate(role="guard", floor=0.1)})  # fmt: skip
    rows = [
        Result(
            "new", case, Answer("x"), {"token_f1": Score(1.0), "hit@5": Score(None, "none")}, True
        )
        for case in sample.cases
        if case.answerable
    ]
    found = gate_checks(gate, "new", {"new": rows}, (), Bars())
    assert {check.metric: check.outcome for check in found}["hit@5"] == "INCONCLUSIVE"
    bars = Bars(inapplicable={"new": {"hit@5": "the model is asked without passages"}})
    found = gate_checks(gate, "new", {"new": rows}, (), bars)
    assert decide("new", found).outcome == "PROMOTE"
    assert {check.metric: check.outcome for check in found}["hit@5"] == "N/A"


# Nobody goes round.


def test_checks_of_the_gate_are_made_in_one_place():
    assert seams.users("reports.verdict.floors.floor_checks") == {
        "reports/verdict/decide.py", "reports/verdict/critical.py",
    }  # fmt: skip
    for name in ("critical_floors", "critical_comparisons"):
        assert seams.users(f"reports.verdict.critical.{name}") == {"reports/verdict/decide.py"}
    assert seams.users("reports.verdict.margins.opponent_checks") == {"reports/verdict/decide.py"}
    for name in ("gate_checks", "decide"):
        assert seams.users(f"reports.verdict.decide.{name}") <= {
            "reports/verdict/conclude.py", "reports/evidence/opened.py",
            "bench/candidates.py", "bench/cheating/trials.py",
        }  # fmt: skip


def test_gated_differences_and_shares_are_bounded_in_one_place():
    """Everything that shows or gates a mean comes through one interval."""
    bounds = {"lower_bound", "mean_bounds", "most_of_share", "p_value"}
    assert {name: seams.users(f"reports.statistics.bounds.{name}") for name in bounds} == {
        "lower_bound": {"reports/statistics/power.py"},
        "mean_bounds": {
            "reports/statistics/intervals.py", "bench/simulation.py", "bench/grid.py",
            "bench/statistics.py", "reports/statistics/corrected.py", "reports/statistics/ppi.py",
        },
        "most_of_share": set(),
        "p_value": {"reports/statistics/paired.py", "reports/verdict/means.py"},
    }  # fmt: skip
    assert seams.users("reports.verdict.means.metric_mean") == {
        "reports/verdict/floors.py", "reports/verdict/conclude.py", "reports/verdict/prospects.py",
    }  # fmt: skip


def test_where_the_gate_is_decided_every_module_is_named_in_its_order():
    folder = seams.ROOT / "reports" / "verdict"
    page = ast.get_docstring(ast.parse((folder / "decide.py").read_text("utf-8")), clean=False)
    named = re.findall(r"^    (\w+)(?:, (\w+))?  ", page, re.MULTILINE)
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert {name for pair in named for name in pair if name} == modules


def test_every_page_takes_its_checks_from_one_list():
    assert seams.users("reports.views.wording.checked") == {
        "reports/page/html.py",
        "reports/markdown/tables.py",
    }
