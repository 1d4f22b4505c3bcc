"""Cases that flip between an opponent and a candidate: what changed hands, the most telling first.

The one definition, for the page, the comment and the terminal. A metric that has a pass mark flips
on a case where both models have a value, and one of them reaches the mark and the other does not.
The mark is the only rule that both models are held to: a candidate's tests may assert anything, an
opponent's are not run. Whatever one of the two has no value for, a failed answer or a judgement
that could not be had, is lost, and no flip.

A case flips where a metric of it does. It is won or lost by the metric that weighs most: one that
is primary in the gate file before a guard, a guard before one that is only reported; of two alike,
the one with the larger difference. The most telling case comes first by the same order, then that
in which more metrics flip the same way, then the order of the exam.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from reports.report import OPPONENTS, Opponent, Report, ReportedCase, ReportedResult

Side = Literal["won", "lost"]
Role = Literal["primary", "guard", "report"]

ROLES = ("primary", "guard", "report")
"""Of a metric in the gate file, from what weighs most."""


@dataclass(frozen=True, slots=True)
class Flipped:
    """One metric of one case, in which the mark lies between the two models.

    Attributes:
        metric: its name.
        side: `won` where the candidate reaches the mark.
        candidate: its score.
        opponent: the other's.
        mark: what a case must reach.
        role: of the metric in the gate file.
        size: of the difference between the two; 0 of a metric that has a unit, which compares with
            no other.
    """

    metric: str
    side: Side
    candidate: float
    opponent: float
    mark: float
    role: Role
    size: float


@dataclass(frozen=True, slots=True)
class Flip:
    """A case that flips; `metrics` are those that do, the one that decides first."""

    place: int
    """Of the case in `Report.cases`."""

    case: ReportedCase
    candidate: ReportedResult
    opponent: ReportedResult
    metrics: tuple[Flipped, ...]

    @property
    def side(self) -> Side:
        """Whether the candidate won the case or lost it."""
        return self.metrics[0].side


@dataclass(frozen=True, slots=True)
class Flips:
    """Every flip between a candidate and its opponent, the most telling first.

    `compared` counts the cases of which both have a value of a metric that has a mark.
    """

    candidate: str
    opponent: Opponent
    compared: int
    all: tuple[Flip, ...]

    @property
    def won(self) -> tuple[Flip, ...]:
        """Those that the candidate won."""
        return tuple(flip for flip in self.all if flip.side == "won")

    @property
    def lost(self) -> tuple[Flip, ...]:
        """Those that it lost."""
        return tuple(flip for flip in self.all if flip.side == "lost")


def flips(report: Report) -> tuple[Flips, ...]:
    """Of each candidate against its opponent; empty where nobody was compared.

    A report on sealed contracts lists no case, and so no flip.
    """
    return tuple(
        _between(report, verdict.model, opponent)
        for verdict in report.verdicts
        if (opponent := opponent_of(report, verdict.model)) is not None
    )


def opponent_of(report: Report, candidate: str) -> Opponent | None:
    """Whom the candidate's answers are shown beside: the champion, else a baseline or the anchor.

    None where nobody else took the exam, or only the candidate under another role.
    """
    roles = {model.role: model for model in reversed(report.header.models)}
    found = [
        Opponent(role, roles[role].name, roles[role].identity)
        for role in OPPONENTS
        if role in roles and roles[role].name != candidate
    ]
    return found[0] if found else None


def _between(report: Report, candidate: str, opponent: Opponent) -> Flips:
    mine, theirs = _by_place(report, candidate), _by_place(report, opponent.name)
    both = [place for place in mine if place in theirs]
    marks, roles = report.marks, _roles(report)
    found = []
    compared = 0
    for place in both:
        pair = mine[place], theirs[place]
        names = [name for name in marks if all(_value(each, name) is not None for each in pair)]
        compared += bool(names)
        metrics = sorted(_flipped(report, *pair, names, marks, roles), key=_weight)
        if metrics:
            found.append(Flip(place, report.cases[place], *pair, tuple(metrics)))
    return Flips(candidate, opponent, compared, tuple(sorted(found, key=_telling)))


def _by_place(report: Report, model: str) -> dict[int, ReportedResult]:
    return {result.case: result for result in report.results if result.model == model}


def _roles(report: Report) -> Mapping[str, Role]:
    return {name: rule.role for name, rule in report.header.gate.metrics.items()}


def _value(result: ReportedResult, metric: str) -> float | None:
    return result.scores.get(metric)


def _flipped(
    report: Report,
    candidate: ReportedResult,
    opponent: ReportedResult,
    names: Iterable[str],
    marks: Mapping[str, float],
    roles: Mapping[str, Role],
) -> Iterator[Flipped]:
    for name in names:
        mine, theirs = candidate.scores[name], opponent.scores[name]
        assert mine is not None
        assert theirs is not None
        reached = report.passes(name, mine)
        if reached != report.passes(name, theirs):
            side: Side = "won" if reached else "lost"
            size = 0.0 if report.unit_of(name) else abs(mine - theirs)
            yield Flipped(name, side, mine, theirs, marks[name], roles.get(name, "report"), size)


def _weight(each: Flipped) -> tuple[int, float]:
    return ROLES.index(each.role), -each.size


def _telling(flip: Flip) -> tuple[int, float, int, int]:
    same = sum(each.side == flip.side for each in flip.metrics)
    return *_weight(flip.metrics[0]), -same, flip.place
