"""Whether the expected answer can be derived from passages: the judge that asks nobody."""

import asyncio
from collections import Counter

import pytest

from evals.judges.derivable import MARK, read_derivable
from evals.judges.embedded.sufficiency import RetrievalJudge
from evals.judges.judge import Submission
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Passage
from models.chat import Answer

LAW = "This Agreement is governed by the laws of the State of Ohio."


def judged(golds, *texts, question="What does the contract say?"):
    spans = tuple(Span(gold, None) for gold in golds)
    case = Case("1", "1", Contract("a", ""), "", question, spans)
    shown = tuple(Passage(f"a {n}", 0, len(text), text) for n, text in enumerate(texts))
    return asyncio.run(RetrievalJudge().judge(Submission(case, Answer("", passages=shown)), None))


def test_a_span_that_chunks_cut_is_whole_where_they_touch():
    half = len(LAW) // 2
    cut = [Passage("a", 0, half, LAW[:half]), Passage("a", half, len(LAW), LAW[half:])]
    case = Case("1", "1", Contract("a", LAW), "", "Which law?", (Span(LAW, 0),))
    judge = RetrievalJudge()
    for order in (cut, cut[::-1]):
        there = Submission(case, Answer("", passages=tuple(order)))
        assert asyncio.run(judge.judge(there, None)).value == 1
    lacking = asyncio.run(judge.judge(Submission(case, Answer("", passages=(cut[0],))), None))
    assert lacking.value == 0 and "governed by the laws" in lacking.reason


@pytest.mark.parametrize(
    ("gold", "text"),
    [
        (LAW, "This Agreement is not governed by the laws of the State of Ohio."),
        (LAW, "This Agreement is governed by the laws of the State of Iowa."),
        ("The term is five years from 2 May 2024.", "The term is six years from 2 May 2024."),
        ("31 August 2029", "The Term runs for five years."),
    ],
)
def test_one_word_that_matters_is_enough_to_be_missing(gold, text):
    assert judged([gold], gold).value == 1
    assert judged([gold], text).value == 0


def test_a_date_may_be_computed_from_another_and_a_period():
    passages = "1.1 The Term begins on 1 September 2024.", "1.2 The Term runs for five years."
    assert judged(["31 August 2029"], *passages).value == 1
    assert judged(["31 August 2028"], *passages).value == 0


def test_golds_that_say_the_same_are_one_and_others_are_all_needed():
    again = LAW.replace("This Agreement is", "This Agreement shall be")
    fee = "A retainer of GBP 7,500 is due on the first of each month."
    assert judged([LAW, again], LAW).value == 1
    assert judged([LAW, fee], LAW).value == 0.5
    assert judged([LAW, fee], LAW, fee).value == 1


def test_without_passages_or_an_expected_answer_there_is_no_score():
    assert judged([LAW]).value is None
    assert judged([], LAW).value is None
    assert judged(["§ —"], LAW).value is None


def test_it_is_right_on_most_of_the_labelled_passages_that_nothing_was_chosen_on():
    """67 of 73 when it was written; the labels' writer wrote the rules too."""
    every = read_derivable()
    held_out = [each for each in every if each.held_out]
    assert len(held_out) >= 60 and len(held_out) < len(every)
    assert len({each.contract for each in held_out}) >= 20
    kinds = Counter(each.kind for each in every)
    assert {"computed", "definition elsewhere", "negation", "carve-out elsewhere", "table",
            "other contract", "other words", "split"} <= kinds.keys()  # fmt: skip
    judge = RetrievalJudge()

    async def all_of_them():
        there = (Submission(each.case, Answer("", passages=each.shown)) for each in held_out)
        return [await judge.judge(each, None) for each in there]

    scores = asyncio.run(all_of_them())
    right = sum(
        (score.value >= MARK) == each.derivable
        for score, each in zip(scores, held_out, strict=True)
    )
    assert right >= 0.85 * len(held_out)


def test_every_question_of_the_labelled_passages_has_both_kinds():
    sides = {}
    for each in read_derivable():
        sides.setdefault(each.case.id, set()).add(each.derivable)
    assert all(found == {True, False} for found in sides.values())
