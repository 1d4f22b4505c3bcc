"""After a change of the data: its effect on the champion, and the model's effect apart from it.

A candidate that looks better than the champion's old report may only have met easier cases. So
the champion takes the new cases too, and its means then and now are the effect of the data; the
difference of the two models on the cases that did not change is the effect of the model.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from reports.archive import Kept
from reports.compare.comparison import MetricComparison, compare
from reports.compare.sides import Matching, Sides, match_cases
from reports.report import Header, ModelFacts, Report
from reports.statistics.estimates import Estimate

SELECTION = ("name", "split", "limit", "balanced", "categories", "contracts")
MEANS = ("retriever", "prompt", "metrics", "judges")


@dataclass(frozen=True, slots=True)
class DataEffect:
    """The champion's mean of one metric, on the earlier cases and on these."""

    metric: str
    then: Estimate | None
    now: Estimate | None


@dataclass(frozen=True, slots=True)
class ModelEffect:
    """A candidate against the champion on unchanged cases; None where no pair was scored."""

    model: str
    metric: str
    found: MetricComparison | None


@dataclass(frozen=True)
class DataChange:
    """What changed since run `earlier`; `also` names what else did, so that it confounds `data`."""

    earlier: str
    champion: str
    cases: Matching
    also: tuple[str, ...]
    data: tuple[DataEffect, ...]
    models: tuple[ModelEffect, ...]


def describe_change(earlier: Report, now: Report) -> DataChange | None:
    """Compare two reports, of which `now` measures against a champion.

    Returns:
        None where `now` has no champion, `earlier` did not examine it, or the cases are the same.
    """
    champion = _champion(now.header)
    old = _same_model(earlier.header, champion) if champion else None
    cases = match_cases(earlier.cases, now.cases)
    if champion is None or old is None or not (cases.added or cases.removed or cases.changed):
        return None
    then, present = _estimates(earlier, old.name), _estimates(now, champion.name)
    one, two = earlier.header.fingerprint, now.header.fingerprint
    return DataChange(
        earlier=earlier.header.id,
        champion=champion.name,
        cases=cases,
        also=tuple(each for each in MEANS if getattr(one, each) != getattr(two, each)),
        data=tuple(DataEffect(m, then.get(m), present.get(m)) for m in now.gating),
        models=tuple(_model_effects(now, champion.name, [id_ for _, id_ in cases.same])),
    )


def _champion(header: Header) -> ModelFacts | None:
    return next((each for each in header.models if each.role == "champion"), None)


def _same_model(header: Header, model: ModelFacts) -> ModelFacts | None:
    """The model that gave the same answers, whatever it was called."""
    key = model.answers_key
    return next((each for each in header.models if each.answers_key == key), None)


def _estimates(report: Report, model: str) -> Mapping[str, Estimate]:
    return next((group.estimates for group in report.summary if group.model == model), {})


def _model_effects(report: Report, champion: str, unchanged: Sequence[str]) -> list[ModelEffect]:
    pairs = [(id_, id_) for id_ in unchanged]
    return [
        ModelEffect(
            model.name, metric, compare(metric, Sides(report, champion, report, model.name, pairs))
        )
        for model in report.header.models
        if model.role == "candidate" and {champion, model.name} <= report.by_case.keys()
        for metric in report.gating
    ]


def find_earlier(kept: Iterable[Kept], now: Header) -> Path | None:
    """The report of the champion's last exam on other data: report.json, or None.

    A run counts if it took the same selection of a data set of the same name; of those on the last
    other content, the one with most cases is taken, since `-k` and `--missed` examine few.

    Args:
        kept: the reports on disk, newest first; no more are read than are needed.
        now: of the exam that is at hand.
    """
    champion = _champion(now)
    before = (
        (each.path, each.overview.header.dataset)
        for each in kept
        if each.overview
        and champion
        and each.path.parent.name < now.id
        and _is_of_other_data(each.overview.header, champion, now)
    )
    for _, same in groupby(before, key=lambda found: found[1].identity):
        return max(same, key=lambda found: found[1].examined_cases)[0]
    return None


def _is_of_other_data(then: Header, champion: ModelFacts, now: Header) -> bool:
    """Whether the champion took other content of the same selection."""
    return (
        _same_model(then, champion) is not None
        and all(getattr(then.dataset, each) == getattr(now.dataset, each) for each in SELECTION)
        and then.dataset.identity != now.dataset.identity
        and then.fingerprint.cases != now.fingerprint.cases
        and then.dataset.examined_cases > 0
    )


def lines(change: DataChange) -> tuple[str, ...]:
    """The change in words, a line each for the cases, each metric's data and each model's."""
    same = len(change.cases.same)
    found = [
        f"the data changed since run {change.earlier}: {change.cases} cases, {same:,} the same"
    ]
    if change.also:
        found.append(
            f"{' and '.join(change.also)} changed too since then: the champion's means below "
            "differ by that as well"
        )
    found += [
        f"effect of the data on {change.champion}: {each.metric} {_format_mean(each.then)} then, "
        f"{_format_mean(each.now)} now{_format_move(each)}"
        for each in change.data
    ]
    found += [
        f"effect of the model {each.model}, {_format_effect(each)}"
        for each in change.models
        if same
    ]
    return tuple(found)


def _format_move(effect: DataEffect) -> str:
    return f" ({effect.now.mean - effect.then.mean:+z.3f})" if effect.then and effect.now else ""


def _format_mean(estimate: Estimate | None) -> str:
    return "unscored" if estimate is None else str(estimate)


def _format_effect(effect: ModelEffect) -> str:
    if effect.found is None:
        return f"unchanged cases: {effect.metric} was scored on none for both"
    gain = effect.found.difference
    return f"{gain.n:,} unchanged cases: {effect.metric} {gain:+.3f}"
