"""report.json: the one record of an exam that pages, comparisons and promotions read.

Passages are listed once and named by number; a score that could not be computed is null, with its
reason beside it.
"""

import contextlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from evals.metrics.table import METRICS
from evals.plan import Result, Spending
from evals.scores import Score
from fixtures.cases import Case
from fixtures.errors import UserError
from fixtures.passages import Passage
from fixtures.private import private_folder, private_opener
from fixtures.redaction import outward, redacted
from fixtures.storable import each_text
from models.chat import Answer
from reports.by_category import CategoryDifference
from reports.findings import as_rows, read_rows
from reports.performance import Performance
from reports.report import Group, Header, Report
from reports.statistics import Estimate
from reports.verdict import Check, Opponent, Verdict

SCHEMA = 1


def write_json(written: Mapping[str, Any], path: Path) -> None:
    """Write `report.json`, whole or not at all.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    write_whole(
        path, json.dumps(written, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    )


def write_whole(path: Path, text: str) -> None:
    """Replace `path` by `text`; a failure leaves what was there.

    Raises:
        UserError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        private_folder(path.parent)
        opened = private_opener(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        with os.fdopen(opened, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise UserError(
            f"{path} cannot be written ({error.strerror}); free some space or name another place, "
            "and type the same command: every answer is kept in the store"
        ) from error


def as_json(report: Report) -> dict[str, Any]:
    """The report as JSON-able values; its texts can be stored and shown, and hold no secret."""
    passages: dict[Passage, int] = {}
    cases: dict[str, int] = {}
    case_rows: list[dict[str, Any]] = []
    result_rows = []
    for result in report.results:
        if result.case.id not in cases:
            cases[result.case.id] = len(cases)
            case_rows.append(_case_row(result.case))
        shown = [passages.setdefault(p, len(passages)) for p in result.answer.passages]
        result_rows.append(_result_row(result, cases[result.case.id], shown, report))
    written: dict[str, Any] = {
        "schema": SCHEMA,
        **asdict(report.header),
        "notes": list(report.notes),
        "spending": asdict(report.spending),
        "metrics": {
            m.name: {
                "direction": m.direction,
                "unit": m.unit,
                "summary": m.summary,
                "of_retrieval": m.of_retrieval,
            }
            for m in METRICS.values()
        },
        "summary": [asdict(group) for group in report.summary],
        "categories": [asdict(group) for group in report.categories],
        "contracts": [asdict(group) for group in report.contracts],
        "verdicts": [asdict(verdict) for verdict in report.verdicts],
        "differences": [asdict(difference) for difference in report.differences],
        "sections": as_rows(report.sections),
        "performance": [asdict(performance) for performance in report.performance],
        "passages": [
            {"contract": p.contract_id, "start": p.start, "end": p.end, "text": p.text}
            for p in passages
        ],
        "cases": case_rows,
        "results": result_rows,
    }
    # Contracts stay as they are: JSON can carry them, and offsets count their characters.
    plain = ("passages", "cases")
    return {
        key: each_text(value, redacted if key in plain else outward)
        for key, value in written.items()
    }


def _case_row(case: Case) -> dict[str, Any]:
    return {
        "id": case.id,
        "slug": case.slug,
        "identity": case.identity,
        "contract": case.contract.id,
        "category": case.category,
        "question": case.question,
        "expected": [{"text": span.text, "start": span.start} for span in case.spans],
    }


def _result_row(result: Result, case: int, shown: list[int], report: Report) -> dict[str, Any]:
    answer = result.answer
    return {
        "model": result.model,
        "case": case,
        "answer": answer.text,
        "error": answer.error,
        "finish_reason": answer.finish_reason,
        "reasoning": answer.reasoning,
        "tokens_in": answer.tokens_in,
        "tokens_out": answer.tokens_out,
        "latency": answer.latency,
        "confidence": _finite(answer.confidence),
        "passages": shown,
        "asked": result.asked,
        "missed": report.missed.get((result.model, result.case.id), ()),
        "scores": {name: _finite(score.value) for name, score in result.scores.items()},
        "reasons": {name: score.reason for name, score in result.scores.items() if score.reason},
    }


def _finite(number: float | None) -> float | None:
    """JSON has no NaN, and a browser refuses a page that holds one."""
    return number if number is not None and math.isfinite(number) else None


def read_report(path: Path, cases: Mapping[str, Case]) -> Report:
    """A written report, for these cases by id.

    Raises:
        UserError: it is missing or not a report of this version.
    """
    try:
        written = json.loads(path.read_bytes())
        if written["schema"] != SCHEMA:
            raise UserError(
                f"{path} has schema {written['schema']}, this reads {SCHEMA}; run again"
            )
        passages = [
            Passage(p["contract"], p["start"], p["end"], p["text"]) for p in written["passages"]
        ]
        ids = {redacted(id_): id_ for id_ in cases}
        named = [ids[case["id"]] for case in written["cases"]]
        rows = [(named[row["case"]], row) for row in written["results"]]
        return Report(
            header=Header(**{f.name: written[f.name] for f in fields(Header) if f.name in written}),
            spending=Spending(**written["spending"]),
            summary=_read_groups(written["summary"]),
            categories=_read_groups(written["categories"]),
            contracts=_read_groups(written["contracts"]),
            verdicts=tuple(_read_verdict(verdict) for verdict in written["verdicts"]),
            performance=tuple(Performance(**row) for row in written["performance"]),
            results=tuple(_result(row, cases[id_], passages) for id_, row in rows),
            notes=tuple(written["notes"]),
            sections=read_rows(written.get("sections", [])),
            differences=tuple(
                CategoryDifference(**{**row, "estimate": Estimate(**row["estimate"])})
                for row in written["differences"]
            ),
            missed={
                (row["model"], id_): tuple(row["missed"]) for id_, row in rows if row["missed"]
            },
        )
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; run the exam again") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UserError(f"{path} is no report ({error!r}); run the exam again") from error


def _read_verdict(row: Mapping[str, Any]) -> Verdict:
    checks = tuple(
        Check(**{**check, "estimate": check["estimate"] and Estimate(**check["estimate"])})
        for check in row["checks"]
    )
    sides = {side: row[side] and Opponent(**row[side]) for side in ("champion", "anchor")}
    return Verdict(**{**row, "reasons": tuple(row["reasons"]), "checks": checks, **sides})


def _read_groups(rows: Sequence[Mapping[str, Any]]) -> tuple[Group, ...]:
    return tuple(
        Group(**{**row, "estimates": {k: Estimate(**e) for k, e in row["estimates"].items()}})
        for row in rows
    )


def _result(row: Mapping[str, Any], case: Case, passages: Sequence[Passage]) -> Result:
    answer = Answer(
        text=row["answer"],
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        latency=row["latency"],
        finish_reason=row["finish_reason"],
        error=row["error"],
        passages=tuple(passages[number] for number in row["passages"]),
        confidence=row["confidence"],
        reasoning=row.get("reasoning", ""),
    )
    scores = {
        name: Score(value, row["reasons"].get(name, "")) for name, value in row["scores"].items()
    }
    return Result(row["model"], case, answer, scores, row["asked"])
