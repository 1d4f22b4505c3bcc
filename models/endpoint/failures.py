"""What a failed call to a server means: ask again, give up this chat, or give up the model."""

import json
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from common.redaction import redacted
from common.storable import presentable

LONGEST_WAIT = 600.0
SHOWN = 200
FILTERED = r"content.?(?:filter|policy|management)|responsible.?ai|guardrail"

NAMED: tuple[tuple[str, int], ...] = (
    (FILTERED, 400),
    (r"insufficient.?quota|billing|exceeded your current quota", 402),
    (r"rate.?limit|too.?many.?requests|throttl|quota|\b429\b", 429),
    (r"overload|capacity|unavailable|busy|\b(?:503|529)\b", 503),
    (r"time.?out|timed out|\b504\b", 504),
    (r"api.?key|unauthori[sz]ed|authentication|\b401\b", 401),
    (r"permission|forbidden|access.?denied|\b403\b", 403),
    (r"not.?found|does not exist|\b404\b", 404),
    (r"invalid.?request|bad.?request|validation|context.?length|too long|unsupported|\b400\b", 400),
)
"""The status that an error means which names none, by words of its code, type or message."""

ERROR_BODY = frozenset({"detail", "title", "fault", "errorcode", "error_code", "error_message"})
"""Keys of bodies that are errors without saying so by the key `error`."""


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
    """

    then: Literal["again", "skip", "stop"]
    reason: str
    congested: bool = False
    wait: float = 0.0
    unreachable: bool = False
    status: int = 0
    filtered: bool = False

    def advice(self, file: str) -> str:
        """What the user can do; `file` is the model's registry file."""
        if self.unreachable:
            return f"start the server, or mend base_url in {file}"
        if self.status in (401, 403):
            return f"name the variable that holds the key as api_key_env in {file}"
        if self.status == 404 or 200 <= self.status < 400:
            return f"mend model or base_url (most end in /v1) in {file}"
        if self.then == "again":
            return "type the same line again when the server has recovered"
        return f"mend {file}, or the server, and type the same line again"


def diagnose(error: BaseException) -> Failure:
    """Read an exception of the client, or of our own clock."""
    import aiohttp

    if isinstance(error, TimeoutError):
        return Failure("again", "no reply in time", congested=True)
    reason = _one_line(str(error)) or type(error).__name__
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return Failure("stop", f"the proxy refuses: HTTP {error.status} {_one_line(error.message)}")
    if isinstance(
        error,
        aiohttp.ClientConnectorError | aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError,
    ):
        return Failure("again", reason, unreachable=True)
    return Failure("again", f"connection lost: {reason}")


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """Read an HTTP error reply."""
    try:
        said = _first(json.loads(body))
    except (ValueError, RecursionError):
        said = body.decode("utf-8", "replace")
    return _meaning(status, said, headers)


def refusal_within(completion: Any, headers: Mapping[str, str]) -> Failure | None:
    """The failure that a body tells of which came with status 200; None where it tells of none.

    Its code counts as the status would, whether it is a number or a name, stands in the error,
    beside it, or in the choice; one that says nothing is the server's fault (500).
    """
    completion = _first(completion)
    if not isinstance(completion, Mapping):
        return None
    choices = completion.get("choices")
    choice = _first(choices)
    within = choice.get("error") if isinstance(choice, Mapping) else None
    error = completion.get("error") or _first(completion.get("errors")) or within
    if not error:
        told = completion.get("object") == "error" or ERROR_BODY & set(completion)
        worded = isinstance(completion.get("message"), str)
        if choices is not None or not (told or worded):
            return None
        error = completion
    return _meaning(_status(error, completion), error, headers)


def _first(value: Any) -> Any:
    """What a list holds; some gateways put errors into one."""
    return (value[0] if value else None) if isinstance(value, list) else value


def _status(*said: Any) -> int:
    """The HTTP status that an error names, else the one that its words mean."""
    tables = [each for each in said if isinstance(each, Mapping)]
    stated = [table.get(key) for table in tables for key in ("status", "code", "status_code")]
    for value in stated:
        if isinstance(value, int | str) and re.fullmatch(r"[45]\d\d", str(value)):
            return int(value)
    told = [*stated, *(t.get(key) for t in tables for key in ("type", "message", "detail")), *said]
    words = [each for each in told if isinstance(each, str)]
    meant = (
        status
        for word in words
        for pattern, status in NAMED
        if re.search(pattern, word, re.IGNORECASE)
    )
    return next(meant, 500)


def _meaning(status: int, said: Any, headers: Mapping[str, str]) -> Failure:
    """What a status means, wherever it stood.

    A spent quota is a 429 too, but waiting does not mend it; nor does a wait that is longer than
    anybody stands by for.
    """
    moved = f"moved to {_one_line(headers.get('location', 'nowhere'))}"
    reason = f"HTTP {status} {moved if 300 <= status < 400 else _one_line(said)}".strip()
    if status in (400, 413, 422):
        filtered = re.search(FILTERED, str(_code(said)), re.IGNORECASE) is not None
        return Failure("skip", reason, status=status, filtered=filtered)
    temporary = status in (408, 409, 425, 429) or status >= 500
    if not temporary or _code(said) == "insufficient_quota":
        return Failure("stop", reason, status=status)
    wait = retry_after(headers, time.time())
    if wait > LONGEST_WAIT:
        reason += f" (asks to be left alone for {wait:.0f} s)"
        return Failure("stop", reason, status=status)
    return Failure("again", reason, congested=status in (429, 503, 529), wait=wait, status=status)


def _code(said: Any) -> Any:
    while isinstance(said, Mapping) and isinstance(said.get("error"), Mapping):
        said = said["error"]
    return said.get("code") or said.get("type") if isinstance(said, Mapping) else None


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


def _one_line(said: Any) -> str:
    """The server's own words, from the common forms of error bodies, cut to one short line."""
    for _ in range(10):
        if isinstance(said, Mapping):
            said = said.get("message") or said.get("error") or said.get("detail") or str(said)
    return " ".join(presentable(redacted(str(said))).split())[:SHOWN]
