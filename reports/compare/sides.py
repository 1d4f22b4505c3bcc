"""Two models of written reports: whether they can be compared, and on which cases."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from common.errors import UserError
from common.settings import nearest
from reports.report import Fingerprint, Report, ReportedCase, ReportedResult


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


def match_cases(then: Sequence[ReportedCase], now: Sequence[ReportedCase]) -> Matching:
    """Match by id and content, then what was only renamed by content, in the order of `now`."""
    before = {case.id: case for case in then}
    kept = {c.id for c in now if c.id in before and before[c.id].identity == c.identity}
    renamed: dict[str, list[str]] = {}
    for case in then:
        if case.id not in kept:
            renamed.setdefault(case.identity, []).append(case.id)
    same: list[tuple[str, str]] = []
    fresh: list[ReportedCase] = []
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


CONDITIONS = ("dataset", "cases", "retriever", "prompt", "metrics", "judges")
"""Of the fingerprint; `split` follows from the cases."""

DATA = frozenset({"dataset", "cases"})


@dataclass(frozen=True, slots=True)
class Sides:
    """Two models, and the pairs of case ids on which they meet."""

    a: Report
    model_a: str
    b: Report
    model_b: str
    pairs: Sequence[tuple[str, str]]

    @property
    def left_out(self) -> dict[str, str]:
        """Metrics that are not compared, since they are of one run or of two versions, and why."""
        return incomparable(self.a, self.b)

    def results(self) -> Iterator[tuple[ReportedResult, ReportedResult]]:
        """Both models' results, case by case; a case that either never took is left out."""
        mine, theirs = self.a.by_case[self.model_a], self.b.by_case[self.model_b]
        for one, other in self.pairs:
            if one in mine and other in theirs:
                yield mine[one], theirs[other]


def differing(a: Report, b: Report, cases: Matching) -> dict[str, str]:
    """What makes the two runs unlike, in words, by field of the fingerprint."""
    one, two = a.header.fingerprint, b.header.fingerprint
    found = asdict(one), asdict(two)
    words = {
        "dataset": f"dataset ({one.dataset}, {two.dataset})",
        "cases": f"cases ({cases})",
        "retriever": _with_details(
            "retriever", asdict(a.header.retriever), asdict(b.header.retriever)
        ),
    }
    return {
        key: words.get(key) or _with_details(key, *(each[key] for each in found))
        for key in CONDITIONS
        if found[0][key] is None or found[0][key] != found[1][key]
        if not (key == "metrics" and _share_metrics(one, two))
        if not (key == "judges" and None not in (_judges(one), _judges(two)))
    }


def incomparable(a: Report, b: Report) -> dict[str, str]:
    """Metrics that mean something else in the other run, or nothing, and why.

    A metric of a later release, or of a user's own, does not stand in the way of the others.
    """
    prints = a.header.fingerprint, b.header.fingerprint
    one, two = (each.metrics or {} for each in prints)
    found = {
        name: f"version {one[name]} in A, {two[name]} in B"
        if name in one and name in two
        else f"in {'A' if name in one else 'B'} alone"
        for name in {**one, **two}
        if one.get(name) != two.get(name)
    }
    mine, theirs = (_judges(each) or {} for each in prints)
    for name in sorted({*mine, *theirs}):
        if mine.get(name) != theirs.get(name):
            found.setdefault(name, "scored by other judges")
    if "correctness" in found:
        found.setdefault("disagreement", found["correctness"])
    return found


def _judges(fingerprint: Fingerprint) -> dict[str, list[tuple[str, ...]]] | None:
    """Names and identities of the judges by metric; None where the report does not tell."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for judge in fingerprint.judges or ():
        if isinstance(judge, str):
            return None
        found.setdefault(judge[0], []).append(judge[1:])
    return found


def _share_metrics(a: Fingerprint, b: Fingerprint) -> bool:
    """Whether any metric is the same in both."""
    one, two = a.metrics or {}, b.metrics or {}
    return any(name in two and two[name] == version for name, version in one.items())


def _with_details(key: str, a: Any, b: Any) -> str:
    """`key (what differs within it)`, for tables of short values."""
    if not isinstance(a, Mapping) or not isinstance(b, Mapping):
        return key
    names = [name for name in {**a, **b} if a.get(name) != b.get(name) and name != "identity"]
    shown = "; ".join(f"{name} {a.get(name, 'absent')}, {b.get(name, 'absent')}" for name in names)
    return f"{key} ({shown})" if shown else key


def pair_runs(
    a: Report, b: Report, model_a: str | None, model_b: str | None, *, unchanged: bool
) -> tuple[Sides, Matching]:
    """Check that the two can be compared, and on which cases.

    Args:
        a: the earlier report.
        b: the later one.
        model_a: of A; None where there is but one candidate.
        model_b: of B, likewise.
        unchanged: compare the cases that are the same in both, if all else agrees.

    Raises:
        UserError: they are unlike, or one and the same.
    """
    names = _model(a, model_a, "a"), _model(b, model_b, "b")
    one, two = a.header.id, b.header.id
    if one == two and names[0] == names[1]:
        raise UserError(
            f"both are {names[0]} in run {one}; give two runs, or two models of it by --model-a "
            "and --model-b"
        )
    cases = match_cases(a.cases, b.cases)
    unlike = differing(a, b, cases)
    if unlike and not (unchanged and set(unlike) <= DATA):
        what = f"{one} and {two} are not comparable: {', '.join(unlike.values())} differ"
        if set(unlike) <= DATA and cases.same:
            raise UserError(
                f"{what}; --unchanged compares the {len(cases.same):,} cases that both share"
            )
        raise UserError(f"{what}; examine {names[0]} again as B was: `{b.header.command}`")
    if not cases.same:
        raise UserError(f"{one} and {two} share no case; examine both models on the same data")
    return Sides(a, names[0], b, names[1], cases.same), cases


def _model(report: Report, name: str | None, side: str) -> str:
    """The model that is meant."""
    run, known = report.header.id, list(report.by_case)
    if name in report.by_case:
        return str(name)
    examined = ", ".join(known) or "none"
    if name is not None:
        hint = nearest(name, known, otherwise=f"it examined {examined}")
        raise UserError(f"--model-{side} {name}: not in run {run}; {hint}")
    candidates = [each.name for each in report.header.models if each.role == "candidate"]
    chosen = known if len(known) == 1 else [each for each in candidates if each in known]
    if len(chosen) != 1:
        raise UserError(f"run {run} examined {examined}; name one by --model-{side}")
    return chosen[0]
