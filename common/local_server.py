"""Pages that this machine serves to itself: who may ask, and how long it goes on.

A server on 127.0.0.1 is reached by every page that is open in a browser of this machine. What keeps
those out is what no page can write: the Host of a request, its Origin and its Sec-Fetch-Site. With
the Host, a name that was made to lead here (DNS rebinding) is refused too.
"""

import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from common.errors import UserError

HERE = "127.0.0.1"
Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

SILENT: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI's `telemetry`: no request is told to whatever collector the environment names."""

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


def why_refused(method: str, headers: Headers, port: int) -> str:
    """Why a request is not this page's own, in a sentence; empty where it is.

    Args:
        method: of the request.
        headers: names in lower case, as ASGI has them.
        port: on which is listened.

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
        return f"{method} without an Origin"
    site = given.get("sec-fetch-site", ["none"])
    followed = method == "GET" and given.get("sec-fetch-mode") == ["navigate"]
    if site not in (["none"], ["same-origin"]) and not followed:
        return f"a page of another origin asked ({', '.join(site)})"
    return ""


def only_here(application: Application, port: int) -> Application:
    """An ASGI application that answers pages of its own alone; others get 403 and the reason.

    WebSockets are refused: nothing here needs one.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await application(scope, receive, send)
        elif scope["type"] == "http":
            why = why_refused(scope["method"], scope["headers"], port)
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


def listen(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1; port 0 takes any that is free.

    Raises:
        UserError: another process listens there, or nobody may.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HERE, port))
        listening.listen()
    except (OSError, OverflowError) as error:
        listening.close()
        why = getattr(error, "strerror", None) or "no such port"
        raise UserError(
            f"port {port} of {HERE}: {why}; give another, or --port 0 for any that is free"
        ) from error
    return listening


def serve(application: Application, listening: socket.socket) -> None:
    """Serve until Ctrl-C, quietly, on a socket of `listen`.

    Raises:
        KeyboardInterrupt: it was stopped.
    """
    import uvicorn

    port = listening.getsockname()[1]
    config = uvicorn.Config(
        only_here(application, port),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=2,
    )
    with listening:
        uvicorn.Server(config).run(sockets=[listening])
