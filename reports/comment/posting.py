"""One comment on a request: found again by its first line, and written anew."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from common.errors import UserError
from models.endpoint.connection import Connection, Reply, connect
from models.endpoint.failures import diagnose
from models.remote.failures import one_line, retry_after
from reports.comment.place import Place

PAGE = 100
"""Comments that are asked for at once, the most that either server gives."""

PAGES = 100
TIMEOUT = 30.0
"""Seconds for one call."""

TRIES = 5
PAUSE = 1.0
"""Seconds before the second try, and twice as long before each further one."""

LONGEST_WAIT = 120.0
"""Seconds that a server may ask a job to stand by."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What was written where; `url` is empty where the server does not say."""

    number: int
    url: str
    updated: bool


class _LaterError(Exception):
    """A call that may succeed later; `wait` are seconds that the server asks for."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


async def post(place: Place, marker: str, body: str, environ: Mapping[str, str]) -> Posted:
    """Write the comment, over the one of ours that begins with the same line.

    A try that fails is made again whole: a comment that was written though its reply was lost is
    found, and written over.

    Args:
        place: where it belongs.
        marker: its first line.
        body: all of it.
        environ: whose proxies and certificates act.

    Raises:
        UserError: the server refuses it, or does not answer.
    """
    connection = connect(place.api, 1, environ)
    try:
        for left in range(TRIES - 1, -1, -1):
            try:
                return await _once(connection, place, marker, body)
            except _LaterError as later:
                if not left or later.wait > LONGEST_WAIT:
                    asks = f", and asks to wait {later.wait:.0f} s" if later.wait else ""
                    raise UserError(
                        f"{place.api} does not take the comment on {place.name}: {later}{asks}; "
                        "type the same line again later"
                    ) from later
                await asyncio.sleep(max(later.wait, PAUSE * 2 ** (TRIES - 1 - left)))
        raise AssertionError("a last try returns or raises")
    finally:
        await connection.session.close()


async def _once(connection: Connection, place: Place, marker: str, body: str) -> Posted:
    """Over every comment of ours: where two jobs posted at once, neither is left as it was."""
    me = await _who(connection, place)
    ours = [each async for each in _comments(connection, place) if _is_ours(each, marker, me)]
    if not ours:
        return _posted(await _call(connection, place, "POST", place.comments, body), updated=False)
    method = "PATCH" if place.forge == "github" else "PUT"
    written = [
        await _call(connection, place, method, place.comment(each["id"]), body) for each in ours
    ]
    return _posted(written[0], updated=True)


async def _who(connection: Connection, place: Place) -> Any:
    """The account that comments; None for the token of a job of GitHub, which may not ask."""
    reply = await _reply(connection, place, "GET", f"{place.api}/user")
    if place.forge == "github" and reply.status in (403, 404):
        return None
    found = _content(place, reply)
    return found.get("id") if isinstance(found, dict) else None


def _is_ours(comment: Any, marker: str, me: Any) -> bool:
    """Whoever copies the first line has not written the comment: theirs is left alone."""
    if not isinstance(comment, dict) or not isinstance(comment.get("id"), int):
        return False
    if str(comment.get("body") or "").partition("\n")[0].rstrip("\r") != marker:
        return False
    by = comment.get("user") or comment.get("author") or {}
    return by.get("type") == "Bot" if me is None else by.get("id") == me


async def _comments(connection: Connection, place: Place) -> AsyncIterator[Any]:
    for page in range(1, PAGES + 1):
        url = f"{place.comments}?per_page={PAGE}&page={page}"
        found = await _call(connection, place, "GET", url)
        if not isinstance(found, list):
            raise UserError(
                f"{place.api} lists no comments of {place.name}; is it the right address?"
            )
        for each in found:
            yield each
        if len(found) < PAGE:
            return
    raise UserError(f"{place.name} has more than {PAGES * PAGE:,} comments; none is added to them")


def _posted(written: Any, *, updated: bool) -> Posted:
    if not isinstance(written, dict) or not isinstance(written.get("id"), int):
        raise UserError("the server took the comment and did not say which it is; look at the page")
    return Posted(written["id"], str(written.get("html_url") or ""), updated)


async def _call(
    connection: Connection, place: Place, method: str, url: str, body: str | None = None
) -> Any:
    return _content(place, await _reply(connection, place, method, url, body))


async def _reply(
    connection: Connection, place: Place, method: str, url: str, body: str | None = None
) -> Reply:
    """Whatever the server replies that is no passing trouble of its own."""
    import aiohttp

    content = None if body is None else {"body": body}
    try:
        async with asyncio.timeout(TIMEOUT):
            reply = await connection.send(method, url, place.headers, content)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        failure = diagnose(error)
        if failure.then == "stop":
            raise UserError(f"{place.api}: {failure.reason}") from error
        raise _LaterError(failure.reason) from error
    wait = _asked_to_wait(reply)
    if reply.status >= 500 or reply.status == 429 or (reply.status == 403 and wait is not None):
        raise _LaterError(f"HTTP {reply.status} {_said(reply)}".rstrip(), wait or 0.0)
    return reply


def _asked_to_wait(reply: Reply) -> float | None:
    """Seconds until the server takes calls again; None where it does not speak of a limit."""
    headers = {name.lower(): value for name, value in reply.headers.items()}
    if "retry-after" in headers:
        return retry_after(headers, time.time())
    if headers.get("x-ratelimit-remaining") == "0":
        reset = headers.get("x-ratelimit-reset", "")
        return max(float(reset) - time.time(), 0.0) if reset.isdecimal() else 0.0
    return None


def _content(place: Place, reply: Reply) -> Any:
    """What a reply holds.

    Raises:
        UserError: it is a refusal.
    """
    if 200 <= reply.status < 300:
        try:
            return json.loads(reply.body or b"")
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{place.api} replied what is no JSON; is it the right address?"
            ) from error
    said = f"HTTP {reply.status} {_said(reply)}".rstrip()
    raise UserError(
        f"{place.api} refuses the comment on {place.name} ({said}): {_advice(place, reply)}"
    )


def _said(reply: Reply) -> str:
    text = (reply.body or b"").decode("utf-8", "replace")
    try:
        return one_line(json.loads(text))
    except (ValueError, RecursionError):
        return one_line(text)


def _advice(place: Place, reply: Reply) -> str:
    github = place.forge == "github"
    if reply.status == 401:
        return f"give {place.token} a token that it knows"
    if reply.status == 403:
        return (
            "give the job `permissions: pull-requests: write`; on a pull request from a fork the "
            "token only reads, and the job summary has the same page"
            if github
            else "the token needs scope `api`, and the role of a reporter at least"
        )
    if reply.status == 404:
        return f"there is no {place.name}, or {place.token} may not see it; mend --pr, or the token"
    if 300 <= reply.status < 400:
        return (
            "it has moved; set GITHUB_REPOSITORY" if github else "it has moved; mend CI_API_V4_URL"
        )
    return "look at what it says, and mend that"
