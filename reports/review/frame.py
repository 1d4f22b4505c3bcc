"""What every desk's application shares: entering by a link, style and keys, faults as pages."""

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.errors import UserError
from common.local_server import SILENT
from reports.review.access import Doorkeeper
from reports.review.drawing import Drawing
from reports.review.forms import BadFormError, Given, read_form

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from fastapi.responses import HTMLResponse, RedirectResponse

POLICY = (
    "default-src 'none'; img-src data:; style-src 'self'; script-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
LOCKED = "open the link that the terminal shows: it is for one reviewer, until the desk is closed"
OTHERS = "this form is of another session; open the page again"


def shown(html: str, status: int = 200) -> "HTMLResponse":
    """A page, in which nothing runs that is not the desk's."""
    from fastapi.responses import HTMLResponse

    return HTMLResponse(html, status, {"content-security-policy": POLICY})


def whose(request: "Request", doorkeeper: Doorkeeper, cookie: str) -> str:
    """The reviewer of a request.

    Raises:
        HTTPException: it is of nobody who has a link.
    """
    from fastapi import HTTPException

    reviewer = doorkeeper.reviewer(request.cookies.get(cookie, ""))
    if reviewer is None:
        raise HTTPException(403, LOCKED)
    return reviewer


async def sent_form(request: "Request", doorkeeper: Doorkeeper, reviewer: str) -> Given:
    """The form that a reviewer sends.

    Raises:
        HTTPException: it is of another session.
        BadFormError: it is too long, or no form.
    """
    from fastapi import HTTPException

    given = await read_form(request.stream())
    if not doorkeeper.is_form(reviewer, given.cells.get("form", "")):
        raise HTTPException(403, OTHERS)
    return given


def onward(open_: Sequence[int], after: int = 0) -> "RedirectResponse":
    """To the next open number behind one, else to the first; to the overview where none is left."""
    from fastapi.responses import RedirectResponse

    number = next((number for number in open_ if number > after), open_[0] if open_ else None)
    return RedirectResponse("/overview" if number is None else f"/items/{number}", 303)


def framed(drawing: Drawing, doorkeeper: Doorkeeper, cookie: str) -> "FastAPI":
    """An application that lets in who has a link, and has no pages yet.

    Args:
        drawing: of its pages.
        doorkeeper: who may enter.
        cookie: its name; browsers keep those of all ports of a machine together.
    """
    from fastapi import FastAPI, HTTPException, Response
    from fastapi.responses import RedirectResponse

    app = FastAPI(openapi_url=None, telemetry=SILENT)

    @app.get("/enter")
    def enter(token: str = "") -> Response:
        session = doorkeeper.enter(token)
        if session is None:
            raise HTTPException(403, LOCKED)
        reply = RedirectResponse("/", 303)
        reply.set_cookie(cookie, session, httponly=True, samesite="strict", path="/")
        return reply

    @app.get("/desk.css")
    def style() -> Response:
        return Response(drawing.style, media_type="text/css")

    @app.get("/desk.js")
    def script() -> Response:
        return Response(drawing.script, media_type="text/javascript")

    _explain(app, drawing)
    return app


def _explain(app: "FastAPI", drawing: Drawing) -> None:
    """Faults as pages of one line."""
    from fastapi import Request, Response
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    @app.exception_handler(HTTPException)
    async def told(_: Request, error: HTTPException) -> Response:
        return shown(drawing.message(str(error.detail)), error.status_code)

    @app.exception_handler(BadFormError)
    async def unread(_: Request, error: BadFormError) -> Response:
        return shown(drawing.message(str(error)), 413)

    @app.exception_handler(RequestValidationError)
    async def odd(_: Request, error: RequestValidationError) -> Response:
        del error
        return shown(drawing.message("there is no such page"), 404)

    @app.exception_handler(UserError)
    @app.exception_handler(sqlite3.Error)
    async def broken(_: Request, error: Exception) -> Response:
        return shown(drawing.message(str(error)), 500)
