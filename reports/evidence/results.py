"""The results of a report as the data set and the metrics have them, and where it says otherwise.

Cases, gold answers and passages are taken from the data set; a rule metric scores the reported
answer again. An answer itself, its times and a judge's score cannot be had again without asking.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

from common.redaction import redacted
from common.storable import each_text
from evals.isolation import attempted
from evals.metrics.table import METRICS, score
from evals.repeats import merged
from evals.results import Result, Score
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from reports.evidence.last_exam import jsonable
from reports.listing import answer_of, further_of, listed_case, scores_of
from reports.report import Report, ReportedPassage, ReportedResult

ROUNDING = 1e-9
"""Of numbers that processors may add in another order."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an exam must have listed.

    Attributes:
        models: names, in the order of the exam.
        cases: those that were asked, in its order.
        gating: metrics that gate, all of which are scored.
        recorded: models whose passages may stand nowhere in the contract.
    """

    models: Sequence[str]
    cases: Sequence[Case]
    gating: Collection[str]
    recorded: Collection[str]


def results_again(report: Report, asked: Asked) -> tuple[Result, ...]:
    """The results, on cases and passages of the data set, with every rule's score anew.

    Raises:
        ValueError: the report lists otherwise; the first difference, in words.
    """
    for wrong in _misplaced(report, asked):
        raise ValueError(wrong)
    return tuple(_result(row, report, asked) for row in report.results)


def _misplaced(report: Report, asked: Asked) -> Iterator[str]:
    """Whether it lists every case of the exam once, as it is, and every model's answer to it."""
    listed, wanted = [case.id for case in report.cases], [redacted(c.id) for c in asked.cases]
    if listed != wanted:
        known = set(listed)
        lost = [name for name in wanted if name not in known]
        yield (
            f"it lists {len(listed)} cases where the exam asks {len(wanted)}"
            if len(listed) != len(wanted)
            else "it lists other cases than the exam asks, or in another order"
        ) + (f", and not {lost[0]}" if lost else "")
    once = cache(redacted)  # most texts of a case are keys
    for reported, case in zip(report.cases, asked.cases, strict=True):
        if jsonable(reported) != each_text(jsonable(listed_case(case)), once):
            yield f"case {case.id} is not what it is in the data set"
    rows = [(row.model, row.case) for row in report.results]
    if rows != [(model, case) for model in asked.models for case in range(len(wanted))]:
        yield f"it does not list one answer of each of {', '.join(asked.models)} to every case"
    yield from _unrepeated(report.results)


def _unrepeated(rows: Sequence[ReportedResult]) -> Iterator[str]:
    """Whether every case was asked as often, and all answers are listed where none is missing."""
    times = {row.model: row.repeats for row in reversed(rows)}
    for row in rows:
        if row.repeats != times[row.model]:
            yield f"it asked {row.model} not all cases as often"
        answers = 1 if row.error is not None else row.repeats or 1
        if len(row.further) + 1 != answers:
            yield f"it lists {len(row.further) + 1} answers of {row.model} where it asked {answers}"


def _result(row: ReportedResult, report: Report, asked: Asked) -> Result:
    case = asked.cases[row.case]

    def shown(numbers: Sequence[int]) -> list[Passage]:
        passages = [report.passages[number] for number in numbers]
        return [_passage(each, case, free=row.model in asked.recorded) for each in passages]

    answers = [
        answer_of(row, shown(row.passages)),
        *(further_of(each, shown(each.passages)) for each in row.further),
    ]
    wanted = [name for name in asked.gating if METRICS[name].rule and METRICS[name].is_of(case)]
    names = [name for name in METRICS if METRICS[name].rule and name in {*row.scores, *wanted}]
    again = merged(
        [Result(row.model, case, each, _scored(case, each, names), row.asked) for each in answers]
    )
    for name in names:
        found = again.scores.get(name)
        if not _same(row.scores.get(name), found, listed=name in row.scores):
            what = "answer" if len(answers) == 1 else f"{len(answers)} answers"
            raise ValueError(
                f"{name} of the {what} of {row.model} to {case.id} is "
                f"{_shown(found.value) if found else 'of other cases'}, and it says "
                f"{_shown(row.scores.get(name))}"
            )
    return replace(again, scores={**scores_of(row), **again.scores})


def _scored(case: Case, answer: Answer, names: Sequence[str]) -> Mapping[str, Score]:
    return attempted(
        partial(score, case, answer, names),
        lambda line: {name: Score(None, line) for name in names},
    )


def _passage(reported: ReportedPassage, case: Case, *, free: bool) -> Passage:
    """The passage as it stands in the contract, which a report shows without its secrets."""
    contract, place = case.contract, slice(reported.start, reported.end)
    if free and (reported.start, reported.end) == (0, 0):
        return Passage(contract.id, 0, 0, reported.text)
    text = contract.text[place]
    inside = 0 <= reported.start < reported.end <= len(contract.text)
    if not inside or (text != reported.text and redacted(text) != reported.text):
        raise ValueError(
            f"a passage that was shown of {case.id} does not stand in its contract at "
            f"{reported.start} to {reported.end}"
        )
    return Passage(contract.id, reported.start, reported.end, text)


def _same(reported: float | None, again: Score | None, *, listed: bool) -> bool:
    if again is None or not listed:
        return False
    if reported is None or again.value is None:
        return reported is None and (again.value is None or not math.isfinite(again.value))
    return math.isclose(reported, again.value, rel_tol=ROUNDING, abs_tol=ROUNDING)


def _shown(value: float | None) -> str:
    return "unscored" if value is None else f"{value:g}"
