"""The validation exam: greedy answers, decoded as in the exam, scored as in the exam."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import UserError
from models.chat import Answer, Decoding
from models.local.chat import LocalChat
from training.data.examples import Example, read_examples, read_rows
from training.data.marks import WITHOUT_ANSWER, Marks, averages, expected, marks
from training.trainer.method import TRAINED
from training.trainer.recipe import Recipe

ANSWERABLE = ("answerable", "synthetic")


@dataclass(frozen=True, slots=True)
class ValidationScores:
    """What a validation exam came to; each in 0..1, and 0 where no row is of its kind.

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


def exam_rows(recipe: Recipe) -> tuple[Example, ...]:
    """The rows that a recipe's validation exam asks; none where it holds none.

    Raises:
        UserError: they cannot be read, or one is of a contract that is trained on.
    """
    if recipe.validation_exam is None or recipe.validation is None:
        return ()
    rows = read_examples(recipe.validation)
    trained = {row.get("contract") for _, row in read_rows(recipe.data)}
    shared = sorted({row.contract for row in rows if row.contract} & trained)
    if shared:
        raise UserError(
            f"{recipe.validation}: contract {shared[0]!r} is in {recipe.data} too, so that the "
            "exam would reward what was learnt by heart; make both from one line of training.data"
        )
    return selected(rows, recipe.validation_exam.cases)


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


def scores_of(examples: Sequence[Example], answers: Sequence[Answer]) -> ValidationScores:
    """Score the answers to the examples; an answer that failed is worth nothing."""
    means = averages([_marked(*pair) for pair in zip(examples, answers, strict=True)])
    token_f1, abstention = means.get("token_f1", 0.0), means.get("abstention", 0.0)
    refused = means.get("false_refusals", 0.0)
    return ValidationScores((token_f1 + abstention) / 2, token_f1, abstention, refused)


def score_each(examples: Sequence[Example], answers: Sequence[Answer]) -> tuple[float, ...]:
    """The score of each answer, 0 to 1: `token_f1` where there is one to give, else `abstention`.

    With as many answerable rows as others their mean is `ValidationScores.balanced`.
    """
    found = [_marked(*pair) for pair in zip(examples, answers, strict=True)]
    return tuple(each.token_f1 if each.answerable else each.abstained for each in found)


def _marked(example: Example, answer: Answer) -> Marks:
    """One reply by the marks that rewards are made of; one that failed has not declined either."""
    golds = expected(example)
    if answer.error is not None:
        return Marks(bool(golds), 0.0, 0.0, 0.0)
    return marks(example.prompt[-1].content, answer.text, golds, example.kind, example.category)


def examine(model: Any, chat: LocalChat, examples: Sequence[Example]) -> ValidationScores:
    """Ask a PEFT model in training; it is left as it was, and so are the random numbers."""
    import torch

    # The exam's own engine, speaking with the weights that are being trained.
    base = chat.base.holding(model)
    prompts = [chat.ids(each.prompt) for each in examples]

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
    return scores_of(examples, answers)
