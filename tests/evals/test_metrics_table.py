"""The table as a whole: which metric scores which case, and that none ever raises."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.metrics.table import DEFAULT, METRICS, score
from evals.metrics.usage import latency, tokens_in, tokens_out
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Passage
from models.chat import Answer

TEXT = "The term is five (5) years from March 12, 2021. " * 200

PASSAGES = tuple(
    Passage("c", i * 900, i * 900 + 1000, TEXT[i * 900 : i * 900 + 1000]) for i in range(5)
)

RETRIEVAL = {"hit@1", "hit@5", "recall@5", "mrr", "ndcg@5"}


def case_of(*golds):
    spans = tuple(Span(gold, 0) for gold in golds)
    return Case("1", "1", Contract("c", TEXT), "Parties", "How long?", spans)


def test_a_metric_scores_only_the_cases_it_is_of():
    answered = score(case_of("five years"), Answer("five years", passages=PASSAGES))
    unanswered = score(case_of(), Answer("Not found.", passages=PASSAGES))
    assert set(answered) == {n for n in DEFAULT if METRICS[n].of != "unanswerable"}
    assert set(unanswered) == {"abstention", "grounded_quote", "latency", "tokens_in", "tokens_out"}
    assert unanswered["abstention"].value == 1
    assert answered["laziness"].value == 0
    assert answered["exact_match"].value == 1


def test_an_error_leaves_only_the_retrieval_scored():
    scores = score(case_of("five"), Answer("", error="HTTP 500", passages=PASSAGES))
    for name, result in scores.items():
        if name in RETRIEVAL:
            assert result.value is not None, name
        else:
            assert (result.value, result.reason) == (None, "no answer: HTTP 500"), name
    judged = {"sufficiency"}
    assert {n for n, m in METRICS.items() if m.needs == "passages"} == RETRIEVAL | judged


def test_a_metric_on_request_is_scored_when_it_is_named():
    case, answer = case_of("five years"), Answer("five years")
    asked = score(case, answer, ["rougeL", "token_f1", "correctness"])
    assert {name: found.value for name, found in asked.items()} == {"rougeL": 1, "token_f1": 1}
    assert "rougeL" not in score(case, answer)


def test_a_metric_is_scored_by_a_rule_or_by_a_judge():
    for name, metric in METRICS.items():
        assert (metric.rule is None) == (metric.by != "rule"), name
        assert metric.by == "rule" or metric.asked == "request", name


def test_usage_is_unscored_where_nothing_was_counted():
    case = case_of("x")
    assert latency(case, Answer("a", latency=0.5)).value == 0.5
    assert latency(case, Answer("a")).reason == "no latency"
    assert tokens_in(case, Answer("a", 7, 2)).value == 7
    assert tokens_out(case, Answer("a", 7, 0)).value == 0
    assert tokens_in(case, Answer("a")).reason == "no token counts"


def test_the_table_documents_itself():
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.summary
        assert "\n" not in metric.summary


@given(st.text(), st.lists(st.text(max_size=20), max_size=3), st.none() | st.text(max_size=5))
def test_no_text_raises(text, golds, error):
    case = case_of(*golds)
    for passages in ((), PASSAGES, (Passage("c", 5, 3, text),)):
        answer = Answer(text, 1, 1, 0.1, error=error, passages=passages)
        for name, result in score(case, answer, METRICS).items():
            assert result.value is None or result.value >= 0, name
            assert result.value is not None or result.reason, name


@pytest.mark.parametrize(
    "unit",
    ["not ", "The ", "no no ", "the contract and ", "\ud800", "😀", "\x00", "a", "A b. ", "\n", " ",
     "-", "'", "it is ", "there is no ", "while ", "in ", "based on the ", "sorry, ", "not found"],
)  # fmt: skip
def test_a_hundred_thousand_characters_are_scored_in_a_second(unit):
    text = unit * (100_000 // len(unit))
    start = time.process_time()
    for golds in ((), ("five years",), (text,)):
        score(case_of(*golds), Answer(text, 1, 1, 0.1, passages=PASSAGES))
    assert time.process_time() - start < 3
