"""Chat templates without a system turn: the user says the rules, and the report says so."""

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from models.chat import Decoding, Message
from models.local.base import LocalBase
from models.local.chat import LocalChat
from models.turns import without_system
from tests.builders.training_data import TEMPLATE, make_base

TURNS = st.lists(
    st.builds(Message, st.sampled_from(["system", "user", "assistant"]), st.text(max_size=6)),
    max_size=6,
)


@given(turns=TURNS)
@settings(max_examples=300)
def test_no_word_of_the_rules_is_lost(turns):
    found = without_system(turns)
    assert all(turn.role != "system" for turn in found)
    together = "\n\n".join(turn.content for turn in found)
    assert all(turn.content in together for turn in turns)
    if turns and all(turn.role != "system" for turn in turns):
        assert list(found) == turns


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("base"))


def chat_with(base, folder, template):
    folder = shutil.copytree(base, folder)
    (folder / "chat_template.jinja").write_text(template)
    return LocalChat("m", LocalBase(folder, "cpu", "float32"), Decoding(max_tokens=4))


RULES = [Message("system", "RULES"), Message("user", "Which law?")]


def test_a_template_with_a_system_turn_keeps_it_and_nothing_is_said(base, tmp_path):
    chat = chat_with(base, tmp_path / "base", TEMPLATE)
    assert "<|im_start|>system\nRULES" in chat.base.tokenizer.decode(chat.ids(RULES))
    assert chat.remarks == ()


@pytest.mark.parametrize(
    "condition", ["message.role != 'system'", "loop.index0 > 0", "message.role == 'user'"]
)
def test_where_the_rules_were_moved_the_reader_is_told(base, tmp_path, condition):
    template = "{% for message in messages %}{% if " + condition + " or messages|length == 1 %}"
    template += TEMPLATE.split("%}", 1)[1].replace("{% endfor %}", "{% endif %}{% endfor %}")
    chat = chat_with(base, tmp_path / "base", template)
    assert chat.remarks == ()  # nothing was asked yet
    sent = chat.base.tokenizer.decode(chat.ids(RULES))
    assert sent.startswith("<|im_start|>user\nRULES\n\nWhich law?<|im_end|>")
    assert "head of the user's turn" in chat.remarks[0]


@pytest.mark.parametrize(
    "template", ["{{ raise_exception('no') }}", "Hello.", "{% for %}", "{{ messages[7].content }}"]
)
def test_a_template_that_shows_no_question_is_one_line(base, tmp_path, template):
    chat = chat_with(base, tmp_path / "base", template)
    with pytest.raises(UserError, match="chat template cannot ask a question") as caught:
        chat.ids(RULES)
    assert "\n" not in str(caught.value)


def test_a_template_that_reads_the_clock_is_told_one_day(base, tmp_path):
    clock = (
        "{{ strftime_now('%Y %d %b, %S %f') }} {{ messages[0].content }} {{ messages[-1].content }}"
    )
    chat = chat_with(base, tmp_path / "base", clock)
    first, second = chat.ids(RULES), chat.ids(RULES)
    assert first == second
    assert "2026 01 Jan, 00 000000" in chat.base.tokenizer.decode(first)
