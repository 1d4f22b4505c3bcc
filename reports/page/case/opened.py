"""One case, opened: everything that is known of it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reports.page.case.answered import Answered, answered, changed
from reports.page.case.conversations import DrawnTurn, Talk, shared_turns, talks
from reports.page.case.highlights import Stretch, gold_places, quoted_places, stretches
from reports.page.case.rerun import lacks_secret, rerun_command
from reports.page.cases import Shown, scored_metrics
from reports.report import Report, ReportedPassage, ReportedResult
from reports.views.flips import opponent_of
from reports.views.word_difference import Piece
from reports.views.wording import format_value


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
    votes: str


@dataclass(frozen=True, slots=True)
class Change:
    """From the opponent's answer to the candidate's."""

    opponent: str
    candidate: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Common:
    """What all cases of a report share."""

    report: Report
    turns: Mapping[int, DrawnTurn]
    """That many chats have, which the page shows once."""

    pairs: tuple[tuple[str, str], ...]
    """Opponent and candidate, whose answers are compared."""


def common(report: Report) -> Common:
    """What is found once."""
    candidates = [verdict.model for verdict in report.verdicts]
    opponents = [(opponent_of(report, name), name) for name in candidates]
    pairs = tuple((other.name, name) for other, name in opponents if other)
    return Common(report, shared_turns(report), pairs)


@dataclass(frozen=True, slots=True)
class Opened:
    """What is known of a case."""

    answers: tuple[Answered, ...]
    """One a result, beside what was expected."""

    changes: tuple[Change, ...]
    """Where an answer shares words with that of the opponent, and has others."""

    scores: tuple[tuple[str, tuple[Scored, ...]], ...]
    """By metric, one a result."""

    talks: tuple[Talk, ...]
    """Prompts and replies, of the models and of their judges."""

    silent: tuple[str, ...]
    """Models of whose prompts nothing is recorded."""

    command: str
    """Which takes this case again."""

    lacks_secret: bool
    """Whether a secret has to be put into it."""

    passages: tuple[Passages, ...]
    """Each different list once."""

    lacks_gold: bool
    """Whether the expected answer has a place that no passage holds."""


def opened(common: Common, one: Shown) -> Opened:
    """All of a case."""
    report = common.report
    results = [result for result in one.results if result]
    command = rerun_command(report, one.case)
    names = scored_metrics(report, results)
    return Opened(
        tuple(answered(one.case, result) for result in results),
        tuple(_changes(common, results)),
        tuple((name, tuple(_scored(report, result, name) for result in results)) for name in names),
        tuple(talks(report, results, common.turns)),
        tuple(each.model for each in results if not _is_heard(each)),
        command,
        lacks_secret(command),
        tuple(_passages(report, one, results)),
        "unseen" in one.tags,
    )


def _is_heard(result: ReportedResult) -> bool:
    """Whether a prompt is recorded that it is the reply to."""
    return any(not each.metric for each in result.conversations)


def _changes(common: Common, results: Iterable[ReportedResult]) -> Iterator[Change]:
    by_model = {result.model: result for result in results}
    for opponent, candidate in common.pairs:
        if opponent in by_model and candidate in by_model:
            pieces = changed(by_model[opponent], by_model[candidate])
            if pieces:
                yield Change(opponent, candidate, pieces)


def _scored(report: Report, result: ReportedResult, name: str) -> Scored:
    if name not in result.scores:
        return Scored("", "", "")
    value, reason = result.scores[name], result.reasons.get(name, "")
    votes = ", ".join(
        f"{judge} {'none' if vote is None else format_value(vote, '')}"
        for judge, vote in result.votes.get(name, {}).items()
    )
    if value is None:
        return Scored("unscored", reason or "no reason given", votes)
    return Scored(format_value(value, report.unit_of(name)), reason, votes)


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
