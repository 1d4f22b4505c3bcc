"""Several answers of one model to every prompt, asked all at once and kept by the store."""

import asyncio
from collections.abc import Callable, Sequence

from evals.calls import Calls
from fixtures.errors import UserError
from fixtures.identity import digest
from models.chat import Answer, ChatModel, Message
from training.examples import Example, turns
from training.preference.faults import is_silent


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


def voices(chat: ChatModel, n: int, temperature: float, seed: int) -> tuple[ChatModel, ...]:
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


async def sample(
    models: Sequence[ChatModel],
    examples: Sequence[Example],
    calls: Calls,
    on_answer: Callable[[], None] = lambda: None,
) -> tuple[tuple[Answer, ...], ...]:
    """What every one of `models` answers, by example.

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
            [group.create_task(ask(model, example)) for example in examples] for model in models
        ]
    return tuple(zip(*([task.result() for task in row] for row in tasks), strict=True))
