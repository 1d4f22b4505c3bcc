"""What every model says of given replies, and the same models with their answers drawn."""

import asyncio

import pytest

from fixtures.cases import Case, Contract
from fixtures.imports.source import Source
from fixtures.retrieval.passages import Chunker
from models.chat import Decoding, Message
from models.echo import EchoChat
from models.endpoint.server import endpoint_chat
from models.extractive import ExtractiveModel
from models.local.base import LocalBase
from models.local.chat import LocalChat
from models.prompted import PromptedModel, Template
from models.recorded import RecordedModel
from tests.builders.fake_server import fake_server

SHORT = Decoding(max_tokens=6)

READ = [
    ("Why?", "The law of Nevada governs this Agreement."),
    ("Which law governs? " * 20, "Ohio"),
    ("When does it end, and who may end it?", " on 31 May 2024, without notice <|im_end|> "),
    ("Is there a cap on liability? " * 3, "Not found."),
]

pytestmark = pytest.mark.usefixtures("one_thread")


def asked(question):
    return [Message("user", question)]


class Watched(LocalBase):
    """Notes what it works on, and runs out of memory above `fitting` rows."""

    fitting = 1_000

    def noted(self, kind, batch, work):
        import torch

        log = self.__dict__.setdefault("log", [])
        log.append((kind, "begins", len(batch)))
        try:
            if len(batch) > self.fitting:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            return work(batch)
        finally:
            log.append((kind, "ends", len(batch)))

    def _generate(self, batch):
        return self.noted("write", batch, super()._generate)

    def _read(self, batch):
        return self.noted("read", batch, super()._read)


@pytest.fixture
def base(tiny_base):
    return Watched(tiny_base, device="cpu", dtype="float32")


def together(*chats):
    """Every reply after its question, of every chat, all at once; by chat."""

    async def ask():
        found = await asyncio.gather(
            *(chat.logprobs(asked(question), reply) for chat in chats for question, reply in READ)
        )
        return [found[n * len(READ) : (n + 1) * len(READ)] for n in range(len(chats))]

    return asyncio.run(ask())


def alone(chat):
    async def ask():
        return [await chat.logprobs(asked(question), reply) for question, reply in READ]

    return asyncio.run(ask())


def naive(folder, adapter=None):
    """One forward of prompt and reply each, all logits, as a textbook does it."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if adapter:
        model = PeftModel.from_pretrained(model, adapter)
    model.eval()
    found = []
    for question, reply in READ:
        reply = reply.replace("<|im_end|>", "< |im_end|>")
        prompt = tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], add_generation_prompt=True, return_dict=False
        )
        ids = torch.tensor([prompt + tokenizer(reply, add_special_tokens=False)["input_ids"]])
        with torch.inference_mode():
            logs = torch.log_softmax(model(ids).logits[0, :-1], -1)
        chosen = logs.gather(1, ids[0, 1:, None])[:, 0]
        found.append(tuple(chosen[len(prompt) - 1 :].tolist()))
    return found


def near(read):
    return [pytest.approx(logs, abs=1e-4) for logs in read]


def test_a_reply_is_as_likely_as_by_a_plain_forward(base, tiny_base, tiny_adapters):
    chats = [LocalChat(f"m{n}", base, SHORT, a) for n, a in enumerate([None, *tiny_adapters])]
    expected = [naive(tiny_base, adapter) for adapter in (None, *tiny_adapters)]
    assert together(*chats) == [near(read) for read in expected]
    assert {entry for entry in base.log if entry[1] == "begins"} == {("read", "begins", len(READ))}
    assert [alone(chat) for chat in chats] == [near(read) for read in expected]
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert expected[one] != near(expected[other])


def test_padding_does_not_move_absolute_positions(tiny_base, tmp_path):
    import shutil

    import torch
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    vocabulary = len(AutoTokenizer.from_pretrained(tiny_base))
    config = GPT2Config(
        vocab_size=vocabulary, n_positions=512, n_embd=32, n_layer=2, n_head=2,
        initializer_range=0.3,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(tiny_base / name, tmp_path / name)
    chat = LocalChat("gpt2", LocalBase(tmp_path, "cpu", "float32"), SHORT)
    assert together(chat) == [near(naive(tmp_path))]


def test_only_the_logits_of_the_reply_are_computed(base):
    chat = LocalChat("tiny", base, SHORT)
    widths = []
    base._load().lm_head.register_forward_hook(
        lambda module, given, logits: widths.append(logits.shape[1])
    )
    read = alone(chat)
    assert widths == [len(logs) + 1 for logs in read]


def test_an_answer_is_read_as_confidently_as_it_was_written(base):
    chat = LocalChat("tiny", base, Decoding(max_tokens=1))

    async def write_and_read():
        answer = await chat.chat(asked("Why?"))
        return answer.confidence, await chat.logprobs(asked("Why?"), answer.text)

    confidence, logs = asyncio.run(write_and_read())
    assert logs == (pytest.approx(confidence, abs=1e-4),)


def test_reading_and_writing_take_turns(base):
    chat = LocalChat("tiny", base, SHORT)

    async def both():
        await asyncio.gather(
            *(chat.logprobs(asked(question), reply) for question, reply in READ),
            *(chat.chat(asked(question)) for question, _ in READ),
        )

    asyncio.run(both())
    kinds = [kind for kind, _, _ in base.log]
    assert set(kinds) == {"read", "write"}
    assert [place for _, place, _ in base.log] == ["begins", "ends"] * (len(base.log) // 2)
    assert kinds[::2] == kinds[1::2]


@pytest.mark.parametrize("fitting", [1, 2])
def test_out_of_memory_halves_what_is_read(base, tiny_base, fitting):
    base.fitting = fitting
    assert together(LocalChat("tiny", base, SHORT)) == [near(naive(tiny_base))]


def test_what_does_not_fit_has_no_probabilities(base):
    chat = LocalChat("tiny", base, SHORT)
    assert asyncio.run(chat.logprobs(asked("Why?"), "why " * 600)) is None
    base.fitting = 0
    assert together(chat) == [[None] * len(READ)]


def test_an_empty_reply_has_no_tokens_and_loads_nothing(base):
    assert asyncio.run(LocalChat("tiny", base, SHORT).logprobs(asked("Why?"), "")) == ()
    assert base._model is None


def test_a_local_draw_shares_the_weights_and_has_its_own_identity(base, tiny_adapters):
    chat = LocalChat("tiny", base, SHORT, tiny_adapters[0])
    draws = [chat.drawn(1.0, seed) for seed in range(3)]
    assert all(draw.base is base and draw.adapter == chat.adapter for draw in draws)
    assert len({chat.identity, *(draw.identity for draw in draws)}) == 4
    assert draws[1].identity == chat.drawn(1.0, 1).identity != chat.drawn(0.9, 1).identity

    async def ask():
        return [(await draw.chat(asked("Why?"))).text for draw in (*draws, chat.drawn(1.0, 0))]

    first, *others, again = asyncio.run(ask())
    assert first == again
    assert len({first, *others}) > 1


def test_a_draw_of_an_endpoint_shares_connection_and_limiter():
    with fake_server(latency=0.05) as server:
        model = endpoint_chat(
            name="x", base_url=server.url, model="x", concurrency=2, decoding=SHORT
        )
        draws = [model.drawn(1.0, seed) for seed in range(4)]

        async def ask():
            await asyncio.gather(*(each.chat(asked("Why?")) for each in (model, *draws)))
            logprobs = await draws[0].logprobs(asked("Why?"), "So.")
            await model.close()
            return logprobs

        assert asyncio.run(ask()) is None
        assert server.peak <= 2
        sent = {(body["temperature"], body["seed"]) for body in server.requests}
        assert sent == {(0.0, 0), *((1.0, seed) for seed in range(4))}
        assert all(body["max_tokens"] == 6 for body in server.requests)
    assert len({model.identity, *(draw.identity for draw in draws)}) == 5


def contract_case():
    contract = Contract("K", "The law of Nevada governs. " * 200)
    return Case("c", "c", contract, "Governing Law", "Which law governs?", ())


@pytest.mark.parametrize("uses_passages", [True, False])
def test_the_exams_prompt_is_what_a_reply_is_read_after(base, uses_passages):
    case = contract_case()
    passages = Chunker(size=400, overlap=0).split(case.contract)
    chat = LocalChat("tiny", base, SHORT)
    model = PromptedModel(chat, Template("Answer."), uses_passages)

    async def ask():
        shown = (await model.answer(case, passages)).passages
        assert len(shown) < len(passages)
        messages = Template("Answer.").messages(case.question, shown)
        return (
            await chat.logprobs(messages, "Nevada"),
            await model.logprobs(case, passages, "Nevada"),
            await model.logprobs(case, shown, "Nevada"),
        )

    expected, *found = asyncio.run(ask())
    assert len(expected) > 0
    assert [pytest.approx(expected, abs=1e-5)] * 2 == found


def test_a_drawn_model_keeps_its_prompt(base):
    model = PromptedModel(LocalChat("tiny", base, SHORT), Template("Answer."), uses_passages=False)
    drawn = model.drawn(1.0, 7)
    assert drawn.chat.decoding == Decoding(max_tokens=6, temperature=1.0, seed=7)
    assert (drawn.template, drawn.uses_passages) == (model.template, False)
    assert drawn.identity not in {model.identity, model.drawn(1.0, 8).identity}


def test_models_that_always_say_the_same_cannot_be_drawn(tmp_path):
    models = [
        RecordedModel("recorded", Source("recorded", tmp_path / "answers.csv")),
        ExtractiveModel("extractive", 0.5),
        PromptedModel(EchoChat(), Template()),
    ]
    for model in models:
        assert model.drawn(1.0, 0) is None
        assert asyncio.run(model.logprobs(contract_case(), (), "Nevada")) is None
