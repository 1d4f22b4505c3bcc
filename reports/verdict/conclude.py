"""From everything that was asked to the report: estimates, checks, verdicts, speeds.

The gate is decided in `decide`, which this module asks about every candidate.
"""

from collections.abc import Callable, Mapping, Sequence

from evals.gate import Gate
from evals.metrics.table import METRICS
from evals.results import Result, Spending
from reports.listing import listed, metric_facts
from reports.report import (
    Check,
    Exceptions,
    Group,
    Header,
    Opponent,
    Performance,
    Report,
    Section,
    Verdict,
)
from reports.verdict.bars import Bars
from reports.verdict.categories import (
    category_differences,
    contract_differences,
    format_differences,
)
from reports.verdict.decide import decide, gate_checks
from reports.verdict.means import metric_mean
from reports.verdict.pairs import by_model, value
from reports.verdict.planning import format_correlations


def measure(model: str, results: Sequence[Result], speed: float | None) -> Performance:
    """Percentiles of the latency by linear interpolation, beside tokens generated a second."""
    asked = [result.answer for result in results if result.asked]
    if not asked:
        return Performance(model, 0, None, None, None)
    import numpy as np

    p50, p95 = np.percentile([answer.latency for answer in asked], (50, 95))
    return Performance(model, len(asked), float(p50), float(p95), speed)


def conclude(
    header: Header,
    results: Sequence[Result],
    spending: Spending,
    gate: Gate,
    *,
    candidates: Sequence[str] = (),
    opponents: Sequence[Opponent] = (),
    further: Mapping[str, Sequence[Check]] | None = None,
    notes: Sequence[str] = (),
    sections: Sequence[Section] = (),
    bars: Bars | None = None,
    speeds: Mapping[str, float] | None = None,
    exceptions: Sequence[Exceptions] = (),
) -> Report:
    """Estimate every metric, overall and by category and contract, and judge the candidates.

    Args:
        header: of the report.
        results: of candidates and opponents.
        spending: of the run.
        gate: what a candidate must show.
        candidates: the models that are judged; empty, all that are no opponents.
        opponents: models among the results that candidates are measured against; one that is a
            candidate too is not measured against itself.
        further: checks by candidate that do not come from results.
        notes: see Report.
        sections: see Report.
        bars: what keeps gated metrics from speaking.
        speeds: tokens that each model generated a second, where that was measured.
        exceptions: see Report.
    """
    of_model = by_model(results)
    summary, verdicts = judge_candidates(results, gate, candidates, opponents, further or {}, bars)
    met = [
        (gate, of_model[verdict.model], of_model.get(opponent.name, []), opponent)
        for verdict in verdicts
        for opponent in opponents
        if opponent.role != "anchor" and opponent.name not in ("", verdict.model)
    ]
    differences = tuple(row for each in met for row in category_differences(*each))
    of_contracts = tuple(row for each in met for row in contract_differences(*each))
    correlations = [line for each in met for line in format_correlations(*each)]
    listing = listed(results)
    return Report(
        header=header,
        notes=(*notes, *correlations, *format_differences(differences)),
        spending=spending,
        summary=summary,
        verdicts=verdicts,
        metrics=metric_facts(),
        categories=_groups(of_model, gate.alpha, lambda result: result.case.category),
        contracts=_groups(of_model, gate.alpha, lambda result: result.case.contract.id),
        performance=tuple(
            measure(model, rows, (speeds or {}).get(model)) for model, rows in of_model.items()
        ),
        passages=listing.passages,
        cases=listing.cases,
        results=listing.results,
        differences=differences,
        contract_differences=of_contracts,
        sections=tuple(sections),
        exceptions=tuple(exceptions),
        turns=listing.turns,
        texts=listing.texts,
    )


def judge_candidates(
    results: Sequence[Result],
    gate: Gate,
    candidates: Sequence[str],
    opponents: Sequence[Opponent],
    further: Mapping[str, Sequence[Check]],
    bars: Bars | None = None,
) -> tuple[tuple[Group, ...], tuple[Verdict, ...]]:
    """Every model's estimates, and the verdict on every candidate; see `conclude`."""
    of_model = by_model(results)
    others = {opponent.name for opponent in opponents}
    judged = set(candidates) or set(of_model) - others
    summary = tuple(_group(model, "all", rows, gate.alpha) for model, rows in of_model.items())
    verdicts = tuple(
        _verdict(model, of_model, gate, opponents, further.get(model, ()), bars)
        for model in of_model
        if model in judged
    )
    return summary, verdicts


def _verdict(
    model: str,
    of_model: Mapping[str, list[Result]],
    gate: Gate,
    opponents: Sequence[Opponent],
    further: Sequence[Check],
    bars: Bars | None,
) -> Verdict:
    checks = [*gate_checks(gate, model, of_model, opponents, bars or Bars()), *further]
    roles = {opponent.role: opponent for opponent in opponents}
    return decide(model, checks, roles.get("champion"), roles.get("anchor"))


def _groups(
    of_model: Mapping[str, list[Result]], alpha: float, key: Callable[[Result], str]
) -> tuple[Group, ...]:
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
        for metric in result.scores:
            number = value(result, metric)
            if number is None:
                unscored[metric] = unscored.get(metric, 0) + 1
            else:
                values.setdefault(metric, []).append(number)
                clusters.setdefault(metric, []).append(result.case.contract.id)
    estimates = {
        metric: metric_mean(metric, scores, clusters[metric], alpha)
        for metric, scores in values.items()
    }
    in_order = {metric: estimates[metric] for metric in METRICS if metric in estimates}
    return Group(model, name, len(results), in_order | estimates, unscored)
