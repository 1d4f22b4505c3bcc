"""Pages that this machine serves to itself: who may ask, and how long it goes on.

A server on 127.0.0.1 is reached by every page that is open in a browser of this machine. What keeps
those out is what no page can write: the Host of a request, its Origin and its Sec-Fetch-Site. With
the Host, a name that was made to lead here (DNS rebinding) is refused too.
"""

import math
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from typing import Any

from common.errors import UserError

HERE = "127.0.0.1"
GRACE = 2.0
"""Seconds for requests that are under way when a server of pages ends."""

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

SILENT: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI's `telemetry`: no request is told to whatever collector the environment names."""

JSON = "application/json"
READING = ("GET", "HEAD")
"""Methods that change nothing; browsers say with any other which page asks."""

KEPT_APART = (
    (b"cache-control", b"no-store"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
"""On every reply: no other page embeds it, reads it or learns its address, no cache keeps it.

With a stricter referrer policy forms of the page itself would come with the Origin `null`.
"""


def why_refused(method: str, headers: Headers, port: int, *, programs: bool = False) -> str:
    """Why a request is not this page's own, in a sentence; empty where it is.

    Args:
        method: of the request.
        headers: names in lower case, as ASGI has them.
        port: on which is listened.
        programs: whether programs ask too, which say no Origin: what they send is JSON, which no
            page can send elsewhere without saying its Origin.

    >>> why_refused("GET", [(b"host", b"127.0.0.1:80")], 80)
    ''
    >>> why_refused("GET", [(b"host", b"evil.example")], 80)
    'Host is evil.example, and this serves 127.0.0.1:80 alone'
    >>> why_refused("POST", [(b"host", b"localhost:80"), (b"origin", b"http://evil.example")], 80)
    'a page of http://evil.example asked'
    """
    given: dict[str, list[str]] = {}
    for name, value in headers:
        given.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1").lower())
    hosts = {f"{name}:{port}" for name in (HERE, "localhost")}
    if port == 80:
        hosts |= {HERE, "localhost"}
    asked = given.get("host", [])
    if len(asked) != 1 or asked[0] not in hosts:
        return f"Host is {', '.join(asked) or 'missing'}, and this serves {HERE}:{port} alone"
    for origin in given.get("origin", []):
        if origin != f"http://{asked[0]}":
            return f"a page of {origin} asked"
    if method not in READING and "origin" not in given:
        if not programs:
            return f"{method} without an Origin"
        if [each.partition(";")[0].strip() for each in given.get("content-type", [])] != [JSON]:
            return f"{method} without an Origin, and not of {JSON}"
    site = given.get("sec-fetch-site", ["none"])
    followed = method == "GET" and given.get("sec-fetch-mode") == ["navigate"]
    if site not in (["none"], ["same-origin"]) and not followed:
        return f"a page of another origin asked ({', '.join(site)})"
    return ""


def only_here(application: Application, port: int, *, programs: bool = False) -> Application:
    """An ASGI application that answers pages of its own alone; others get 403 and the reason.

    WebSockets are refused: nothing here needs one. With `programs` those of this machine are
    answered too.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await application(scope, receive, send)
        elif scope["type"] == "http":
            why = why_refused(scope["method"], scope["headers"], port, programs=programs)
            if why:
                await _refuse(why, send)
            else:
                await application(scope, receive, _kept_apart(send))

    return guarded


async def _refuse(why: str, send: Send) -> None:
    kind = [(b"content-type", b"text/plain; charset=utf-8"), *KEPT_APART]
    await send({"type": "http.response.start", "status": 403, "headers": kind})
    await send({"type": "http.response.body", "body": f"refused: {why}\n".encode()})


def _kept_apart(send: Send) -> Send:
    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in KEPT_APART}
            others = [pair for pair in message.get("headers", ()) if pair[0].lower() not in own]
            message = {**message, "headers": [*others, *KEPT_APART]}
        await send(message)

    return sent


def listen(port: int, host: str = HERE) -> socket.socket:
    """A socket that listens on 127.0.0.1, or where else it is told to; port 0 takes any free one.

    Raises:
        UserError: another process listens there, or nobody may.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()
    except (OSError, OverflowError, TypeError, UnicodeError) as error:  # of a host that is no name
        listening.close()
        overflows = isinstance(error, OverflowError)
        why = getattr(error, "strerror", None) or f"no such {'port' if overflows else 'host'}"
        raise UserError(
            f"port {port} of {host}: {why}; give another, or --port 0 for any that is free"
        ) from error
    return listening


def serve(
    application: Application,
    listening: socket.socket,
    guard: Callable[[Application, int], Application] = only_here,
    grace: float = GRACE,
) -> None:
    """Serve until Ctrl-C or TERM, quietly, on a socket of `listen`.

    Requests that are under way then are answered first.

    Args:
        application: what is served.
        listening: where.
        guard: puts before it who may ask.
        grace: seconds for requests that are under way when it ends.

    Raises:
        KeyboardInterrupt: it was stopped.
    """
    import uvicorn

    port = listening.getsockname()[1]
    config = uvicorn.Config(
        guard(_undropped(application), port),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=math.ceil(grace),
    )
    with listening, _ended_alike():
        uvicorn.Server(config).run(sockets=[listening])


def _undropped(application: Application) -> Application:
    """Whoever goes away in the middle of a request is no fault of the application."""
    from starlette.requests import ClientDisconnect

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(ClientDisconnect):
            await application(scope, receive, send)

    return asked


@contextmanager
def _ended_alike() -> Iterator[None]:
    """Whoever sends TERM, as orchestrators do, means what Ctrl-C means."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
