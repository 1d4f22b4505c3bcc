"""Where a candidate differs: the primary metrics by category, corrected for their number.

Reported, never gated: with 41 categories two would differ by chance alone.
"""

from collections.abc import Iterable, Sequence

from evals.gate import Gate
from evals.results import Result
from reports.report import CategoryDifference, Opponent
from reports.statistics.estimates import Estimate, benjamini_hochberg
from reports.statistics.paired import compare_means, two_sided
from reports.verdict.pairs import pair

FALSE_DISCOVERIES = 0.05


def category_differences(
    gate: Gate, candidate: Sequence[Result], other: Sequence[Result], opponent: Opponent
) -> list[CategoryDifference]:
    """Every category that both were scored on in two contracts or more, by primary metric."""
    primary = [metric for metric, entry in gate.gating.items() if entry.role == "primary"]
    return [
        row for metric in primary for row in _of_metric(metric, gate, candidate, other, opponent)
    ]


def _of_metric(
    metric: str,
    gate: Gate,
    candidate: Sequence[Result],
    other: Sequence[Result],
    opponent: Opponent,
) -> Iterable[CategoryDifference]:
    groups: dict[str, list[Result]] = {}
    for result in candidate:
        groups.setdefault(result.case.category, []).append(result)
    found: list[tuple[str, Estimate, float]] = []
    for category, results in groups.items():
        pairs = pair(metric, results, other)
        if len(set(pairs.contracts)) < 2:
            continue
        better = compare_means(pairs.candidate, pairs.other, pairs.contracts, alpha=gate.alpha)
        worse = compare_means(pairs.other, pairs.candidate, pairs.contracts, alpha=gate.alpha)
        p_value = two_sided(better.p_value, worse.p_value)
        if p_value is not None:
            found.append((category, better.difference, p_value))
    q_values = benjamini_hochberg([p for _, _, p in found]) if found else ()
    label = f"{opponent.role} {opponent.name}"
    return (
        CategoryDifference(candidate[0].model, label, metric, category, estimate, q)
        for (category, estimate, _), q in zip(found, q_values, strict=True)
    )


def format_differences(differences: Iterable[CategoryDifference]) -> tuple[str, ...]:
    """One line for every category that differs beyond chance."""
    return tuple(
        f"{row.category}: {row.metric} of {row.model} {row.estimate.mean:+.3f} against "
        f"{row.against} (q = {row.q_value:.2g}, reported, not gated)"
        for row in sorted(differences, key=lambda row: row.q_value)
        if row.q_value <= FALSE_DISCOVERIES
    )
