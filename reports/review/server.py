"""The desk as a web application: pages of plain forms, for those who have a link."""

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from common.errors import UserError
from common.local_server import SILENT
from reports.review.access import Doorkeeper
from reports.review.desk import Desk, next_open
from reports.review.forms import BadFormError, Given, opinion_of, read_form
from reports.review.items import Item, is_turned
from reports.review.journal import NotStoredError
from reports.review.pages import Pages

if TYPE_CHECKING:
    from fastapi import FastAPI, Response

POLICY = (
    "default-src 'none'; img-src data:; style-src 'self'; script-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
LOCKED = "open the link that the terminal shows: it is for one reviewer, until the desk is closed"
FULL = "not saved: the disk took nothing; free some space and send this again"


def application(desk: Desk, doorkeeper: Doorkeeper, cookie: str = "review") -> "FastAPI":
    """The desk's pages.

    Args:
        desk: what is reviewed.
        doorkeeper: who may.
        cookie: its name; browsers keep those of all ports of a machine together.
    """
    from fastapi import FastAPI, HTTPException, Request, Response
    from fastapi.responses import HTMLResponse, RedirectResponse

    pages = Pages(desk)
    app = FastAPI(openapi_url=None, telemetry=SILENT)

    def shown(html: str, status: int = 200) -> HTMLResponse:
        return HTMLResponse(html, status, {"content-security-policy": POLICY})

    def who(request: Request) -> str:
        reviewer = doorkeeper.reviewer(request.cookies.get(cookie, ""))
        if reviewer is None:
            raise HTTPException(403, LOCKED)
        return reviewer

    def at(number: int, reviewer: str) -> Item:
        queue = desk.queue(reviewer)
        if not 1 <= number <= len(queue):
            raise HTTPException(404, f"there is no number {number}: this queue has {len(queue)}")
        return queue[number - 1]

    def to(place: str) -> Response:
        return RedirectResponse(place, 303)

    def onward(reviewer: str, after: int) -> Response:
        number = next_open(desk.queue(reviewer), desk.said(reviewer), after)
        return to("/overview" if number is None else f"/items/{number}")

    def faulty(number: int, reviewer: str, given: Given, why: str, status: int) -> Response:
        item, form = at(number, reviewer), doorkeeper.form(reviewer)
        return shown(pages.item(item, number, reviewer, form, given=given, notice=why), status)

    @app.get("/enter")
    def enter(token: str = "") -> Response:
        session = doorkeeper.enter(token)
        if session is None:
            raise HTTPException(403, LOCKED)
        reply = to("/")
        reply.set_cookie(cookie, session, httponly=True, samesite="strict", path="/")
        return reply

    @app.get("/")
    def begin(request: Request) -> Response:
        return onward(who(request), 0)

    @app.get("/overview")
    def overview(request: Request) -> Response:
        return shown(pages.overview(who(request)))

    @app.get("/items/{number}")
    def item(request: Request, number: int, overtaken: int = 0) -> Response:
        reviewer = who(request)
        found, form = at(number, reviewer), doorkeeper.form(reviewer)
        return shown(pages.item(found, number, reviewer, form, overtaken=overtaken))

    @app.post("/items/{number}")
    async def said(request: Request, number: int) -> Response:
        reviewer = who(request)
        found = at(number, reviewer)
        try:
            given = await read_form(request.stream())
        except BadFormError as error:
            raise HTTPException(413, str(error)) from error
        if not doorkeeper.is_form(reviewer, given.cells.get("form", "")):
            raise HTTPException(403, "this form is of another session; open the page again")
        try:
            turned = is_turned(found, desk.seed, reviewer)
            opinion = opinion_of(given, found, desk.kind, desk.rules, turned=turned)
            stored = desk.store(found, reviewer, opinion, given.seen)
        except BadFormError as error:
            return faulty(number, reviewer, given, str(error), 422)
        except NotStoredError:
            return faulty(number, reviewer, given, FULL, 507)
        if stored.unseen:
            asked = urlencode({"overtaken": stored.unseen.number})
            return to(f"/items/{number}?{asked}")
        return onward(reviewer, number)

    _beside(app, pages)
    _explain(app, pages, shown)
    return app


def _beside(app: "FastAPI", pages: Pages) -> None:
    """Style and keys, which say nothing of a run."""
    from fastapi import Response

    @app.get("/desk.css")
    def style() -> Response:
        return Response(pages.style, media_type="text/css")

    @app.get("/desk.js")
    def script() -> Response:
        return Response(pages.script, media_type="text/javascript")


def _explain(app: "FastAPI", pages: Pages, shown: "Callable[[str, int], Response]") -> None:
    """Faults as pages of one line."""
    from fastapi import Request, Response
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    @app.exception_handler(HTTPException)
    async def told(_: Request, error: HTTPException) -> Response:
        return shown(pages.message(str(error.detail)), error.status_code)

    @app.exception_handler(RequestValidationError)
    async def odd(_: Request, error: RequestValidationError) -> Response:
        del error
        return shown(pages.message("there is no such page"), 404)

    @app.exception_handler(UserError)
    @app.exception_handler(sqlite3.Error)
    async def broken(_: Request, error: Exception) -> Response:
        return shown(pages.message(str(error)), 500)
