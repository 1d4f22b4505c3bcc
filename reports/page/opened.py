"""One case, opened: scores with their reasons, passages with what stands out in them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reports.page.cases import Shown
from reports.page.highlights import Stretch, gold_places, quoted_places, stretches
from reports.page.wording import format_value
from reports.report import Report, ReportedPassage, ReportedResult


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage that was shown.

    Attributes:
        number: its place in `Report.passages`.
        passage: itself.
        stretches: its text, cut where something stands out.
        plain: whether nothing does.
        gold: whether part of an expected answer lies in it.
    """

    number: int
    passage: ReportedPassage
    stretches: tuple[Stretch, ...]
    plain: bool
    gold: bool


@dataclass(frozen=True, slots=True)
class Passages:
    """What some models were shown, best first; `models` is empty where it was all of them."""

    models: tuple[str, ...]
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """One metric of one answer; `value` is empty where it was not asked."""

    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What is known of a case beside its answers."""

    scores: tuple[tuple[str, tuple[Scored, ...]], ...]
    """By metric, one a result."""

    passages: tuple[Passages, ...]
    """Each different list once."""

    lacks_gold: bool
    """Whether the expected answer has a place that no passage holds."""


def opened(report: Report, one: Shown) -> Opened:
    """All of a case."""
    results = [result for result in one.results if result]
    asked = dict.fromkeys(name for result in results for name in result.scores)
    names = [name for name in dict.fromkeys((*report.metrics, *asked)) if name in asked]
    return Opened(
        tuple((name, tuple(_scored(report, result, name) for result in results)) for name in names),
        tuple(_passages(report, one, results)),
        "unseen" in one.tags,
    )


def _scored(report: Report, result: ReportedResult, name: str) -> Scored:
    if name not in result.scores:
        return Scored("", "")
    value, reason = result.scores[name], result.reasons.get(name, "")
    if value is None:
        return Scored("unscored", reason or "no reason given")
    return Scored(format_value(value, report.unit_of(name)), reason)


def _passages(report: Report, one: Shown, results: Iterable[ReportedResult]) -> Iterator[Passages]:
    lists: dict[tuple[int, ...], list[ReportedResult]] = {}
    for result in results:
        lists.setdefault(result.passages, []).append(result)
    for numbers, same in lists.items():
        models = tuple(result.model for result in same) if len(lists) > 1 else ()
        yield Passages(models, tuple(_passage(report, one, same, number) for number in numbers))


def _passage(report: Report, one: Shown, results: list[ReportedResult], number: int) -> Passage:
    passage = report.passages[number]
    gold = gold_places(passage, one.case.contract, one.case.expected)
    quoted = {result.model: quoted_places(passage.text, result.answer) for result in results}
    return Passage(
        number,
        passage,
        stretches(passage.text, gold, quoted),
        not gold and not any(quoted.values()),
        bool(gold),
    )
