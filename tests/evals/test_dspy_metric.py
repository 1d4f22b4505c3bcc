"""The exam's metrics as dspy's: what `dspy.Evaluate` and the optimisers make of them."""

import re
from pathlib import Path
from types import SimpleNamespace

import dspy
import pytest
from dspy import lm15

from common.errors import UserError
from evals.metrics.dspy_metric import CASE, case_metric, example_of
from evals.metrics.table import METRICS
from evals.results import Score
from fixtures.cases import Case, Contract, Span
from models.chat import Answer
from tests.conftest import ROOT

CONTRACT = Contract("A", "The term is two years. Ohio law governs.")
TERM = Case("term", "term", CONTRACT, "Term", "How long is the term?", (Span("two years", 12),))
CAP = Case("cap", "cap", CONTRACT, "Cap", "Is liability capped?", ())
SHARES = [name for name, metric in METRICS.items() if metric.rule and not metric.unit]


class Obedient:
    """An engine that answers rightly where the prompt shows it how, and one question anyway."""

    def __init__(self, cases):
        self.expected = {c.question: c.golds[0] if c.golds else "Not found." for c in cases}
        self.known = cases[0].question

    def complete(self, request):
        shown = any(turn.role == "assistant" for turn in request.messages)
        asked = next(q for q in self.expected if q in request.messages[-1].text)
        text = self.expected[asked] if shown or asked == self.known else "Perhaps."
        reply = f"[[ ## answer ## ]]\n{text}\n\n[[ ## completed ## ]]"
        return lm15.Response(
            id=None,
            model=request.model,
            message=lm15.Message.assistant(reply),
            finish_reason="stop",
            usage=lm15.Usage(),
        )


def test_a_value_is_higher_where_the_answer_is_better_whatever_the_metrics_direction():
    right, wrong = SimpleNamespace(answer="two years"), SimpleNamespace(answer="Not found.")
    for name in ("token_f1", "laziness"):
        metric = case_metric(name, [TERM])
        assert metric(example_of(TERM), right) == 1.0
        assert metric(example_of(TERM), wrong) == 0.0


@pytest.mark.parametrize("name", SHARES)
def test_every_share_of_the_table_is_between_0_and_1_for_dspy(name):
    metric = case_metric(name, [TERM, CAP])
    for case in (TERM, CAP):
        for text in ("", "two years", "Not found.", "“nowhere”", "x" * 5000):
            value = metric(example_of(case), SimpleNamespace(answer=text))
            assert isinstance(value, float)
            assert 0 <= value <= 1


def test_what_cannot_be_scored_is_counted():
    metric = case_metric("exact_match", [CAP])
    assert metric(example_of(CAP), SimpleNamespace(answer="No")) == 0.0
    assert metric.unscored == {"exact_match is not asked of such cases": 1}


def test_gepa_is_told_the_reason_what_was_said_and_what_was_expected():
    def scores(case, answer):
        return Score(0.25, "the duration is another one")

    metric = case_metric("correctness", [TERM], scores=scores)
    told = metric(example_of(TERM), SimpleNamespace(answer="three"), None, "predict", None)
    assert told.score == 0.25
    for part in ("the duration is another one", "three", "two years"):
        assert part in told.feedback
    assert metric(example_of(TERM), SimpleNamespace(answer="three")) == 0.25


def test_an_example_holds_no_contract():
    assert CONTRACT.text not in str(example_of(TERM))
    assert example_of(TERM)[CASE] == TERM.identity


def test_a_prediction_without_the_answer_is_silence():
    assert case_metric("token_f1", [TERM])(example_of(TERM), SimpleNamespace()) == 0.0


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("balancd", "did you mean balanced?"),
        ("latency", "is measured in s and has no best value"),
        ("correctness", "is scored by a judge"),
    ],
)
def test_a_metric_that_nothing_can_be_optimised_by_is_refused(name, line):
    with pytest.raises(UserError, match=re.escape(line)):
        case_metric(name, [TERM])


def test_passages_are_seen_by_metrics_that_read_them():
    seen = []

    def scores(case, answer):
        seen.append(answer)
        return Score(1.0)

    metric = case_metric("groundedness", [TERM], scores=scores, shown={TERM.identity: ["p"]})
    metric(example_of(TERM), SimpleNamespace(answer="two years"))
    assert seen == [Answer("two years", passages=("p",))]


def documented():
    """The examples of the page, as Python."""
    page = (ROOT / "docs" / "optimize.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


def test_the_documented_example_evaluates_optimises_and_scores_better(tmp_path, monkeypatch):
    from fixtures.datasets import load_dataset

    cases = load_dataset("sample").cases[:8]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    names = {}
    with dspy.context(lm=dspy.LM("exam/obedient", cache=False, engine=Obedient(cases))):
        for code in documented():
            exec(code, names)
    assert names["before"].score < names["after"].score == 100
    assert names["compiled"].demos
    judged = names["correct"](example_of(cases[0]), SimpleNamespace(answer=cases[0].golds[0]))
    assert judged == 1.0
    assert list(Path(tmp_path).iterdir()) == []
