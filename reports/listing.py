"""What a report lists: an exam's results, to them and back, and the table of metrics."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from common.errors import UserError
from common.redaction import redacted
from evals.conversations import Slot, Turn
from evals.metrics.table import METRICS
from evals.results import Result, Score
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from models.price import NOTHING
from reports.report import (
    FurtherAnswer,
    MetricFacts,
    Report,
    ReportedCase,
    ReportedConversation,
    ReportedPassage,
    ReportedResult,
    ReportedTurn,
)


@dataclass(frozen=True, slots=True)
class Listing:
    """Results, with each case and each passage once."""

    passages: tuple[ReportedPassage, ...]
    cases: tuple[ReportedCase, ...]
    results: tuple[ReportedResult, ...]
    turns: tuple[ReportedTurn, ...]
    texts: tuple[str, ...]


def listed(results: Sequence[Result]) -> Listing:
    """What a report lists of an exam's results; a number that is not finite is None."""
    passages: dict[Passage, int] = {}
    places: dict[str, int] = {}
    turns: dict[Turn, int] = {}
    cases, rows = [], []
    for result in results:
        if result.case.id not in places:
            places[result.case.id] = len(places)
            cases.append(listed_case(result.case))
        shown = [
            tuple(passages.setdefault(p, len(passages)) for p in answer.passages)
            for answer in (result.answer, *result.further)
        ]
        said = tuple(
            ReportedConversation(
                each.model,
                each.metric,
                tuple(turns.setdefault(turn, len(turns)) for turn in each.turns),
                each.tokens_in,
                each.tokens_out,
                each.cost,
            )
            for each in result.conversations
        )
        rows.append(_result(result, places[result.case.id], shown, said))
    texts: dict[str, int] = {}
    spoken = tuple(_turn(turn, texts) for turn in turns)
    return Listing(
        passages=tuple(ReportedPassage(p.contract_id, p.start, p.end, p.text) for p in passages),
        cases=tuple(cases),
        results=tuple(rows),
        turns=spoken,
        texts=tuple(texts),
    )


def _turn(turn: Turn, texts: dict[str, int]) -> ReportedTurn:
    """A turn by places in `texts`, to which its new literals are added."""
    parts = (
        texts.setdefault(part, len(texts)) if isinstance(part, str) else _slot(part)
        for part in turn.parts
    )
    return ReportedTurn(turn.role, tuple(parts))


def _slot(slot: Slot) -> str:
    return f"{slot.of} {slot.number}" if slot.of in ("passage", "gold") else slot.of


def metric_facts() -> dict[str, MetricFacts]:
    """The table of metrics, as it is."""
    return {
        m.name: MetricFacts(m.direction, m.unit, m.summary, m.of_retrieval)
        for m in METRICS.values()
    }


def listed_case(case: Case) -> ReportedCase:
    """A case as a report lists it."""
    return ReportedCase(
        id=case.id,
        slug=case.slug,
        identity=case.identity,
        contract=case.contract.id,
        category=case.category,
        question=case.question,
        expected=case.spans,
    )


def _result(
    result: Result,
    case: int,
    passages: Sequence[tuple[int, ...]],
    conversations: tuple[ReportedConversation, ...],
) -> ReportedResult:
    answer = result.answer
    return ReportedResult(
        model=result.model,
        case=case,
        answer=answer.text,
        error=answer.error,
        passages=passages[0],
        scores={name: _finite(score.value) for name, score in result.scores.items()},
        reasons={name: score.reason for name, score in result.scores.items() if score.reason},
        finish_reason=answer.finish_reason,
        cost=answer.cost,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        latency=answer.latency,
        confidence=_finite(answer.confidence),
        asked=result.asked,
        reasoning=answer.reasoning,
        repeats=result.repeats if result.repeats > 1 else None,
        further=tuple(map(_further, result.further, passages[1:])),
        votes={
            name: {judge: _finite(vote) for judge, vote in score.votes}
            for name, score in result.scores.items()
            if score.votes
        },
        conversations=conversations,
        judging={
            name: score.cost for name, score in result.scores.items() if score.cost != NOTHING
        },
    )


def _further(answer: Answer, passages: tuple[int, ...]) -> FurtherAnswer:
    return FurtherAnswer(
        answer=answer.text,
        passages=passages,
        finish_reason=answer.finish_reason,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        latency=answer.latency,
        cost=answer.cost,
    )


def _finite(number: float | None) -> float | None:
    """JSON has no NaN, and a browser refuses a page that holds one."""
    return number if number is not None and math.isfinite(number) else None


def with_missed(report: Report, missed: Mapping[tuple[str, str], Sequence[str]]) -> Report:
    """The report with the tests that each answer missed, given by (model, case id)."""
    return replace(
        report,
        results=tuple(
            replace(row, missed=tuple(missed.get((row.model, report.cases[row.case].id), ())))
            for row in report.results
        ),
    )


def joined(report: Report, cases: Sequence[Case]) -> tuple[Result, ...]:
    """The results of a report that was written, each with its own case of the data set.

    Raises:
        UserError: the report has a case that is none of these.
    """
    by_id = {redacted(case.id): case for case in cases}
    strange = [case.id for case in report.cases if case.id not in by_id]
    if strange:
        raise UserError(
            f"run {report.header.id} examined {strange[0]}, which this data set does not have; run "
            "the exam again"
        )
    own = [by_id[case.id] for case in report.cases]
    passages = [Passage(p.contract, p.start, p.end, p.text) for p in report.passages]
    return tuple(
        Result(
            row.model,
            own[row.case],
            answer_of(row, [passages[number] for number in row.passages]),
            scores_of(row),
            row.asked,
        )
        for row in report.results
    )


def answer_of(row: ReportedResult, passages: Sequence[Passage]) -> Answer:
    """The answer that a report lists; `passages` are those that the model was shown."""
    return replace(
        further_of(row, passages),
        error=row.error,
        confidence=row.confidence,
        reasoning=row.reasoning,
    )


def further_of(row: FurtherAnswer | ReportedResult, passages: Sequence[Passage]) -> Answer:
    """Another answer to the same case, as far as a report lists it."""
    return Answer(
        text=row.answer,
        tokens_in=row.tokens_in,
        tokens_out=row.tokens_out,
        latency=row.latency,
        finish_reason=row.finish_reason,
        passages=tuple(passages),
        cost=row.cost,
    )


def scores_of(row: ReportedResult) -> dict[str, Score]:
    """The scores that a report lists."""
    return {
        name: Score(value, row.reasons.get(name, ""), tuple(row.votes.get(name, {}).items()))
        for name, value in row.scores.items()
    }
