"""From cases and their passages to examples, with the exam's own prompt."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from fixtures.cases import Case, Span
from fixtures.passages import Passage
from models.chat import Message
from models.prompted import PromptedModel
from models.template import NOT_FOUND
from training.examples import Example, Kind
from training.wordings import worded


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
