"""An OpenAI-compatible chat server on loopback, with latency and faults at will.

In a test, in a thread, with a reply and faults written in Python:

    with fake_server(reply=lambda messages: "Nevada", faults=[Fault(status=500)]) as server:
        ...  # server.url, server.calls, server.peak, server.requests

In a benchmark, in its own process, so that client and server do not share one interpreter lock:

    with fake_server_process(latency=0.05) as url:
        ...

By hand: `python -m tests.builders.fake_server --port 8000 --latency 0.05` prints its URL.
"""

import argparse
import asyncio
import json
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

Reply = Callable[[list[dict[str, str]]], str]
Vectors = Callable[[list[str]], list[list[float]]]
Latency = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one call instead of an answer: the first of these fields that is set.

    Attributes:
        drop: the connection is cut before a byte is sent.
        hang: nothing is ever sent.
        body: sent as it is, with `status` and `headers`.
        status: an error in OpenAI's form, with `message`, `code` and `headers`.
    """

    drop: bool = False
    hang: bool = False
    body: str | None = None
    status: int = 200
    message: str = "fault"
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Faults = Sequence[Fault | None] | Callable[[int], Fault | None]


@dataclass
class FakeServer:
    """The server's script, and what it saw.

    Attributes:
        reply: the answer's text from the chat's messages.
        vectors: the embeddings of texts.
        latency: seconds each answer and each status fault takes; or what says how many.
        faults: by the number of the call, from 0; a list's end means no more faults.
        url: what a client takes as base_url.
        calls: calls begun. peak: most of them at once.
        requests: the last 1,000 bodies. authorizations: their `Authorization` headers.
    """

    reply: Reply = lambda messages: "The agreement says so."
    vectors: Vectors = lambda texts: [[float(len(text)), 1.0] for text in texts]
    latency: float | Latency = 0.0
    faults: Faults = ()
    url: str = ""
    root: str = "/v1"
    calls: int = 0
    active: int = 0
    peak: int = 0
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=1000))
    authorizations: set[str | None] = field(default_factory=set)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer a chat call, texts to embed, a look at the counters, or with 404."""
        if request.path == "/v1/stats":
            return web.json_response({"calls": self.calls, "peak": self.peak})
        if request.path not in ("/v1/chat/completions", "/v1/embeddings"):
            return web.json_response({"error": {"message": f"no {request.path}"}}, status=404)
        number = self.calls
        self.calls += 1
        self.active += 1
        self.peak = max(self.peak, self.active)
        try:
            body = json.loads(await request.read())
            self.requests.append(body)
            self.authorizations.add(request.headers.get("Authorization"))
            fault = self._fault(number)
            if fault and (fault.hang or fault.drop):
                return await _silence(request, fault)
            latency = self.latency() if callable(self.latency) else self.latency
            if latency:
                await asyncio.sleep(latency)
            if fault:
                return _failure(fault)
            chats = request.path == "/v1/chat/completions"
            return self._completion(body) if chats else self._embeddings(body)
        finally:
            self.active -= 1

    def _fault(self, number: int) -> Fault | None:
        if callable(self.faults):
            return self.faults(number)
        return self.faults[number] if number < len(self.faults) else None

    def _embeddings(self, body: dict[str, Any]) -> web.Response:
        rows = [
            {"object": "embedding", "index": number, "embedding": vector}
            for number, vector in enumerate(self.vectors(body["input"]))
        ]
        usage = {"prompt_tokens": sum(len(text.split()) for text in body["input"])}
        return web.json_response(
            {"object": "list", "data": rows[::-1], "model": body["model"], "usage": usage}
        )

    def _completion(self, body: dict[str, Any]) -> web.Response:
        text = self.reply(body["messages"])
        words_in = sum(len(message["content"].split()) for message in body["messages"])
        words_out = len(text.split())
        completion = {
            "id": f"chatcmpl-{self.calls}",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": words_in,
                "completion_tokens": words_out,
                "total_tokens": words_in + words_out,
            },
        }
        return web.Response(body=json.dumps(completion).encode(), content_type="application/json")


async def _silence(request: web.BaseRequest, fault: Fault) -> web.Response:
    if fault.drop and request.transport:
        request.transport.abort()
    await asyncio.Event().wait()
    raise AssertionError("cancelled when the client leaves or the server stops")


def _failure(fault: Fault) -> web.Response:
    body = fault.body
    if body is None:
        body = json.dumps({"error": {"message": fault.message, "code": fault.code}})
    return web.Response(
        text=body, status=fault.status, headers=fault.headers, content_type="application/json"
    )


class Scripted(Protocol):
    """A server that is run here; `root` is where its paths begin."""

    url: str
    root: str

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""


async def serve(server: Scripted, port: int, ready: Callable[[], None]) -> None:
    """Serve on 127.0.0.1 until cancelled; port 0 takes a free one. Calls `ready` when bound."""
    listener = web.Server(server.handle, handler_cancellation=True, access_log=None)
    runner = web.ServerRunner(listener, shutdown_timeout=0.05)  # 0 is for ever
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}{server.root}"
        ready()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


@contextmanager
def fake_server(
    reply: Reply | None = None, latency: float | Latency = 0.0, faults: Faults = ()
) -> Iterator[FakeServer]:
    """A server in a thread of this process."""
    server = FakeServer(latency=latency, faults=faults)
    if reply:
        server.reply = reply
    with in_thread(server):
        yield server


@contextmanager
def in_thread(server: Scripted) -> Iterator[None]:
    """Serve in a thread of this process."""
    started: queue.Queue[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = queue.Queue()

    async def run() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task
        await serve(server, 0, lambda: started.put((loop, task)))

    def thread() -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(run())

    worker = threading.Thread(target=thread, daemon=True)
    worker.start()
    loop, task = started.get(timeout=10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        worker.join(timeout=10)


@contextmanager
def fake_server_process(latency: float = 0.0, reply: str | None = None) -> Iterator[str]:
    """A server in its own process; yields its URL. `GET URL/stats` gives calls and peak."""
    said = [] if reply is None else [f"--reply={reply}"]
    with in_process("tests.builders.fake_server", f"--latency={latency}", *said) as url:
        yield url


@contextmanager
def in_process(module: str, *words: str) -> Iterator[str]:
    """A module that prints its URL, in its own process."""
    command = [sys.executable, "-m", module, *words]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def main(argv: list[str] | None = None) -> int:
    """Serve until interrupted; the first line printed is the URL."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds an answer takes")
    parser.add_argument("--reply", default="The agreement says so.")
    options = parser.parse_args(argv)
    server = FakeServer(reply=lambda messages: options.reply, latency=options.latency)
    try:
        asyncio.run(serve(server, options.port, lambda: print(server.url, flush=True)))
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
