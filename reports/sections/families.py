"""Judges of a model's own family: flagged, and where others judge too, measured."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from evals.gate import Gate
from evals.judges.judge import heard_of
from evals.results import Result
from reports.report import Finding, Section
from reports.sections.judge_exams import scorers
from reports.statistics.estimates import Estimate
from reports.statistics.intervals import cluster_mean

TOLERATED = 0.05
"""What a family's preference may move a metric by that has no margin in the gate file."""

NOTE = (
    "Judges tend to prefer answers of their own family (Panickssery et al. 2024, arXiv "
    "2404.13076). What they give such a model more than the panel's other judges do, less what "
    "they so give the exam's models of other families, case by case. Other judges may err by the "
    "form of answers, and that shows here too."
)


@dataclass(frozen=True, slots=True)
class Kinship:
    """A model of the exam and the judges of its family.

    Attributes:
        model: whose answers.
        family: of model and judges.
        judges: names of the judges.
        metric: that they score.
        preference: how much more they give it than others do; None where it cannot be measured.
        weight: share of the panel that they are.
    """

    model: str
    family: str
    judges: tuple[str, ...]
    metric: str
    preference: Estimate | None
    weight: float

    @property
    def line(self) -> str:
        """The flag, in a line."""
        who = ", ".join(self.judges)
        measured = (
            "not measured, for want of a judge and a model of another family"
            if self.preference is None
            else f"self-preference {self.preference:+.3f}"
        )
        return (
            f"{self.metric} of {self.model} is judged by its own family, {self.family} ({who}): "
            f"{measured}"
        )


def kinships(
    of_model: Mapping[str, Sequence[Result]],
    families: Mapping[str, str],
    judges: Mapping[str, Mapping[str, str]],
    weights: Mapping[str, float],
    alpha: float,
) -> Iterator[Kinship]:
    """Every model of the exam with judges of its own family, by metric.

    Args:
        of_model: results by model.
        families: of these models, by name; empty where nobody knows.
        judges: by metric, the families of those that score it, by name.
        weights: of the judges of a panel; one that is not heard prefers nothing.
        alpha: risk of each end of an interval.
    """
    for metric, of_judge in judges.items():
        for model, rows in of_model.items():
            family = families.get(model, "")
            own = {name for name, other in of_judge.items() if other == family != ""}
            own = {name for name in own if weights.get(name, 1.0)}
            if not own:
                continue
            others = [each for name, each in of_model.items() if families.get(name, "") != family]
            total = sum(weights.get(name, 0.0) for name in of_judge)
            weight = sum(weights.get(name, 0.0) for name in own) / total if total else 1.0
            found = _preference(metric, own, rows, others, weights, alpha)
            yield Kinship(model, family, tuple(sorted(own)), metric, found, weight)


def judges_by_metric(
    metrics: Iterable[str], judges: Sequence[str], families: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """The families of the judges of each of these metrics, by name."""
    return {
        metric: {judge: families.get(judge, "") for judge in who}
        for metric in dict.fromkeys(metrics)
        if metric != "disagreement" and (who := scorers(metric, judges))
    }


def _preference(
    metric: str,
    own: set[str],
    rows: Sequence[Result],
    others: Sequence[Sequence[Result]],
    weights: Mapping[str, float],
    alpha: float,
) -> Estimate | None:
    """Own judges less others on these answers, less the same on the other models', by case."""
    of_others: dict[str, list[float]] = {}
    for result in (each for results in others for each in results):
        if (found := _excess(result, metric, own, weights)) is not None:
            of_others.setdefault(result.case.id, []).append(found)
    changes, contracts = [], []
    for result in rows:
        found, beside = _excess(result, metric, own, weights), of_others.get(result.case.id)
        if found is not None and beside:
            changes.append((found - sum(beside) / len(beside)) / 2)  # within -1..1
            contracts.append(result.case.contract.id)
    if not changes:
        return None
    half = cluster_mean(changes, contracts, alpha, "difference")
    low, high = (None if end is None else 2 * end for end in (half.low, half.high))
    return replace(half, mean=2 * half.mean, low=low, high=high)


def _excess(
    result: Result, metric: str, own: set[str], weights: Mapping[str, float]
) -> float | None:
    """What judges of the family gave an answer more than the panel's others."""
    score = result.scores.get(metric)
    heard = heard_of(score, weights) if score else {}
    votes = [(name, vote) for name, vote in score.votes if name in heard] if score else []
    mine = [vote for name, vote in votes if name in own and vote is not None]
    theirs = [vote for name, vote in votes if name not in own and vote is not None]
    if not mine or not theirs or len(mine) + len(theirs) < len(votes):
        return None
    return sum(mine) / len(mine) - sum(theirs) / len(theirs)


def family_section(found: Sequence[Kinship]) -> Section:
    """What was found, one finding a model and metric."""
    findings = tuple(
        Finding(
            each.model,
            f"self-preference in {each.metric}",
            each.preference,
            f"judged by {', '.join(each.judges)} of its own family ({each.family})",
        )
        for each in found
    )
    return Section("families", "Judges of a model's own family", NOTE, findings)


def preferring(found: Sequence[Kinship], gate: Gate) -> dict[str, dict[str, str]]:
    """By model, the gated metrics that its own family's judges are shown to move too far.

    Too far is more than the metric's margin: the lower end of the preference, at the share of the
    panel that they are.
    """
    lines: dict[str, dict[str, str]] = {}
    for each in found:
        rule = gate.gating.get(each.metric) or gate.critical.metrics.get(each.metric)
        low = each.preference.low if each.preference else None
        if rule is None or low is None:
            continue
        margin = rule.margin or TOLERATED
        if low * each.weight > margin:
            lines.setdefault(each.model, {})[each.metric] = (
                f"{each.line}: more than {margin:g} of the score; give judges of other families"
            )
    return lines
