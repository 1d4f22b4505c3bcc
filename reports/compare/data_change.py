"""After a change of the data: its effect on the champion, and the model's effect apart from it.

A candidate that looks better than the champion's old report may only have met easier cases. So
the champion takes the new cases too, and its means then and now are the effect of the data; the
difference of the two models on the cases that did not change is the effect of the model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.archive import Exam, answers_key, exam_from, newest_first, read_head
from reports.compare.contest import Contest, Matching, Sides, contest, match_cases
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
    found: Contest | None


@dataclass(frozen=True)
class DataChange:
    """What changed since run `earlier`; `also` names what else did, so that it confounds `data`."""

    earlier: str
    champion: str
    cases: Matching
    also: tuple[str, ...]
    data: tuple[DataEffect, ...]
    models: tuple[ModelEffect, ...]


def describe_change(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> DataChange | None:
    """Compare two values of report.json, of which `now` measures against a champion.

    Returns:
        None where `now` has no champion, `earlier` did not examine it, or the cases are the same.

    Raises:
        LookupError, TypeError, AttributeError, ValueError: one is no such value.
    """
    before, after = exam_from(earlier), exam_from(now)
    champion = next((each for each in after.models if each.role == "champion"), None)
    old = next((m for m in before.models if champion and m.identity == champion.identity), None)
    cases = match_cases(before.cases, after.cases)
    if champion is None or old is None or not (cases.added or cases.removed or cases.changed):
        return None
    then, present = before.estimates[old.name], after.estimates[champion.name]
    return DataChange(
        earlier=before.id,
        champion=champion.name,
        cases=cases,
        also=tuple(
            each for each in MEANS if before.fingerprint.get(each) != after.fingerprint.get(each)
        ),
        data=tuple(DataEffect(m, then.get(m), present.get(m)) for m in after.gating),
        models=tuple(_model_effects(after, champion.name, [id_ for _, id_ in cases.same])),
    )


def _model_effects(exam: Exam, champion: str, unchanged: Sequence[str]) -> list[ModelEffect]:
    pairs = [(id_, id_) for id_ in unchanged]
    return [
        ModelEffect(
            model.name, metric, contest(metric, Sides(exam, champion, exam, model.name, pairs))
        )
        for model in exam.models
        if model.role == "candidate"
        for metric in exam.gating
    ]


def find_earlier(runs: Path, now: Mapping[str, Any]) -> Path | None:
    """The report of the champion's last exam on other data: report.json, or None.

    Only heads of reports are read, newest first. A run counts if it took the same selection of a
    data set of the same name; of those on the last other content, the one with most cases is
    taken, since `-k` and `--missed` examine few.

    Args:
        runs: folder of runs.
        now: the value of report.json of the exam that is at hand.
    """
    champion = next((answers_key(row) for row in now["models"] if row["role"] == "champion"), None)
    best: tuple[int, Path] | None = None
    content = None
    for path in newest_first(runs) if champion else ():
        if path.parent.name >= now["id"]:
            continue
        data = _examined_before(path, champion, now)
        if data is None:
            continue
        if best is not None and data["identity"] != content:
            break
        content = data["identity"]
        if best is None or data["examined_cases"] > best[0]:
            best = data["examined_cases"], path
    return best[1] if best else None


def _examined_before(
    path: Path, champion: str | None, now: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """The data set of a report, if the champion took other content of the same selection."""
    try:
        head = read_head(path)
        data: Mapping[str, Any] = head["dataset"]
        fits = (
            any(answers_key(row) == champion for row in head["models"])
            and all(data.get(key) == now["dataset"].get(key) for key in SELECTION)
            and data["identity"] != now["dataset"]["identity"]
            and head["fingerprint"]["cases"] != now["fingerprint"]["cases"]
            and data["examined_cases"] > 0
        )
    except (OSError, LookupError, TypeError, AttributeError, ValueError):
        return None  # an older version's, or one that is being written
    return data if fits else None


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
        f"effect of the data on {change.champion}: {each.metric} {_shown(each.then)} then, "
        f"{_shown(each.now)} now{_moved(each)}"
        for each in change.data
    ]
    found += [
        f"effect of the model {each.model}, {_contested(each)}" for each in change.models if same
    ]
    return tuple(found)


def _moved(effect: DataEffect) -> str:
    return f" ({effect.now.mean - effect.then.mean:+.3f})" if effect.then and effect.now else ""


def _shown(estimate: Estimate | None) -> str:
    return "unscored" if estimate is None else str(estimate)


def _contested(effect: ModelEffect) -> str:
    if effect.found is None:
        return f"unchanged cases: {effect.metric} was scored on none for both"
    gain = effect.found.difference
    return f"{gain.n:,} unchanged cases: {effect.metric} {gain:+.3f}"
