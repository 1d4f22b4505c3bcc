"""What a failed call to a server means: ask again, give up this chat, or give up the model."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

LONGEST_WAIT = 600.0
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
        status: the HTTP status; 0 where there was no reply.
    """

    then: Literal["again", "skip", "stop"]
    reason: str
    congested: bool = False
    wait: float = 0.0
    unreachable: bool = False
    status: int = 0

    def advice(self, file: str) -> str:
        """What the user can do; `file` is the model's registry file."""
        if self.unreachable:
            return f"start the server, or mend base_url in {file}"
        if self.status in (401, 403):
            return f"name the variable that holds the key as api_key_env in {file}"
        if self.status == 404:
            return f"mend model or base_url (most end in /v1) in {file}"
        if self.then == "again":
            return "type the same line again when the server has recovered"
        return f"mend {file}, or the server, and type the same line again"


def diagnose(error: BaseException, key: str) -> Failure:
    """Read an exception of `openai`, of its transport, or of our own clock; never repeat the key.

    openai reports a refused and a cut connection alike as a time-out, because its aiohttp
    transport does: only the chain of causes tells them apart. Real time-outs are ours.
    """
    import aiohttp
    import openai

    if isinstance(error, openai.APIStatusError):
        said = _one_line(error.body or error.message, key)
        return refusal(error.status_code, error.response.headers, said, error.code)
    if isinstance(error, TimeoutError):
        return Failure("again", "no reply in time", congested=True)
    unreachable = (
        aiohttp.ClientConnectorError,
        aiohttp.InvalidURL,
        aiohttp.NonHttpUrlClientError,
    )
    cause = error
    while cause.__cause__:
        cause = cause.__cause__
        if isinstance(cause, unreachable):
            return Failure("again", _one_line(str(cause), key), unreachable=True)
    reason = _one_line(str(cause), key) or type(cause).__name__
    return Failure("again", f"connection lost: {reason}")


def refusal(status: int, headers: Mapping[str, str], said: str, code: str | None) -> Failure:
    """Read an HTTP error reply.

    A spent quota is a 429 too, but waiting does not mend it; nor does a wait that is longer than
    anybody stands by for.
    """
    reason = f"HTTP {status} {said}".strip()
    if status in (400, 413, 422):
        return Failure("skip", reason, status=status)
    temporary = status in (408, 409, 425, 429) or status >= 500
    if not temporary or code == "insufficient_quota":
        return Failure("stop", reason, status=status)
    wait = retry_after(headers, time.time())
    if wait > LONGEST_WAIT:
        reason += f" (asks to be left alone for {wait:.0f} s)"
        return Failure("stop", reason, status=status)
    return Failure("again", reason, congested=status in (429, 503, 529), wait=wait, status=status)


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """Seconds to wait from `retry-after-ms` or `retry-after`, 0 where neither can be read.

    `retry-after` is seconds or a date (RFC 9110, 10.2.3); `now` is seconds since 1970.

    >>> retry_after({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, now=20)
    40.0
    """
    try:
        if "retry-after-ms" in headers:
            wait = float(headers["retry-after-ms"]) / 1000
        else:
            value = headers.get("retry-after", "0")
            try:
                wait = float(value)
            except ValueError:
                wait = parsedate_to_datetime(value).timestamp() - now
    except (ValueError, OverflowError):
        return 0.0
    return max(wait, 0.0) if math.isfinite(wait) else 0.0


def _one_line(said: Any, key: str) -> str:
    """The server's own words, from the common forms of error bodies, cut to one short line."""
    while isinstance(said, dict):
        said = said.get("message") or said.get("error") or said.get("detail") or str(said)
    return " ".join(str(said).replace(key, "***").split())[:SHOWN]
