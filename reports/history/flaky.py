"""Cases that the same model passes in one run and misses in another."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import UserError
from common.identity import digest
from reports.archive import Kept, read_report
from reports.report import Header, ModelFacts, Report

CONDITIONS = ("retriever", "prompt", "metrics", "judges")


@dataclass(frozen=True, slots=True)
class Flaky:
    """A case of one model that was missed in `missed` of the `runs` that examined it alike."""

    model: str
    slug: str
    missed: int
    runs: int


@dataclass(frozen=True, slots=True)
class Flakiness:
    """What the reports still on disk tell; `repeated` counts cases with more than one run."""

    cases: tuple[Flaky, ...]
    repeated: int
    unreadable: int


def find_flaky(kept: Sequence[Kept]) -> Flakiness:
    """Look for the same model and case, under the same retriever, prompt, metrics and marks.

    Whether a case is missed follows from its scores and the marks, not from the tests that were
    selected; one without any score counts in no run.

    Args:
        kept: the reports on disk, newest first.
    """
    repeats = Counter(key for each in kept for key in _keys(each))
    missed: Counter[tuple[str, str]] = Counter()
    counted: Counter[tuple[str, str]] = Counter()
    names: dict[tuple[str, str], tuple[str, str]] = {}
    unreadable = sum(each.overview is None for each in kept)
    for each in reversed(kept):
        if not any(repeats[key] > 1 for key in _keys(each)):
            continue
        try:
            report = read_report(each.path)
        except UserError:
            unreadable += 1
            continue
        for key, outcome in _outcomes(report).items():
            counted[key] += 1
            missed[key] += outcome.missed
            names[key] = outcome.model, outcome.slug
    found = [
        Flaky(*names[key], missed[key], count)
        for key, count in counted.items()
        if 0 < missed[key] < count
    ]
    return Flakiness(
        cases=tuple(sorted(found, key=lambda each: (each.model, each.slug))),
        repeated=sum(count > 1 for count in counted.values()),
        unreadable=unreadable,
    )


def _keys(kept: Kept) -> set[str]:
    """One a model; none where the report cannot be read, or does not say all that must agree."""
    header = kept.overview.header if kept.overview else None
    if header is None or None in _conditions(header):
        return set()
    return {_key(model, header) for model in header.models}


def _conditions(header: Header) -> list[object]:
    return [getattr(header.fingerprint, each) for each in CONDITIONS]


def _key(model: ModelFacts, header: Header) -> str:
    return digest(model.answers_key, _conditions(header), header.gate.pass_marks)


def _outcomes(report: Report) -> dict[tuple[str, str], Flaky]:
    """Each case that has a score with a mark, as one run of it; equal cases are one."""
    found = {}
    for model in report.header.models:
        key = _key(model, report.header)
        for result in report.by_case.get(model.name, {}).values():
            passed = [
                report.passes(metric, score)
                for metric in report.marks
                if (score := result.scores.get(metric)) is not None
            ]
            if passed and result.error is None:
                case = report.cases[result.case]
                found[key, case.identity] = Flaky(model.name, case.slug, not all(passed), 1)
    return found
