"""What an HTTP error, or an error in a body, of a server that speaks OpenAI's protocol means."""

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from models.remote.failures import LONGEST_WAIT, Failure, one_line, retry_after
from models.remote.parameters import Names

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

OPTIONAL = ("seed", "top_p", "temperature")


def advice(failure: Failure, file: str) -> str:
    """What the user can do; `file` is the model's registry file."""
    if failure.unreachable:
        return f"start the server, or mend base_url in {file}"
    if failure.status in (401, 403):
        return f"name the variable that holds the key as api_key_env in {file}"
    if failure.status == 404 or 200 <= failure.status < 400:
        return f"mend model or base_url (most end in /v1) in {file}"
    if failure.then == "again":
        return "type the same line again when the server has recovered"
    return f"mend {file}, or the server, and type the same line again"


def diagnose(error: BaseException) -> Failure:
    """Read an exception of the client, or of our own clock."""
    import aiohttp

    if isinstance(error, TimeoutError):
        return Failure("again", "no reply in time", congested=True)
    reason = one_line(str(error)) or type(error).__name__
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return Failure("stop", f"the proxy refuses: HTTP {error.status} {one_line(error.message)}")
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


def other_names(failure: Failure, body: Mapping[str, Any], tried: Names) -> Names | None:
    """What to call the parameters that a refusal names; None where it is about something else.

    Of several that it names the one is left out first without which an answer moves least: many a
    model takes `temperature` or `top_p`, and not both.
    """
    if failure.status not in (400, 422):
        return None
    if "max_completion_tokens" in failure.reason and "max_tokens" not in tried:
        return {"max_tokens": "max_completion_tokens"}
    for name in OPTIONAL:
        if name in body and name not in tried and re.search(rf"\b{name}\b", failure.reason):
            return {name: None}
    return None


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
    moved = f"moved to {one_line(headers.get('location', 'nowhere'))}"
    reason = f"HTTP {status} {moved if 300 <= status < 400 else one_line(said)}".strip()
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
