"""Replies, in OpenAI's form and in our own."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from models.serve.asked import Asked
from models.serve.service import Given

Reply = dict[str, Any]


def error_of(message: str, code: str, kind: str = "invalid_request_error") -> Reply:
    """Why there is no answer, as OpenAI's clients read it."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def usage_of(given: Given) -> Mapping[str, int]:
    """Token counts."""
    asked, said = given.answer.tokens_in, given.answer.tokens_out
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def completion(given: Given, created: int) -> Reply:
    """A reply of `/v1/chat/completions`."""
    message = {"role": "assistant", "content": given.answer.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(given)}
    return _head(given, created, "chat.completion") | {
        "choices": [choice],
        "usage": usage_of(given),
    }


def events(given: Given, created: int, asked: Asked) -> Iterator[str]:
    """The same as server-sent events; the answer is one of them."""
    head = _head(given, created, "chat.completion.chunk")

    def event(delta: Mapping[str, str], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event(head | {"choices": [choice]})

    yield event({"role": "assistant", "content": ""})
    yield event({"content": given.answer.text})
    yield event({}, _finish(given))
    if asked.usage:
        yield _event(head | {"choices": [], "usage": usage_of(given)})
    yield "data: [DONE]\n\n"


def answered(given: Given, created: int) -> Reply:
    """A reply of `/v1/answers`: with the passages that the model was shown, by their offsets."""
    shown = [
        {"start": each.start, "end": each.end, "text": each.text} for each in given.answer.passages
    ]
    return _head(given, created, "answer") | {
        "answer": given.answer.text,
        "finish_reason": _finish(given),
        "passages": shown,
        "usage": usage_of(given),
    }


def _head(given: Given, created: int, kind: str) -> Reply:
    return {
        "id": given.id,
        "object": kind,
        "created": created,
        "model": given.voice.name,
        "system_fingerprint": given.voice.identity,
    }


def _event(value: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def _finish(given: Given) -> str:
    return "length" if given.answer.finish_reason == "length" else "stop"
