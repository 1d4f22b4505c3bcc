"""What judges say of passages, beside where the gold spans stand."""

from dataclasses import replace

import pytest

from evals.results import Result, Score
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from reports.sections.passages import LISTED, passages_section
from reports.verdict.pairs import is_lost

TEXT = "The term is two years. Fees are due."


def row(number, judged, *, shown, contract="a"):
    """A case whose gold answer stands at the start of its contract."""
    case = Case(
        f"{number}", f"slug-{number}", Contract(contract, TEXT), "", "?", (Span("The term", 0),)
    )
    passage = Passage(contract, 0, 22, TEXT[:22]) if shown else Passage(contract, 23, 36, TEXT[23:])
    answer = Answer("", error="not asked", passages=(passage,))
    return Result("m", case, answer, {"sufficiency": Score(judged)}, asked=False)


def findings(rows):
    return {each.measure: each for each in passages_section({"m": rows}, 0.05).findings}


def test_agreement_is_counted_and_the_cases_that_differ_are_named():
    rows = [row(n, 1.0, shown=True, contract=f"c{n % 4}") for n in range(6)]
    rows += [row(n, 0.0, shown=False, contract=f"c{n % 4}") for n in range(6, 10)]
    rows += [row(10, 0.9, shown=False, contract="c1"), row(11, 0.1, shown=True, contract="c2")]
    found = findings(rows)
    assert found["agreement"].estimate.mean == pytest.approx(10 / 12)
    assert "kappa 0.657" in found["agreement"].reason
    assert found["derivable, gold spans not shown"].reason == "slug-10"
    assert found["not derivable, gold spans shown"].reason == "slug-11"
    assert found["derivable"].estimate.mean == found["gold spans shown"].estimate.mean == 7 / 12


def test_what_has_no_score_is_counted_and_a_model_that_no_judge_read_has_no_finding():
    rows = [row(0, 1.0, shown=True), row(1, None, shown=True), row(2, 1.0, shown=True)]
    rows.append(replace(row(3, 1.0, shown=True), answer=Answer("x")))
    found = findings(rows)
    assert found["agreement"].estimate.n == 2
    assert "2 more have no score or no located gold answer" in found["agreement"].reason
    assert findings([replace(each, scores={}) for each in rows]) == {}


def test_names_are_few():
    rows = [row(n, 1.0, shown=False) for n in range(LISTED + 3)]
    assert findings(rows)["derivable, gold spans not shown"].reason.endswith("and 3 more")


def test_a_judgement_of_passages_that_failed_is_lost_and_an_answer_that_failed_loses_none():
    assert is_lost(row(0, None, shown=True), "sufficiency")
    assert not is_lost(row(0, 0.0, shown=True), "sufficiency")
