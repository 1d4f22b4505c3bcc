"""report.json: the one record of an exam that pages, comparisons and promotions read.

Passages are listed once and named by number; a score that could not be computed is null, with its
reason beside it.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import FREE, write_whole
from common.redaction import outward, redacted
from common.settings import nearest
from common.storable import each_text
from evals.metrics.table import METRICS
from evals.results import Result, Score, Spending
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from reports.report import (
    CategoryDifference,
    Check,
    Finding,
    Group,
    Header,
    Opponent,
    Performance,
    Report,
    Section,
    Verdict,
)
from reports.statistics.estimates import Estimate

SCHEMA = 1
AGAIN = f"{FREE}, and type the same command: every answer is kept in the store"
"""What to do where a file of a report cannot be written."""


def write_json(written: Mapping[str, Any], path: Path) -> None:
    """Write `report.json`, whole or not at all.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    text = json.dumps(written, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    write_whole(path, text, mend=AGAIN, private=True)


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


RUNS = Path("reports/runs")
LATEST = "latest"
CHUNK = 1 << 16
RUN_NAME = re.compile(r".+~[0-9]{1,6}")
"""A run by its model: the N-th before the last."""

RIGHT_OR_WRONG: Mapping[str, float] = {"abstention": 1.0, "laziness": 0.0}
"""Metrics that a case passes or misses without a pass mark in the gate file."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A case, by its names and its content's identity."""

    id: str
    slug: str
    identity: str
    contract: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What a model made of a case; a score that could not be computed is None."""

    case: Asked
    answer: str
    error: str | None
    scores: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Examined:
    """A model of the exam; role is candidate, baseline, champion or anchor.

    `identity` is of what moves its answers: two exams of one identity asked the same model.
    """

    name: str
    identity: str
    role: str


@dataclass(frozen=True)
class Exam:
    """One written report. `taken` and `estimates` are by model, then by case id or metric."""

    id: str
    command: str
    fingerprint: Mapping[str, Any]
    retriever: Mapping[str, Any]
    gate: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, str]]
    models: tuple[Examined, ...]
    cases: tuple[Asked, ...]
    taken: Mapping[str, Mapping[str, Taken]]
    estimates: Mapping[str, Mapping[str, Estimate]]

    @property
    def marks(self) -> dict[str, float]:
        """What a case must reach, by metric."""
        return {**self.gate.get("pass_marks", {}), **RIGHT_OR_WRONG}

    @property
    def gating(self) -> list[str]:
        """Metrics that gate."""
        return [
            name
            for name, entry in self.gate.get("metrics", {}).items()
            if entry.get("role") != "report"
        ]

    def lower_is_better(self, metric: str) -> bool:
        """Judges' metrics, which the table does not list, are better when higher."""
        return self.metrics.get(metric, {}).get("direction") == "lower"

    def passes(self, metric: str, score: float) -> bool:
        """Whether the score reaches the metric's mark.

        Raises:
            KeyError: it has none.
        """
        mark = self.marks[metric]
        return score <= mark if self.lower_is_better(metric) else score >= mark


def answers_key(row: Mapping[str, Any]) -> str:
    """What a model's answers were kept under; early reports held it as its identity."""
    return str(row.get("answers") or row.get("identity", ""))


def exam_from(written: Mapping[str, Any]) -> Exam:
    """The exam that the value of report.json tells of.

    Raises:
        LookupError, TypeError, AttributeError, ValueError: it is no such value.
    """
    cases = tuple(
        Asked(row["id"], row["slug"], row["identity"], row["contract"]) for row in written["cases"]
    )
    taken: dict[str, dict[str, Taken]] = {group["model"]: {} for group in written["summary"]}
    for row in written["results"]:
        case = cases[row["case"]]
        scores = {name: _finite_score(score) for name, score in row["scores"].items()}
        taken[row["model"]][case.id] = Taken(case, row["answer"], row["error"], scores)
    return Exam(
        id=written["id"],
        command=written["command"],
        fingerprint=dict(written["fingerprint"]),
        retriever=dict(written["retriever"]),
        gate=dict(written["gate"]),
        metrics=dict(written["metrics"]),
        models=tuple(
            Examined(row["name"], answers_key(row), row.get("role", "candidate"))
            for row in written["models"]
        ),
        cases=cases,
        taken=taken,
        estimates={
            group["model"]: {name: Estimate(**each) for name, each in group["estimates"].items()}
            for group in written["summary"]
        },
    )


def _finite_score(score: float | None) -> float | None:
    if score is not None and not math.isfinite(score):
        raise ValueError(f"a score of {score}")
    return score


def read_exam(path: Path) -> Exam:
    """Read a report.json.

    Raises:
        UserError: it is missing, or no report of this version.
    """
    written = read_written(path)
    try:
        return exam_from(written)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{path} is no report ({error!r}); run the exam again") from error


def by_model(runs: Path) -> dict[str, list[Path]]:
    """The reports in which a model took part, newest first; those that cannot be read in none."""
    found: dict[str, list[Path]] = {}
    for path in newest_first(runs):
        try:
            names = [row["name"] for row in read_head(path)["models"]]
        except (OSError, LookupError, TypeError, ValueError):
            continue
        for name in dict.fromkeys(names):
            found.setdefault(name, []).append(path)
    return found


def run_names(runs: Path) -> dict[tuple[str, str], str]:
    """What each run is called by, for (run id, model): NAME is the last one, NAME~1 before it."""
    return {
        (path.parent.name, model): f"{model}~{back}" if back else model
        for model, paths in by_model(runs).items()
        for back, path in enumerate(paths)
    }


def named_model(run: str, runs: Path = RUNS) -> str | None:
    """The model of a run that is given as NAME or NAME~N; None where it is given otherwise."""
    model = run.rpartition("~")[0] if RUN_NAME.fullmatch(run) else run
    return None if _given(run, runs) or model not in by_model(runs) else model


def _given(run: str, runs: Path) -> Path | None:
    """The report that is named by its place."""
    named = runs.parent / LATEST if run == LATEST else runs / run
    for place in (Path(run), named):
        if place.is_file():
            return place
        if (place / "report.json").is_file():
            return place / "report.json"
    return None


def find_report(run: str, runs: Path = RUNS) -> Path:
    """The report.json of a run: its file, its folder, its id under `runs`, `latest`, or NAME~N.

    Raises:
        UserError: there is no such run.
    """
    if found := _given(run, runs):
        return found
    model, _, back = run.rpartition("~") if RUN_NAME.fullmatch(run) else (run, "", "")
    taken = by_model(runs)
    if model in taken:
        if int(back or 0) < len(taken[model]):
            return taken[model][int(back or 0)]
        raise UserError(
            f"no run {run}: {runs} holds {len(taken[model])} of {model}, the oldest is "
            f"{model}~{len(taken[model]) - 1}"
        )
    known = [path.parent.name for path in newest_first(runs)]
    hint = f"the newest there is {known[0]}" if known else "type `pytest evals` to make one"
    hint = nearest(model, [*taken, *known], otherwise=hint)
    raise UserError(f"no run {run}: no report.json there, nor under {runs}; {hint}")


def newest_first(runs: Path) -> list[Path]:
    """Every report.json of `runs`; the names of their folders begin with the time."""
    return sorted(runs.glob("*/report.json"), key=lambda path: path.parent.name, reverse=True)


def read_head(path: Path, last: str = "fingerprint") -> dict[str, Any]:
    """The values of a report up to that key: the few first kilobytes of what may be many.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no report as `record.write_json` writes it.
    """
    decode = json.JSONDecoder().raw_decode
    found: dict[str, Any] = {}
    text, place = "", 1
    with path.open(encoding="utf-8") as file:
        while last not in found:
            chunk = file.read(CHUNK)
            if not chunk:
                raise ValueError(f"{path} ends before {last}")
            text += chunk
            while last not in found:
                try:
                    key, colon = decode(text, place)
                    value, end = decode(text, colon + 1)
                except ValueError:
                    break
                if end == len(text):  # a number may go on in the next chunk
                    break
                found[key], place = value, end + 1
    return found


def as_rows(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """JSON-able values."""
    return [asdict(section) for section in sections]


def read_rows(rows: Sequence[Mapping[str, Any]]) -> tuple[Section, ...]:
    """Sections from the values that `as_rows` gave."""
    return tuple(
        Section(
            row["name"],
            row["title"],
            row["note"],
            tuple(
                Finding(**{**each, "estimate": each["estimate"] and Estimate(**each["estimate"])})
                for each in row["findings"]
            ),
        )
        for row in rows
    )


def read_written(path: Path) -> dict[str, Any]:
    """The value that was written to a `report.json`.

    Raises:
        UserError: it is missing, or not a report of this version.
    """
    try:
        written = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give a report.json") from error
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}); run the exam again") from error
    schema = written.get("schema") if isinstance(written, dict) else None
    if schema != SCHEMA:
        raise UserError(f"{path} has schema {schema}, this reads {SCHEMA}; run the exam again")
    return dict(written)
