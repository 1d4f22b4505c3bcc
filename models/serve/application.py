"""The service over HTTP: OpenAI's protocol as far as it goes, questions on contracts, health."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Any

from common.errors import UserError
from common.local_server import SILENT
from models.chat import Decoding
from models.serve.asked import CHAMPION, Asked, chat_of, question_of
from models.serve.forms import Reply, answered, completion, error_of, events
from models.serve.service import Given, Service
from models.serve.waves import FullError

if TYPE_CHECKING:
    from fastapi import FastAPI

LONGEST = 16 << 20
"""Bytes of a request: a contract of thousands of pages."""

LOG = "x-served-log"
"""The header that says whether a request is in the log: `written` or `lost`."""


def application(service: Service, watch: float, grace: float) -> "FastAPI":
    """The service's application.

    Args:
        service: started.
        watch: seconds between looks at who is champion.
        grace: seconds for shadows when it ends.
    """
    from fastapi import FastAPI, Request, Response
    from fastapi.responses import JSONResponse, StreamingResponse

    began, stopping = int(time.time()), asyncio.Event()

    @contextlib.asynccontextmanager
    async def alive(_: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(_watch(service, watch))
        try:
            yield
        finally:
            stopping.set()
            watching.cancel()
            await service.finish(grace)

    app = FastAPI(openapi_url=None, telemetry=SILENT, lifespan=alive)

    def refused(status: int, message: str, code: str, **headers: str) -> Response:
        kind = "invalid_request_error" if status < 500 else "server_error"
        return JSONResponse(error_of(message, code, kind), status, headers)

    async def answer(asked: Asked, kind: str) -> Given | Response:
        try:
            given = await service.answer(asked, kind)
        except KeyError:
            known = ", ".join(sorted(service.roster.voices()))
            return refused(404, f"no model {asked.model}; known are {known}", "model_not_found")
        except FullError as error:
            return refused(
                429, f"{error}; ask again in a second", "queue_full", **{"retry-after": "1"}
            )
        except UserError as error:
            return refused(400, str(error), "not_answered")
        if (why := given.answer.error) is None:
            return given
        headers = {LOG: _logged(given), "x-served-id": given.id}
        if given.answer.lasting:
            return refused(400, why, "context_length_exceeded", **headers)
        return refused(500, why, "no_answer", **headers)

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        try:
            asked = chat_of(await _body(request), partial(_decoding, service))
        except UserError as error:
            return refused(400, str(error), "bad_request")
        given = await answer(asked, "chatcmpl")
        if isinstance(given, Response):
            return given
        created, headers = int(time.time()), {LOG: _logged(given)}
        if asked.stream:
            sent = events(given, created, asked)
            return StreamingResponse(sent, media_type="text/event-stream", headers=headers)
        return JSONResponse(completion(given, created), headers=headers)

    @app.post("/v1/answers")
    async def question(request: Request) -> Response:
        try:
            asked = question_of(await _body(request))
        except UserError as error:
            return refused(400, str(error), "bad_request")
        given = await answer(asked, "answer")
        if isinstance(given, Response):
            return given
        return JSONResponse(answered(given, int(time.time())), headers={LOG: _logged(given)})

    @app.get("/v1/models")
    def models() -> Response:
        return JSONResponse({"object": "list", "data": [_model(each, began) for each in names()]})

    @app.get("/v1/models/{name}")
    def model(name: str) -> Response:
        if name not in names():
            return refused(404, f"no model {name}", "model_not_found")
        return JSONResponse(_model(name, began))

    def names() -> list[str]:
        return sorted(service.roster.voices())

    @app.get("/health")
    def health() -> Response:
        state = health_of(service)
        return JSONResponse(state, 503 if stopping.is_set() else 200)

    return app


def health_of(service: Service) -> Reply:
    """What an orchestrator is told, and a person who looks."""
    roster, log, split = service.roster, service.log, service.roster.split
    return {
        "status": "degraded" if log.why or roster.refused else "ok",
        "champion": {
            "model": roster.champion.name,
            "identity": roster.champion.identity,
            "line": roster.record.number,
            "why_not_the_newest": roster.refused or None,
        },
        "split": split
        and {"kind": split.kind, "candidate": split.candidate, "share": split.share,
             "digest": roster.split_digest},
        "requests": {
            "answered": service.answered,
            "waiting": service.waves.waiting,
            "under_way": service.waves.under_way,
            "shadows_missed": service.shadows_missed,
        },
        "log": {
            "folder": str(log.folder),
            "written": log.written,
            "lost": log.lost,
            "why": log.why or None,
        },
    }  # fmt: skip


async def _watch(service: Service, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        await service.roster.look()


async def _body(request: Any) -> bytes:
    """Of a request, read no further than it may be long.

    Raises:
        UserError: it is longer.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LONGEST:
            raise UserError(f"the request is longer than {LONGEST >> 20} MB")
    return bytes(body)


def _decoding(service: Service, name: str) -> Decoding | None:
    """By which a model was examined; None where it has none, or is not served."""
    voice = service.roster.voices().get(name)
    return getattr(voice.model, "decoding", None) if voice else None


def _logged(given: Given) -> str:
    return "written" if given.logged else "lost"


def _model(name: str, began: int) -> Reply:
    owner = {"id": name, "object": "model", "created": began, "owned_by": "bar-exam"}
    return owner | ({"root": CHAMPION} if name == CHAMPION else {})
