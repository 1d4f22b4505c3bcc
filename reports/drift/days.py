"""The days that were counted: a log that was edited after that is noticed.

    FOLDER/days.json      by model and exam, of each day: how many rows counted, and their digest

A decision stands on what the log says now. That it errs once a year is true of a log that only
grows, so what no longer is as it was counted is named.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import write_whole
from common.identity import digest
from common.reading import file_text, parse_json
from reports.drift.log import Day

FILE = "days.json"


@dataclass(frozen=True, slots=True)
class Changed:
    """A day that is not as it was counted."""

    day: str
    before: int
    now: int


def note_days(
    folder: Path, model: str, exam: str, days: Mapping[str, Day], within: tuple[str, str]
) -> tuple[Changed, ...]:
    """Write down the days of a log; returns those that were counted otherwise before.

    Args:
        folder: of the file.
        model: whose rows.
        exam: with which it is compared.
        days: that count now.
        within: the first and the last day that was looked for; empty is open.

    Raises:
        UserError: the file is not what was written, or cannot be written.
    """
    path = folder / FILE
    everything = _read(path)
    key = digest(model, exam)
    before = everything.get(key, {})
    now: dict[str, list[Any]] = {day: [each.rows, each.digest] for day, each in days.items()}
    first, last = within
    looked = {
        day: each
        for day, each in before.items()
        if not (first and day < first) and not (last and day > last)
    }
    changed = tuple(
        Changed(day, each[0], now.get(day, [0, ""])[0])
        for day, each in sorted(looked.items())
        if now.get(day) != each
    )
    after = {**everything, key: {**before, **now}}
    if after != everything:
        write_whole(path, json.dumps(after, indent=1, sort_keys=True) + "\n", private=True)
    return changed


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    found = parse_json(str(path), file_text(path), _mend(path))
    if not isinstance(found, dict) or not all(map(_is_days, found.values())):
        raise UserError(f"{path} is not what was written; {_mend(path)}")
    return found


def _is_days(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(each, list)
        and len(each) == 2
        and isinstance(each[0], int)
        and isinstance(each[1], str)
        for each in value.values()
    )


def _mend(path: Path) -> str:
    return f"remove it, and days are counted anew: rm {path}"
