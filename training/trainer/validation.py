"""The validation exam: greedy answers, decoded as in the exam, scored as in the exam."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bar_exam.common.errors import UserError
from bar_exam.models.chat import Answer, Decoding
from bar_exam.training.data.examples import Example
from bar_exam.training.data.marks import WITHOUT_ANSWER, expected
from bar_exam.training.data.marks import Marks as Marked
from bar_exam.training.data.marks import marks as mark
from bar_exam.training.trainer.checkpoints import TRAINED
from bar_exam.training.trainer.loading import Parts

ANSWERABLE = ("answerable", "synthetic")


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
        [each for each in examples if each.kind in kinds] for kinds in (ANSWERABLE, WITHOUT_ANSWER)
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
    found = [_mark(*pair) for pair in zip(examples, answers, strict=True)]
    answerable = [each for each in found if each.answerable]
    token_f1 = _mean([each.token_f1 for each in answerable])
    abstention = _mean([each.abstained for each in found if not each.answerable])
    refused = _mean([each.abstained for each in answerable])
    return Marks((token_f1 + abstention) / 2, token_f1, abstention, refused)


def _mark(example: Example, answer: Answer) -> Marked:
    """One reply by the marks that rewards are made of; one that failed has not declined either."""
    golds = expected(example)
    if answer.error is not None:
        return Marked(bool(golds), 0.0, 0.0, 0.0)
    prompt = example.prompt[-1].content
    return mark(prompt, answer.text, golds, example.kind, example.category)


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
