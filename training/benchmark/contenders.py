"""Who is measured, and what the exams found of them, read from report.json."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.errors import UserError


@dataclass(frozen=True, slots=True)
class Contender:
    """A row of the table.

    Attributes:
        title: what the page calls it.
        model: its name in the registry.
        before: the models that its verdicts are against.
        control: a candidate that was damaged on purpose.
    """

    title: str
    model: str
    before: tuple[str, ...] = ()
    control: bool = False


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """A mean in 0..1 with the ends of its 90 % interval; None where nothing is known of them."""

    mean: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.mean:.3f}"
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True)
class Refusals:
    """Where false refusals come from; each in 0..1, None where there is no such case.

    Attributes:
        shown: share of the answerable cases whose passages hold the start of a gold span.
        seen: share of these that are declined: the reader's part.
        unseen: share of the others that are declined: the retriever's part.
    """

    shown: float
    seen: float | None
    unseen: float | None


@dataclass(frozen=True, slots=True)
class VerdictAgainst:
    """What the gate says of a contender beside another.

    Attributes:
        outcome: PROMOTE, REJECT or INCONCLUSIVE.
        against: the other model.
        gain: of the balanced score over it, paired by case.
        reasons: why not PROMOTE.
    """

    outcome: str
    against: str
    gain: MeanInterval | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class ContenderExam:
    """What one exam found of one contender.

    Attributes:
        contender: the row.
        verdicts: one for each model of `contender.before`.
        cases: how many were asked, of how many contracts.
        refusals: by whether the answer was shown; None where no passages are.
        dataset: its name, and the split.
        origin: the exam's provenance.
    """

    contender: Contender
    verdicts: tuple[VerdictAgainst, ...]
    cases: tuple[int, int]
    refusals: Refusals | None
    dataset: tuple[str, str]
    origin: dict[str, Any]


def read_exam(path: Path, contender: Contender, against: str | None = None) -> ContenderExam:
    """The part of a report.json that the page shows, with the verdict beside `against`, if any.

    Raises:
        UserError: it is no report, or not of this model.
    """
    try:
        report = json.loads(path.read_bytes())
        answers = [row for row in report["results"] if row["model"] == contender.model]
        if not answers:
            raise LookupError("it has no answer of it")
        verdict = next((v for v in report["verdicts"] if v["model"] == contender.model), None)
        return ContenderExam(
            contender=contender,
            verdicts=(_verdict(verdict, against),) if verdict and against else (),
            cases=(report["dataset"]["examined_cases"], report["dataset"]["examined_contracts"]),
            refusals=_refusals([row["scores"] for row in answers]),
            dataset=(report["dataset"]["name"], report["dataset"]["split"]),
            origin=report["provenance"],
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"{path} is no report of {contender.model} ({type(error).__name__}: {error}); "
            "run the benchmark again"
        ) from error


def joined(exams: Sequence[ContenderExam]) -> ContenderExam:
    """One contender's exams against several models as one, with every verdict."""
    return replace(exams[0], verdicts=tuple(each for exam in exams for each in exam.verdicts))


def _verdict(found: dict[str, Any], against: str) -> VerdictAgainst:
    return VerdictAgainst(found["outcome"], against, _gain(found), tuple(found["reasons"]))


def _refusals(scores: Sequence[dict[str, float | None]]) -> Refusals | None:
    declined: dict[bool, list[float]] = {True: [], False: []}
    for each in scores:
        rank, refused = each.get("mrr"), each.get("laziness")
        if rank is not None and refused is not None:
            declined[rank > 0].append(refused)
    seen, unseen = declined[True], declined[False]
    if not seen and not unseen:
        return None
    means = [sum(each) / len(each) if each else None for each in (seen, unseen)]
    return Refusals(len(seen) / len(seen + unseen), *means)


def _gain(verdict: dict[str, Any]) -> MeanInterval | None:
    for check in verdict["checks"]:
        if check["metric"] == "balanced" and check["against"] != "floor" and check["estimate"]:
            return MeanInterval(*(check["estimate"][end] for end in ("mean", "low", "high")))
    return None
