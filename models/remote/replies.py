"""What of a reply is alike in every protocol: why it ended, and how many tokens it took."""

from common.redaction import redacted
from common.storable import presentable

SHOWN = 80
MOST_TOKENS = 10**9
"""A count above it is none: no reply has so many tokens, and sums have to fit 64 bits."""

# fmt: off
FINISHES = {
    "max_tokens": "length", "max_length": "length", "model_length": "length",
    "model_context_window_exceeded": "length",
    "eos": "stop", "eos_token": "stop", "end_turn": "stop", "stop_sequence": "stop",
    "content_filtered": "content_filter", "safety": "content_filter",
    "recitation": "content_filter", "guardrail_intervened": "content_filter",
}
"""Servers' words for what OpenAI's call `length`, `stop` and `content_filter`."""
# fmt: on


def finish(value: object) -> str:
    """Why a reply ended, in OpenAI's words where there is one.

    >>> [finish(value) for value in ("END_TURN", "guardrail_intervened", None, "of its own")]
    ['stop', 'content_filter', 'stop', 'of its own']
    """
    if not isinstance(value, str) or not value.strip():
        return "stop"
    word = " ".join(presentable(redacted(value)).split())[:SHOWN]
    return FINISHES.get(word.lower(), word.lower())


def count(value: object) -> int:
    """A number of tokens as a server states it; 0 for what cannot be one.

    >>> [count(value) for value in (7, 7.0, -7, 1e999, 10**20, True, "7", None)]
    [7, 7, 0, 0, 0, 0, 0, 0]
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 0 <= value <= MOST_TOKENS else 0


def shown(reply: bytes) -> str:
    """The head of a body, hidden before it is cut: half a key is still one."""
    head = reply[: 50 * SHOWN].decode("utf-8", "backslashreplace")
    return repr(presentable(redacted(head))[:SHOWN])
