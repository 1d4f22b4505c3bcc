"""What a model wrote for itself is told from its answer, in one place."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.calls.rows import answer_from, answer_row
from evals.metrics.table import score
from fixtures.cases import Case, Contract
from models.chat import Answer
from models.endpoint.completion import read_completion
from models.spoken import LONGEST, MARK, answered, begun, decoded, scorable, spoken
from tests.seams import users

PROSE = st.text(st.characters(codec="utf-8", exclude_characters="<>[]|◁▷\x00"), max_size=40)

PAIRS = st.sampled_from(
    [
        ("<think>", "</think>"),
        ("<thinking>", "</thinking>"),
        ("<Thought>", "</Thought>"),
        ("<reasoning>", "</reasoning>"),
        ("<seed:think>", "</seed:think>"),
        ("<antThinking>", "</antThinking>"),
        ('<think effort="low">', "</think>"),
        ("[THINK]", "[/THINK]"),
        ("◁think▷", "◁/think▷"),
        ("<|begin_of_thought|>", "<|end_of_thought|>"),
        ("<|think|>", "<|/think|>"),
        (
            "<|channel|>analysis<|message|>",
            "<|end|><|start|>assistant<|channel|>final<|message|>",
        ),
    ]
)


@given(PAIRS, PROSE, PROSE)
@settings(max_examples=250)
def test_reasoning_is_told_apart_in_every_spelling(pair, thought, said):
    opens, closes = pair
    for text in (f"{opens}{thought}{closes}{said}", f"{thought}{closes}{said}"):
        assert spoken(text) == (said.strip(), thought.strip())
    assert spoken(f"{said}{opens}{thought}") == (said.strip(), thought.strip())
    assert spoken(said) == (said, "")


@given(
    st.text() | st.lists(st.sampled_from(["<think>", "</think>", "a", "\n", "Yes."])).map("".join)
)
@settings(max_examples=250)
def test_no_mark_is_left_in_an_answer_and_no_word_is_lost(text):
    said, thought = spoken(text)
    assert MARK.search(said) is None or not MARK.search(text)
    words = MARK.sub(" ", text).split()
    assert sorted("".join(words)) == sorted("".join((said + thought).split()))
    assert isinstance(answered(text), Answer)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "content", "usage", "prompt_tokens", "completion_tokens",
                 "finish_reason", "error", "code", "refusal", "reasoning_content", "text", "type"]
            ),
            inner,
            max_size=4,
        ),
        max_leaves=20,
    )
)  # fmt: skip
@settings(max_examples=300)
def test_any_json_of_a_server_is_an_answer_that_a_store_takes(value):
    for body in (value, {"choices": [value]}, {"choices": [{"message": value}], "usage": value}):
        answer = read_completion(json.dumps(body).encode(), 0.0)
        assert (answer.error is None) or not answer.text
        assert 0 <= answer.tokens_in <= 10**9 and 0 <= answer.tokens_out <= 10**9
        row = answer_row("k", "m", answer).columns
        assert all("\x00" not in str(column) for column in row.values())
        str(row).encode()


def test_a_reply_of_megabytes_is_an_error():
    answer = read_completion(json.dumps(
        {"choices": [{"message": {"content": "x" * (LONGEST + 1)}}]}).encode(), 0.0)  # fmt: skip
    assert (answer.text, f"{LONGEST + 1:,} characters" in answer.error) == ("", True)
    assert len(answered("Yes.", reasoning="x" * 10 * LONGEST).reasoning) == LONGEST
    thoughtful = answered(f"<think>{'x' * 3 * LONGEST}</think>Yes.")
    assert (thoughtful.text, len(thoughtful.reasoning)) == ("Yes.", LONGEST)


@pytest.mark.parametrize(
    ("message", "finish_reason", "text", "flag"),
    [
        ({"content": None, "refusal": "I cannot help with that."}, "stop",
         "I cannot help with that.", "refusal"),
        ({"content": ""}, "content_filter", "", "content_filter"),
        ({"content": None}, "content_filter", "", "content_filter"),
        ({"content": "The term is"}, "content_filter", "The term is", "content_filter"),
        ({"content": None}, "SAFETY", "", "content_filter"),
    ],
)  # fmt: skip
def test_a_refusal_is_an_answer_that_is_scored_as_one(message, finish_reason, text, flag):
    body = {"choices": [{"message": message, "finish_reason": finish_reason}]}
    answer = read_completion(json.dumps(body).encode(), 0.0)
    assert (answer.text, answer.finish_reason, answer.error) == (text, flag, None)
    case = Case("1", "1", Contract("c", "The term is five years."), "Term", "How long?", ())
    assert score(case, answer)["abstention"].value == 1.0
    assert scorable(answer).text == ""


def test_whoever_scores_judges_or_compares_takes_a_refusal_for_one():
    assert users("models.spoken.scorable") == {
        "evals/exam/foresight.py",
        "evals/metrics/table.py",
        "evals/judges/judge.py",
        "evals/judges/llm/pairwise.py",
        "reports/sections/stability.py",
        "reports/sections/corpus.py",
        "reports/sections/judge_forms.py",
        "reports/sections/loss.py",
        "evals/judges/align/__main__.py",
    }


@pytest.mark.parametrize("finish_reason", ["tool_calls", "error", "abort", "length", "MAX_TOKENS"])
@pytest.mark.parametrize("content", [None, "", " "])
def test_nothing_said_for_another_reason_is_an_error(finish_reason, content):
    body = {"choices": [{"message": {"content": content}, "finish_reason": finish_reason}]}
    assert read_completion(json.dumps(body).encode(), 0.0).error


def test_a_stream_that_nobody_asked_for_is_joined():
    chunks = [{"choices": [{"delta": {"content": part}}]} for part in ("Ne", "vada", "")]
    chunks.append({"choices": [], "usage": {"prompt_tokens": 5}})
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    answer = read_completion(body.encode(), 0.0)
    assert (answer.text, answer.tokens_in, answer.error) == ("Nevada", 5, None)


def test_marks_that_are_special_tokens_are_not_lost_in_decoding():
    class Tokenizer:
        words = ("<s>", "[THINK]", "Five?", "[/THINK]", "Five.", "</s>")
        all_special_ids = (0, 1, 3, 5)

        def convert_ids_to_tokens(self, token):
            return self.words[token]

        def decode(self, ids, *, skip_special_tokens, clean_up_tokenization_spaces):
            left = [i for i in ids if not (skip_special_tokens and i in self.all_special_ids)]
            return " ".join(self.words[i] for i in left)

    assert decoded(Tokenizer(), [0, 1, 2, 3, 4, 5]) == "[THINK] Five? [/THINK] Five."
    assert decoded(Tokenizer(), [0, 4, 5]) == "Five."


@pytest.mark.parametrize(
    ("prompt", "inside"),
    [
        ("<|assistant|>\n<think>\n", True),
        ("<|assistant|>\n", False),
        ("a contract with <think> in it<|assistant|>\n", False),
        ("<think>\n\n</think>\n\n", False),
    ],
)
def test_a_template_that_begins_to_reason_is_noticed(prompt, inside):
    class Tokenizer:
        def decode(self, ids, *, clean_up_tokenization_spaces):
            assert not clean_up_tokenization_spaces  # of a BPE, transformers would warn of it
            return prompt

    assert begun(Tokenizer(), [1, 2, 3]) is inside


def test_a_budget_spent_on_reasoning_that_the_prompt_began_is_an_error():
    cut = answered("Okay, the term may be", finish_reason="length", inside=True)
    assert (cut.text, cut.error is None) == ("", False)
    assert cut.reasoning == "Okay, the term may be"
    done = answered("Five?</think>Five.", inside=True)
    assert (done.text, done.reasoning, done.error) == ("Five.", "Five?", None)


def test_a_block_that_closes_itself_is_none():
    assert spoken("<think/>Five.") == ("Five.", "")


def test_what_an_older_release_kept_is_read_as_it_would_be_today():
    row = answer_row("k", "m", Answer("<think>Five?</think>Not found."))

    class Kept:
        text, reasoning = row.columns["text"], None
        tokens_in = tokens_out = latency = 0
        finish_reason, confidence, cost = "stop", None, None

    assert answer_from(Kept).text == "Not found."
    assert answer_from(Kept).reasoning == "Five?"


def test_whoever_makes_text_of_a_model_an_answer_does_it_here():
    assert users("models.spoken.answered") == {
        "evals/calls/columns.py",
        "evals/calls/rows.py",
        "evals/metrics/dspy_metric.py",
        "models/bedrock/conversation.py",
        "models/local/generation.py",
        "models/endpoint/completion.py",
        "models/program/model.py",
        "models/recorded.py",
        "training/data/marks.py",
    }
    makers = {path for path in users("models.chat.Answer") if path.startswith("models/")}
    # Those that say why there is no answer, that quote a contract or the question, or that pass on
    # what a program of the user's returns, which is read where it is stored.
    assert makers == {
        "models/bedrock/conversation.py",
        "models/bedrock/server.py",
        "models/local/base.py",
        "models/local/batching.py",
        "models/local/generation.py",
        "models/called.py",
        "models/chat.py",
        "models/endpoint/completion.py",
        "models/echo.py",
        "models/endpoint/server.py",
        "models/extractive.py",
        "models/remote/chat.py",
        "models/remote/parameters.py",
        "models/local/chat.py",
        "models/program/asked.py",
        "models/program/engine.py",
        "models/program/model.py",
        "models/prompted.py",
        "models/recorded.py",
        "models/serve/service.py",
        "models/serve/waves.py",
        "models/spoken.py",
    } - {"models/chat.py"}


def test_bodies_of_servers_are_read_in_one_place():
    assert users("models.endpoint.completion.read_reply") == {"models/endpoint/server.py"}
    assert users("aiohttp") == {
        "models/endpoint/connection.py",
        "models/endpoint/server.py",
        "models/endpoint/failures.py",
        "models/retrieval/served.py",
        "reports/comment/posting.py",  # a forge's, and no model's
    }
