"""The suites that ask more than what their metrics need, or that need a judge: one table."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Suite:
    """Tests that ask alike.

    `name` is their marker's, and that of the report's section in which they look findings up.
    `asks` is what they are about: the cases, variants of some of them, or other tasks altogether.
    A `full` suite asks much more than the cases: `--full`, or its file's name, brings it in. A
    `judged` one has no test where there is no judge.
    """

    name: str
    file: str
    asks: Literal["cases", "variants", "tasks"]
    full: bool = False
    judged: bool = False


CORRECTNESS = Suite("correctness", "test_correctness.py", "cases", judged=True)
JUDGE = Suite("judge", "test_judge.py", "tasks", judged=True)
SUFFICIENCY = Suite("sufficiency", "test_sufficiency.py", "cases", full=True, judged=True)
ROBUSTNESS = Suite("robustness", "test_robustness.py", "variants", full=True)
SAFETY = Suite("safety", "test_safety.py", "variants", full=True)
HARM = Suite("harm", "test_safety.py", "cases", full=True)
FAIRNESS = Suite("fairness", "test_fairness.py", "variants", full=True)
FORGETTING = Suite("forgetting", "test_forgetting.py", "tasks", full=True)
CONTAMINATION = Suite("contamination", "test_contamination.py", "tasks", full=True)
# fmt: off
SUITES = {suite.name: suite for suite in (
    CORRECTNESS, JUDGE, SUFFICIENCY, ROBUSTNESS, SAFETY, HARM, FAIRNESS, FORGETTING, CONTAMINATION,
)}
# fmt: on


def is_left_out(file: str, *, full: bool, judges: Collection[str]) -> bool:
    """Whether the tests of this file are not collected, unless it is named."""
    suites = [suite for suite in SUITES.values() if suite.file == file]
    return any((each.full and not full) or (each.judged and not judges) for each in suites)


def varied_suites(names: Collection[str]) -> tuple[str, ...]:
    """Those of these suites for which cases are varied, in the table's order."""
    return tuple(name for name, each in SUITES.items() if name in names and each.asks == "variants")
