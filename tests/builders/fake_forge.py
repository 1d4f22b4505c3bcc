"""GitHub and GitLab on loopback, as far as comments on requests go, with faults at will.

with fake_forge(faults=[Fault(502)]) as forge:
    ...  # forge.url, forge.comments, forge.calls
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "ghs_planted0123456789abcdef"
OF_A_JOB = "github-actions[bot]"


@dataclass(frozen=True)
class Fault:
    """What happens to one call: a status, or no reply.

    Attributes:
        status: of the reply; 0 cuts the connection.
        body: of the reply.
        headers: likewise.
        after: whether the call had its effect all the same, and its reply alone is lost.
    """

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    after: bool = False


@dataclass
class Forge:
    """The state of the server, and what it saw.

    Attributes:
        user: who the token is of; None for that of a job, which may not ask.
        comments: those of request 5, the oldest first.
        faults: of the calls to come, by their number; None for none.
        calls: method and path of each.
        writes: whether the token may write.
    """

    user: str | None = None
    comments: list[dict[str, Any]] = field(default_factory=list)
    faults: Sequence[Fault | None] = ()
    writes: bool = True
    url: str = ""
    calls: list[str] = field(default_factory=list)

    def add(self, body: str, login: str, kind: str = "User") -> dict[str, Any]:
        """A comment that is there, as both servers show it."""
        by = {"login": login, "username": login, "id": sum(login.encode()), "type": kind}
        number = 1000 + len(self.comments)
        url = f"{self.url}/acme/repo/pull/5#issuecomment-{number}"
        comment = {"id": number, "body": body, "user": by, "author": by, "html_url": url}
        self.comments.append(comment)
        return comment


PATHS = re.compile(
    r"/user|/repos/acme/repo/issues/(?:5/comments|comments/(?P<github>\d+))"
    r"|/projects/77/merge_requests/5/notes(?:/(?P<gitlab>\d+))?"
)


class _Handler(BaseHTTPRequestHandler):
    forge: Forge

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        forge, path = self.forge, urlsplit(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        fault = forge.faults[len(forge.calls)] if len(forge.calls) < len(forge.faults) else None
        forge.calls.append(f"{self.command} {self.path}")
        if fault is None or fault.after:
            reply = self._reply(path.path, parse_qs(path.query), body)
        if fault is not None:
            reply = fault.status, fault.body
        if not reply[0]:
            self.close_connection = True
            return
        self.send_response(reply[0])
        text = reply[1] if isinstance(reply[1], bytes) else json.dumps(reply[1]).encode()
        sent = {"Content-Type": "application/json", **(fault.headers if fault else {})}
        for name, value in {**sent, "Content-Length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_PUT = _answer  # noqa: N815

    def _reply(self, path: str, query: dict[str, list[str]], body: bytes) -> tuple[int, Any]:
        forge = self.forge
        given = self.headers["Authorization"] or self.headers["PRIVATE-TOKEN"] or ""
        if given.removeprefix("Bearer ") != TOKEN:
            return 401, {"message": "Bad credentials", "token": given}
        found = PATHS.fullmatch(path)
        if not found:
            return 404, {"message": "Not Found"}
        if path == "/user":
            if forge.user is None:
                return 403, {"message": "Resource not accessible by integration"}
            return 200, {"login": forge.user, "id": sum(forge.user.encode())}
        if self.command == "GET":
            size, page = (int(query[name][0]) for name in ("per_page", "page"))
            return 200, forge.comments[size * (page - 1) : size * page]
        if not forge.writes:
            return 403, {"message": "Resource not accessible by integration"}
        text = json.loads(body)["body"]
        if len(text) > 65_536:
            return 422, {"message": "Validation Failed: body is too long"}
        number = found["github"] or found["gitlab"]
        if number is None:
            return 201, forge.add(text, forge.user or OF_A_JOB, "User" if forge.user else "Bot")
        comment = next(each for each in forge.comments if each["id"] == int(number))
        comment["body"] = text
        return 200, comment


@contextmanager
def fake_forge(**settings: Any) -> Iterator[Forge]:
    """A forge in a thread, at `url`."""
    forge = Forge(**settings)
    handler = type("Handler", (_Handler,), {"forge": forge})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    forge.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
