"""The validation exam: greedy answers, decoded as in the exam, scored as in the exam."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evals.metrics.abstention import abstains
from evals.metrics.text import f1, normalise
from fixtures.errors import UserError
from models.chat import Answer
from models.decoding import Decoding
from training.examples import Example
from training.parts import Parts
from training.resumption import TRAINED

ANSWERABLE = ("answerable", "synthetic")
UNANSWERABLE = ("unanswerable", "hard negative")


@dataclass(frozen=True, slots=True)
class Marks:
    """What an exam came to; each in 0..1.

    Attributes:
        balanced: mean of `token_f1` and `abstention`: the score that training is stopped by.
        token_f1: mean over answerable rows.
        abstention: share of unanswerable rows that are declined.
        false_refusals: share of answerable rows that are declined.
    """

    balanced: float
    token_f1: float
    abstention: float
    false_refusals: float


def selected(examples: Sequence[Example], cases: int) -> tuple[Example, ...]:
    """`cases` rows, half of them answerable, spread evenly over the file.

    Raises:
        UserError: one of the halves is empty.
    """
    halves = [
        [each for each in examples if each.kind in kinds] for kinds in (ANSWERABLE, UNANSWERABLE)
    ]
    if not all(halves):
        missing = "answerable" if not halves[0] else "unanswerable"
        raise UserError(f"the validation rows hold no {missing} one; make the data again with more")
    return tuple(
        half[place * len(half) // wanted]
        for half in halves
        for wanted in [min(cases // 2, len(half))]
        for place in range(wanted)
    )


def marks(examples: Sequence[Example], answers: Sequence[Answer]) -> Marks:
    """Score the answers to the examples; an answer that failed is worth nothing."""
    scores: list[float] = []
    declined: list[bool] = []
    refused: list[bool] = []
    for example, answer in zip(examples, answers, strict=True):
        silent = answer.error is None and abstains(answer.text)
        if example.kind in UNANSWERABLE:
            declined.append(silent)
            continue
        refused.append(silent)
        said = normalise(answer.text).split()
        golds = example.gold or (example.completion,)
        scores.append(max(f1(said, normalise(gold).split()) for gold in golds))
    token_f1, abstention = _mean(scores), _mean(declined)
    return Marks((token_f1 + abstention) / 2, token_f1, abstention, _mean(refused))


def examine(model: Any, parts: Parts, examples: Sequence[Example]) -> Marks:
    """Ask a PEFT model in training; it is left as it was, and so are the random numbers."""
    import torch

    # The exam's own engine, speaking with the weights that are being trained.
    base = parts.chat.base.holding(model)
    prompts = [parts.prompt_ids(each.prompt) for each in examples]

    async def ask() -> list[Answer]:
        return await asyncio.gather(*(base.ask(ids, TRAINED, Decoding()) for ids in prompts))

    inner, training = model.get_base_model(), model.training
    kernel = inner.config._attn_implementation
    model.eval()
    inner.set_attn_implementation("sdpa")  # the exam's; another rounds otherwise
    try:
        with torch.random.fork_rng():
            answers = asyncio.run(ask())
    finally:
        inner.set_attn_implementation(kernel)
        model.train(training)
    return marks(examples, answers)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
