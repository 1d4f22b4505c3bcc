"""Every answer stands at one stage, the first that explains what became of it."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.stages import ANSWERABLE, UNANSWERABLE, stage_of
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Passage
from models.chat import Answer

CLAUSES = (
    "1. Fees are due within thirty days of the invoice. ",
    "2. This agreement runs for two years from the signing. ",
    "3. Either party may assign its rights with consent. ",
    "4. The law of Ohio governs what is agreed here. ",
)
TEXT = "".join(CLAUSES)
CONTRACT = Contract("c", TEXT)
PASSAGES = tuple(
    Passage("c", TEXT.index(clause), TEXT.index(clause) + len(clause), clause) for clause in CLAUSES
)
TERM = Case("1", "1", CONTRACT, "Term", "How long?", (Span("two years", TEXT.index("two years")),))
SILENT = Case("2", "2", CONTRACT, "Cap", "Is liability capped?", ())


def said(text, *shown):
    return Answer(text, passages=tuple(PASSAGES[number - 1] for number in shown))


@pytest.mark.parametrize(
    ("answer", "offered", "stage"),
    [
        (said("Not found.", 1), (1, 3), "not retrieved"),
        (said("Fees are due within thirty days", 1), (1, 2), "not shown"),
        (said("Not found.", 1, 2), (1, 2), "wrongly refused"),
        (said("Fees are due within thirty days", 1, 2), (1, 2), "not read"),
        (said("thirty days", 1, 2), (1, 2), "not read"),  # the whole of a short answer is quoted
        (said("runs for two years from the signing", 2, 1), (1, 2), "wrongly answered"),
        (said("It is perpetual and of the essence", 1, 2), (1, 2), "wrongly answered"),
        (said("", 1, 2), (1, 2), "wrongly refused"),
    ],
)
def test_what_is_not_right_is_lost_at_the_first_stage_that_explains_it(answer, offered, stage):
    given_ = [PASSAGES[number - 1] for number in offered]
    assert stage_of(TERM, answer, given_, right=False) == stage
    assert stage_of(TERM, answer, given_, right=True) == "right"


def test_a_passage_that_was_cut_before_the_gold_answer_was_not_shown():
    whole = PASSAGES[1]
    head = Passage("c", whole.start, whole.start + 12, whole.text[:12])
    cut = Answer("Not found.", passages=(head,))
    assert stage_of(TERM, cut, [whole], right=False) == "not shown"


def test_what_neighbours_share_is_read_from_the_gold_passage():
    second = PASSAGES[1]
    neighbour = Passage("c", second.end - 20, second.end + 20, TEXT[second.end - 20 :][:40])
    answer = Answer("years from the signing", passages=(neighbour, second))
    assert stage_of(TERM, answer, [neighbour, second], right=False) == "wrongly answered"


@given(st.permutations(range(4)), st.integers(1, 4), st.randoms(use_true_random=False))
def test_a_quotation_is_of_the_passage_that_holds_it_in_any_order(order, count, draw: Random):
    shown = [PASSAGES[number] for number in order[:count]]
    quoted = draw.choice(shown)
    words = quoted.text.split()
    begin = draw.randrange(len(words) - 4)
    answer = Answer(" ".join(words[begin : begin + 5]), passages=tuple(shown))
    stage = stage_of(TERM, answer, PASSAGES, right=False)
    if PASSAGES[1] not in shown:
        assert stage == "not shown"
    else:
        assert stage == ("wrongly answered" if quoted is PASSAGES[1] else "not read")


@given(st.text(max_size=80), st.booleans(), st.booleans())
def test_there_is_a_stage_for_everything_that_is_said(text, right, answerable):
    case = TERM if answerable else SILENT
    stage = stage_of(case, Answer(text, passages=PASSAGES), PASSAGES, right=right)
    assert stage in (ANSWERABLE if answerable else UNANSWERABLE)
    assert (stage in ("right", "rightly refused")) == right
