"""Bedrock's Converse on loopback, by a script: what it is asked is as botocore wrote it.

    with fake_bedrock(reply=lambda asked: "Nevada", faults=[Fault(status=429)]) as server:
        ...  # server.url, server.calls, server.peak, server.requests

In a benchmark, in its own process: `with fake_bedrock_process(latency=0.05) as url`.
"""

import asyncio
import json
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.builders.fake_server import in_process, in_thread, serve

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one call instead of an answer: the first of these fields that is set.

    Attributes:
        drop: the connection is cut before a byte is sent.
        hang: nothing is ever sent.
        drip: the answer comes byte by byte, with so many seconds between them.
        half: the connection is cut in the middle of the answer.
        code: an error of AWS with this code and `message`; its `status` is 400 where none is set.
        body: sent as it is, with `status`, else 200.
    """

    drop: bool = False
    hang: bool = False
    drip: float = 0.0
    half: bool = False
    code: str | None = None
    message: str = "because"
    status: int | None = None
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Faults = Sequence[Fault | None] | Callable[[Mapping[str, Any]], Fault | None]


def conversation(*content: Mapping[str, Any], stop: str = "end_turn") -> dict[str, Any]:
    """A reply of Converse with these blocks."""
    return {
        "output": {"message": {"role": "assistant", "content": list(content)}},
        "stopReason": stop,
        "usage": {"inputTokens": 11, "outputTokens": 3, "totalTokens": 14},
        "metrics": {"latencyMs": 1},
    }


@dataclass
class FakeBedrock:
    """The script, and what was seen.

    Attributes:
        reply: a text, or a whole reply, from what was asked.
        latency: seconds that an answer takes.
        faults: by the number of the call, or from what was asked.
    """

    reply: Callable[[Mapping[str, Any]], str | dict[str, Any]] = lambda asked: "It says so."
    latency: float = 0.0
    faults: Faults = ()
    url: str = ""
    root: str = ""
    calls: int = 0
    active: int = 0
    peak: int = 0
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=2000))
    headers: deque[Mapping[str, str]] = field(default_factory=lambda: deque(maxlen=2000))

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer `/model/ID/converse`, or say how many calls there were."""
        if request.path == "/stats":
            return web.json_response({"calls": self.calls, "peak": self.peak})
        _, room, model, verb = request.rel_url.raw_path.split("/")
        assert (request.method, room, verb) == ("POST", "model", "converse")
        asked = {**json.loads(await request.read()), "modelId": unquote(model)}
        number = self.calls
        self.calls += 1
        self.active += 1
        self.peak = max(self.peak, self.active)
        self.requests.append(asked)
        self.headers.append(request.headers)
        try:
            fault = self._fault(number, asked)
            if self.latency:
                await asyncio.sleep(self.latency)
            said = self.reply(asked)
            reply = said if isinstance(said, dict) else conversation({"text": said})
            return await _sent(request, fault or Fault(), json.dumps(reply).encode())
        finally:
            self.active -= 1

    def _fault(self, number: int, asked: Mapping[str, Any]) -> Fault | None:
        if callable(self.faults):
            return self.faults(asked)
        return self.faults[number] if number < len(self.faults) else None


async def _sent(request: web.BaseRequest, fault: Fault, reply: bytes) -> web.StreamResponse:
    if fault.drop and request.transport:
        request.transport.abort()
    if fault.drop or fault.hang:
        await asyncio.Event().wait()
    if fault.code is not None:
        return web.json_response(
            {"message": fault.message},
            status=fault.status or 400,
            headers={"x-amzn-ErrorType": fault.code, **fault.headers},
        )
    if fault.body is not None:
        return web.Response(text=fault.body, status=fault.status or 200, content_type=JSON)
    if not fault.drip and not fault.half:
        return web.Response(body=reply, content_type=JSON)
    response = web.StreamResponse(headers={"Content-Type": JSON, "Content-Length": str(len(reply))})
    await response.prepare(request)
    for place in range(len(reply)):
        if fault.half and place > len(reply) // 2 and request.transport:
            request.transport.close()
            break
        await response.write(reply[place : place + 1])
        await asyncio.sleep(fault.drip)
    return response


@contextmanager
def fake_bedrock(**script: Any) -> Iterator[FakeBedrock]:
    """A server in a thread of this process; `url` is the endpoint_url."""
    server = FakeBedrock(**script)
    with in_thread(server):
        yield server


@contextmanager
def fake_bedrock_process(latency: float) -> Iterator[str]:
    """A server in its own process; yields its URL. `GET URL/stats` gives calls and peak."""
    with in_process("tests.builders.fake_bedrock", str(latency)) as url:
        yield url


if __name__ == "__main__":
    scripted = FakeBedrock(latency=float(sys.argv[1]))
    asyncio.run(serve(scripted, 0, lambda: print(scripted.url, flush=True)))
