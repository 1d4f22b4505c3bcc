"""What the columns of the benchmark measure, read from a report's results."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from common.errors import UserError
from common.settings import nearest
from evals.metrics.table import METRICS
from reports.benchmark.field import Entrant, Field
from reports.report import Report, ReportedResult

COLUMNS = {
    "token_f1": "F1",
    "abstention": "abstention",
    "laziness": "false refusals",
    "hallucination": "hallucination",
}
"""Beside the judges' accuracy; `hallucination` is what `grounded_quote` leaves of 1."""

MEANING = {
    "accuracy": "the judge's mean score of right and complete answers, 0 to 1",
    "token_f1": "F1 of the words shared with the nearest gold span, where the contract answers",
    "abstention": "says not found where the contract does not answer",
    "laziness": "says not found where it does",
    "hallucination": (
        "of the answers with a number, date, name or quotation to check, the share in which one "
        "is not in the passages shown"
    ),
}


@dataclass(frozen=True, slots=True)
class Measure:
    """A share in 0..1 of every answer that it is of.

    Attributes:
        name: as `--by` names it; of a judge's accuracy `accuracy:JUDGE`.
        title: above its column.
        direction: which is better.
        meaning: for the legend.
        judge: name and identity of who scores; None of a metric.
    """

    name: str
    title: str
    direction: Literal["higher", "lower"]
    meaning: str
    judge: tuple[str, str] | None = None

    def value(self, entrant: Entrant, result: ReportedResult) -> float | None:
        """Of one answer; None where it has none, or another judge scored it."""
        if self.judge is not None:
            return _vote(self.judge, entrant.report, result)
        if self.name == "hallucination":
            kept = result.scores.get("grounded_quote")
            return None if kept is None else 1 - kept
        return result.scores.get(self.name)


def _vote(judge: tuple[str, str], report: Report, result: ReportedResult) -> float | None:
    judges = judges_of(report)
    if judge not in judges:
        return None
    if len(judges) == 1:
        return result.scores.get("correctness")
    return result.votes.get("correctness", {}).get(judge[0])


def judges_of(report: Report) -> list[tuple[str, str]]:
    """Name and identity of each judge of correctness; early reports do not tell."""
    found = [each for each in report.header.fingerprint.judges or () if not isinstance(each, str)]
    return [(name, identity) for metric, name, identity in found if metric == "correctness"]


def measures_of(field: Field, further: Sequence[str] = ()) -> tuple[Measure, ...]:
    """The columns: accuracy by each judge, then the metrics that any of the reports has.

    Args:
        field: who is compared.
        further: names of other metrics.

    Raises:
        UserError: one of them is no share, not comparable, or scored in none of the reports.
    """
    found = list(_accuracies(field))
    names = (*COLUMNS, *(name for name in further if name not in COLUMNS))
    for name in names:
        source = "grounded_quote" if name == "hallucination" else name
        scored = any(source in result.scores for e in field.entrants for result in e.results)
        if name in further:
            _check(name, source, field, scored=scored)
        if scored and source not in field.left_out:
            found.append(_of_metric(name, field))
    return tuple(found)


def _accuracies(field: Field) -> Iterator[Measure]:
    judges = list(dict.fromkeys(j for each in field.entrants for j in judges_of(each.report)))
    names = [name for name, _ in judges]
    for name, identity in judges:
        shown = f"{name} {identity[:6]}" if names.count(name) > 1 else name
        yield Measure(
            f"accuracy:{shown}",
            f"accuracy ({shown})",
            "higher",
            MEANING["accuracy"],
            (name, identity),
        )


def _of_metric(name: str, field: Field) -> Measure:
    if name in COLUMNS:
        direction: Literal["higher", "lower"] = (
            "lower" if name in ("laziness", "hallucination") else "higher"
        )
        return Measure(name, COLUMNS[name], direction, MEANING[name])
    report = field.entrants[0].report
    lower = report.lower_is_better(name)
    known = METRICS.get(name)
    return Measure(name, name, "lower" if lower else "higher", known.summary if known else "")


def _check(name: str, source: str, field: Field, *, scored: bool) -> None:
    report = field.entrants[0].report
    if report.unit_of(source):
        raise UserError(f"--metric {name}: not a share of 0..1; its own column shows it")
    if source in field.left_out:
        raise UserError(f"--metric {name}: not comparable in these runs: {field.left_out[source]}")
    if not scored:
        known = {metric for e in field.entrants for r in e.results for metric in r.scores}
        raise UserError(f"--metric {name}: scored in none of these runs; {nearest(name, known)}")


def measure_by(name: str | None, measures: Sequence[Measure]) -> Measure:
    """The measure that is tested: the one of this name, else the first.

    Raises:
        UserError: there is none.
    """
    if not measures:
        raise UserError("these runs have no score of 0..1 in common; examine the models alike")
    if name is None:
        return measures[0]
    found = next((each for each in measures if name in (each.name, each.title)), None)
    if found is None:
        raise UserError(f"--by {name}: no column; {nearest(name, [m.name for m in measures])}")
    return found
