"""Drawn examples asked and judged, within limits of calls and money."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from common.errors import UserError
from evals.calls.budget import DECLINED
from evals.calls.calls import Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.store import Store
from evals.isolation import innermost
from evals.judges.judge import Judge, Panel
from evals.results import Score
from fixtures.cases import Case, Contract
from models.chat import Answer, ChatModel
from training.data.examples import Example
from training.preferences.appraisal import Appraisal, judged_case
from training.preferences.sampling import ScoredAnswers, sample_answers

BATCH = 8
"""Examples that are asked at once where money is limited, so that what is paid is judged too."""


@dataclass(frozen=True)
class Sampling:
    """Whom to ask what, and who judges.

    Attributes:
        examples: those whose prompts are asked.
        samplers: the model, in every way in which it is asked.
        judges: of correctness.
        metrics: whether the exam's rules judge too.
        cases: of the data sets.
        opened: the calls over a store, within their limits.
    """

    examples: Sequence[Example]
    samplers: Sequence[ChatModel]
    judges: Sequence[Judge]
    metrics: bool
    cases: Sequence[Case]
    opened: Callable[[Store, Journal], Calls]


@dataclass(frozen=True, slots=True)
class Sampled:
    """Sampled answers by example, and which limit ended them, in words; "" where none did."""

    examples: tuple[ScoredAnswers, ...]
    stop: str = ""


async def sample_and_judge(
    sampling: Sampling, store: Store, on_answer: Callable[[], None] = lambda: None
) -> Sampled:
    """Ask and judge whatever the store does not hold.

    An example that a limit leaves without an answer or a score is left out, and all behind it.

    Raises:
        UserError: a model cannot answer at all, or the store cannot be written. What was answered
            until then is in the store.
    """
    try:
        async with Journal(store) as journal:
            calls = sampling.opened(store, journal)
            panel = Panel(sampling.judges, calls, journal, Lookups(store, "scores"))
            return await _scored(sampling, calls, Appraisal(panel, sampling.metrics), on_answer)
    except* UserError as errors:
        raise innermost(errors) from None
    finally:
        await sampling.samplers[0].close()  # the others share its connections
        for judge in sampling.judges:
            await judge.close()


async def _scored(
    sampling: Sampling, calls: Calls, appraisal: Appraisal, on_answer: Callable[[], None]
) -> Sampled:
    cases = {case.identity: case for case in sampling.cases}
    contracts = {case.contract.id: case.contract for case in sampling.cases}
    whole = list[ScoredAnswers]()
    for examples in _batches(sampling, calls):
        answers = await sample_answers(sampling.samplers, examples, calls, on_answer)
        _check_some_answered(sampling, answers)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_judge(appraisal, example, given, cases, contracts))
                for example, given in zip(examples, answers, strict=True)
            ]
        for scored in (task.result() for task in tasks):
            if stop := _declined(scored):
                return Sampled(tuple(whole), stop)
            whole.append(scored)
    return Sampled(tuple(whole))


def _batches(sampling: Sampling, calls: Calls) -> Iterator[Sequence[Example]]:
    """The examples in their order: all at once, or as many as the limits surely allow.

    So a limit is not spent on answers that nobody judges; one example is tried in any case.
    """
    budget, rest = calls.budget, sampling.examples
    each = len(sampling.samplers) * (1 + len(sampling.judges))
    while rest:
        most = len(rest) if budget.max_cost is None else BATCH
        if budget.max_calls is not None:
            most = min(most, max(1, (budget.max_calls - budget.calls) // each))
        yield rest[:most]
        rest = rest[most:]


def _declined(scored: ScoredAnswers) -> str:
    """Why something of an example was not asked, where that is a limit's doing."""
    said = [each.error for each in scored.answers] + [each.reason for each in scored.scores]
    found = next((each for each in said if each and DECLINED in each), "")
    return found[found.index(DECLINED) :].split(";")[0] if found else ""


async def _judge(
    appraisal: Appraisal,
    example: Example,
    answers: Sequence[Answer],
    cases: Mapping[str, Case],
    contracts: Mapping[str, Contract],
) -> ScoredAnswers:
    """Every different text is judged once."""
    case = judged_case(example, cases, contracts)
    distinct = {answer.text: answer for answer in answers if answer.error is None}
    scores = await asyncio.gather(
        *(appraisal.score(example, case, answer) for answer in distinct.values())
    )
    of = dict(zip(distinct, scores, strict=True))
    return ScoredAnswers(
        example,
        tuple(answers),
        tuple(
            of[answer.text] if answer.error is None else Score(None, answer.error)
            for answer in answers
        ),
    )


def _check_some_answered(sampling: Sampling, answers: Sequence[Sequence[Answer]]) -> None:
    errors = [answer.error for given in answers for answer in given]
    if all(error and DECLINED not in error for error in errors):
        raise UserError(
            f"--model {sampling.samplers[0].name}: none of {len(errors)} answers came, the first: "
            f"{errors[0]}; mend that and type the same command"
        )
