"""What a failed call to a server means: ask again, give up this chat, or give up the model."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from common.redaction import redacted
from common.storable import presentable
from models.metering import NO_TOKENS, Usage

LONGEST_WAIT = 600.0
"""Seconds that a server may ask to be left alone for; nobody stands by for longer."""

SHOWN = 200


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that brought no answer.

    Attributes:
        then: `again` may succeed; `skip` fails for this chat alone; `stop` fails for every chat.
        reason: one line.
        congested: the server has too much to do.
        wait: seconds the server asks to be left alone.
        unreachable: there was no connection at all.
        status: the HTTP status, or what the body says it is; 0 where there was no reply.
        filtered: the server's content filter did not let the chat pass.
        usage: tokens that the reply says were used all the same.
    """

    then: Literal["again", "skip", "stop"]
    reason: str
    congested: bool = False
    wait: float = 0.0
    unreachable: bool = False
    status: int = 0
    filtered: bool = False
    usage: Usage = NO_TOKENS


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """Seconds to wait from `retry-after-ms`, else `retry-after`; 0 where neither can be read.

    `retry-after` is seconds or a date (RFC 9110, 10.2.3); `now` is seconds since 1970.

    >>> retry_after({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, now=20)
    40.0
    """
    readers: tuple[Callable[[], float], ...] = (
        lambda: float(headers["retry-after-ms"]) / 1000,
        lambda: float(headers["retry-after"]),
        lambda: parsedate_to_datetime(headers["retry-after"]).timestamp() - now,
    )
    for read in readers:
        try:
            wait = read()
        except (KeyError, ValueError, OverflowError):
            continue
        if math.isfinite(wait):
            return max(wait, 0.0)
    return 0.0


def one_line(said: Any) -> str:
    """The server's own words, from the common forms of error bodies, cut to one short line."""
    for _ in range(10):
        if isinstance(said, Mapping):
            said = said.get("message") or said.get("error") or said.get("detail") or str(said)
    return " ".join(presentable(redacted(str(said))).split())[:SHOWN]
