"""The desk as a web application: pages of plain forms, for those who have a link."""

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from reports.review.access import Doorkeeper
from reports.review.desk import Desk
from reports.review.drawing import Drawing
from reports.review.forms import BadFormError, Given, opinion_of
from reports.review.frame import framed, onward, sent_form, shown, whose
from reports.review.items import Item, is_turned
from reports.review.journal import NotStoredError
from reports.review.pages import Pages

if TYPE_CHECKING:
    from fastapi import FastAPI

FULL = "not saved: the disk took nothing; free some space and send this again"


def application(desk: Desk, doorkeeper: Doorkeeper, cookie: str = "review") -> "FastAPI":
    """The desk's pages: see `framed`."""
    from fastapi import HTTPException, Request, Response
    from fastapi.responses import RedirectResponse

    drawing = Drawing()
    pages, app = Pages(desk, drawing), framed(drawing, doorkeeper, cookie)

    def who(request: Request) -> str:
        return whose(request, doorkeeper, cookie)

    def at(number: int, reviewer: str) -> Item:
        queue = desk.queue(reviewer)
        if not 1 <= number <= len(queue):
            raise HTTPException(404, f"there is no number {number}: this queue has {len(queue)}")
        return queue[number - 1]

    def faulty(number: int, reviewer: str, given: Given, why: str, status: int) -> Response:
        item, form = at(number, reviewer), doorkeeper.form(reviewer)
        return shown(pages.item(item, number, reviewer, form, given=given, notice=why), status)

    @app.get("/")
    def begin(request: Request) -> Response:
        return onward(desk.open_numbers(who(request)))

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
        given = await sent_form(request, doorkeeper, reviewer)
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
            return RedirectResponse(f"/items/{number}?{asked}", 303)
        return onward(desk.open_numbers(reviewer), number)

    return app
