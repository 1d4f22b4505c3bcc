"""Where a candidate differs: the primary metrics by category and by contract.

Reported, never gated, and corrected for their number: of 41 categories two would differ by chance
alone. A category is a group of cases of many contracts, which are what was drawn. A contract is
itself: what varies on it is the question, so its cases are the units, and its interval says nothing
of another contract.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from evals.gate import Gate
from evals.results import Result
from reports.report import CategoryDifference, ContractDifference, Opponent
from reports.statistics.estimates import Estimate, benjamini_hochberg
from reports.statistics.paired import compare_means, two_sided
from reports.verdict.pairs import Pairs, pair

FALSE_DISCOVERIES = 0.05


def category_differences(
    gate: Gate, candidate: Sequence[Result], other: Sequence[Result], opponent: Opponent
) -> list[CategoryDifference]:
    """Every category that both were scored on in two contracts or more, by primary metric."""
    return [
        CategoryDifference(candidate[0].model, opponent.words, metric, category, estimate, q)
        for metric in _primary(gate)
        for category, estimate, q in _corrected(
            _compared(pairs.contracts, pairs, gate.alpha, category)
            for category, pairs in _paired(metric, candidate, other, _category)
        )
    ]


def contract_differences(
    gate: Gate, candidate: Sequence[Result], other: Sequence[Result], opponent: Opponent
) -> list[ContractDifference]:
    """Every contract on which both were scored in two cases or more, by primary metric."""
    return [
        ContractDifference(
            candidate[0].model, opponent.words, metric, contract, replace(found, clusters=1), q
        )
        for metric in _primary(gate)
        for contract, found, q in _corrected(
            _compared([str(case) for case in range(len(pairs.contracts))], pairs, gate.alpha, name)
            for name, pairs in _paired(metric, candidate, other, _contract)
        )
    ]


def _primary(gate: Gate) -> list[str]:
    return [metric for metric, entry in gate.gating.items() if entry.role == "primary"]


def _category(result: Result) -> str:
    return result.case.category


def _contract(result: Result) -> str:
    return result.case.contract.id


def _paired(
    metric: str,
    candidate: Iterable[Result],
    other: Iterable[Result],
    group: Callable[[Result], str],
) -> Iterator[tuple[str, Pairs]]:
    """The pairs of each group, in the order of the exam; those of the other model are its own."""
    mine: dict[str, list[Result]] = {}
    theirs: dict[str, list[Result]] = {}
    for rows, groups in ((candidate, mine), (other, theirs)):
        for result in rows:
            groups.setdefault(group(result), []).append(result)
    for name, results in mine.items():
        yield name, pair(metric, results, theirs.get(name, ()))


_Compared = tuple[str, Estimate, float] | None


def _compared(units: Sequence[str], pairs: Pairs, alpha: float, name: str) -> _Compared:
    """The difference of one group and its two-sided p-value; None with fewer than two units."""
    if len(set(units)) < 2:
        return None
    better = compare_means(pairs.candidate, pairs.other, units, alpha=alpha)
    worse = compare_means(pairs.other, pairs.candidate, units, alpha=alpha)
    p_value = two_sided(better.p_value, worse.p_value)
    return None if p_value is None else (name, better.difference, p_value)


def _corrected(compared: Iterable[_Compared]) -> list[tuple[str, Estimate, float]]:
    """With p-values corrected over these groups."""
    found = [each for each in compared if each is not None]
    q_values = benjamini_hochberg([p for _, _, p in found]) if found else ()
    return [(name, estimate, q) for (name, estimate, _), q in zip(found, q_values, strict=True)]


def format_differences(differences: Iterable[CategoryDifference]) -> tuple[str, ...]:
    """One line for every category that differs beyond chance."""
    return tuple(
        f"{row.category}: {row.metric} of {row.model} {row.estimate.mean:+z.3f} against "
        f"{row.against} (q = {row.q_value:.2g}, reported, not gated)"
        for row in sorted(differences, key=lambda row: row.q_value)
        if row.q_value <= FALSE_DISCOVERIES
    )
