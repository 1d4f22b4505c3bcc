"""The programs that entries name without a file. Imports dspy."""

from collections.abc import Mapping, Sequence

import dspy

from models.program.adapter import LenientAdapter
from models.program.cleaning import clean
from models.prompted import SYSTEM, quoted

VERSION = 1
"""Raised when what these programs do changes, beside their signatures: answers are asked anew."""


class Answering(dspy.Signature):  # type: ignore[misc]  # noqa: D101 - what a model is told
    __doc__ = SYSTEM

    passages: str = dspy.InputField(desc="numbered passages of the contract")
    question: str = dspy.InputField(desc="a question about the contract")
    answer: str = dspy.OutputField(desc="the words of the contract that answer it, or Not found.")


class Rag(dspy.Module):  # type: ignore[misc]
    """Cleans the passages that were retrieved, and answers with reasons."""

    def __init__(self) -> None:
        super().__init__()
        self.adapter = LenientAdapter()
        self.answer = dspy.ChainOfThought(Answering)

    def forward(self, question: str, passages: Sequence[str]) -> dspy.Prediction:
        """Reasons, then the answer."""
        return self.answer(question=question, passages=numbered(passages))


class Instruct(dspy.Module):  # type: ignore[misc]
    """Answers at once, by the instructions alone (zero-shot)."""

    def __init__(self) -> None:
        super().__init__()
        self.adapter = LenientAdapter()
        self.answer = dspy.Predict(Answering)

    def forward(self, question: str, passages: Sequence[str]) -> dspy.Prediction:
        """The answer."""
        return self.answer(question=question, passages=numbered(passages))


def numbered(passages: Sequence[str]) -> str:
    """Cleaned passages between numbered fences, as the exam's own prompt has them."""
    return "\n\n".join(quoted(n, clean(text)) for n, text in enumerate(passages, start=1))


PROGRAMS: Mapping[str, type[dspy.Module]] = {"instruct": Instruct, "rag": Rag}
