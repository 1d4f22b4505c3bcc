"""The ground truth against the opposite decision: pairs for which no model is asked.

Where the passages answer, "not found" is rejected; where they do not, the sentence nearest to the
question, which is what a model quotes that cannot decline.
"""

import asyncio
from collections.abc import Sequence

from models.extractive import ExtractiveModel
from models.prompted import NOT_FOUND
from training.data.examples import Example
from training.data.marks import is_silent, passages_of
from training.preferences.appraisal import judged_case
from training.preferences.formats import PreferencePair, pair_of
from training.preferences.pairing import GOLD

NEVER = -1.0
"""The threshold of a cosine below which nothing is declined."""


def opposites(examples: Sequence[Example]) -> list[PreferencePair]:
    """A pair of every example, but for those whose passages hold no sentence to quote wrongly."""
    quotes = asyncio.run(_quoted([each for each in examples if is_silent(each)]))
    rejected = [quotes[each] if is_silent(each) else NOT_FOUND for each in examples]
    return [
        pair_of(example, example.completion, reply, "gold", GOLD)
        for example, reply in zip(examples, rejected, strict=True)
        if reply != example.completion
    ]


async def _quoted(examples: Sequence[Example]) -> dict[Example, str]:
    model = ExtractiveModel("opposite", NEVER)
    answers = [
        await model.answer(judged_case(each, {}, {}), passages_of(each.prompt[-1].content))
        for each in examples
    ]
    return {each: answer.text for each, answer in zip(examples, answers, strict=True)}
