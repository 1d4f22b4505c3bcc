"""Several answers of a model to each drawn example, and what judges think of each."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from common.errors import UserError
from common.identity import digest
from evals.calls.calls import Calls
from evals.language.words import says_something
from evals.results import Score
from models.chat import Answer, ChatModel, Message
from training.data.examples import Example, turns
from training.data.marks import is_silent
from training.preferences.formats import PreferencePair, pair_of
from training.preferences.pairing import Rule, Scored, pair


@dataclass(frozen=True, slots=True)
class ScoredAnswers:
    """The answers to one example, the exam's own first, each with its score."""

    example: Example
    answers: tuple[Answer, ...]
    scores: tuple[Score, ...]

    @property
    def scored(self) -> tuple[Scored, ...]:
        """The answers that have a score."""
        return tuple(
            Scored(answer.text, score.value, answer.finish_reason != "length")
            for answer, score in zip(self.answers, self.scores, strict=True)
            if score.value is not None
        )


def draw_examples(examples: Sequence[Example], most: int, seed: int) -> tuple[Example, ...]:
    """At most `most` examples with a contract, half of them with an answer to be found.

    Where one half has too few the other fills up. Which are drawn depends on their content and on
    the seed, not on their order; a larger `most` keeps those of a smaller one as far as both halves
    last. They come in the order of the file, no prompt twice.
    """
    distinct: dict[tuple[Message, ...], Example] = {}
    for each in examples:
        if each.contract:
            distinct.setdefault(each.prompt, each)
    pools: dict[bool, list[Example]] = {True: [], False: []}
    for each in distinct.values():
        pools[is_silent(each)].append(each)
    for pool in pools.values():
        pool.sort(key=lambda each: digest(seed, turns(each.prompt)))
    silent = min(most // 2, len(pools[True]))
    speaking = min(most - silent, len(pools[False]))
    silent = min(most - speaking, len(pools[True]))
    drawn = {each.prompt for each in (*pools[True][:silent], *pools[False][:speaking])}
    return tuple(each for each in distinct.values() if each.prompt in drawn)


def samplers(chat: ChatModel, n: int, temperature: float, seed: int) -> tuple[ChatModel, ...]:
    """The model as it is in the exam, and `n` times with its tokens drawn.

    Raises:
        UserError: it always says the same.
    """
    drawn = tuple(chat.drawn(temperature, seed + number) for number in range(n))
    if any(each is chat for each in drawn):
        raise UserError(
            f"--model {chat.name}: it always says the same, so that its answers cannot be "
            "compared; give a model of kind local or endpoint"
        )
    return chat, *drawn


async def sample_answers(
    samplers: Sequence[ChatModel],
    examples: Sequence[Example],
    calls: Calls,
    on_answer: Callable[[], None] = lambda: None,
) -> tuple[tuple[Answer, ...], ...]:
    """What every one of `samplers` answers, by example.

    All are asked at once: a local base makes batches of what waits, an endpoint keeps to its limit.
    What the store holds is not asked again.

    Raises:
        ExceptionGroup: of UserErrors, where no call of a model can succeed.
    """

    async def ask(model: ChatModel, example: Example) -> Answer:
        answer = await calls.chat(model, example.prompt)
        on_answer()
        return answer

    async with asyncio.TaskGroup() as group:
        # By model, so that a local base has all prompts of one way of drawing in a row.
        tasks = [
            [group.create_task(ask(model, example)) for example in examples] for model in samplers
        ]
    return tuple(zip(*([task.result() for task in row] for row in tasks), strict=True))


def count_answers(scored: Sequence[ScoredAnswers]) -> dict[str, float]:
    """What was asked, what came of it, and how good the model's answers are."""
    given = [(a, s) for each in scored for a, s in zip(each.answers, each.scores, strict=True)]
    own = [each.scores[0].value for each in scored if each.scores[0].value is not None]
    best = [max(one.score for one in each.scored) for each in scored if each.scored]
    return {
        "cases asked": len(scored),
        "answers": len(given),
        "answers that failed": sum(answer.error is not None for answer, _ in given),
        "answers that say nothing": sum(
            answer.error is None and not says_something(answer.text) for answer, _ in given
        ),
        "answers cut off": sum(answer.finish_reason == "length" for answer, _ in given),
        "answers without a score": sum(
            answer.error is None and score.value is None for answer, score in given
        ),
        "mean score, as in the exam": sum(own) / len(own) if own else 0.0,
        "mean score, best of a case": sum(best) / len(best) if best else 0.0,
    }


def pair_answers(
    scored: Sequence[ScoredAnswers], rule: Rule
) -> tuple[list[PreferencePair], dict[str, float]]:
    """The pairs of every example, and what made none."""
    pairs, identical, tied = [], 0, 0
    for each in scored:
        found = pair(each.scored, rule, each.example.completion)
        identical += found.identical
        tied += found.tied
        pairs += [
            pair_of(each.example, one.chosen, one.rejected, one.source, one.margin)
            for one in found.contrasts
        ]
    return pairs, {"identical answers": identical, "cases tied": tied}
