"""From cases and their passages to examples, with the exam's own prompt.

A model that sees one question of a passage can learn which questions are answered at all, without
reading; of several questions about one passage some are answered there and some are not. They cost
little where `bundle_tokens` computes their passage once. Several wordings of one instruction keep
a model from learning one sentence by heart.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fixtures.cases import Case, Span
from fixtures.retrieval.passages import Passage
from models.chat import Message
from models.prompted import NOT_FOUND, PromptedModel
from training.data.examples import Example, Kind


@dataclass(frozen=True, slots=True)
class Limits:
    """What an example may look like.

    Attributes:
        wordings: how many wordings of a question occur; half of the rows have the exam's own.
        answer_tokens: the longest completion; the exam's models write no longer ones.
        prompt_tokens: the longest prompt.
    """

    wordings: int = 4
    answer_tokens: int = 96
    prompt_tokens: int = 1536


@dataclass
class Builder:
    """Builds examples through `model.prompt`, which the exam asks with; counts what it drops."""

    model: PromptedModel
    limits: Limits
    chance: random.Random
    dropped: Counter[str] = field(default_factory=Counter)

    def answered(
        self, case: Case, passages: Sequence[Passage], kind: Kind = "answerable"
    ) -> Example | None:
        """The case with a gold answer that the passages shown hold whole; None where none does.

        Of several, the first in the contract.
        """
        asked = self._asked(case)
        messages, shown = self.model.prompt(asked, passages)
        span = next((span for span in case.spans if stands_in(span, shown)), None)
        if span is None:
            self.dropped["no passage shown holds an answer whole"] += 1
            return None
        return self._example(case, messages, span.text, kind)

    def declined(self, case: Case, passages: Sequence[Passage], kind: Kind) -> Example | None:
        """The case with "not found", from passages that hold no part of a gold answer."""
        clean = [each for each in passages if not any(touches(s, each) for s in case.spans)]
        if self.model.uses_passages and not clean:
            self.dropped["no passage lacks the answer"] += 1
            return None
        messages, _ = self.model.prompt(self._asked(case), clean)
        return self._example(case, messages, NOT_FOUND, kind)

    def _asked(self, case: Case) -> Case:
        spare = self.limits.wordings - 1
        if spare < 1 or self.chance.random() < 0.5:
            return case
        return worded(case, 1 + self.chance.randrange(spare))

    def _example(
        self, case: Case, messages: tuple[Message, ...], completion: str, kind: Kind
    ) -> Example | None:
        count = self.model.chat.count
        if count(completion) >= self.limits.answer_tokens:  # the end of the turn is one more
            self.dropped["the answer is too long"] += 1
            return None
        if sum(count(message.content) for message in messages) > self.limits.prompt_tokens:
            self.dropped["the prompt is too long"] += 1
            return None
        return Example(
            prompt=messages,
            completion=completion,
            kind=kind,
            contract=case.contract.id,
            case=case.identity,
            category=case.category,
            gold=tuple(span.text for span in case.spans),
        )


def stands_in(span: Span, passages: Sequence[Passage]) -> bool:
    """Whether one passage holds the whole span, which has words in it."""
    if span.start is None or not span.text.strip():
        return False
    end = span.start + len(span.text)
    return any(each.start <= span.start and end <= each.end for each in passages)


def touches(span: Span, passage: Passage) -> bool:
    """Whether they share a character; a span without a place may stand anywhere."""
    if span.start is None:
        return span.text in passage.text
    return span.start < passage.end and passage.start < span.start + len(span.text)


# The first is the exam's own.
WORDINGS = (
    "{question}",
    "Quote what the contract says on {category}. {question}",
    "Regarding {category}: {question}",
    "Find the words of the contract that answer this: {question}",
    "{question} Answer with the words of the contract.",
    "A reviewer looks for {category}. {question}",
)


def worded(case: Case, number: int) -> Case:
    """The case asked in a wording, counted from 0; the answer stays.

    A case without a category is asked in the exam's own.
    """
    if not case.category:
        return case
    question = WORDINGS[number].format(question=case.question, category=case.category)
    return replace(case, question=question)


Retrieved = tuple[Case, tuple[Passage, ...]]
"""A case with what was retrieved for it."""


def further_questions(
    retrieved: Sequence[Retrieved], cases: Sequence[Case], builder: Builder, most: int
) -> list[Example]:
    """Other cases of the same contracts, shown the passages that a case was shown.

    Of each set of passages at most `most` questions that it answers, and as many that it does not,
    one at least; chance decides which. A question whose answer an edge cuts off is neither.

    Args:
        retrieved: cases that are examples already, with what was retrieved for them.
        cases: all that may be asked.
        builder: makes the examples, and has the chance.
        most: of either sort, for one set of passages.
    """
    of_contract: dict[str, list[Case]] = {}
    for case in cases:
        of_contract.setdefault(case.contract.digest, []).append(case)
    taken: dict[tuple[Passage, ...], list[Case]] = {}
    for case, passages in retrieved:
        taken.setdefault(builder.model.prompt(case, passages)[1], []).append(case)
    rows: list[Example] = []
    for shown, known in taken.items():
        others = [case for case in of_contract[known[0].contract.digest] if case not in known]
        builder.chance.shuffle(others)
        rows += _questions(others, shown, builder, most)
    return rows


def _questions(
    others: Sequence[Case], shown: Sequence[Passage], builder: Builder, most: int
) -> list[Example]:
    answered = [case for case in others if any(stands_in(span, shown) for span in case.spans)]
    silent = [
        case for case in others if not any(touches(s, each) for s in case.spans for each in shown)
    ]
    rows = [builder.answered(case, shown) for case in answered[:most]]
    for case in silent[: max(1, min(most, len(answered)))]:
        kind: Kind = "hard negative" if case.answerable else "unanswerable"
        rows.append(builder.declined(case, shown, kind))
    return [row for row in rows if row is not None]
