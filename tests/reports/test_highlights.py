import random
from itertools import pairwise

import pytest

from fixtures.cases import Span
from reports.page.case.highlights import gold_places, quoted_places, stretches
from reports.report import ReportedPassage

TEXT = "\N{SCALES} The  Initial\nTerm is TWO (2) years’ from the “Effective Date”, as amended."


def quoted(answer, text=TEXT):
    return [text[start:end] for start, end in quoted_places(text, answer)]


def test_what_is_quoted_is_found_in_the_characters_of_the_passage():
    assert quoted("the initial term is two (2) years") == ["The  Initial\nTerm is TWO (2) years"]
    assert quoted('Two (2) years\' from the "effective date"') == [
        "TWO (2) years’ from the “Effective Date"
    ]


def test_words_that_are_in_a_row_by_chance_are_not_quoted():
    assert quoted("It begins on the Effective Date of the lease") == []
    assert quoted("") == quoted("!!!") == quoted("Zebras.") == []


def test_a_short_answer_and_words_in_quotation_marks_are_looked_for_whole():
    assert quoted("Effective date") == ["Effective Date"]
    assert quoted("It says “as amended”, I think.") == ["as amended"]
    assert quoted("ear") == []


def test_gold_answers_are_marked_as_far_as_they_lie_in_the_passage():
    passage = ReportedPassage("A", 100, 110, "0123456789")
    spans = [Span("x" * 5, 98), Span("y" * 50, 108), Span("z", 90), Span("w", None), Span("v", 110)]
    assert gold_places(passage, "A", spans) == [(0, 3), (8, 10)]
    assert gold_places(passage, "B", spans) == []


@pytest.mark.parametrize("seed", range(40))
def test_every_character_stands_out_as_what_covers_it(seed):
    draw = random.Random(seed)
    text = "".join(draw.choices("ab \N{SCALES}\U0001f600\n", k=draw.randrange(30)))

    def places():
        cut = (sorted(draw.choices(range(len(text) + 1), k=2)) for _ in range(draw.randrange(5)))
        return [(start, end) for start, end in cut if start < end]

    gold, by = places(), {"new": places(), "old": places()}
    found = stretches(text, gold, by)
    assert "".join(each.text for each in found) == text
    at = 0
    for each in found:
        for here in range(at, at + len(each.text)):
            assert each.gold == any(start <= here < end for start, end in gold)
            covers = [name for name in by if any(start <= here < end for start, end in by[name])]
            assert list(each.quoted) == covers
        at += len(each.text)
    alike = [(each.gold, each.quoted) for each in found]
    assert all(one != two for one, two in pairwise(alike))


@pytest.mark.parametrize("answer", ["the " * 100_000, "a" * 100_000, '"x" ' * 25_000])
def test_a_huge_answer_quotes_at_a_cost_of_its_length(answer):
    assert quoted_places("the x " * 1000, answer) is not None
