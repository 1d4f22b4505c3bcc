"""Two models of written reports: whether they can be compared, and what each metric says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import UserError
from common.settings import nearest
from reports.archive import Asked, Exam, Taken
from reports.statistics.estimates import Estimate
from reports.statistics.paired import (
    cluster_mcnemar,
    compare_means,
    mcnemar_exact,
    two_sided,
)


@dataclass(frozen=True, slots=True)
class Matching:
    """Two sets of cases. `same` pairs ids of equal content; the others are slugs.

    A changed case has kept its id and not its content.
    """

    same: tuple[tuple[str, str], ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    def __str__(self) -> str:
        """The counts in words.

        >>> str(Matching((), ("a",), (), ("b", "c")))
        '1 added, 0 removed, 2 changed'
        """
        return (
            f"{len(self.added):,} added, {len(self.removed):,} removed, "
            f"{len(self.changed):,} changed"
        )


def match_cases(then: Sequence[Asked], now: Sequence[Asked]) -> Matching:
    """Match by id and content, then what was only renamed by content, in the order of `now`."""
    before = {case.id: case for case in then}
    kept = {c.id for c in now if c.id in before and before[c.id].identity == c.identity}
    renamed: dict[str, list[str]] = {}
    for case in then:
        if case.id not in kept:
            renamed.setdefault(case.identity, []).append(case.id)
    same: list[tuple[str, str]] = []
    fresh: list[Asked] = []
    for case in now:
        if case.id in kept:
            same.append((case.id, case.id))
        elif renamed.get(case.identity):
            same.append((renamed[case.identity].pop(0), case.id))
        else:
            fresh.append(case)
    gone = {id_ for ids in renamed.values() for id_ in ids}
    ids = {case.id for case in fresh}
    return Matching(
        same=tuple(same),
        added=tuple(case.slug for case in fresh if case.id not in gone),
        removed=tuple(c.slug for c in then if c.id in gone and c.id not in ids),
        changed=tuple(case.slug for case in fresh if case.id in gone),
    )


KEYS = ("dataset", "cases", "retriever", "prompt", "metrics", "judges")
METRICS, JUDGES = "metrics", "judges"
DATA = frozenset({"dataset", "cases"})


@dataclass(frozen=True, slots=True)
class Sides:
    """Two models, and the pairs of case ids on which they meet."""

    a: Exam
    model_a: str
    b: Exam
    model_b: str
    pairs: Sequence[tuple[str, str]]

    @property
    def left_out(self) -> dict[str, str]:
        """Metrics that are not compared, since they are of one run or of two versions, and why."""
        return incomparable(self.a, self.b)

    def meetings(self) -> Iterator[tuple[Taken, Taken]]:
        """Both models' results, case by case; a case that either never took is left out."""
        mine, theirs = self.a.taken[self.model_a], self.b.taken[self.model_b]
        for one, other in self.pairs:
            if one in mine and other in theirs:
                yield mine[one], theirs[other]


def differing(a: Exam, b: Exam, cases: Matching) -> dict[str, str]:
    """What makes the two runs unlike, in words, by key of the fingerprint."""
    words = {
        "dataset": f"dataset ({a.fingerprint.get('dataset')}, {b.fingerprint.get('dataset')})",
        "cases": f"cases ({cases})",
        "retriever": _with_details("retriever", a.retriever, b.retriever),
    }
    return {
        key: words.get(key) or _with_details(key, a.fingerprint.get(key), b.fingerprint.get(key))
        for key in KEYS
        if key not in a.fingerprint
        or key not in b.fingerprint
        or a.fingerprint[key] != b.fingerprint[key]
        if not (key == METRICS and _share_metrics(a, b))
        if not (key == JUDGES and None not in (_judges(a), _judges(b)))
    }


def incomparable(a: Exam, b: Exam) -> dict[str, str]:
    """Metrics that mean something else in the other run, or nothing, and why.

    A metric of a later release, or of a user's own, does not stand in the way of the others.
    """
    one, two = (exam.fingerprint.get(METRICS) or {} for exam in (a, b))
    found = {
        name: f"version {one[name]} in A, {two[name]} in B"
        if name in one and name in two
        else f"in {'A' if name in one else 'B'} alone"
        for name in {**one, **two}
        if one.get(name) != two.get(name)
    }
    mine, theirs = _judges(a) or {}, _judges(b) or {}
    for name in sorted({*mine, *theirs}):
        if mine.get(name) != theirs.get(name):
            found.setdefault(name, "scored by other judges")
    if "correctness" in found:
        found.setdefault("disagreement", found["correctness"])
    return found


def _judges(exam: Exam) -> dict[str, list[list[str]]] | None:
    """Names and identities of the judges by metric; None where the report does not tell."""
    found: dict[str, list[list[str]]] = {}
    for judge in exam.fingerprint.get(JUDGES) or []:
        if not isinstance(judge, list) or len(judge) != 3:
            return None
        found.setdefault(judge[0], []).append(judge[1:])
    return found


def _share_metrics(a: Exam, b: Exam) -> bool:
    """Whether any metric is the same in both."""
    one, two = (exam.fingerprint.get(METRICS) or {} for exam in (a, b))
    return any(name in two and two[name] == version for name, version in one.items())


def _with_details(key: str, a: Any, b: Any) -> str:
    """`key (what differs within it)`, for tables of short values."""
    if not isinstance(a, dict) or not isinstance(b, dict):
        return key
    names = [name for name in {**a, **b} if a.get(name) != b.get(name) and name != "identity"]
    shown = "; ".join(f"{name} {a.get(name, 'absent')}, {b.get(name, 'absent')}" for name in names)
    return f"{key} ({shown})" if shown else key


def meet(
    a: Exam, b: Exam, model_a: str | None, model_b: str | None, *, unchanged: bool
) -> tuple[Sides, Matching]:
    """Check that the two can be compared, and on which cases.

    Args:
        a: the earlier exam.
        b: the later one.
        model_a: of A; None where there is but one candidate.
        model_b: of B, likewise.
        unchanged: compare the cases that are the same in both, if all else agrees.

    Raises:
        UserError: they are unlike, or one and the same.
    """
    names = _model(a, model_a, "a"), _model(b, model_b, "b")
    if a.id == b.id and names[0] == names[1]:
        raise UserError(
            f"both are {names[0]} in run {a.id}; give two runs, or two models of it by --model-a "
            "and --model-b"
        )
    cases = match_cases(a.cases, b.cases)
    unlike = differing(a, b, cases)
    if unlike and not (unchanged and set(unlike) <= DATA):
        what = f"{a.id} and {b.id} are not comparable: {', '.join(unlike.values())} differ"
        if set(unlike) <= DATA and cases.same:
            raise UserError(
                f"{what}; --unchanged compares the {len(cases.same):,} cases that both share"
            )
        raise UserError(f"{what}; examine {names[0]} again as B was: `{b.command}`")
    if not cases.same:
        raise UserError(f"{a.id} and {b.id} share no case; examine both models on the same data")
    return Sides(a, names[0], b, names[1], cases.same), cases


def _model(exam: Exam, name: str | None, side: str) -> str:
    """The model that is meant."""
    known = list(exam.taken)
    if name in exam.taken:
        return str(name)
    listed = ", ".join(known) or "none"
    if name is not None:
        hint = nearest(name, known, otherwise=f"it examined {listed}")
        raise UserError(f"--model-{side} {name}: not in run {exam.id}; {hint}")
    candidates = [each.name for each in exam.models if each.role == "candidate"]
    chosen = known if len(known) == 1 else [each for each in candidates if each in exam.taken]
    if len(chosen) != 1:
        raise UserError(f"run {exam.id} examined {listed}; name one by --model-{side}")
    return chosen[0]


@dataclass(frozen=True, slots=True)
class Contest:
    """What the two show. The difference is B - A in the metric's own direction; wins are B's.

    `p_value` is two-sided and None with one contract. `exact` and `by_contract` are McNemar's,
    for scores of 0 and 1 alone: the first takes cases for independent, the second does not and
    is None where no contract gained more than it lost. `unpaired` cases lack a score on a side.
    """

    metric: str
    mean_a: float
    mean_b: float
    difference: Estimate
    p_value: float | None
    wins: int
    losses: int
    ties: int
    unpaired: int
    exact: float | None
    by_contract: float | None


def contest(metric: str, sides: Sides) -> Contest | None:
    """Compare one metric; None where no case was scored on both sides.

    The interval is at the level of B's gate file, as in B's report.
    """
    met = [
        (one.scores.get(metric), two.scores.get(metric), two.case.contract)
        for one, two in sides.meetings()
        if metric in one.scores or metric in two.scores
    ]
    scored = [(x, y, contract) for x, y, contract in met if x is not None and y is not None]
    if not scored:
        return None
    a, b = [x for x, _, _ in scored], [y for _, y, _ in scored]
    contracts = [contract for _, _, contract in scored]
    lower = sides.b.lower_is_better(metric)
    better, worse = (a, b) if lower else (b, a)
    alpha = float(sides.b.gate.get("alpha", 0.05))
    gain = compare_means(better, worse, contracts, alpha=alpha)
    loss = compare_means(worse, better, contracts, alpha=alpha)
    wins = sum(x > y for x, y in zip(better, worse, strict=True))
    losses = sum(x < y for x, y in zip(better, worse, strict=True))
    binary = {*a, *b} <= {0.0, 1.0}
    right = [x == 1 for x in better], [x == 1 for x in worse]
    return Contest(
        metric=metric,
        mean_a=sum(a) / len(a),
        mean_b=sum(b) / len(b),
        difference=-gain.difference if lower else gain.difference,
        p_value=two_sided(gain.p_value, loss.p_value),
        wins=wins,
        losses=losses,
        ties=len(scored) - wins - losses,
        unpaired=len(met) - len(scored),
        exact=mcnemar_exact(wins, losses) if binary else None,
        by_contract=cluster_mcnemar(*right, contracts) if binary else None,
    )
