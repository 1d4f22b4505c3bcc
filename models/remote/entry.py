"""What the entry of a chat model on another machine says, whatever protocol is spoken there."""

import json
from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue

from models.entry import Prompted

SAID_OTHERWISE = {
    "maxTokens": "decoding.max_tokens",
    "best_of": "nothing: one reply is asked for",
    "max_completion_tokens": "decoding.max_tokens",
    "max_gen_len": "decoding.max_tokens",
    "max_new_tokens": "decoding.max_tokens",
    "max_output_tokens": "decoding.max_tokens",
    "max_tokens": "decoding.max_tokens",
    "max_tokens_to_sample": "decoding.max_tokens",
    "messages": "nothing: the exam asks",
    "model": "model",
    "n": "nothing: one reply is asked for",
    "seed": "decoding.seed",
    "stop": "decoding.stop",
    "stopSequences": "decoding.stop",
    "stop_sequences": "decoding.stop",
    "stream": "nothing: whole replies are read",
    "system": "system",
    "temperature": "decoding.temperature",
    "topP": "decoding.top_p",
    "top_p": "decoding.top_p",
}
"""Fields of a request, and the key by which an entry says them."""


def _beside(fields: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Fields that nothing else in an entry says.

    Raises:
        ValueError: another key says one of them, or a number is none that JSON has.
    """
    for name in fields:
        if name in SAID_OTHERWISE:
            raise ValueError(f"{name} is said by {SAID_OTHERWISE[name]}")
    json.dumps(fields, allow_nan=False)
    return fields


ExtraBody = Annotated[dict[str, JsonValue], AfterValidator(_beside)]


class Remote(Prompted):
    """A chat model on another machine; `extra_body` is sent with each request as it stands."""

    context: int = Field(default=8192, strict=True, ge=256, le=10**8)
    concurrency: int = Field(default=64, strict=True, ge=1, le=10_000)
    extra_body: ExtraBody = Field(default_factory=dict)
