"""A turn of Bedrock's Converse API: what is sent, and what is read of the reply.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from models.chat import Answer, Decoding, Message
from models.metering import Usage
from models.remote.failures import Failure
from models.remote.replies import count, finish, shown
from models.spoken import answered
from models.turns import without_system

SYSTEM = "system"
"""The parameter that stands for turns of the system; a model that is not sent it has none."""


def parameters(decoding: Decoding) -> dict[str, Any]:
    """Converse's names of what a decoding says; `topP` moves nothing where nothing is drawn."""
    said = {SYSTEM: True, "maxTokens": decoding.max_tokens, "temperature": decoding.temperature}
    drawn = {"topP": decoding.top_p} if decoding.temperature else {}
    return {**said, **drawn, **({"stopSequences": list(decoding.stop)} if decoding.stop else {})}


def request(
    model: str,
    messages: Sequence[Message],
    taken: Mapping[str, Any],
    extra_body: Mapping[str, Any],
) -> dict[str, Any]:
    """The arguments of `converse`; without SYSTEM the rules stand in the user's turn.

    Args:
        model: id, inference profile or ARN.
        messages: the chat; Converse takes no blank text of the system.
        taken: what the model takes of `parameters`.
        extra_body: sent to the model as it stands.
    """
    turns = messages if SYSTEM in taken else without_system(messages)
    rules = [turn.content for turn in turns if turn.role == "system" and turn.content.strip()]
    asked = {
        "modelId": model,
        "messages": [
            {"role": turn.role, "content": [{"text": turn.content}]}
            for turn in turns
            if turn.role != "system"
        ],
        "inferenceConfig": {name: value for name, value in taken.items() if name != SYSTEM},
    }
    if rules:
        asked["system"] = [{"text": each} for each in rules]
    if extra_body:
        asked["additionalModelRequestFields"] = dict(extra_body)
    return asked


def read_reply(reply: Mapping[str, Any], latency: float) -> Answer | Failure:
    """The answer in what botocore parsed of a reply; `latency` is in seconds."""
    usage = usage_of(reply)
    content = (reply.get("output", {}).get("message") or {}).get("content")
    if content is None:
        said = f"malformed reply: {shown(str(reply).encode())}"
        return Failure("again", said, status=200, usage=usage)
    facts: dict[str, Any] = {**asdict(usage), "latency": latency}
    texts = [block["text"] for block in content if "text" in block]
    thought = "\n\n".join(_thoughts(content))
    finish_reason = finish(reply.get("stopReason"))
    if content and not texts and not thought and finish_reason == "stop":
        return Answer("", error="no text in the reply (finish reason stop)", **facts)
    return answered("".join(texts), reasoning=thought, finish_reason=finish_reason, **facts)


def usage_of(reply: Mapping[str, Any]) -> Usage:
    """The tokens that a reply says were used; what was put into a cache was read too.

    >>> usage_of({"usage": {"inputTokens": 5, "outputTokens": 2, "cacheReadInputTokens": 4}})
    Usage(tokens_in=9, tokens_out=2, tokens_cached=4)
    """
    usage = reply.get("usage", {})
    cached = count(usage.get("cacheReadInputTokens"))
    read = count(usage.get("inputTokens")) + count(usage.get("cacheWriteInputTokens"))
    return Usage(read + cached, count(usage.get("outputTokens")), cached)


def _thoughts(content: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What a model wrote for itself; what its maker hides of that has no text."""
    for block in content:
        said = block.get("reasoningContent", {}).get("reasoningText", {}).get("text")
        if said:
            yield said
