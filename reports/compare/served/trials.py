"""Requests that two arms answered, by the split that was in force: rows of two are never mixed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from common.errors import UserError
from common.identity import digest
from fixtures.served import ARMS, Served
from reports.compare.served.measures import Measure

Named = tuple[str, str]
"""A model's name and identity."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One request of one arm: what hangs together with it, and its values by metric.

    `contract` and `person` are clusters; where a row names none, what it showed or asked stands
    for the contract, and the request itself for the person.
    """

    id: str
    pair: str
    contract: str
    person: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Trial:
    """What was logged under one split.

    Attributes:
        split: its digest; empty where rows have none.
        champion: who it was.
        candidate: who was tried.
        shadow: whether both were asked, and the champion's answer given.
        times: of the first and the last request, in seconds since 1970.
        arms: requests of champion and candidate, each once.
        crossed: people who met both arms, of a split that is no shadow.
    """

    split: str
    champion: Named
    candidate: Named
    shadow: bool
    times: tuple[float, float]
    arms: Mapping[str, tuple[Scored, ...]]
    crossed: int

    @property
    def models(self) -> tuple[Named, Named, bool]:
        """Who was compared, and how: trials that differ in it are about other things."""
        return self.champion, self.candidate, self.shadow


@dataclass
class _Gathered:
    models: dict[str, set[Named]] = field(default_factory=lambda: {arm: set() for arm in ARMS})
    rows: dict[str, dict[str, Scored]] = field(default_factory=lambda: {arm: {} for arm in ARMS})
    shadows: set[bool] = field(default_factory=set)
    people: dict[str, set[str]] = field(default_factory=lambda: {arm: set() for arm in ARMS})
    first: float = float("inf")
    last: float = 0.0


def trials_of(rows: Iterable[Served], measures: Iterable[Measure]) -> tuple[Trial, ...]:
    """Trials in order of time. Rows without an arm are left out; one that stands twice counts once.

    Raises:
        UserError: no row has an arm, an arm was never asked, or one split holds two champions,
            two candidates, or shadows beside answers that were given.
    """
    known, gathered = tuple(measures), dict[str, _Gathered]()
    for row in rows:
        if row.arm:
            _add(gathered.setdefault(row.split, _Gathered()), row, known)
    if not gathered:
        raise UserError(
            "no request was split or shadowed: type `python -m models.serve --split NAME=0.1`, or "
            "write `arm` and `split` into the rows (docs/serving.md)"
        )
    found = [_trial(split, each) for split, each in gathered.items()]
    whole = [each for each in found if each is not None]
    if not whole:
        arms = {arm for each in gathered.values() for arm in ARMS if each.rows[arm]}
        raise UserError(
            f"only the {arms.pop()} was asked so far: there is nothing to compare it with; wait "
            "until both have answered"
        )
    return tuple(sorted(whole, key=lambda trial: trial.times))


def _add(to: _Gathered, row: Served, measures: Iterable[Measure]) -> None:
    arm = str(row.arm)
    to.models[arm].add((row.model, row.identity))
    if arm == "candidate":
        to.shadows.add(row.shadow)
    if row.user:
        to.people[arm].add(row.user)
    to.first, to.last = min(to.first, row.time), max(to.last, row.time)
    values = {
        each.name: value
        for each in measures
        if not (each.seen and row.shadow) and (value := each.rule(row)) is not None
    }
    to.rows[arm][row.id] = Scored(row.id, row.pair, _contract(row), _person(row), values)


def _contract(row: Served) -> str:
    if row.contract:
        return f"contract {row.contract}"
    return f"shown {digest(*row.passages)}" if row.passages else f"question {row.question}"


def _person(row: Served) -> str:
    return f"user {row.user}" if row.user else f"row {row.pair or row.id}"


def _trial(split: str, found: _Gathered) -> Trial | None:
    if not all(found.rows.values()):
        return None
    named = f"split {split}" if split else "rows without `split`"
    for arm in ARMS:
        if len(found.models[arm]) > 1:
            names = " and ".join(f"{name} ({id_[:12]})" for name, id_ in sorted(found.models[arm]))
            raise UserError(
                f"{named}: its {arm} was {names}: rows of two models would be mixed; give rows "
                "another `split` from when a model is replaced or a share changed"
            )
    if len(found.shadows) > 1:
        raise UserError(
            f"{named}: some of its candidate's answers were given and some were shadows, which "
            "other people met; give each another `split`"
        )
    (champion,), (candidate,) = found.models["champion"], found.models["candidate"]
    (shadow,) = found.shadows
    crossed = 0 if shadow else len(found.people["champion"] & found.people["candidate"])
    arms = {arm: tuple(found.rows[arm].values()) for arm in ARMS}
    times = (found.first, found.last)
    return Trial(split, champion, candidate, shadow, times, arms, crossed)
