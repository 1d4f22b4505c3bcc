"""Requests that two arms answered, by the split that was in force: rows of two are never mixed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from common.errors import UserError
from common.identity import digest
from fixtures.repeated import Repeated
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


@dataclass(frozen=True, slots=True)
class Trials:
    """What a log holds: trials in order of time, and rows that are in none of them, by why."""

    every: tuple[Trial, ...]
    left_out: Mapping[str, int]


@dataclass
class _Gathered:
    models: dict[str, set[Named]] = field(default_factory=lambda: {arm: set() for arm in ARMS})
    rows: dict[str, dict[str, Scored]] = field(default_factory=lambda: {arm: {} for arm in ARMS})
    shadows: set[bool] = field(default_factory=set)
    people: dict[str, set[str]] = field(default_factory=lambda: {arm: set() for arm in ARMS})
    first: float = float("inf")
    last: float = 0.0


def trials_of(rows: Iterable[Served], measures: Iterable[Measure]) -> Trials:
    """The trials of a log. A row that stands twice counts once.

    Raises:
        UserError: no row has an arm, an arm was never asked, no shadow has a pair, or one split
            holds two champions, two candidates, or shadows beside answers that were given.
    """
    known, gathered = tuple(measures), dict[str, _Gathered]()
    repeated, left_out = Repeated(), Counter[str]()
    for row in rows:
        why = repeated.again(row, row.arm) if row.arm else "without `arm`"
        if why:
            left_out[why] += 1
        else:
            _add(gathered.setdefault(row.split, _Gathered()), row, known)
    if not gathered:
        raise UserError(
            "no request was split or shadowed: type `python -m models.serve --split NAME=0.1`, or "
            "write `arm` and `split` into the rows (docs/serving.md)"
        )
    found = [_trial(split, each, left_out) for split, each in gathered.items()]
    whole = [each for each in found if each is not None]
    if not whole:
        arms = {arm for each in gathered.values() for arm in ARMS if each.rows[arm]}
        if len(arms) == 1:
            raise UserError(
                f"only the {arms.pop()} was asked so far: there is nothing to compare it with; "
                "wait until both have answered"
            )
        raise UserError(
            "no shadow can be compared with the answer that was given beside it: write the same "
            "`pair` and `split` into the two rows of a request, and into no others "
            "(docs/serving.md)"
        )
    return Trials(tuple(sorted(whole, key=lambda trial: trial.times)), left_out)


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


def _trial(split: str, found: _Gathered, left_out: Counter[str]) -> Trial | None:
    """What a split says, where it says something; what is in no trial is counted."""
    named = f"split {split}" if split else "rows without `split`"
    for arm in ARMS:
        if not found.rows[arm]:
            (there,) = (each for each in ARMS if found.rows[each])
            left_out[f"of {named}, where only the {there} was asked"] += len(found.rows[there])
            return None
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
    if shadow:
        arms = _paired(arms, left_out)
        if not arms["candidate"]:
            return None
    times = (found.first, found.last)
    return Trial(split, champion, candidate, shadow, times, arms, crossed)


def _paired(
    arms: Mapping[str, tuple[Scored, ...]], left_out: Counter[str]
) -> dict[str, tuple[Scored, ...]]:
    """The rows of a shadow, each pair of which is two rows: no row is compared with a wrong one.

    Answers without a shadow stay: of a share of requests none was asked.
    """
    times = {arm: Counter(row.pair for row in arms[arm] if row.pair) for arm in ARMS}
    more = {pair for counted in times.values() for pair, count in counted.items() if count > 1}
    kept: dict[str, tuple[Scored, ...]] = {}
    for arm in ARMS:
        alone = [row for row in arms[arm] if row.pair not in more]
        left_out["of a `pair` that more than two rows have"] += len(arms[arm]) - len(alone)
        if arm == "candidate":
            met = [row for row in alone if row.pair in times["champion"]]
            left_out["of shadows without the answer beside them"] += len(alone) - len(met)
            alone = met
        kept[arm] = tuple(alone)
    return kept
