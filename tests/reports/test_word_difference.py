import random

import pytest

from reports.views.word_difference import word_difference

NEAR = [
    "a",
    "b",
    "c",
    "The",
    "the",
    "York,",
    "York",
    "***",
    "“two”",
    "two",
    "\N{SCALES}",
    "ß",
    "SS",
]
SPACES = [" ", "  ", "\n", "\u2028", "\xa0"]


def drawn(draw, most):
    words = [draw.choice(NEAR) + draw.choice(SPACES) for _ in range(draw.randrange(most))]
    return draw.choice(["", " "]) + "".join(words).rstrip(draw.choice([" ", ""]) or None)


def words_of(pieces, *kinds):
    return [word.casefold() for each in pieces if each.kind in kinds for word in each.text.split()]


def bare(text):
    return [word.strip(",.“”").casefold() for word in text.split()]


@pytest.mark.parametrize("seed", range(60))
def test_both_texts_can_be_read_from_their_difference(seed):
    draw = random.Random(seed)
    before, after = drawn(draw, 30), drawn(draw, 30)
    pieces = word_difference(before, after)
    assert "".join(each.text for each in pieces if each.kind != "removed") == after
    left = " ".join(words_of(pieces, "same", "removed"))
    assert bare(left) == bare(before)
    assert all(each.text for each in pieces)


def shown(before, after):
    return [(each.kind, each.text) for each in word_difference(before, after)]


def test_case_and_punctuation_around_words_are_no_difference():
    same = "The State of “New York”."
    assert shown("the state of new york", same) == [("same", same)]
    assert shown("section 5.1", "section 5.10")[-1] == ("added", " 5.10")


def test_what_is_all_punctuation_is_a_word():
    assert shown("[***]", "---") == [("removed", "[***]"), ("added", "---")]
    assert shown("[***]", "[***]") == [("same", "[***]")]


def test_a_word_that_both_have_by_chance_belongs_to_the_change():
    before = "renews for one year unless the Supplier objects in writing"
    after = "ends when either party gives the other ninety days"
    assert [kind for kind, _ in shown(before, after)] == ["removed", "added"]


@pytest.mark.parametrize(
    ("before", "after", "most"),
    [
        ("the " * 100_000, "the a " * 50_000, 9_000),
        ("!" * 100_000, "?" * 100_000, 2),
        ("! " * 100_000, "? " * 100_000, 2),
        (" " * 100_000, "a" + " " * 100_000 + "b", 2),
        ("a" * 100_000, "a" * 99_999, 2),
        ("same " * 100_000, "same " * 100_000, 1),
    ],
)
def test_a_huge_answer_is_compared_as_far_as_that_is_cheap(before, after, most):
    pieces = word_difference(before, after)
    assert 0 < len(pieces) <= most
    assert "".join(each.text for each in pieces if each.kind != "removed") == after
