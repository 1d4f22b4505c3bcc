"""What the outcome of a test is called: missed, unscored, unmet; and its reason in one line."""

from typing import NoReturn

import pytest

from evals.results import Result


class Unmet(pytest.fail.Exception):  # type: ignore[name-defined, misc]
    """A check that did not hold; its line stands in the exam's own part of the summary."""

    __module__ = "builtins"  # named without its path, as pytest's own


class Scores:
    """Values by metric; asking for one that could not be computed makes the test unscored."""

    def __init__(self, result: Result) -> None:
        self._scores = result.scores

    def __getitem__(self, metric: str) -> float:
        score = self._scores.get(metric)
        if score is None:
            unscored(f"{metric}: no judge was given that scores it")
        if score.value is None:
            unscored(f"{metric}: {score.reason}")
        return score.value


def unscored(reason: str) -> NoReturn:
    """End a test that there is nothing to hold."""
    pytest.skip(f"unscored: {reason}")


def is_missed(call: pytest.CallInfo[None]) -> bool:
    """Whether a test of a case failed its assertion."""
    return call.excinfo is not None and call.excinfo.errisinstance(AssertionError)


def as_missed(call: pytest.CallInfo[None]) -> None:
    """Show the failed assertion of a case like xfail, without a traceback.

    To be called before pytest renders it, which in a large exam costs more than all the rest.
    """
    if call.excinfo is not None:
        line = f"missed: {call.excinfo.value}".splitlines()[0]
        call.excinfo = _raised(pytest.xfail.Exception(line, pytrace=False))


def shorten(call: pytest.CallInfo[None]) -> None:
    """Let an assertion that failed be its reason alone: no source, no fixture's repr."""
    found = call.excinfo
    if found is not None and found.errisinstance(AssertionError):
        line = (str(found.value) or "the assertion does not hold").splitlines()[0]
        call.excinfo = _raised(pytest.fail.Exception(line, pytrace=False))


def _raised(exception: BaseException) -> pytest.ExceptionInfo[BaseException]:
    """What `pytest.xfail` or `pytest.fail` raises, without a traceback to show."""
    try:
        raise exception
    except type(exception):
        return pytest.ExceptionInfo.from_current()


def status(report: pytest.TestReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """The name of what pytest would call xfailed or skipped, where the exam has one."""
    if getattr(report, "exam_missed", None) and report.skipped:
        return "missed tests", "m", ("MISSED", {"yellow": True})
    if report.skipped and isinstance(report.longrepr, tuple) and "unscored: " in report.longrepr[2]:
        return "unscored", "u", ("UNSCORED", {"yellow": True})
    return None
