"""The report of one exam: everything that was found, with what it was found from.

`report.json` is the one record that pages, comparisons and promotions read. Passages are listed
once and named by number; a score that could not be computed is null, with its reason beside it.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from evals.exam import Result, Spending
from evals.gate import Gate
from evals.metrics.table import METRICS
from evals.scores import Score
from fixtures.cases import Case
from fixtures.errors import UserError
from fixtures.passages import Passage
from models.chat import Answer
from reports.performance import Performance, measure
from reports.statistics import Estimate, cluster_mean
from reports.verdict import FloorVerdict, against_floor

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Header:
    """What was examined, with what, where and by whom; every value is JSON-able."""

    id: str
    started: str
    command: str
    provenance: Mapping[str, Any]
    dataset: Mapping[str, Any]
    retriever: Mapping[str, Any]
    models: Sequence[Mapping[str, Any]]
    gate: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """Estimates of one model on one group of cases, by metric; one without a value is left out.

    `unscored` counts the cases of a metric that have no value.
    """

    model: str
    name: str
    cases: int
    estimates: Mapping[str, Estimate]
    unscored: Mapping[str, int]


@dataclass(frozen=True)
class Report:
    """One exam, concluded. `missed` names the tests that missed, by (model, case id)."""

    header: Header
    spending: Spending
    summary: tuple[Group, ...]
    categories: tuple[Group, ...]
    contracts: tuple[Group, ...]
    verdicts: tuple[FloorVerdict, ...]
    performance: tuple[Performance, ...]
    results: tuple[Result, ...]
    missed: Mapping[tuple[str, str], tuple[str, ...]]

    @property
    def failed_answers(self) -> int:
        """Answers that are errors."""
        return sum(result.answer.error is not None for result in self.results)


def conclude(header: Header, results: Sequence[Result], spending: Spending, gate: Gate) -> Report:
    """Estimate every metric, overall and by category and contract, and judge the floors."""
    models = dict.fromkeys(result.model for result in results)
    of_model = {model: [r for r in results if r.model == model] for model in models}
    summary = tuple(_group(model, "all", rows, gate.alpha) for model, rows in of_model.items())
    return Report(
        header=header,
        spending=spending,
        summary=summary,
        categories=_groups(of_model, gate.alpha, lambda result: result.case.category),
        contracts=_groups(of_model, gate.alpha, lambda result: result.case.contract.id),
        verdicts=tuple(
            against_floor(
                group.model,
                metric,
                floor,
                group.estimates.get(metric),
                _attrition(metric, of_model[group.model]),
                gate.attrition,
            )
            for group in summary
            for metric, floor in gate.guards.items()
        ),
        performance=tuple(measure(model, rows, spending) for model, rows in of_model.items()),
        results=tuple(results),
        missed={},
    )


def _groups(of_model: Mapping[str, list[Result]], alpha: float, key: Any) -> tuple[Group, ...]:
    groups: dict[tuple[str, str], list[Result]] = {}
    for model, rows in of_model.items():
        for result in rows:
            groups.setdefault((model, key(result)), []).append(result)
    return tuple(_group(model, name, rows, alpha) for (model, name), rows in groups.items())


def _group(model: str, name: str, results: Sequence[Result], alpha: float) -> Group:
    values: dict[str, list[float]] = {}
    clusters: dict[str, list[str]] = {}
    unscored: dict[str, int] = {}
    for result in results:
        for metric, score in result.scores.items():
            if score.value is None:
                unscored[metric] = unscored.get(metric, 0) + 1
            else:
                values.setdefault(metric, []).append(score.value)
                clusters.setdefault(metric, []).append(result.case.contract.id)
    estimates = {
        metric: cluster_mean(scores, clusters[metric], alpha, share=not METRICS[metric].unit)
        for metric, scores in values.items()
    }
    in_order = {metric: estimates[metric] for metric in METRICS if metric in estimates}
    return Group(model, name, len(results), {**in_order, **estimates}, unscored)


def _attrition(metric: str, results: Iterable[Result]) -> float:
    """Share of the metric's cases that no answer was had for."""
    lost = [result.answer.error is not None for result in results if metric in result.scores]
    if not lost or METRICS[metric].needs == "passages":
        return 0.0
    return sum(lost) / len(lost)


def write_json(written: Mapping[str, Any], path: Path) -> None:
    """Write `report.json`, whole or not at all.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    write_whole(path, json.dumps(written, ensure_ascii=False, separators=(",", ":")))


def write_whole(path: Path, text: str) -> None:
    """Replace `path` by `text`; a failure leaves what was there.

    Raises:
        UserError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UserError(
            f"{path} cannot be written ({error.strerror}); free some space or give another --runs "
            "folder, and type the same command: every answer is kept in the store"
        ) from error


def as_json(report: Report) -> dict[str, Any]:
    """The report as JSON-able values."""
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
    return {
        "schema": SCHEMA,
        **asdict(report.header),
        "spending": asdict(report.spending),
        "metrics": {
            m.name: {"direction": m.direction, "unit": m.unit, "summary": m.summary}
            for m in METRICS.values()
        },
        "summary": [asdict(group) for group in report.summary],
        "categories": [asdict(group) for group in report.categories],
        "contracts": [asdict(group) for group in report.contracts],
        "verdicts": [asdict(verdict) for verdict in report.verdicts],
        "performance": [asdict(performance) for performance in report.performance],
        "passages": [
            {"contract": p.contract_id, "start": p.start, "end": p.end, "text": p.text}
            for p in passages
        ],
        "cases": case_rows,
        "results": result_rows,
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
        "tokens_in": answer.tokens_in,
        "tokens_out": answer.tokens_out,
        "latency": answer.latency,
        "confidence": answer.confidence,
        "passages": shown,
        "asked": result.asked,
        "missed": report.missed.get((result.model, result.case.id), ()),
        "scores": {name: score.value for name, score in result.scores.items()},
        "reasons": {name: score.reason for name, score in result.scores.items() if score.reason},
    }


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
        rows = [(written["cases"][row["case"]]["id"], row) for row in written["results"]]
        return Report(
            header=Header(**{field.name: written[field.name] for field in fields(Header)}),
            spending=Spending(**written["spending"]),
            summary=_read_groups(written["summary"]),
            categories=_read_groups(written["categories"]),
            contracts=_read_groups(written["contracts"]),
            verdicts=tuple(FloorVerdict(**verdict) for verdict in written["verdicts"]),
            performance=tuple(Performance(**row) for row in written["performance"]),
            results=tuple(_result(row, cases[id_], passages) for id_, row in rows),
            missed={
                (row["model"], id_): tuple(row["missed"]) for id_, row in rows if row["missed"]
            },
        )
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; run the exam again") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UserError(f"{path} is no report ({error!r}); run the exam again") from error


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
    )
    scores = {
        name: Score(value, row["reasons"].get(name, "")) for name, value in row["scores"].items()
    }
    return Result(row["model"], case, answer, scores, row["asked"])
