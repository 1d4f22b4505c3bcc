"""Whatever a server or a judge replies is an answer that every sink takes, or that case's error."""

import json

import pytest

from evals.calls.rows import answer_from, answer_row
from evals.calls.store import Store
from evals.judges.llm.replies import read_reply
from evals.metrics.table import score
from fixtures.cases import Case, Contract, Span
from fixtures.imports.source import Source
from models.endpoint.completion import read_completion

CONTRACT = Contract("c", "The term is five years.")


def asked(*golds):
    spans = tuple(Span(gold, 0) for gold in golds)
    return Case("1", "1", CONTRACT, "Term", "How long is the term?", spans)


def reply(content, finish_reason="stop", usage=None, **message):
    choice = {"message": {"content": content, **message}, "finish_reason": finish_reason}
    return json.dumps({"choices": [choice], "usage": usage or {}}).encode()


def counted(number):
    text = reply("Nevada", usage={"prompt_tokens": 77, "completion_tokens": 3})
    return read_completion(text.replace(b"77", number.encode()), 0.0)


@pytest.mark.fault("SINK-2")
@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "[]", '"5"', "true", "{}"])
def test_a_count_that_is_no_number_is_none(number):
    assert (counted(number).text, counted(number).tokens_in) == ("Nevada", 0)
    assert counted(number).tokens_out == 3


@pytest.mark.fault("SINK-7")
@pytest.mark.parametrize("number", ["-500", "-1", "-0.5", "9" * 20, "9" * 5000, "1e30"])
def test_a_count_that_no_reply_can_have_is_none(number):
    assert (counted(number).text, counted(number).tokens_in) == ("Nevada", 0)


@pytest.mark.fault("SINK-2")
@pytest.mark.peer(
    "UKGovernmentBEIS/inspect_ai#3802", "a lone surrogate in a reply ends the run, and its log"
)
@pytest.mark.parametrize(
    "odd",
    ["Bad \ud800 text", "Bad \x00 text", "\udfff", "half \udc00 and \ud83d", "bell \x07 \x1b[31m"],
    ids=ascii,
)
def test_odd_text_of_a_reply_is_stored_and_comes_back_as_it_was_reported(odd, tmp_path):
    answer = read_completion(reply(odd, usage={"prompt_tokens": float("inf")}), 0.0)
    store = Store(str(tmp_path / "store.sqlite"))
    store.add([answer_row("k", "m", answer)])
    assert answer_from(store.rows("answers", ["k"])["k"]).text == answer.text
    assert "\x00" not in answer.text and answer.text.encode()
    store.close()


@pytest.mark.fault("MET-3")
@pytest.mark.parametrize("content", ["", None, "  \n", "<think>The term may be", "<think></think>"])
def test_an_answer_that_was_cut_off_before_it_began_is_unscored(content):
    answer = read_completion(reply(content, "length", {"completion_tokens": 96}), 0.0)
    assert answer.error and answer.tokens_out == 96
    scores = score(asked(), answer)
    assert scores["abstention"].value is None
    assert score(asked("five years"), answer)["laziness"].value is None


@pytest.mark.fault("MET-4")
@pytest.mark.peer("huggingface/lighteval#869", "reasoning is scored together with the answer")
@pytest.mark.peer("EleutherAI/lm-evaluation-harness#3145", "what is thought is read as the answer")
@pytest.mark.parametrize(
    "content",
    [
        "<think>The contract does name a term, perhaps.</think>\n\nNot found.",
        "The contract does name a term.</think>Not found.",
        "<thinking>It does.</thinking>Not found.",
        "<|begin_of_thought|>It does.<|end_of_thought|>Not found.",
        "<think>one</think>Not found.<think>two</think>",
        "<THINK>It does.</THINK> Not found.",
        "[THINK]It does.[/THINK]Not found.",
        "<think>I could close </think> early. It does.</think>Not found.",
        "<|channel|>analysis<|message|>It does.<|end|><|start|>assistant"
        "<|channel|>final<|message|>Not found.",
        "Not found.<think>and then",
    ],
)
def test_what_is_thought_before_an_answer_is_kept_and_not_scored(content):
    answer = read_completion(reply(content), 0.0)
    assert score(asked(), answer)["abstention"].value == 1.0
    assert (answer.text, answer.error) == ("Not found.", None)
    assert answer.reasoning and "Not found" not in answer.reasoning


@pytest.mark.fault("MET-4")
@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_what_a_server_keeps_apart_is_kept_apart(field):
    answer = read_completion(reply("Not found.", **{field: "It may say five years."}), 0.0)
    assert (answer.text, answer.reasoning) == ("Not found.", "It may say five years.")


@pytest.mark.fault("MET-4")
@pytest.mark.peer("Marker-Inc-Korea/AutoRAG#1133", "a judge that thinks aloud gives no score")
@pytest.mark.parametrize(
    "text",
    [
        '<think>perhaps {"score": 0.2}</think>{"reasons": "r", "score": 0.9}',
        "<think>Score: 0.2</think> 0.9",
        "[[ ## score ## ]] 0.1</think>[[ ## score ## ]]\n0.9",
        "<thinking>0.2, or 0.3</thinking>\n0.9",
    ],
)
def test_a_judges_reasoning_decides_nothing(text):
    answer = read_completion(reply(text), 0.0)
    assert read_reply(answer.text, ("reasons", "score"))["score"] == 0.9


@pytest.mark.fault("MET-4")
def test_an_answer_that_was_recorded_with_its_reasoning_is_scored_without(tmp_path):
    import asyncio

    from models.recorded import RecordedModel

    path = tmp_path / "answers.jsonl"
    row = {"question": "How long is the term?", "answer": "<think>Five?</think>Not found."}
    path.write_text(json.dumps(row))
    answer = asyncio.run(RecordedModel("r", Source("recorded", path)).answer(asked(), ()))
    assert (answer.text, answer.reasoning) == ("Not found.", "Five?")
