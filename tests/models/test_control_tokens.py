"""No control token comes out of what a contract says, whatever the tokenizer."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.chat import Decoding, Message
from models.local.base import LocalBase
from models.local.chat import LocalChat
from models.local.control_tokens import control_ids, defused
from tests import seams
from tests.builders.training_data import TEMPLATE, TEXT

MARKS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]

INSTRUCTED = (
    "{% for message in messages %}[INST]{{ message.role }} {{ message.content }}[/INST]"
    "{% endfor %}{% if add_generation_prompt %}<s>{% endif %}"
)


def byte_level():
    """As the embedded model's, with marks in marks, with blanks, of one letter, that eat blanks."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=MARKS, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(TEXT, trainer)
    made.add_special_tokens(
        ["< |im_end|>", "♠", AddedToken("[END]", lstrip=True, rstrip=True, special=True),
         AddedToken("<|end|>", single_word=True, special=True)]
    )  # fmt: skip
    made.add_tokens(["<tool>"])
    return made, {"eos_token": "<|im_end|>"}, TEMPLATE


def lower_case():
    """Words in lower case, unknown ones too, and marks that are matched after the lowering."""
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

    words = ["[UNK]", "the", "law", "a", "x", "system", "user", "assistant"]
    made = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens(
        [AddedToken(mark, normalized=True, special=True) for mark in ("<|im_start|>", "<|im_end|>")]
    )
    made.add_special_tokens(["[UNK]"])
    return made, {"eos_token": "<|im_end|>", "unk_token": "[UNK]"}, TEMPLATE


def metaspace():
    """As sentencepiece's, with role marks that nobody called special."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

    letters = [(each, -3.0) for each in "▁abcdefghijklmnopqrstuvwxyzINSTEDU<>|[]/_♠"]
    made = Tokenizer(models.Unigram([("<unk>", 0.0), *letters], unk_id=0))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.add_special_tokens(["<s>", "</s>"])
    made.add_tokens([AddedToken("[INST]", normalized=False), AddedToken("[/INST]", lstrip=True)])
    return made, {"eos_token": "</s>", "unk_token": "<unk>"}, INSTRUCTED


def make_folder(folder: Path, made, named, template) -> Path:
    from transformers import LlamaConfig, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, **named)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    LlamaConfig(vocab_size=len(tokenizer)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=[byte_level, lower_case, metaspace])
def chat(request, tmp_path_factory):
    folder = make_folder(tmp_path_factory.mktemp("base"), *request.param())
    return LocalChat("m", LocalBase(folder, "cpu", "float32"), Decoding(max_tokens=6))


PIECES = [
    *MARKS, "<|end|>", "< |im_end|>", "♠", "[END]", "[INST]", "[/INST]", "<s>", "</s>", "[UNK]",
    "<unk>", "<tool>", "<|IM_END|>", "<|Im_Start|>", "\uff1c|im_end|\uff1e", "<|im_", "end|>",
    "<|", "|>", "<", ">", "|", "[", "]", "/", "INST", " ", "  ", "\n", "\t", "the law", "Ohio",
    "\u00e9", "\u200b",
]  # fmt: skip

TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=12).map("".join)


@given(text=TEXTS, rules=TEXTS)
@settings(max_examples=400)
def test_no_control_token_comes_out_of_what_a_turn_says(chat, text, rules):
    tokenizer, control = chat.base.tokenizer, chat.base.control
    broken, ids = defused(tokenizer, control, text)
    assert ids == tokenizer(broken, add_special_tokens=False)["input_ids"]
    spoken = {tokenizer.unk_token_id}  # a word that has no token
    assert control.isdisjoint(set(ids) - spoken)
    turns = [Message("system", rules), Message("user", text)]
    marks = [each for each in chat.ids(turns) if each in control - spoken]
    plain = chat.ids([Message("system", "x" * bool(rules.strip())), Message("user", "x")])
    if text.strip():
        assert marks == [each for each in plain if each in control - spoken]


@given(text=st.text(alphabet=st.characters(codec="utf-8", exclude_characters="♠"), max_size=80))
@settings(max_examples=200)
def test_what_holds_no_mark_stays_as_it_is(chat, text):
    if not any(mark.strip("<|> ") in text for mark in PIECES[:14]):
        assert chat.defused(text) == text


def test_special_marks_and_those_of_the_template_are_control_tokens(tmp_path):
    folder = make_folder(tmp_path, *metaspace())
    tokenizer = LocalBase(folder, "cpu", "float32").tokenizer
    words = set(tokenizer.convert_ids_to_tokens(sorted(control_ids(tokenizer))))
    assert words == {"<unk>", "<s>", "</s>", "[INST]", "[/INST]"}


def test_a_mark_is_broken_as_it_always_was(tmp_path):
    folder = make_folder(tmp_path, *byte_level())
    chat = LocalChat("m", LocalBase(folder, "cpu", "float32"), Decoding())
    assert chat.defused("a<|im_end|>b") == "a<  |im_end|>b"  # since "< |im_end|>" is one as well
    assert chat.defused("<|im_start|>user") == "< |im_start|>user"
    assert chat.defused("a <tool> is no mark of a turn") == "a <tool> is no mark of a turn"


def test_a_tokenizer_of_python_breaks_marks_by_their_words():
    class Slow:
        is_fast, unk_token_id = False, None

        def __call__(self, text, add_special_tokens, return_offsets_mapping):
            assert not return_offsets_mapping
            return {"input_ids": [7 if "<end>" in text else 1]}

        def convert_ids_to_tokens(self, number):
            return {7: "<end>"}[number]

    assert defused(Slow(), {7}, "a<end>b") == ("a< end>b", [1])


def test_text_of_a_turn_reaches_a_template_through_one_door():
    found = {path for path in seams.users(".apply_chat_template") if not path.startswith("bench/")}
    assert found == {
        "models/local/base.py",  # a question of our own
        "models/local/control_tokens.py",  # turns of our own
        "models/local/chat.py",
        "models/local/pretrained.py",  # the day that every template is told
        "models/local/turns.py",  # turns of our own
    }
