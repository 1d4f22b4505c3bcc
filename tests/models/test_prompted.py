"""A prompt holds as many passages as fit, best first, and what they quote stays quoted."""

import asyncio
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fixtures.cases import Case, Contract
from fixtures.retrieval.passages import Chunker, Passage
from models.chat import Decoding
from models.echo import EchoChat
from models.local.base import LocalBase
from models.local.chat import LocalChat
from models.prompted import CLOSED_BOOK, NOT_FOUND, SYSTEM, PromptedModel, Template

FENCE = re.compile(r"</?passage \d+>")


class Listening(EchoChat):
    """Keeps the chats that it was asked to continue."""

    def __init__(self, context=8192):
        super().__init__(context=context)
        object.__setattr__(self, "heard", [])

    async def chat(self, messages):
        self.heard.append(tuple(messages))
        return await super().chat(messages)


def contract_case(text, question="Which law governs?"):
    return Case("c", "c", Contract("K", text), "Governing Law", question, ())


def ask(case, passages, context=8192, **options):
    chat = Listening(context)
    model = PromptedModel(chat, options.pop("template", Template()), **options)
    answer = asyncio.run(model.answer(case, passages))
    (messages,) = chat.heard
    return answer, messages


def cut_up(text, size=200):
    return Chunker(size=size, overlap=0).split(Contract("K", text))


WORDS = st.lists(
    st.sampled_from(["law", "Ohio", "<passage", "</passage", "x<passage<passage</passage>", "a\n"]),
    max_size=300,
).map(" ".join)


@given(WORDS, st.integers(1, 400), st.text(max_size=60))
@example("<passage<passage" * 200, 200, "?")
@settings(max_examples=100)
def test_the_prompt_never_exceeds_the_context(text, extra, question):
    case = contract_case(text, question)
    frame = sum(EchoChat().count(m.content) for m in Template().messages(question, ()))
    answer, messages = ask(case, cut_up(text), context=frame + 32 + extra)
    assert answer.tokens_in == sum(len(m.content.split()) for m in messages)
    assert answer.tokens_in <= frame + 32 + extra


@pytest.fixture(scope="module")
def local(tiny_base):
    return LocalChat("tiny", LocalBase(tiny_base, "cpu", "float32"), Decoding(max_tokens=6))


@given(st.lists(WORDS, max_size=40), st.text(max_size=60))
@example(["law"] * 60, "?")
@example(["</passage"] * 60, "?")
@example(["law " * 40] * 12, "?")
@settings(max_examples=40)
def test_what_fits_by_count_fits_in_the_tokens_of_a_real_model(local, texts, question):
    passages = [Passage("K", 0, len(text), text) for text in texts]
    shown = PromptedModel(local, Template())._fitting(question, passages)
    assert len(local.ids(Template().messages(question, shown))) <= local.context


@given(WORDS, st.integers(0, 400))
@example("law Ohio " * 200, 200)
@settings(max_examples=100)
def test_what_is_shown_is_the_best_passages_with_exact_offsets(text, context):
    passages = cut_up(text, 600)[::-1]
    answer, messages = ask(contract_case(text), passages, context=context)
    shown = answer.passages
    for passage in shown:
        assert passage.contract_id == "K"
        assert text[passage.start : passage.end] == passage.text != ""
    assert shown[:-1] == passages[: len(shown)][:-1]
    if shown:
        whole = passages[len(shown) - 1]
        assert whole.start == shown[-1].start
        assert whole.text.startswith(shown[-1].text)
    assert len(FENCE.findall(messages[1].content)) == 2 * len(shown)


def test_everything_is_shown_where_it_fits():
    passages = cut_up("Ohio law governs. " * 60)
    answer, messages = ask(contract_case("x"), passages)
    assert answer.passages == passages
    places = [messages[1].content.index(f"<passage {n + 1}>") for n in range(len(passages))]
    assert places == sorted(places)
    assert messages[1].content.endswith("\n\nQuestion: Which law governs?")


def test_the_room_that_is_left_is_used():
    text = "law " * 1000
    frame = sum(EchoChat().count(m.content) for m in Template().messages("Which law governs?", ()))
    answer, _ = ask(contract_case(text), [Passage("K", 0, len(text), text)], context=frame + 532)
    (shown,) = answer.passages
    assert (shown.start, shown.end) == (0, len(shown.text))
    assert 488 <= len(shown.text.split()) <= 494  # the fence takes 4, the blank line 2


def test_without_room_nothing_is_shown():
    answer, messages = ask(contract_case("x"), cut_up("law " * 500), context=10)
    assert answer.passages == ()
    assert "<passage" not in messages[1].content


def test_closed_book_is_shown_nothing():
    case, passages = contract_case("x"), cut_up("Ohio law governs. " * 5)
    answer, messages = ask(case, passages, template=Template(CLOSED_BOOK), uses_passages=False)
    assert answer.passages == ()
    assert [m.role for m in messages] == ["system", "user"]
    assert messages[0].content == CLOSED_BOOK
    assert messages[1].content == "Question: Which law governs?"
    assert NOT_FOUND in SYSTEM
    assert NOT_FOUND in CLOSED_BOOK


@given(st.lists(st.sampled_from(["<passage 2>", "</passage 1>", "</passage", "<", "/", "a", "\n"])))
@settings(max_examples=100)
def test_a_contract_cannot_close_its_fence(parts):
    text = "".join(parts)
    _, user = Template().messages("Q?", [Passage("K", 0, len(text), text)])
    assert FENCE.findall(user.content) == ["<passage 1>", "</passage 1>"]
    assert user.content.startswith("<passage 1>\n")
    assert user.content.endswith("\n</passage 1>\n\nQuestion: Q?")
    inside = user.content.removeprefix("<passage 1>").rpartition("</passage 1>")[0]
    assert inside.replace(" ", "").strip() == text.replace(" ", "").strip()


def test_identity_is_model_and_prompt():
    def identity(chat=None, template=None, **options):
        return PromptedModel(chat or EchoChat(), template or Template(), **options).identity

    assert identity() == identity(chat=EchoChat("other name"))
    assert (
        len({identity(), identity(template=Template("Obey.")), identity(uses_passages=False)}) == 3
    )
