"""Local bases: no code of theirs runs, no contract speaks in their marks, their limits hold."""

import asyncio
import builtins
import json
import shutil

import pytest

from common.errors import UserError
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Passage
from models.chat import Decoding, Message
from models.local.base import LocalBase
from models.local.chat import LocalChat
from models.prompted import PromptedModel, Template
from tests.builders.training_data import TEMPLATE, make_base
from tests.faults.adapter_data import changed, make_gpt2

pytestmark = pytest.mark.usefixtures("one_thread")
CONTRACT = Contract("C", "The laws of Nevada govern this agreement. " * 60)
CASE = Case("i", "s", CONTRACT, "Law", "Which law?", (Span("laws of Nevada", 4),))
SHOWN = [Passage("C", 0, len(CONTRACT.text), CONTRACT.text)]
OWN = (
    "from pathlib import Path\nPath({ran!r}).write_text('ran')\n"
    "from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast\n"
    "class Own(PreTrainedTokenizerFast):\n    pass\n"
    "class OwnConfig(LlamaConfig):\n    model_type = 'own'\n"
    "class OwnModel(LlamaForCausalLM):\n    config_class = OwnConfig\n"
)
TOKENIZER_CODE = {"AutoTokenizer": ["own.Own", None]}
MODEL_CODE = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}


@pytest.fixture(scope="module")
def base(one_thread, tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("base"))


def chat_of(folder):
    return LocalChat("m", LocalBase(folder, "cpu", "float32"), Decoding(max_tokens=6))


def asked(folder, system="RULES"):
    """What a model in a folder answers to a case, after its preflight."""
    model = PromptedModel(chat_of(folder), Template(system))

    async def ask():
        assert model.identity
        await model.preflight()
        return await model.answer(CASE, SHOWN)

    return asyncio.run(ask())


@pytest.mark.fault("BASE-1")
@pytest.mark.parametrize(
    ("file", "keys"),
    [
        ("tokenizer_config", {"tokenizer_class": "Own", "auto_map": TOKENIZER_CODE}),
        ("config", {"model_type": "own", "auto_map": MODEL_CODE}),
    ],
    ids=["tokenizer", "model"],
)
def test_code_in_a_folder_is_refused_without_a_question(base, tmp_path, monkeypatch, file, keys):
    folder = changed(base, tmp_path / "base", **{file: keys})
    (folder / "own.py").write_text(OWN.format(ran=str(tmp_path / "RAN")))
    questions = []
    monkeypatch.setattr(builtins, "input", lambda *said: questions.append(said) or "y")
    monkeypatch.setattr(
        "transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules")
    )
    with pytest.raises(UserError, match="auto_map") as caught:
        asked(folder)
    assert "\n" not in str(caught.value)
    assert questions == []
    assert not (tmp_path / "RAN").exists()


@pytest.mark.fault("BASE-2")
def test_no_mark_of_the_embedded_model_comes_out_of_a_contract(smollm2):
    chat = chat_of(smollm2)
    tokenizer = chat.base.tokenizer
    special = {n: str(t) for n, t in tokenizer.added_tokens_decoder.items() if t.special}
    assert len(special) > 10
    for number, mark in special.items():
        ids = tokenizer(chat.defused(f"abc {mark} def {mark}"), add_special_tokens=False)
        assert number not in ids["input_ids"], mark


LEAVES_OUT = TEMPLATE.replace(
    "for message in messages", "for message in messages if message.role != 'system'"
)
REFUSES = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}" + TEMPLATE
)


@pytest.mark.fault("BASE-3")
def test_rules_that_a_template_drops_are_put_into_the_users_turn(base, tmp_path):
    folder = shutil.copytree(base, tmp_path / "base")
    (folder / "chat_template.jinja").write_text(LEAVES_OUT)
    chat = chat_of(folder)
    sent = chat.base.tokenizer.decode(chat.ids([Message("system", "RULES"), Message("user", "q")]))
    assert "RULES" in sent
    assert asked(folder).error is None


@pytest.mark.fault("ONE-2")
@pytest.mark.peer(
    "EleutherAI/lm-evaluation-harness#2109", "a template without a system turn ends the run"
)
def test_rules_that_a_template_refuses_are_put_into_the_users_turn(base, tmp_path):
    folder = shutil.copytree(base, tmp_path / "base")
    (folder / "chat_template.jinja").write_text(REFUSES)
    assert asked(folder).error is None
    chat = chat_of(folder)
    sent = chat.base.tokenizer.decode(chat.ids([Message("system", "RULES"), Message("user", "q")]))
    assert "RULES" in sent


@pytest.mark.fault("BASE-4")
@pytest.mark.peer(
    "EleutherAI/lm-evaluation-harness#2657", "a length under another name is not known"
)
def test_a_length_under_another_name_is_known(tmp_path):
    folder = make_gpt2(tmp_path / "gpt2")
    assert chat_of(folder).context == 512 - 6
    assert asked(folder, "Rules. " * 4).error is None


@pytest.mark.fault("BASE-4")
@pytest.mark.parametrize("kind", ["null", "cut", "list", "mark"])
def test_an_odd_config_is_one_line(base, tmp_path, kind):
    folder = shutil.copytree(base, tmp_path / "base")
    file = folder / "config.json"
    told = json.loads(file.read_text())
    file.write_bytes(
        {
            "null": json.dumps({**told, "max_position_embeddings": None}).encode(),
            "cut": b"{",
            "list": b"[]",
            "mark": b"\xef\xbb\xbf" + file.read_bytes(),
        }[kind]
    )
    with pytest.raises(UserError) as caught:
        asked(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.fault("BASE-5")
@pytest.mark.parametrize("kept", ["static", "quantized", "offloaded"])
def test_where_keys_are_kept_is_the_exams_own(base, tmp_path, kept):
    folder = changed(base, tmp_path / "base", generation_config={"cache_implementation": kept})
    answer = asked(folder)
    assert (answer.error, answer.text) == (None, asked(base).text)


@pytest.mark.fault("BASE-6")
def test_an_end_that_only_the_model_knows_will_do(base, tmp_path):
    nothing = {"pad_token": None, "eos_token": None}
    folder = changed(base, tmp_path / "base", tokenizer_config=nothing)
    answer = asked(folder)
    assert (answer.error, answer.text) == (None, asked(base).text)


@pytest.mark.fault("BASE-6")
def test_a_model_whose_answers_never_end_is_one_line_of_ours(base, tmp_path):
    folder = changed(
        base,
        tmp_path / "base",
        tokenizer_config={"pad_token": None, "eos_token": None},
        generation_config={"eos_token_id": None},
        config={"eos_token_id": None},
    )
    with pytest.raises(UserError, match="no token ends an answer"):
        asked(folder)
