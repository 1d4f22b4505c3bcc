"""What an exam may cost, before its first call: prompts are counted, what is kept is left out."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from evals.calls.rows import answer_from
from evals.calls.store import Store, Usual
from evals.judges.judge import Judge, Submission, score_key
from evals.metrics.table import METRICS
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import ChatModel, Composed, Model
from models.price import FREE, NOTHING, Price, dollars
from models.spoken import scorable

FRAME = 8
"""Tokens that a chat template puts around a turn."""

TASK = 400
"""Tokens of a judge's own prompt, beside what the model was shown: about as many as ours have."""


@dataclass
class Foreseen:
    """What one model, or judge, is still to be asked.

    Attributes:
        name: of the model.
        what: it is asked for: answers or judgements.
        price: of its tokens.
        longest: tokens that one reply has at most.
        usual: what its replies have used so far.
        calls: that are to be made.
        kept: how many more the store has.
        tokens_in: of all their prompts.
        several: whether one may take several calls, of which one is counted: of a program, a judge.
    """

    name: str
    what: str
    price: Price
    longest: int
    usual: Usual | None
    calls: int = 0
    kept: int = 0
    tokens_in: int = 0
    several: bool = False

    @property
    def most(self) -> Decimal:
        """US dollars where every reply is as long as it may be."""
        return self.price.of(self.tokens_in, self.calls * self.longest)

    @property
    def about(self) -> Decimal:
        """US dollars where replies are as long as they were so far."""
        if self.usual is None:
            return self.most
        return self.price.of(self.tokens_in, round(self.calls * self.usual.tokens_out))

    @property
    def line(self) -> str:
        """For whoever is about to pay."""
        counted = "by one call each, " if self.several else ""
        said = (
            f"{self.name}: {self.calls:,} {self.what} to ask for, {self.kept:,} in the store; "
            f"{counted}{self.tokens_in:,} prompt tokens, at most {dollars(self.most)}"
        )
        if self.usual is None or not self.calls:
            return said
        length = f"{self.usual.tokens_out:.0f} tokens, as {self.usual.replies:,} in the store"
        return f"{said}, about {dollars(self.about)} with replies of {length}"


Wanted = Mapping[str, tuple[Case, Sequence[Passage]]]
"""Cases with the passages that a model is offered, by what its answer is kept under."""


@dataclass
class Foresight:
    """Gathers what is still to be asked, of whom somebody is paid for; `prices` are by name."""

    store: Store
    prices: Callable[[str], Price | None]
    found: dict[tuple[str, str], Foreseen] = field(default_factory=dict)

    def billed(self, chat: Model | ChatModel | None) -> bool:
        """Whether somebody is paid for what it says, at a price that is known."""
        return chat is not None and self.prices(chat.name) not in (None, FREE)

    def add_answers(self, model: Model, wanted: Wanted, rows: Mapping[str, Any]) -> None:
        """Count what a model is to be asked; `rows` are the answers that the store has."""
        chat = asked_chat(model)
        if not self.billed(chat or model):
            return
        entry = self._entry(model.name, chat or model, "answers")
        entry.several = isinstance(model, Composed)
        for key, (case, passages) in wanted.items():
            if key in rows:
                entry.kept += 1
            else:
                entry.calls += 1
                entry.tokens_in += prompt_tokens(model, case, passages)

    def add_judgements(
        self, judge: Judge, model: Model, wanted: Wanted, rows: Mapping[str, Any]
    ) -> None:
        """Count what a judge is to be asked of a model's answers, there or to come."""
        chat: ChatModel | None = getattr(judge, "chat", None)
        if chat is None or not self.billed(chat):
            return
        entry = self._entry(judge.name, chat, "judgements")
        entry.several = True
        read = {key: each for key, each in wanted.items() if METRICS[judge.metric].is_of(each[0])}
        there = {
            key: score_key(
                judge, Submission(case, scorable(answer_from(rows[key], case.contract)), model)
            )
            for key, (case, _) in read.items()
            if key in rows
        }
        known = self.store.rows("scores", there.values())
        for key, (case, passages) in read.items():
            if there.get(key) in known:
                entry.kept += 1
            else:
                entry.calls += 1
                entry.tokens_in += prompt_tokens(model, case, passages) + TASK

    def _entry(self, name: str, chat: Model | ChatModel, what: str) -> Foreseen:
        price = self.prices(chat.name) or FREE
        longest = getattr(chat, "longest_answer", 0)
        made = Foreseen(name, what, price, longest, self.store.usual(name))
        return self.found.setdefault((name, what), made)


def prompt_tokens(model: Model, case: Case, passages: Sequence[Passage]) -> int:
    """Tokens that asking takes: of the prompt itself, where the model has one.

    A program's prompts are not known before it runs: a call with question and passages is counted.
    """
    chat = asked_chat(model)
    if chat is None:
        return model.most_tokens(case, passages)
    prompt = getattr(model, "prompt", None)
    texts = (
        [message.content for message in prompt(case, passages)[0]]
        if prompt
        else [case.question, *(passage.text for passage in passages)]
    )
    return sum(chat.count(text) + FRAME for text in texts)


def asked_chat(model: Model) -> ChatModel | None:
    """The chat model that is asked where this one is; None where it is none's."""
    chat: ChatModel | None = getattr(model, "chat", None)
    return model.generator if isinstance(model, Composed) else chat


def format_foreseen(
    every: Iterable[Foreseen], limit: Decimal | None, before: Decimal
) -> Iterator[str]:
    """A line for each, and what they come to beside the limit."""
    found = list(every)
    yield from (each.line for each in found)
    most = sum((each.most for each in found), NOTHING)
    about = sum((each.about for each in found), NOTHING)
    total = f"this exam may cost {dollars(most)}"
    if about != most:
        total = f"this exam may cost {dollars(about)}, at most {dollars(most)}"
    if any(each.several and each.calls for each in found):
        total += " by one call for each judgement and each answer of a program, which may take more"
    earlier = f"; {dollars(before)} was paid for it before" if before else ""
    if limit is None:
        yield f"{total}{earlier} (--max-cost USD sets a limit)"
        return
    left = max(limit - before, NOTHING)
    ends = ", so it may end before all is asked" if most > left else ""
    yield f"{total}{earlier}; --max-cost {limit} leaves {dollars(left)}{ends}"
