"""AWS on loopback: moto's backends behind a real HTTP server, with faults where a test asks."""

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SCOPE = re.compile(r"Credential=[^/]*/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


@dataclass
class Request:
    """What arrived: `target` is path and query, as the client sent them."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Fault:
    """An answer instead of moto's: an error of S3, a text, or a closed connection (status 0)."""

    status: int
    code: str = ""
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Aws:
    """The running server; `seen` is every request in order.

    Attributes:
        fault: called with each request; a Fault is answered instead, None lets it pass.
        altered: what of a body that moto gave the client receives; after a shorter one the
            connection is closed.
    """

    url: str
    seen: list[Request] = field(default_factory=list)
    fault: Callable[[Request], Fault | None] = lambda request: None
    altered: Callable[[Request, bytes], bytes] = lambda request, body: body
    _working: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """One more request is being answered."""
        with self._lock:
            self._working += 1
        try:
            yield
        finally:
            with self._lock:
                self._working -= 1

    def settle(self) -> None:
        """Wait until no request is being answered."""
        while self._working:
            time.sleep(0.01)


def environment(aws: Aws, **more: str) -> dict[str, str]:
    """The variables by which a process finds it."""
    return {
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_MAX_ATTEMPTS": "2",
        **more,
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    aws: Aws
    lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        with self.server.aws.at_work(), contextlib.suppress(ConnectionError):
            self._answered()

    def _answered(self) -> None:
        body = self._body()
        if len(body) < int(self.headers.get("Content-Length", 0)):
            self.close_connection = True  # who sent it was killed: S3 keeps no half of a part
            return
        request = Request(self.command, self.path, dict(self.headers), body)
        self.server.aws.seen.append(request)
        if fault := self.server.aws.fault(request):
            self._fail(fault)
            return
        status, headers, content = self._moto(request)
        self.send_response(status)
        given = {key.lower(): str(value) for key, value in headers.items()}
        length = given.pop("content-length", str(len(content)))
        if self.command != "HEAD":
            length = str(len(content))
        content = self.server.aws.altered(request, content)
        self.close_connection = len(content) < int(length) and self.command != "HEAD"
        for key, value in given.items():
            self.send_header(key, value)
        self.send_header("content-length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _moto(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        from botocore.awsrequest import AWSPreparedRequest
        from moto.core.botocore_stubber import BotocoreStubber

        scope = SCOPE.search(request.headers.get("Authorization", ""))
        region, service = scope.groups() if scope else ("us-east-1", "s3")
        hosts = {"s3": "s3.amazonaws.com", "sagemaker": f"api.sagemaker.{region}.amazonaws.com"}
        host = hosts.get(service, f"{service}.{region}.amazonaws.com")
        headers = {k: v for k, v in request.headers.items() if k.lower() != "host"}
        prepared = AWSPreparedRequest(
            request.method, f"https://{host}{request.target}", headers, request.body, False
        )
        with self.server.lock:  # moto's backends know no threads
            status, found, content = BotocoreStubber().process_request(prepared)
        return status, found, content.encode() if isinstance(content, str) else content

    def _fail(self, fault: Fault) -> None:
        if not fault.status:
            self.close_connection = True
            self.connection.close()
            return
        error = f"<Error><Code>{fault.code}</Code><Message>{fault.code}</Message></Error>"
        text = (fault.text or error).encode()
        self.send_response(fault.status)
        for key, value in fault.headers.items():
            self.send_header(key, value)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)


for _method in ("GET", "PUT", "POST", "DELETE", "HEAD"):
    setattr(_Handler, f"do_{_method}", _Handler._answer)


class running:  # noqa: N801
    """`with running() as aws`: the server, with empty backends; it is gone afterwards."""

    def __enter__(self) -> Aws:
        from moto.backends import get_backend

        for name in ("s3", "sagemaker", "sts"):
            get_backend(name).reset()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.aws = Aws(f"http://127.0.0.1:{self._server.server_port}")
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self._server.aws

    def __exit__(self, *gone: object) -> None:
        self._server.shutdown()
        self._server.server_close()
