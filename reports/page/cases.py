"""The cases of a page: what is known of each at a glance, and which lie in the page itself.

A page holds every case while all of them take `MOST` characters. Of more it holds those that flip,
then those that were missed, then the others in the order of the exam, as far as there is room; the
rest lies in cases.json beside it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from reports.report import Report, ReportedCase, ReportedResult
from reports.views.flips import flips

MOST = 4_000_000
"""Characters of cases in a page: what else stands there takes less, and both together 8 MB."""

TAGS = {
    "missed": "missed by a model",
    "differ": "models differ",
    "disagree": "judge and F1 disagree",
    "won": "won",
    "lost": "lost",
    "unseen": "no gold passage shown",
    "error": "with an error",
    "cut": "cut off",
    "unanswerable": "not in the contract",
    "answerable": "in the contract",
}
"""What a case can be found by, in words."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A case with every model's answer to it.

    Attributes:
        place: of the case in `Report.cases`.
        case: what was asked, and what is right.
        results: one a model, in the order of the exam; None where it was not asked.
        tags: of `TAGS`, what holds of the case.
    """

    place: int
    case: ReportedCase
    results: tuple[ReportedResult | None, ...]
    tags: tuple[str, ...]


def shown_cases(report: Report) -> tuple[Shown, ...]:
    """Every case of a report, in the order of the exam."""
    models = [group.model for group in report.summary]
    answers: list[dict[str, ReportedResult]] = [{} for _ in report.cases]
    for result in report.results:
        answers[result.case][result.model] = result
    sides: dict[int, set[str]] = {}
    for flip in chain.from_iterable(found.all for found in flips(report)):
        sides.setdefault(flip.place, set()).add(flip.side)
    return tuple(
        Shown(
            place,
            case,
            tuple(map(answers[place].get, models)),
            tuple(_tags(report, case, [*answers[place].values()], sides.get(place, set()))),
        )
        for place, case in enumerate(report.cases)
    )


def _tags(
    report: Report, case: ReportedCase, results: Sequence[ReportedResult], sides: set[str]
) -> Iterator[str]:
    found = {tag for result in results for tag in tags_of(result)} | sides
    found.add("answerable" if case.expected else "unanswerable")
    if any(len(passed) > 1 for passed in _passed(report, results).values()):
        found.add("differ")
    if any(_disagree(report, result) for result in results):
        found.add("disagree")
    if any(not _sees_gold(report, case, result) for result in results):
        found.add("unseen")
    return (tag for tag in TAGS if tag in found)


def tags_of(result: ReportedResult) -> list[str]:
    """What holds of one answer alone."""
    holds = {
        "missed": bool(result.missed),
        "error": result.error is not None,
        "cut": result.finish_reason == "length",
    }
    return [tag for tag, is_so in holds.items() if is_so]


def _passed(report: Report, results: Iterable[ReportedResult]) -> Mapping[str, set[bool]]:
    """Whether the marks were reached, by metric."""
    passed: dict[str, set[bool]] = {name: set() for name in report.marks}
    for result in results:
        for name, seen in passed.items():
            if (value := result.scores.get(name)) is not None:
                seen.add(report.passes(name, value))
    return passed


def _disagree(report: Report, result: ReportedResult) -> bool:
    """Whether a judge passes what token_f1 does not, or the other way round."""
    passed = _passed(report, [result])
    judged = [passed[name] for name in passed if name not in report.metrics]
    return any({*judge, *passed.get("token_f1", ())} == {True, False} for judge in judged)


def _sees_gold(report: Report, case: ReportedCase, result: ReportedResult) -> bool:
    """Whether a passage shown holds part of a gold answer, as far as that can be known."""
    places = [
        (span.start, span.start + len(span.text))
        for span in case.expected
        if span.start is not None
    ]
    if not places or not result.passages:
        return True
    return any(
        start < passage.end and passage.start < end
        for number in result.passages
        for passage in [report.passages[number]]
        if passage.contract == case.contract
        for start, end in places
    )


def by_weight(cases: Iterable[Shown]) -> list[Shown]:
    """What a page holds first: what was lost or won, then what was missed."""
    return sorted(
        cases,
        key=lambda each: (not {"won", "lost"} & {*each.tags}, "missed" not in each.tags),
    )


def index_of(shown: Shown, metrics: Sequence[str]) -> dict[str, Any]:
    """What a case is found and sorted by; a score that is missing is None, and so is an answer."""
    return {
        "place": shown.place,
        "slug": shown.case.slug,
        "category": shown.case.category,
        "contract": shown.case.contract,
        "tags": shown.tags,
        "results": [
            result
            and {
                "tags": tags_of(result),
                "scores": [result.scores.get(name) for name in metrics],
            }
            for result in shown.results
        ],
    }


def scored_metrics(report: Report, results: Iterable[ReportedResult]) -> list[str]:
    """Every metric that one of the results was asked, in the order of the table of metrics."""
    asked = dict.fromkeys(name for result in results for name in result.scores)
    return [name for name in dict.fromkeys((*report.metrics, *asked)) if name in asked]


def counted_tags(cases: Iterable[Shown]) -> dict[str, int]:
    """How many cases there are of each tag, without those that there are none of."""
    counts = Counter(tag for each in cases for tag in each.tags)
    return {tag: counts[tag] for tag in TAGS if counts[tag]}
