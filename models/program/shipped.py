"""The programs that entries name without a file. Imports dspy."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dspy

from models.program.adapter import LenientAdapter
from models.program.cleaning import clean
from models.prompted import SYSTEM, quoted

VERSION = 1
"""Raised when what these programs do changes, beside their signatures: answers are asked anew."""


ENOUGH = "enough"


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


class FewShot(dspy.Module):  # type: ignore[misc]
    """Answers as the examples do that it is shown: like questions of a train split."""

    def __init__(self) -> None:
        super().__init__()
        self.adapter = LenientAdapter()
        self.answer = dspy.Predict(Answering)

    def forward(
        self, question: str, passages: Sequence[str], examples: Sequence[Mapping[str, Any]]
    ) -> dspy.Prediction:
        """The answer."""
        demos = [{**each, "passages": numbered(each["passages"])} for each in examples]
        return self.answer(question=question, passages=numbered(passages), demos=demos)


class Looking(dspy.Signature):  # type: ignore[misc]
    """You look for the words of a contract that answer a question.

    You are given passages of the contract. If they answer the question, write: enough. If they do
    not, write a few words that stand in the passage that is missing: the contract is searched for
    them.
    """

    passages: str = dspy.InputField(desc="numbered passages of the contract")
    question: str = dspy.InputField(desc="a question about the contract")
    query: str = dspy.OutputField(desc="a few words to search for, or enough")


class RagMultihop(dspy.Module):  # type: ignore[misc]
    """Asks for further passages by queries of its own, at most `hops` times, and answers."""

    def __init__(self, hops: int = 2) -> None:
        super().__init__()
        self.adapter = LenientAdapter()
        self.hops = hops
        self.look = dspy.Predict(Looking)
        self.answer = dspy.ChainOfThought(Answering)

    def forward(
        self, question: str, passages: Sequence[str], search: Callable[[str], list[str]]
    ) -> dspy.Prediction:
        """Reasons over all that was found, then the answer."""
        known = dict.fromkeys(passages)
        for _ in range(self.hops):
            query = self.look(question=question, passages=numbered(list(known))).query
            if query.strip(" .`\"'").lower() == ENOUGH:
                break
            found = dict.fromkeys(search(query))
            if not found.keys() - known.keys():
                break
            known |= found
        return self.answer(question=question, passages=numbered(list(known)))


def numbered(passages: Sequence[str]) -> str:
    """Cleaned passages between numbered fences, as the exam's own prompt has them."""
    return "\n\n".join(quoted(n, clean(text)) for n, text in enumerate(passages, start=1))


PROGRAMS: Mapping[str, type[dspy.Module]] = {
    "few-shot": FewShot,
    "instruct": Instruct,
    "rag": Rag,
    "rag-multihop": RagMultihop,
}
