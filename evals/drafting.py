"""Drafts of gold answers: what a model says to questions that no person has answered.

The model is asked as an exam asks it, by the exam's calls: an exam of the same model that follows
finds its answers in the store, and pays for none twice.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.clock import utc_now
from common.errors import UserError
from common.paths import cache_dir
from evals.calls.budget import Budget
from evals.calls.calls import Calls, answer_key
from evals.calls.journal import Journal, Lookups
from evals.calls.rankings import Ranked, Rankings, batches
from evals.calls.rows import answer_from
from evals.calls.store import Store
from evals.exam.shown import offered
from evals.isolation import innermost
from evals.language.declining import abstains
from fixtures.cases import Case, Span
from fixtures.contracts.drafts import Draft
from fixtures.quoting import occurrences
from fixtures.retrieval.retrieval import RetrieverOptions
from models.chat import Answer, Model
from models.egress import Egress, Sent, check_store
from models.factory import Chats, open_models
from models.retrieval.opening import open_retriever

PARTS = re.compile(r"\n+|;\s+(?=\S)")
"""What parts the quotations of an answer that quotes several places."""


@dataclass(frozen=True, slots=True)
class Drafting:
    """Whom to ask what.

    Attributes:
        model: of the registry.
        registry: folder of its entries.
        cases: open ones.
        sent: the data set that they are of.
        store: of answers.
        max_calls: calls to make at most; None sets no limit.
    """

    model: str
    registry: Path
    cases: Sequence[Case]
    sent: Sent
    store: str
    max_calls: int | None = None


@dataclass(frozen=True, slots=True)
class Drafted:
    """The drafts, and why of some cases there is none."""

    drafts: tuple[Draft, ...]
    failed: Counter[str] = field(default_factory=Counter)


def draft(drafting: Drafting, on_answer: Callable[[], object] = lambda: None) -> Drafted:
    """Ask a model about open questions; `on_answer` is called after each.

    Raises:
        UserError: the model cannot be opened or asked, or may not be sent the data set.
    """
    egress = Egress(drafting.registry, (drafting.sent,))
    check_store(drafting.store, egress)
    chats = Chats(drafting.registry, egress.sent)
    (model,) = open_models([drafting.model], drafting.registry, chats)
    store = Store(drafting.store)
    try:
        answers = asyncio.run(_answers(drafting, model, egress, store, on_answer))
    except* UserError as errors:
        raise innermost(errors) from None
    finally:
        store.close()
    when = utc_now()
    pairs = [*zip(drafting.cases, answers, strict=True)]
    failed = Counter(answer.error for _, answer in pairs if answer.error)
    return Drafted(
        tuple(draft_of(c, a, model.name, model.identity, when) for c, a in pairs if not a.error),
        failed,
    )


async def _answers(
    drafting: Drafting,
    model: Model,
    egress: Egress,
    store: Store,
    on_answer: Callable[[], object],
) -> list[Answer]:
    """The model's answer to every case, as the store has it or as it is asked."""
    retriever = open_retriever(
        RetrieverOptions(), Path(drafting.sent.name).stem, cache_dir() / "passages", egress
    )
    async with Journal(store) as journal:
        calls = Calls(journal, Lookups(store, "answers"), Budget(drafting.max_calls))
        rankings = Rankings(retriever, store, journal)
        found: dict[str, asyncio.Task[Answer]] = {}

        async def ask(ranked: Ranked) -> Answer:
            answer = await _answer(calls, store, model, ranked)
            on_answer()
            return answer

        try:
            async with asyncio.TaskGroup() as group:
                for batch in batches(drafting.cases):
                    known = rankings.known(batch)
                    there = {each.case.id for each in known}
                    rest = [case for case in batch if case.id not in there]
                    for ranked in (*known, *(await rankings.ranked(rest) if rest else ())):
                        found[ranked.case.id] = group.create_task(ask(ranked))
        finally:
            await model.close()
    return [found[case.id].result() for case in drafting.cases]


async def _answer(calls: Calls, store: Store, model: Model, ranked: Ranked) -> Answer:
    if ranked.failed is not None:
        return Answer("", error=ranked.failed)
    passages = offered(model, ranked.passages)
    key = answer_key(model, ranked.case, passages)
    row = store.rows("answers", [key]).get(key) if not model.free else None
    if row is not None:
        return answer_from(row, ranked.case.contract)
    return await calls.answer(model, ranked.case, passages)


def draft_of(case: Case, answer: Answer, name: str, identity: str, when: str) -> Draft:
    """An answer as a draft: where its words stand in the contract, or that it finds none there.

    >>> from fixtures.cases import Contract
    >>> case = Case("1", "1", Contract("A", "The rent is $900 a month."), "Rent", "Rent?", ())
    >>> draft_of(case, Answer("$900"), "m", "", "").spans
    (Span(text='$900', start=12),)
    >>> draft_of(case, Answer("Not found."), "m", "", "").absent
    True
    """
    absent = abstains(answer.text, case.question)
    spans = () if absent else tuple(dict.fromkeys(_located(case, answer)))
    ordered = tuple(sorted(spans, key=lambda span: span.start or 0))
    return Draft(
        case=case.id,
        contract=case.contract.id,
        text=case.contract.digest,
        by=name,
        answer=answer.text,
        spans=ordered,
        absent=absent,
        when=when,
        identity=identity,
    )


def _located(case: Case, answer: Answer) -> Iterator[Span]:
    """Where an answer stands: whole, or each of its parts, or nowhere where one part does not."""
    whole = _place(answer.text, case, answer)
    if whole is not None:
        yield whole
        return
    parts = [part for part in PARTS.split(answer.text) if part.strip()]
    places = [_place(part, case, answer) for part in parts]
    if len(parts) > 1 and None not in places:
        yield from (place for place in places if place)


def _place(quote: str, case: Case, answer: Answer) -> Span | None:
    """The first place in the passages that were shown, else the only one in the contract."""
    text = case.contract.text
    for passage in answer.passages:
        for span in occurrences(quote, text, passage.start, passage.end):
            return span
    found = [*occurrences(quote, text)]
    return found[0] if len(found) == 1 else None
