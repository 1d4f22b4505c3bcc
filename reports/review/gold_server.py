"""The desk of open questions as a web application."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from common.errors import UserError
from fixtures.contracts.drafts import state
from reports.review.access import Doorkeeper
from reports.review.drawing import Drawing
from reports.review.forms import BadFormError, Given
from reports.review.frame import framed, onward, sent_form, shown, whose
from reports.review.gold import GoldDesk, Question, StaleError, decided, pieces

if TYPE_CHECKING:
    from fastapi import FastAPI
    from markupsafe import Markup

STALE = (
    "not saved: this was decided otherwise, or drafted anew, since you opened it, as it stands "
    "below; send yours again if it shall take its place"
)


def application(desk: GoldDesk, doorkeeper: Doorkeeper, cookie: str = "review") -> "FastAPI":
    """The desk's pages: see `framed`."""
    from fastapi import HTTPException, Request, Response

    drawing = Drawing()
    app = framed(drawing, doorkeeper, cookie)

    def who(request: Request) -> str:
        return whose(request, doorkeeper, cookie)

    def at(number: int, questions: Mapping[str, Question]) -> Question:
        if not 1 <= number <= len(desk.ids) or desk.ids[number - 1] not in questions:
            raise HTTPException(404, f"there is no number {number}, or it is gone: go to /overview")
        return questions[desk.ids[number - 1]]

    def page(
        number: int, reviewer: str, given: Given | None = None, notice: str = "", status: int = 200
    ) -> Response:
        questions = desk.questions()
        found = at(number, questions)
        spans = found.spans
        return shown(
            drawing.page(
                "gold.html.j2",
                number=number,
                question=found,
                state=state(found.case, found.draft, is_open=found.is_open),
                pieces=pieces(found.case.contract, spans),
                places=[found.case.contract.place(span.start or 0) for span in spans],
                form=doorkeeper.form(reviewer),
                filled={"spans": "", "words": "", **(given.cells if given else {})},
                notice=notice,
                kept=_kept,
                **_top(desk, reviewer, questions),
            ),
            status,
        )

    @app.get("/")
    def begin(request: Request) -> Response:
        who(request)
        return onward(_open_numbers(desk, desk.questions()))

    @app.get("/overview")
    def overview(request: Request) -> Response:
        reviewer, questions = who(request), desk.questions()
        rows = [(number, questions[name]) for number, name in enumerate(desk.ids, start=1)
                if name in questions]  # fmt: skip
        top = _top(desk, reviewer, questions)
        return shown(drawing.page("gold_overview.html.j2", rows=rows, **top))

    @app.get("/items/{number}")
    def item(request: Request, number: int) -> Response:
        return page(number, who(request))

    @app.post("/items/{number}")
    async def said(request: Request, number: int) -> Response:
        reviewer = who(request)
        given = await sent_form(request, doorkeeper, reviewer)
        found = at(number, desk.questions())
        try:
            spans = decided(given, found)
            desk.decide(found.case.id, spans, reviewer, given.cells.get("seen", ""))
        except BadFormError as error:
            return page(number, reviewer, given, str(error), 422)
        except StaleError:
            return page(number, reviewer, given, STALE, 409)
        except UserError as error:
            return page(number, reviewer, given, f"not saved: {error}", 507)
        return onward(_open_numbers(desk, desk.questions()), number)

    return app


def _kept(text: str) -> "Markup":
    """A text whose every character a browser counts: it would join the two of a line end."""
    from markupsafe import Markup, escape

    return Markup(str(escape(text)).replace("\r", "&#13;"))


def _open_numbers(desk: GoldDesk, questions: Mapping[str, Question]) -> list[int]:
    """Places in the desk's order, from 1, of the questions that nobody has decided."""
    return [
        number
        for number, name in enumerate(desk.ids, start=1)
        if name in questions and questions[name].is_open
    ]


def _top(desk: GoldDesk, reviewer: str, questions: Mapping[str, Question]) -> dict[str, Any]:
    done = sum(not question.is_open for question in questions.values())
    return {"reviewer": reviewer, "progress": {"done": done, "total": len(desk.ids)}}
