"""One sentence says what an exam proved of a candidate and what it did not, on every page."""

import html
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from evals.gate import Gate, MetricGate
from models.chat import Answer
from reports.markdown.markdown import markdown
from reports.page.html import render
from reports.report import Check, Opponent, Verdict
from reports.terminal.terminal import print_report
from reports.views.proof import proofs
from tests.builders.report_data import written
from tests.reports.test_planning import cases

GATE = Gate(minimum_cases=1, metrics={"token_f1": MetricGate(role="guard", floor=0.5)})


def report(contracts=4, **changes):
    found = written(cases(contracts), {"new": lambda case: Answer("text")}, gate=GATE)
    return replace(found, **changes) if changes else found


def verdict(*checks):
    return Verdict("new", "INCONCLUSIVE", ("open",), tuple(Check(*each, "") for each in checks))


def sentence(shown):
    (proof,) = proofs(shown)
    return proof.sentence


def test_floors_on_four_contracts_prove_nothing_of_a_champion():
    said = sentence(report())
    assert re.fullmatch(
        r"proved of new on 4 contracts: the floor of token_f1; not proved: anything about a "
        r"champion, with which it was not compared; a difference below 0\.\d+ in token_f1\.",
        said,
    )


def test_every_outcome_has_its_place():
    many = [(f"token_f1 in {n}", "floor", "N/A") for n in range(8)]
    said = sentence(
        report(
            verdicts=(
                verdict(
                    ("token_f1", "floor", "PASS"),
                    ("abstention", "floor", "FAIL"),
                    ("laziness", "floor", "INCONCLUSIVE"),
                    ("token_f1", "champion old", "PASS"),
                    ("abstention", "champion old", "INCONCLUSIVE"),
                    ("leakage", "training", "PASS"),
                    *many,
                ),
            )
        )
    )
    proved, left = said.split("; not proved: ")
    assert proved.endswith(
        ": the floor of token_f1; no worse than the champion old in token_f1; "
        "short of the floor of abstention"
    )
    assert left.startswith(
        "the floor of laziness; abstention against the champion old; token_f1 in"
    )
    assert "and 4 more (not asked for here)" in left
    assert "leakage" not in said and "not compared" not in said


def test_what_had_to_be_better_is_said_to_be_better_or_not():
    rules = {"token_f1": MetricGate(role="primary", goal="superior")}
    gate = Gate(minimum_cases=1, metrics=GATE.metrics | rules)
    found = written(cases(4), {"new": lambda case: Answer("text")}, gate=gate)
    for outcome, words in (
        ("PASS", "proved of new on 4 contracts: better than the champion old in token_f1;"),
        ("FAIL", "proved of new on 4 contracts: not better than the champion old in token_f1;"),
        ("INCONCLUSIVE", "not proved: token_f1 against the champion old;"),
    ):
        checks = verdict(("token_f1", "champion old", outcome))
        assert words in sentence(replace(found, verdicts=(checks,)))


def test_one_contract_proves_nothing_of_its_answers():
    said = sentence(report(contracts=1, verdicts=(verdict(("token_f1", "floor", "INCONCLUSIVE")),)))
    assert "on 1 contract: nothing of its answers; not proved: the floor of token_f1" in said
    assert said.endswith("a difference of any size in token_f1.")


def test_who_is_only_measured_against_gets_no_sentence():
    assert proofs(report(verdicts=())) == []


@pytest.mark.parametrize("opponent", ["champion", "anchor", "baseline"])
def test_whoever_was_compared_is_not_said_to_be_alone(opponent):
    against = Opponent(opponent, "old", "").words
    said = sentence(report(verdicts=(verdict(("token_f1", against, "PASS")),)))
    assert f"no worse than the {opponent} old in token_f1" in said
    assert "not compared" not in said


def test_the_sentence_stands_once_on_every_page_and_last_in_the_terminal():
    found = report()
    (proof,) = proofs(found)
    said = proof.sentence
    printed = io.StringIO()
    print_report(found, Path("page"), [], printed)
    assert printed.getvalue().rstrip().splitlines()[-1] == said
    page = html.unescape(render(found).html)
    assert all(page.count(f"<li>{clause}</li>") == 1 for clause in (*proof.proved, *proof.open))
    assert html.unescape(markdown(found)).count(said) == 1
