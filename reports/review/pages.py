"""The desk's pages as HTML: what a reviewer may see, and nothing of models, scores or the run."""

from functools import cached_property
from typing import Any

from reports.review.desk import Desk, Progress
from reports.review.drawing import Drawing
from reports.review.forms import Given, side_of
from reports.review.items import Item, is_turned
from reports.review.opinions import Entry, Opinion
from reports.review.reliability import reliability


class Pages:
    """Makes the pages of a desk."""

    def __init__(self, desk: Desk, drawing: Drawing) -> None:
        self._desk, self._drawing = desk, drawing

    def item(
        self,
        item: Item,
        number: int,
        reviewer: str,
        form: str,
        *,
        given: Given | None = None,
        notice: str = "",
        overtaken: int = 0,
    ) -> str:
        """The page of one item.

        Args:
            item: what is asked about.
            number: its place in the reviewer's queue, from 1.
            reviewer: who asks.
            form: the token of the reviewer's forms.
            given: a form that was sent and could not be kept, shown as it was typed.
            notice: why not.
            overtaken: number of the entry that another tab had made.
        """
        desk = self._desk
        history = desk.journal.history(item.id, reviewer)
        turned = desk.kind == "pairs" and is_turned(item, desk.seed, reviewer)
        last = history[-1] if history else None
        before = [self._told(entry, turned) for entry in history[:-1]]
        unseen = next((entry for entry in history if entry.number == overtaken), None)
        return self._drawing.page(
            f"{desk.kind}.html.j2",
            item=item,
            answers=[each.answer for each in (item.shown[::-1] if turned else item.shown)],
            number=number,
            reviewer=reviewer,
            form=form,
            seen=given.seen if given else last.number if last else 0,
            filled=self._filled(last, turned) | (dict(given.cells) if given else {}),
            progress=desk.progress(desk.said(reviewer)),
            before=before,
            notice=notice,
            overtaken=self._told(unseen, turned) if unseen else None,
            rules=desk.rules,
            rubric=self._rubric,
        )

    def overview(self, reviewer: str) -> str:
        """Where a reviewer stands; how far reviewers agree, for those who have finished."""
        desk = self._desk
        said = desk.said(reviewer)
        progress = desk.progress(said)
        return self._drawing.page(
            "overview.html.j2",
            reviewer=reviewer,
            progress=progress,
            rows=[
                (number, item, item.id in said)
                for number, item in enumerate(desk.queue(reviewer), start=1)
            ],
            kind=desk.kind,
            agreement=self._agreement(progress, reviewer),
        )

    def _agreement(self, progress: Progress, reviewer: str) -> Any:
        """None where the reviewer has not finished: it would tell of others' scores."""
        return reliability(self._desk, reviewer) if progress.is_done else None

    def _filled(self, entry: Entry | None, turned: bool) -> dict[str, str]:
        """The cells of a form as an opinion would have them."""
        return _cells(entry.opinion if entry else Opinion(), self._desk, turned)

    def _told(self, entry: Entry, turned: bool) -> tuple[str, str]:
        """(time, what was said), of an entry."""
        cells = _cells(entry.opinion, self._desk, turned)
        if entry.opinion.skipped:
            return entry.time, "cannot tell"
        choice = cells.get("score") or cells.get("choice") or f"{entry.opinion.score}"
        return entry.time, choice + (", hallucination" if entry.opinion.hallucination else "")

    @cached_property
    def _rubric(self) -> Any:
        """The rubric's Markdown as HTML; HTML in it is text."""
        from markdown_it import MarkdownIt
        from markupsafe import Markup

        text = MarkdownIt("commonmark", {"html": False}).enable("table")
        return Markup(text.render(self._desk.rules.rubric))


def _cells(opinion: Opinion, desk: Desk, turned: bool) -> dict[str, str]:
    return {
        "score": desk.rules.chosen(opinion.score),
        "choice": side_of(opinion.choice, turned=turned),
        "hallucination": "yes" if opinion.hallucination else "",
        "comment": opinion.comment,
        "corrected": opinion.corrected,
    }
