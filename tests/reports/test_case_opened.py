"""One case, opened; and the flips that a page tells."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from fixtures.cases import Case, Contract, Span
from fixtures.datasets import load_dataset
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from reports.archive import write_report
from reports.page.__main__ import main
from reports.page.case.answered import LONGEST, SHOWN, answered, changed
from reports.page.case.opened import common, opened
from reports.page.case.paid import judged, took
from reports.page.case.told import MOST, told
from reports.page.cases import shown_cases
from reports.page.html import render
from tests.builders.duel_data import RUBRIC, duel
from tests.builders.report_data import written

CASES = load_dataset("sample").cases[:40]


def gold(case):
    start = (case.spans[0].start if case.spans else 0) or 0
    text = case.contract.text[start : start + 400]
    passages = (Passage(case.contract.id, start, start + len(text), text),)
    said = case.spans[0].text if case.spans else "Not found."
    return Answer(said, 100, 10, 0.5, passages=passages, cost=Decimal("0.002"))


def zebras(case):
    return replace(gold(case), text="Zebras.") if len(case.category) % 3 else gold(case)


@pytest.fixture(scope="module")
def report():
    return duel(CASES, zebras, gold)


def kinds(pieces):
    return [(each.kind, each.text) for each in pieces]


def case_of(*golds):
    return replace(
        duel(CASES[:1], gold, gold).cases[0], expected=tuple(Span(text, None) for text in golds)
    )


def result_of(text, **changes):
    return replace(duel(CASES[:1], gold, gold).results[0], answer=text, **changes)


def test_an_answer_is_compared_with_the_expected_one_that_is_most_like_it():
    case = case_of("thirty days after notice", "the laws of the State of New York")
    found = answered(case, result_of("The laws of the State of Nevada"))
    assert kinds(found.pieces) == [
        ("same", "The laws of the State of"), ("removed", "New York"), ("added", " Nevada"),
    ]  # fmt: skip
    assert found.differs


@pytest.mark.parametrize(
    ("golds", "said"),
    [
        ((), "Two years."),
        (("two years",), ""),
        (("two years",), "Not found."),
        (("the laws of New York govern it",), "Zebras graze on every hill of Africa"),
        (("word " * LONGEST,), "word " * LONGEST + "more"),
    ],
)
def test_what_cannot_be_compared_is_shown_as_it_was_said(golds, said):
    found = answered(case_of(*golds), result_of(said))
    assert not found.differs
    assert "".join(piece.text for piece in found.pieces) == said


def test_a_long_gap_is_shortened_and_says_by_how_much():
    long = " ".join(f"word{n}" for n in range(100))
    pieces = answered(case_of(long), result_of("word0 word99 word98 word0 word99")).pieces
    (gap,) = [each.text for each in pieces if each.kind == "removed"]
    assert len(gap.split()) < 2 * SHOWN
    assert f"{97 - SHOWN:,} words" in gap


def test_two_answers_that_say_the_same_have_no_change():
    assert changed(result_of("Two years."), result_of("two years")) == ()
    assert kinds(changed(result_of("Two years"), result_of("Two days"))) == [
        ("same", "Two"), ("removed", "years"), ("added", " days"),
    ]  # fmt: skip


def test_a_case_tells_its_prompts_its_judges_and_what_they_took(report):
    every = common(report)
    alike = [
        one
        for one in shown_cases(report)
        if len({row.answer for row in one.results}) == 1 and len(one.results[0].answer) > 60
    ]
    found = opened(every, alike[0])
    own, judgement = found.talks
    assert (own.asked, own.metric, own.models) == ("", "", ("new", "old"))
    assert (judgement.asked, judgement.metric) == ("umpire", "correctness")
    assert found.silent == ()
    user = own.sent[1]
    assert [part.text for part in user.parts if part.named] == ["passage 1", "question"]
    assert RUBRIC in [turn.parts[0].text for turn in every.turns.values() if turn.literal]
    first = report.results[0]
    assert took(first) == "0.50 s, 100 tokens in, 10 out, $0.0020"
    assert list(judged(first)) == ["correctness by umpire: 70 tokens in, 9 out, $0.00040"]


def test_a_report_without_prompts_says_so():
    early = written(CASES[:4], {"good": gold})
    found = opened(common(early), shown_cases(early)[0])
    assert (found.talks, found.silent) == ((), ("good",))
    assert "No prompt is recorded of good" in render(early).html


def test_what_was_judged_before_has_its_cost_alone(report):
    row = replace(report.results[0], conversations=(), judging={"correctness": Decimal("0.2")})
    assert list(judged(row)) == ["correctness: $0.20"]
    assert list(judged(replace(row, judging={"bias": None}))) == [
        "bias: at a cost that nobody knows"
    ]


def test_flips_are_told_what_was_lost_first(report):
    (against,) = told(report)
    lost, won = against.sides
    assert (lost.side, won.side, won.count) == ("lost", "won", 0)
    zebra = [row for row in report.results if row.model == "new" and row.answer == "Zebras."]
    assert lost.count == len(zebra) > 5
    page = render(report).html
    flips = page[page.index('<section id="flips">') : page.index('<section id="cases">')]
    assert flips.count('<article class="flip">') == min(MOST, lost.count)
    assert flips.count("Zebras.") == min(MOST, lost.count)
    assert "champion old" in flips


def test_without_an_opponent_there_are_no_flips_to_tell():
    assert '<section id="flips">' not in render(written(CASES[:4], {"good": gold})).html


HOSTILE = '</script><script>alert(1)</script> "></td> javascript:alert(1) \x1b[31m {{ 7*7 }} &amp;'


def test_hostile_text_is_text_wherever_a_case_shows_it():
    contract = Contract(HOSTILE, f"before {HOSTILE} after")
    case = Case("id", "hostile", contract, HOSTILE, HOSTILE, (Span(HOSTILE, 7),))
    passages = (Passage(HOSTILE, 0, len(contract.text), contract.text),)

    def same(case):
        return Answer(f"{HOSTILE} and more", 1, 1, 0.1, passages=passages)

    def less(case):
        return Answer(f"{HOSTILE} {'w' * 10_000}", 1, 1, 0.1, passages=passages)

    report = duel([case], same, less, reason=HOSTILE, typed="pytest evals --gate '</code><b>'")
    page = render(report).html
    assert page.count("<script") == 2
    assert "alert(1)</script>" not in page
    assert "</code><b>" not in page
    assert "7*7" in page


def test_prompts_are_printed_whole(report, tmp_path, capsys):
    write_report(report, tmp_path / "report.json")
    case = report.cases[0]
    assert main([str(tmp_path / "report.json"), "--prompts", case.slug]) == 0
    own, judgement, *_ = json.loads(capsys.readouterr().out)
    assert own["model"] == own["of"] == "new"
    assert case.question in own["messages"][1]["content"]
    assert gold(CASES[0]).passages[0].text in own["messages"][1]["content"]
    assert (judgement["model"], judgement["metric"]) == ("umpire", "correctness")
    assert judgement["messages"][0] == {"role": "system", "content": RUBRIC}
    assert json.loads(judgement["reply"])["reasons"] == report.results[0].reasons["correctness"]


def test_prompts_of_no_such_case_are_one_line(report, tmp_path, capsys):
    write_report(report, tmp_path / "report.json")
    assert main([str(tmp_path / "report.json"), "--prompts", report.cases[0].slug[:-1]]) == 4
    said = capsys.readouterr().err
    assert said.startswith("ERROR: --prompts") and report.cases[0].slug in said
