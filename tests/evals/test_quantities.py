"""A number in any of its forms is one value, and never another."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.language.quantities import quantities
from evals.metrics.grounding import grounded_quote
from fixtures.cases import Case, Contract
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from tests.seams import users

UNITS = re.findall(
    r"\w+",
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen",
)

TENS = re.findall(r"[\w-]+", "- - twenty thirty forty fifty sixty seventy eighty ninety")
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}


def spelt(number):
    """In English words, as contracts write them."""
    for word, value in reversed(SCALES.items()):
        if number >= value:
            rest = number % value
            return f"{spelt(number // value)} {word}" + (f" {spelt(rest)}" if rest else "")
    if number >= 100:
        rest = number % 100
        return f"{UNITS[number // 100]} hundred" + (f" and {spelt(rest)}" if rest else "")
    if number < 20:
        return UNITS[number]
    return TENS[number // 10] + (f"-{UNITS[number % 10]}" if number % 10 else "")


def written(number):
    """Forms of a whole number that nobody takes for another."""
    forms = [str(number), f"{number:,}", f"{number:,}.00", spelt(number), f"{number}.0"]
    forms += [f"{spelt(number)} ({number:,})", f"{number:,}".replace(",", "'")]
    forms.append(f"{number:,}".replace(",", "\u202f"))
    if number >= 10**6:
        forms.append(f"{number:,}".replace(",", "."))
    for word, value in SCALES.items():
        if number >= value and number % (value // 100) == 0:
            forms.append(f"{(Decimal(number) / value).normalize():f} {word}")
    return forms


def shares(hundredths):
    """Forms of a share of `hundredths` of a percent."""
    value = f"{(Decimal(hundredths) / 100).normalize():f}"
    forms = [
        f"{value}%",
        f"{value} percent",
        f"{value} per cent",
        f"{value} %",
        f"({value}) percent",
    ]
    forms += [
        f"{hundredths} basis points",
        f"{hundredths} bps",
        f"{Decimal(hundredths) / 100:.2f}%",
    ]
    if value.startswith("0."):
        forms.append(f"{value[1:]}%")
    if hundredths % 100 == 0:
        forms += [f"{spelt(hundredths // 100)} percent", f"{spelt(hundredths // 100)} ({value}%)"]
    if hundredths % 100 == 50 and hundredths > 100:
        forms += [f"{hundredths // 100}½%", f"{spelt(hundredths // 100)} and one-half percent"]
    return forms


def ground(said, text):
    passage = Passage("c", 0, len(text), text)
    case = Case("1", "1", Contract("c", text), "Cap", "?", ())
    return grounded_quote(case, Answer(said, passages=(passage,)))


NUMBERS = st.integers(2, 10**12) | st.builds(
    lambda head, zeros: head * 10**zeros, st.integers(2, 999), st.integers(0, 9)
)


@given(NUMBERS, st.data())
def test_a_number_in_any_form_grounds_each_other_form(number, data):
    forms = written(number)
    one, two = (data.draw(st.sampled_from(forms)) for _ in range(2))
    assert ground(f"It is {one} units.", f"a sum of {two} units").value == 1.0, (one, two)


@given(NUMBERS, NUMBERS, st.data())
def test_a_number_never_grounds_another(one, two, data):
    said, text = (data.draw(st.sampled_from(written(each))) for each in (one, two))
    for answer in (said, f"It is {said} units."):
        assert ground(answer, f"a sum of {text} units").value == float(one == two), (said, text)


@given(NUMBERS, st.integers(1, 3), st.sampled_from("0123456789"), st.booleans(), st.data())
def test_a_number_is_not_grounded_by_a_longer_one(number, groups, digit, after, data):
    longer = f"{number:,}" + f",{digit * 3}" * groups if after else f"{number}{digit}"
    said = data.draw(st.sampled_from([str(number), f"{number:,}", f"${number:,}"]))
    assert ground(said, f"a sum of ${longer}.").value == 0.0
    assert ground(said, f"a sum of ${longer}; not ${number:,}.").value == 1.0


@given(st.integers(1, 9_999), st.data())
def test_a_share_in_any_form_grounds_each_other_form(hundredths, data):
    forms = shares(hundredths)
    one, two = (data.draw(st.sampled_from(forms)) for _ in range(2))
    assert ground(f"It is {one}.", f"a rate of {two} per annum").value == 1.0, (one, two)


@given(st.integers(1, 9_999), st.integers(1, 9_999), st.data())
def test_a_share_never_grounds_another(one, two, data):
    said, text = (data.draw(st.sampled_from(shares(each))) for each in (one, two))
    # "eleven (11%)" is also the number 11, and "50 bps" of no number but its own.
    if (
        one != two
        and "bps" not in text
        and "basis" not in text
        and not re.search(r"[a-z]{3}", said)
    ):
        assert ground(f"It is {said}.", f"a rate of {text} per annum").value == 0.0, (said, text)


SECTIONS = st.lists(st.integers(1, 30), min_size=1, max_size=4).map(lambda n: ".".join(map(str, n)))
WORDS = st.sampled_from(["section", "clause", "article", "§"])


@given(SECTIONS, SECTIONS, WORDS, WORDS)
def test_a_section_is_grounded_by_its_own_number_alone(one, two, word, other):
    assert ground(f"see {word} {one}.", f"under {other} {two}(a) below").value == float(one == two)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("2 hundred thousand", ["200000"]),
        ("half the fee, payable each quarter", []),
        ("paid once a quarter", []),
        ("1.000,50 and 1.000 and 1,00", ["1000.5", "1", "1", "0"]),
        ("three quarters percent", ["0.75%"]),
        ("two and a half million", ["2500000"]),
        ("5 per-cent, 5 pct", ["5%", "5%"]),
        ("no.5", ["5"]),
        ("1, 2, 3", ["1", "2", "3"]),
    ],
)
def test_forms_that_are_easily_misread(text, values):
    assert [value for _, value in quantities(text)] == values


def test_whoever_reads_both_digits_and_words_reads_them_together():
    """Else the "million" of "2 million" is read twice."""
    both = users("evals.language.quantities.numbers") & users("evals.language.quantities.spoken")
    assert both == {"evals/probes/probe.py"}  # the words where there are no digits
    assert users("evals.language.quantities.quantities") == {
        "evals/metrics/grounding.py",
        "evals/judges/embedded/contradictions.py",
    }


@pytest.mark.parametrize(
    ("said", "passage"),
    [
        ("$2 mn", "a fee of $2,000,000"), ("USD 2 MM", "a fee of $2,000,000"),
        ("2 000 000 dollars", "a fee of $2,000,000"), ("200000", "a fee of Rs. 2,00,000"),
        ("150bp", "interest of 1.5%"), ("due on 2021/03/12", "due on March 12, 2021"),
        ("one thousand billion", "a sum of 1,000,000,000,000"),
    ],
)  # fmt: skip
def test_a_number_as_others_write_it_is_the_same(said, passage):
    assert ground(said, passage).value == 1.0
