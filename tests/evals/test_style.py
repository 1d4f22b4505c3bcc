"""The form of an answer, told by rules."""

import random
import time
from typing import get_args

import pytest

from evals.judges.pairs import Style, read_pairs
from evals.judges.style import FORMS, style

CLAUSE = (
    "Licensee shall not assign this Agreement without the prior written consent of Licensor, and "
    "any purported assignment shall be void."
)


def test_every_style_has_a_form():
    assert set(FORMS) == set(get_args(Style))


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("Ohio", "short"),
        ("Yes, for two years after the term.", "short"),
        ("", "refusing"),
        ("Not found.", "refusing"),
        ("I do not find a clear audit right in the passages that I was shown.", "refusing"),
        ("Answer: Ohio. Reasoning: Section 19.1 says that Ohio law governs.", "reasoned"),
        ("Based on Section 8.1, the warranty runs 90 days. Therefore it has ended.", "reasoned"),
        ("Yes:\n- **Notice:** 120 days\n- **Who:** the buyer", "list"),
        ("1. the fees\n2. the term", "list"),
        ("## Term\n\nTwo years.", "markdown"),
        ("| Year | Fee |\n|---|---|\n| 1 | $5 |", "markdown"),
        ("**Law:** Ohio\n\n**Courts:** Ohio", "markdown"),
        ("See Section 16.2(b), which requires notice of a Change of Control.", "references"),
        ("Sections 4.1 and 4.4 are the relevant provisions.", "references"),
        ("It appears that Ohio law applies, although counsel should confirm it.", "hedged"),
        (CLAUSE, "extractive"),
        (
            "Yes. The buyer may end it early, but only after the second year, and has to say so in "
            "writing some four months ahead. The seller cannot. If the yearly minimum was met, the "
            "last quarter of the year is left out.",
            "chat",
        ),
    ],
)  # fmt: skip
def test_an_answer_has_the_form_that_a_reader_would_name(answer, found):
    assert style(answer) == found


def test_what_the_passages_or_the_golds_say_is_a_quotation():
    said = "it will be two years from the date on which both of us signed"
    assert style(said) == "short"
    assert style(said, shown=(f"The term: {said}, no more.",)) == "extractive"
    assert style(said, golds=(said,)) == "extractive"
    assert style(f"Yes, {said}", shown=(said,)) == "short", "yes is a word of its own"


def test_people_name_it_so_too():
    """On all labelled answers whose style people named, whoever wrote them."""
    named = [pair for pair in read_pairs() if pair.style]
    if not named:
        pytest.skip("no labelled answer says its style")
    right = [style(p.answer, p.question, p.expected) == p.style for p in named]
    assert sum(right) / len(right) >= 0.8


@pytest.mark.parametrize(
    "piece",
    ["a", " ", "\n", "**", "- ", "| ", "# ", "1.1", "(", "Section ", "§", "no ", "not found. ",
     "answer", "shall ", '"', "step 1", "x\n- ", "|\n"],
)  # fmt: skip
def test_no_text_takes_long(piece):
    """A hundred thousand characters are read at their beginning alone."""
    draw = random.Random(0)
    mixed = "".join(draw.choice([piece, piece.upper(), "z"]) for _ in range(100_000 // len(piece)))
    for text in (piece * (100_000 // len(piece)), mixed):
        begun = time.process_time()
        assert style(text, shown=(text,)) in FORMS
        assert time.process_time() - begun < 5
