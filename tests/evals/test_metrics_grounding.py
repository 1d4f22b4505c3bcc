"""What an answer asserts in particulars must stand in the passages, in whatever form."""

import calendar
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evals.language.quantities import dates, numbers, spoken
from evals.metrics.grounding import grounded_quote, stitched
from fixtures.cases import Case, Contract
from fixtures.retrieval.passages import Passage
from models.chat import Answer

TEXT = """This License Agreement (the “Agreement”) is made as of the 12th day of March, 2021, by and
between Acme Widgets, Inc., a Delaware corporation ("Licensor"), and Beta Foods Ltd. (“Licensee”).
The term is five (5) years. Notice must be given ninety (90) days before. The fee is $1,000,000 and
a royalty of seven and one-half percent (7.5%). Governed by the laws of the State of New York.
Expires December 31, 2026. See Section 5.2(a). Bank of America shall hold twenty-six percent of the
escrow until the forty-second month. Deliver 1,500 units or $2.5 million in goods."""


def ground(said, text=TEXT, question="Who are the parties?"):
    case = Case("1", "1", Contract("c", text), "Parties", question, ())
    return grounded_quote(case, Answer(said, passages=(Passage("c", 0, len(text), text),)))


@pytest.mark.parametrize(
    "said",
    [
        "12 March 2021", "March 12, 2021", "2021-03-12", "03/12/2021", "12.03.2021",
        "Mar. 12, 2021",
        "12th day of March, 2021", "the twelfth day of March 2021", "March 2021", "signed in 2021",
        "31 December 2026", "12/31/26", "thirty-first of December 2026",
        "5 years", "Five years", "five (5) years", "90 days", "ninety days", "a 90-day notice",
        "$1,000,000", "1000000", "USD 1,000,000.00", "$1 million", "one million dollars", "$1m",
        "7.5%", "7.50 percent", "7.5 per cent", "26%", "twenty-six per cent", "42 months",
        "1500 units", "$2,500,000", "section 5.2",
        "Acme Widgets, Inc.", "Acme Widgets Inc", "ACME WIDGETS, INC.", "Beta Foods Limited",
        "Acme Widgets, Inc. and Beta Foods Ltd.", "Licensor: Acme Widgets, Inc.",
        "The Licensor Acme Widgets Inc.", "Acme Widgets Inc.'s fee", "Bank of America",
        "State of New York", "Specifically, New York law applies.", "State of Delaware",
        '"the term is five (5) years"', "“The TERM is\nfive (5) years.”",
        '"notice must be given ... days before"', '"[t]he term is five"', "1. The term is 5 years.",
    ],
)  # fmt: skip
def test_the_same_value_in_another_form_is_grounded(said):
    assert ground(said).value == 1.0, ground(said)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("March 13, 2021", "march 13, 2021"),
        ("12 March 2022", "12 march 2022"),
        ("April 2021", "april 2021"),
        ("six (6) years", "6, six"),
        ("60 days", "60"),
        ("$1,000,001", "1,000,001"),
        ("$2.6 million", "2.6 million"),
        ("5% of net sales", "5%"),
        ("twenty-seven percent", "twenty seven"),
        ("forty-third month", "forty third"),
        ("section 5.3", "5.3"),
        ("Acme Gadgets, Inc.", "Acme Gadgets Inc"),
        ("Acme Widgets, LLC", "Acme Widgets LLC"),
        ("Acme Corp. is the licensor.", "Acme Corp"),
        ("Bank of Canada", "Bank of Canada"),
        ("The State of California", "California"),
        ('It says "the term is long".', '"the term is long"'),
    ],
)
def test_what_is_made_up_is_named(said, named):
    assert ground(said).value == 0.0
    assert ground(said).reason == f"not in the passages: {named}"


def test_what_cannot_be_scored_says_why():
    assert ground("Not found.").reason == "abstained"
    assert ground("").reason == "abstained"
    assert ground("Consent is required.").reason == "nothing to check"
    case = Case("1", "1", Contract("c", "x"), "Parties", "Who?", ())
    assert grounded_quote(case, Answer("5 years")).reason == "no passages shown"
    assert ground("Not found.").value is ground("Consent is required.").value is None


def test_a_name_of_the_question_is_not_made_up():
    assert ground("Gamma Corp. is no party.").value == 0.0
    assert ground("Gamma Corp. is no party.", question="Is Gamma Corp. a party?").value == 1.0


def test_a_quotation_across_two_chunks_is_grounded():
    passages = (Passage("c", 9, 25, "is five (5) year"), Passage("c", 0, 11, "The term is"))
    assert stitched(passages) == ["The term is five (5) year"]
    assert stitched((passages[0], passages[0])) == [passages[0].text]
    far = Passage("c", 99, 103, "then")
    assert stitched((far, passages[1])) == [passages[1].text, "then"]


@given(st.integers(1900, 2099), st.integers(1, 12), st.integers(1, 28))
def test_every_way_to_write_a_date_is_one_date(year, month, day):
    name = calendar.month_name[month].lower()
    for text in (
        f"{year}-{month:02}-{day:02}", f"{month}/{day}/{year}", f"{name} {day}, {year}",
        f"{day} {name} {year}", f"{day}th day of {name}, {year}", f"{name[:3]}. {day}, {year}",
    ):  # fmt: skip
        [(_, readings)] = dates(text)
        assert (year, month, day) in readings, text


@given(st.integers(1, 99))
def test_every_number_to_ninety_nine_is_read_in_words(number):
    units = "- one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    units = (units + "fifteen sixteen seventeen eighteen nineteen").split()
    tens = ["-", "-", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
    ten, unit = divmod(number, 10)
    word = units[number] if number < 20 else tens[ten] + (f"-{units[unit]}" if unit else "")
    assert [value for _, value in spoken(f"in {word} days")] == [str(number)]
    hundreds = f"two thousand three hundred and {word}"
    assert [value for _, value in spoken(hundreds)] == [str(2300 + number)]


@given(st.integers(0, 10**12))
def test_grouping_does_not_change_a_number(number):
    assert [value for _, value in numbers(f"${number:,}")] == [str(number)]
    assert [value for _, value in numbers(f"{number}.00 ")] == [str(number)]


PARTS = st.sampled_from(
    ["12 March 2021", "Acme Corp.", "of", "State of", "&", '"', "“", "5", ",", ".", "...", "%",
     "twenty", "hundred", "million", "\n", "\x00", "1/2/03", "9" * 5000, "99/99/9999", "0", "İ"]
)  # fmt: skip


@given(st.lists(PARTS | st.text(max_size=5), max_size=40).map(" ".join))
@example("٣ days, ² and Ⅷ")
@example("0000-00-00 and 0 march 0000")
def test_no_text_raises_and_a_text_is_grounded_in_itself(text):
    assert ground(text).value in (None, 0.0, 1.0)
    assert ground(text, text=text + " ").value in (None, 1.0)


@pytest.mark.parametrize(
    "unit",
    ['"', "“a", "A ", "Ab, ", "of ", "9", "9,", "9 ", "1/", "may ", "12 march ", "twenty ",
     "hundred ", "million ", "...", "[a]", "A.", "& ", "\n", " ", "the ", "State of ",
     "5,", "5, ", "Bank of America; ", "march 12, 2021 ", '"the term is" ', "ninety "],
)  # fmt: skip
def test_a_hundred_thousand_characters_take_linear_time(unit):
    text = "It is " + unit * (100_000 // len(unit))
    start = time.process_time()
    ground(text)
    assert time.process_time() - start < 2
