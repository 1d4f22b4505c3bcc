"""Requests as a service would have logged them: real answers, dated over the days of two weeks."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common.files import write_jsonl
from common.identity import digest
from common.reading import file_text, parse_json
from fixtures.served import Served, row_of

DAY = 86_400.0


def serve(report: Path, folder: Path, midnight: float, days: Sequence[int]) -> int:
    """Write the answers of an exam as rows of a log; returns how many.

    Contracts are spread over the days by a digest of their titles.

    Args:
        report: of the exam whose questions were asked.
        folder: of the log.
        midnight: seconds since 1970, of the day that is not over.
        days: before that.

    Raises:
        UserError: the report cannot be read, or nothing can be written.
    """
    found: dict[str, Any] = parse_json(str(report), file_text(report))
    rows: dict[int, list[dict[str, Any]]] = {day: [] for day in days}
    for number, result in enumerate(found["results"]):
        case = found["cases"][result["case"]]
        day = days[int(digest("day", case["contract"])[:8], 16) % len(days)]
        time = midnight - day * DAY + 8 * 3600 + number
        passages = tuple(found["passages"][at]["text"] for at in result["passages"])
        error = result["error"] or ""
        served = Served(
            id=f"{result['model']}-{case['identity'][:16]}", time=time, question=case["question"],
            contract=case["contract"], passages=passages, answer=result["answer"],
            model=result["model"], category=case["category"], latency=result["latency"],
            tokens_in=result["tokens_in"], tokens_out=result["tokens_out"], error=error,
        )  # fmt: skip
        rows[day].append(row_of(served))
    for day, there in rows.items():
        named = day_of(midnight - day * DAY)
        write_jsonl(folder / f"{named}.jsonl", there, private=True)
    return sum(map(len, rows.values()))


def day_of(time: float) -> str:
    """The name of a day's file, as a service writes it.

    >>> day_of(1_800_000_000.0)
    '2027-01-15'
    """
    return datetime.fromtimestamp(time, UTC).date().isoformat()
