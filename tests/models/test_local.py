"""Local models: batches change nothing, adapters do not leak, memory runs out gracefully."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from fixtures.retrieval.passages import Chunker
from models.chat import Decoding, Message
from models.local.base import BASE, LocalBase
from models.local.batching import Job, Waiting
from models.local.chat import LocalChat
from models.prompted import PromptedModel, Template

SHORT = Decoding(max_tokens=6)

QUESTIONS = [
    "Why?",
    "Which state's law governs the interpretation of this contract?",
    "Who are the parties? " * 8,
    "On what date does the term end, and may it be renewed?",
    "Is there a cap on liability? " * 4,
]

pytestmark = pytest.mark.usefixtures("one_thread")


def asked(question):
    return [Message("user", question)]


def together(*chats, questions=QUESTIONS):
    """Every question to every chat, all at once; answers by chat."""

    async def ask():
        found = await asyncio.gather(
            *(chat.chat(asked(question)) for question in questions for chat in chats)
        )
        return [found[number :: len(chats)] for number in range(len(chats))]

    return asyncio.run(ask())


def alone(chat, questions=QUESTIONS):
    """Every question, one after the other."""

    async def ask():
        return [await chat.chat(asked(question)) for question in questions]

    return asyncio.run(ask())


def texts(answers):
    return [(answer.text, answer.tokens_out, answer.error) for answer in answers]


class Observed(LocalBase):
    """Notes the sizes of batches, and runs out of memory above `fitting` prompts."""

    fitting = 1_000
    too_long = 10**6

    def _generate(self, batch):
        import torch

        self.__dict__.setdefault("batches", []).append(len(batch))
        if len(batch) > self.fitting or len(batch[0].ids) >= self.too_long:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return super()._generate(batch)

    def _load(self):
        if self._model is None:
            self.__dict__["loads"] = self.__dict__.get("loads", 0) + 1
        return super()._load()


@pytest.fixture
def base(tiny_base):
    return Observed(tiny_base, device="cpu", dtype="float32")


def test_a_batch_answers_as_one_by_one(base):
    chat = LocalChat("tiny", base, SHORT)
    (batched,) = together(chat)
    assert base.batches == [len(QUESTIONS)]
    single = alone(chat)
    assert base.batches[1:] == [1] * len(QUESTIONS)
    assert texts(batched) == texts(single)
    assert len({answer.text for answer in single}) > 1
    for one, other in zip(batched, single, strict=True):
        assert one.confidence == pytest.approx(other.confidence, abs=1e-4)
        assert one.tokens_in == other.tokens_in > 0
        assert one.latency > 0
        assert one.finish_reason in {"stop", "length"}


def test_adapters_and_the_bare_base_in_one_process_answer_as_each_alone(
    base, tiny_base, tiny_adapters
):
    shared = [LocalChat(f"m{n}", base, SHORT, a) for n, a in enumerate([None, *tiny_adapters])]
    by_chat = [texts(answers) for answers in together(*shared)]
    again = [texts(answers) for answers in together(*shared[::-1])][::-1]
    assert base.loads == 1
    assert len({chat.identity for chat in shared}) == 3
    for number, adapter in enumerate([None, *tiny_adapters]):
        own = LocalChat("own", LocalBase(tiny_base, "cpu", "float32"), SHORT, adapter)
        assert own.identity == LocalChat("x", own.base, SHORT, adapter).identity
        expected = texts(alone(own))
        assert by_chat[number] == expected
        assert again[number] == expected
    assert by_chat[0] != by_chat[1] != by_chat[2] != by_chat[0]


@pytest.mark.parametrize("fitting", [1, 2])
def test_out_of_memory_halves_the_batch_and_all_are_answered(base, tiny_base, fitting):
    base.fitting = fitting
    chat = LocalChat("tiny", base, SHORT)
    (answers,) = together(chat)
    assert texts(answers) == texts(
        alone(LocalChat("own", LocalBase(tiny_base, "cpu", "float32"), SHORT))
    )
    assert max(size for size in base.batches if size <= fitting) == fitting


def test_a_batch_that_did_not_fit_is_not_tried_again(base):
    base.fitting = 4
    (answers,) = together(LocalChat("tiny", base, SHORT), questions=["Why?"] * 40)
    assert all(answer.error is None for answer in answers)
    assert max(base.batches) > 4
    base.batches.clear()
    together(LocalChat("tiny", base, SHORT), questions=["Why?"] * 40)
    assert max(base.batches) <= 4


def test_a_prompt_that_never_fits_is_an_error_and_the_others_are_answered(base):
    chat = LocalChat("tiny", base, SHORT)
    longest = max(QUESTIONS, key=len)
    tokens = [len(chat.ids(asked(question))) for question in QUESTIONS]
    base.too_long = max(tokens)
    (answers,) = together(chat)
    for question, answer in zip(QUESTIONS, answers, strict=True):
        assert (answer.error is None) == (question != longest)
    error = answers[QUESTIONS.index(longest)].error
    assert error == f"out of memory on a prompt of {max(tokens)} tokens"


def test_another_failure_reaches_whoever_waits(base, monkeypatch):
    def broken(batch):
        raise RuntimeError("device-side assert\nand more")

    monkeypatch.setattr(base, "_generate", broken)
    chat = LocalChat("tiny", base, SHORT)
    assert {answer.error for answer in together(chat)[0]} == {
        "generation failed: device-side assert"
    }
    with pytest.raises(UserError, match=r"model tiny cannot be loaded: device-side assert$"):
        asyncio.run(chat.preflight())


def test_a_prompt_longer_than_the_model_is_an_error_answer(base):
    chat = LocalChat("tiny", base, SHORT)
    assert chat.context == 512 - 6
    (short, long), *_ = together(chat, questions=["Why?", "why " * 600])
    assert short.error is None
    assert long.error.startswith("prompt of 6")
    assert long.error.endswith(" tokens, 506 fit")


def test_a_tokenizer_without_chat_template_is_one_line(tiny_base, tmp_path):
    import shutil

    folder = shutil.copytree(tiny_base, tmp_path / "base")
    (folder / "chat_template.jinja").unlink()
    chat = LocalChat("tiny", LocalBase(folder, "cpu", "float32"), SHORT)
    with pytest.raises(UserError, match="no chat template"):
        asyncio.run(chat.preflight())


def test_a_drawn_answer_is_drawn_alike_by_the_same_seed(base):
    def drawn(seed):
        decoding = Decoding(max_tokens=6, temperature=1.0, top_p=0.9, seed=seed)
        return texts(alone(LocalChat("tiny", base, decoding)))

    assert drawn(1) == drawn(1) != drawn(2)


def test_identity_is_weights_and_decoding_and_no_path(tiny_base, tiny_adapters, tmp_path):
    import shutil

    def identity(folder=tiny_base, decoding=SHORT, adapter=None, dtype="auto"):
        return LocalChat("m", LocalBase(folder, "cpu", dtype), decoding, adapter).identity

    moved = shutil.copytree(tiny_base, tmp_path / "moved")
    moved_adapter = shutil.copytree(tiny_adapters[0], tmp_path / "adapter")
    assert identity(moved) == identity()
    assert identity(adapter=moved_adapter) == identity(adapter=tiny_adapters[0])
    others = [
        identity(),
        identity(decoding=Decoding(max_tokens=7)),
        identity(dtype="bfloat16"),
        identity(adapter=tiny_adapters[0]),
        identity(adapter=tiny_adapters[1]),
    ]
    assert len(set(others)) == 5


JOBS = st.lists(
    st.tuples(st.integers(1, 300), st.sampled_from(["a", "b"]), st.sampled_from([4, 60])),
    max_size=40,
)


@given(JOBS, st.integers(1, 2_000))
@settings(max_examples=100)
def test_batches_stay_within_the_budget_and_lose_no_job(jobs, budget):
    waiting = Waiting()
    for length, adapter, longest in jobs:
        waiting.put(Job([0] * length, adapter, Decoding(max_tokens=longest), None))
    taken = []
    while waiting:
        batch = waiting.take(budget)
        widest = max(len(job.ids) for job in batch) + batch[0].decoding.max_tokens
        assert len(batch) == 1 or len(batch) * widest <= budget
        assert len({(job.adapter, job.decoding) for job in batch}) == 1
        taken += [(len(job.ids), job.adapter, job.decoding.max_tokens) for job in batch]
    assert sorted(taken) == sorted(jobs)
    for kind in {job[1:] for job in jobs}:
        lengths = [length for length, *rest in taken if tuple(rest) == kind]
        assert lengths == sorted(lengths, reverse=True)


@given(JOBS)
def test_the_longest_goes_first_whoever_asks(jobs):
    """Two adapters in service are compared by their latency: neither may go before the other."""
    waiting = Waiting()
    for length, adapter, longest in jobs:
        waiting.put(Job([0] * length, adapter, Decoding(max_tokens=longest), None))
    taken = [job for _ in jobs for job in waiting.take(1)]
    came = sorted(jobs, key=lambda job: -job[0])  # a stable sort: of two alike the first that came
    assert [(len(job.ids), job.adapter, job.decoding.max_tokens) for job in taken] == came


def test_asking_on_after_the_queue_ran_dry(base):
    chat = LocalChat("tiny", base, SHORT)
    assert texts(together(chat)[0]) == texts(together(chat)[0])


def test_the_bare_base_has_a_name_no_adapter_has(tiny_adapters, base):
    assert LocalChat("m", base, SHORT)._adapter_name == BASE
    assert base.add_adapter(tiny_adapters[0]) != BASE


def test_the_embedded_model_answers_two_real_cases(smollm2, sample):
    chat = LocalChat("smollm2", LocalBase(smollm2, "cpu", "float32"), Decoding(max_tokens=8))
    model = PromptedModel(chat, Template())
    cases = [case for case in sample.cases if case.category in ("Governing Law", "Parties")][:2]

    async def ask():
        await model.preflight()
        return await asyncio.gather(
            *(
                model.answer(case, Chunker(size=400, overlap=0).split(case.contract)[:1])
                for case in cases
            )
        )

    answers = asyncio.run(ask())
    assert len(answers) == 2
    for answer in answers:
        assert answer.error is None
        assert answer.text
        assert 100 < answer.tokens_in < 500
        assert 1 <= answer.tokens_out <= 8
        assert answer.confidence < 0
        assert len(answer.passages) == 1


def test_a_stop_ends_an_answer_where_the_same_answer_says_it(base):
    """Alone and in a batch, where others go on: up to the stop, and as many tokens as that took."""
    longer = Decoding(max_tokens=24)
    (whole,) = together(LocalChat("tiny", base, longer))
    raw = [answer.text for answer in whole]
    stop = next(word for word in raw[1].split() if len(word) > 3)
    stops = (stop, "never said by anybody")
    chat = LocalChat("tiny", base, Decoding(max_tokens=24, stop=stops))
    (batched,), single = together(chat), alone(chat)
    assert texts(batched) == texts(single)
    for answer, told in zip(batched, whole, strict=True):
        assert answer.text == told.text.partition(stop)[0].strip()
        stopped = stop in told.text
        assert (answer.tokens_out < told.tokens_out) or not stopped
        assert answer.finish_reason == ("stop" if stopped else told.finish_reason)
        assert answer.error is None or not answer.text
    assert any(stop in text for text in raw) and base.batches[:2] == [len(QUESTIONS)] * 2


def test_blanks_and_the_models_own_marks_are_stops_too(base):
    (told,) = alone(LocalChat("tiny", base, Decoding(max_tokens=12)), QUESTIONS[1:2])
    first = base.tokenizer.decode(base.tokenizer(told.text, add_special_tokens=False).input_ids[:1])
    for stop in (first.strip(), "<|im_end|>", " "):
        (answer,) = alone(
            LocalChat("tiny", base, Decoding(max_tokens=12, stop=(stop,))), QUESTIONS[1:2]
        )
        assert stop not in answer.text and told.text.startswith(answer.text)
