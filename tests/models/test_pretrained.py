"""What a base's folder says of itself: its length, its end, its weights, its settings."""

import asyncio
import json
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from models.chat import Decoding
from models.local.base import LocalBase
from models.local.chat import LocalChat
from models.local.pretrained import longest_sequence, open_model, open_tokenizer
from models.prompted import PromptedModel, Template
from tests.builders.training_data import make_base
from tests.faults.adapter_data import ASKED, changed

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def base(one_thread, tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("base"))


def refused(call, *words):
    with pytest.raises(UserError) as caught:
        call()
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


KINDS = ["LlamaConfig", "GPT2Config", "GPTNeoXConfig", "OPTConfig", "MptConfig", "PhiConfig",
         "MistralConfig", "FalconConfig", "CTRLConfig", "GPTJConfig", "Gemma3Config"]  # fmt: skip

NAMES = {"GPT2Config": "n_positions", "GPTJConfig": "n_positions", "CTRLConfig": "n_positions",
         "MptConfig": "max_seq_len"}  # fmt: skip


@given(kind=st.sampled_from(KINDS), length=st.integers(1, 10**6))
@settings(max_examples=200)
def test_a_length_is_what_transformers_makes_of_it(tmp_path_factory, kind, length):
    import transformers

    folder = tmp_path_factory.mktemp("config")
    told = {NAMES.get(kind, "max_position_embeddings"): length}
    if kind == "Gemma3Config":
        told = {"text_config": {**told, "max_position_embeddings": length}}
    getattr(transformers, kind)(**told).save_pretrained(folder)
    assert longest_sequence(folder) == length


def test_a_length_that_the_file_leaves_out_is_that_of_its_kind(base, tmp_path):
    folder = changed(base, tmp_path / "base")
    told = json.loads((folder / "config.json").read_text())
    del told["max_position_embeddings"]
    (folder / "config.json").write_text(json.dumps(told))
    assert longest_sequence(folder) == 2048  # LlamaConfig's


def test_a_model_without_a_length_is_refused_or_goes_by_its_tokenizer(base, tmp_path):
    folder = changed(base, tmp_path / "base")
    (folder / "config.json").write_text('{"model_type": "bloom", "vocab_size": 390}')
    refused(lambda: longest_sequence(folder), str(folder), "max_position_embeddings")
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "model_max_length": 300}))
    assert longest_sequence(folder) == 300


@pytest.mark.parametrize("name", ["tokenizer.json", "config.json", "model.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"[]", b"\xff\xfe{"])
def test_a_file_that_is_not_there_or_no_such_file_is_one_line(base, tmp_path, name, content):
    folder = shutil.copytree(base, tmp_path / "base")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    chat = LocalChat("m", LocalBase(folder, "cpu", "float32"), Decoding(max_tokens=4))
    refused(lambda: (chat.identity, chat.context, asyncio.run(chat.preflight())), str(folder))


def test_a_tokenizer_that_knows_no_words_is_refused(base, tmp_path):
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({})))
    tokenizer.chat_template = "{{ messages }}"
    tokenizer.save_pretrained(tmp_path)
    refused(lambda: open_tokenizer(tmp_path), str(tmp_path), "no words")


def test_weights_that_a_base_lacks_are_named(base, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(base, tmp_path / "base")
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    refused(lambda: open_model(folder, "float32"), "layers.1.mlp.up_proj", "1 such weights")


def test_of_generation_config_only_what_prefers_tokens_counts(base, tmp_path):
    searched = {"num_beams": 3, "num_return_sequences": 2, "use_cache": False, "max_length": 5,
                "max_time": 0.001, "cache_implementation": "static",
                "guidance_scale": 2.0}  # fmt: skip

    def answer(**told):
        folder = changed(
            base, tmp_path / str(len(list(tmp_path.iterdir()))), generation_config=told
        )
        chat = LocalChat("m", LocalBase(folder, "cpu", "float32"), Decoding(max_tokens=12))
        found = asyncio.run(chat.chat(ASKED))
        assert found.error is None
        return found.text

    assert answer(**searched) == answer()
    assert answer(suppress_tokens=list(range(3, 380))) != answer()
    refused(lambda: answer(stop_strings=["."]), "stop_strings", "eos_token_id")


def test_a_context_too_short_for_the_exam_is_said_before_anything_is_asked(base, tmp_path):
    folder = changed(base, tmp_path / "base", config={"max_position_embeddings": 64})

    def opened(most):
        chat = LocalChat("m", LocalBase(folder, "cpu", "float32"), Decoding(max_tokens=most))
        return PromptedModel(chat, Template())

    refused(lambda: asyncio.run(opened(60).preflight()), "model m", "decoding.max_tokens")
    refused(lambda: asyncio.run(opened(8).preflight()), "model m", "56 tokens fit")


def test_a_token_that_the_model_has_no_weights_for_costs_its_own_case(base, tmp_path):
    from transformers import AutoTokenizer

    from models.chat import Message

    folder = shutil.copytree(base, tmp_path / "base")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["Zanzibar"])
    tokenizer.save_pretrained(folder)
    chat = LocalChat("m", LocalBase(folder, "cpu", "float32"), Decoding(max_tokens=4))
    asyncio.run(chat.preflight())
    assert "no weights for token 390" in asyncio.run(chat.chat([Message("user", "Zanzibar")])).error
    assert asyncio.run(chat.chat(ASKED)).error is None
