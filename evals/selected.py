"""What the tests that pytest selected need of the exam, read from their parameters and markers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evals.agenda import varied_cases
from evals.suites import SUITES
from fixtures.cases import Case

if TYPE_CHECKING:
    import pytest

ANSWERED = frozenset({"answer", "verdict", "performance"})
"""Fixtures that no test can use without answers, whatever its marker says."""


@dataclass(frozen=True, slots=True)
class CaseTest:
    """A test that was selected for a case, and the metrics of its marker."""

    case: str
    name: str
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Selected:
    """Ids of the cases, names of the metrics and of the suites that are needed.

    With `answers` the models are asked also where the metrics read passages alone.
    """

    cases: frozenset[str] = frozenset()
    metrics: frozenset[str] = frozenset()
    suites: frozenset[str] = frozenset()
    answers: bool = False
    tests: tuple[CaseTest, ...] = ()


def read_selected(
    items: Iterable["pytest.Item"], cases: Sequence[Case], variants: int
) -> Selected | None:
    """What these tests need; None where none of them is parametrized, and nothing is examined.

    Args:
        items: the selected tests.
        cases: every case of the exam.
        variants: how many cases are varied for the suites that vary some.
    """
    every = frozenset(case.id for case in cases)
    varied = varied_cases(cases, variants)
    needs = [_need(item, every, varied) for item in items if hasattr(item, "callspec")]
    if not needs:
        return None
    return Selected(
        frozenset().union(*(need.cases for need in needs)),
        frozenset().union(*(need.metrics for need in needs)),
        frozenset().union(*(need.suites for need in needs)),
        any(need.answers for need in needs),
        tuple(test for need in needs for test in need.tests),
    )


def _need(item: Any, every: frozenset[str], varied: frozenset[str]) -> Selected:
    """What one test needs."""
    params = item.callspec.params
    if not isinstance(params.get("model", params.get("judge")), str):
        return Selected()  # pytest's stand-in for an empty parameter set
    names, marked = _arguments(item, "suite"), _arguments(item, "metrics")
    for suite in names:
        asks = SUITES[suite].asks if suite in SUITES else "tasks"
        if asks != "cases":
            cases = varied if asks == "variants" else frozenset[str]()
            return Selected(cases, suites=frozenset(names), answers=asks == "variants")
    case = params.get("case")
    return Selected(
        frozenset([case.id]) if case else every,
        frozenset([params["metric"]] if "metric" in params else marked),
        frozenset(names),
        not ANSWERED.isdisjoint(item.fixturenames),
        (CaseTest(case.id, item.originalname, marked),) if case else (),
    )


def _arguments(item: Any, marker: str) -> tuple[str, ...]:
    found = item.get_closest_marker(marker)
    return tuple(found.args) if found else ()
