"""What `--missed` and `--errored` take again, as pytest's cache remembers it from exam to exam."""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from common.errors import UserError
from evals.options import ExamOptions

if TYPE_CHECKING:
    import pytest

MISSED = "exam/missed"
"""Where the ids of tests are kept that missed when they were taken last."""
ERRORED = "exam/errored"
"""Where (model, case id) are kept that had an error when they were examined last."""


def remember(
    cache: "pytest.Cache | None", key: str, examined: Collection[Any], found: Collection[Any]
) -> None:
    """Keep what was found; of what was not examined now, what was known before still holds.

    Args:
        cache: None under `-p no:cacheprovider`.
        key: MISSED or ERRORED.
        examined: everything that this exam can tell of.
        found: those of it that missed, or had an error.
    """
    if cache is not None:
        cache.set(key, sorted({*_remembered(cache, key).difference(examined), *found}))


def again(
    items: "Sequence[pytest.Item]", options: ExamOptions, cache: "pytest.Cache | None"
) -> "Sequence[pytest.Item]":
    """Those of the tests that `--errored` and `--missed` ask for; all without them.

    Raises:
        UserError: nothing is remembered, or nothing of it is among these tests.
    """
    if options.errored:
        errors = _remembered(cache, ERRORED)
        items = _those(items, _model_and_case, errors, "--errored", "the last exam had no error",
                       "no case that had an error")  # fmt: skip
    if options.missed:
        missed = _remembered(cache, MISSED)
        items = _those(items, lambda item: item.nodeid, missed, "--missed",
                       "the last exam missed nothing", "none of the missed tests")  # fmt: skip
    return items


def _those(
    items: "Sequence[pytest.Item]",
    name: "Callable[[pytest.Item], Any]",
    wanted: set[Any],
    option: str,
    empty: str,
    none: str,
) -> "Sequence[pytest.Item]":
    if not wanted:
        raise UserError(f"{option}: {empty}, or there was none; leave it out")
    chosen = [item for item in items if name(item) in wanted]
    if not chosen:
        raise UserError(f"{option}: {none} is in this selection; leave it out")
    return chosen


def _model_and_case(item: Any) -> tuple[str, str] | None:
    """What a test is about; None where it is about no case."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    case: Any = params.get("case")
    return (params["model"], case.id) if hasattr(case, "id") else None


def _remembered(cache: "pytest.Cache | None", key: str) -> set[Any]:
    """What JSON brought back: tuples came as lists."""
    found = cache.get(key, []) if cache is not None else []
    return {tuple(each) if isinstance(each, list) else each for each in found}
