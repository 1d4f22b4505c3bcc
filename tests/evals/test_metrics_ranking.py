"""Ranks of the passages in which gold spans start."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.metrics.ranking import hit_at, mrr, ndcg_at, recall_at
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Passage
from models.chat import Answer

CONTRACT = Contract("c", "x" * 1000)


def case_of(*starts):
    return Case("1", "1", CONTRACT, "Parties", "Who?", tuple(Span("x", s) for s in starts))


def shown(*ranges, contract="c"):
    return Answer("a", passages=tuple(Passage(contract, a, b, "x" * (b - a)) for a, b in ranges))


TEN = [(i * 100, i * 100 + 100) for i in range(10)]


def test_the_second_passage_is_relevant():
    case, answer = case_of(150), shown(*TEN[:5])
    assert hit_at(1)(case, answer).value == 0
    assert hit_at(5)(case, answer).value == 1
    assert recall_at(5)(case, answer).value == 1
    assert mrr(case, answer).value == 0.5
    assert ndcg_at(5)(case, answer).value == pytest.approx(1 / log2(3))


def test_ranks_beyond_k_do_not_count():
    case, answer = case_of(550, 20), shown(*TEN[1:8])
    assert hit_at(5)(case, answer).value == 1
    assert recall_at(5)(case, answer).value == 0.5
    assert hit_at(4)(case, answer).value == 0
    assert mrr(case, answer).value == 1 / 5
    assert ndcg_at(5)(case, answer).value == pytest.approx((1 / log2(6)) / (1 + 1 / log2(3)))


def test_an_overlapping_chunk_is_not_paid_twice():
    case = case_of(150, 450)
    twice = shown((100, 200), (120, 220), (400, 500))
    assert ndcg_at(5)(case, twice).value == pytest.approx((1 + 1 / 2) / (1 + 1 / log2(3)))
    assert ndcg_at(5)(case, shown((100, 200), (400, 500))).value == 1


def test_a_span_starts_inside_from_the_first_character_to_before_the_last():
    assert hit_at(1)(case_of(100), shown((100, 200))).value == 1
    assert hit_at(1)(case_of(200), shown((100, 200))).value == 0


def test_passages_of_another_contract_are_never_relevant():
    assert hit_at(5)(case_of(150), shown(*TEN, contract="d")).value == 0


@pytest.mark.parametrize("metric", [hit_at(1), hit_at(5), recall_at(5), mrr, ndcg_at(5)])
def test_what_has_no_ranking_is_unscored(metric):
    assert metric(case_of(1), Answer("a")).reason == "no passages shown"
    assert metric(case_of(1), shown((0, 1000))).reason == "the whole contract was shown"
    assert metric(case_of(None), shown(*TEN)).reason == "no located gold span"
    assert metric(case_of(1), shown((0, 1000))).value is None


@given(
    st.lists(st.integers(0, 999), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 900), st.integers(1, 100)), min_size=1, max_size=9),
)
def test_bounds_and_order(starts, ranges):
    case, answer = case_of(*starts), shown(*((a, a + n) for a, n in ranges))
    hit1, hit5, recall, rank, ndcg = (
        metric(case, answer).value
        for metric in (hit_at(1), hit_at(5), recall_at(5), mrr, ndcg_at(5))
    )
    assert 0 <= hit1 <= hit5 <= 1
    assert 0 <= recall <= hit5
    assert hit1 <= rank <= 1
    assert 0 <= ndcg <= hit5 + 1e-12
    assert (recall > 0) == (ndcg > 0) == (hit5 == 1)
