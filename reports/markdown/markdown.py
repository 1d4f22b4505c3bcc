"""What an exam found, in Markdown: the summary of a CI job, and the comment on a pull request.

What may it do, beside whom does it stand, which cases turned: then everything else, folded.
Whatever answers and contracts say is text in it: no markup, no link, nobody's name called.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from reports.markdown.escaping import escape
from reports.markdown.tables import (
    check_rows,
    finding_rows,
    flip_rows,
    flips_title,
    metric_rows,
    missed_rows,
    note_rows,
    proved,
    side_by_side,
    weakest_rows,
)
from reports.report import Report
from reports.views.compared import comparisons
from reports.views.failures import weakest
from reports.views.flips import flips
from reports.views.wording import conclusions, format_spending

LIMIT = 60_000
"""Bytes; GitHub refuses a comment of more than 65,536 characters, and a job summary of 1 MiB."""

CONCLUSIONS = 10

NAMES = 800
"""Bytes for the names of what is left out, and `RESERVED` for all that is said of it."""

RESERVED = 1_000


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the page that stands or falls as a whole.

    Attributes:
        title: above it; of what is left out it is named.
        lines: Markdown.
        folded: whether a reader opens it.
        holds: numbers alone, words that may name contracts, or cases with what they quote.
    """

    title: str
    lines: tuple[str, ...]
    folded: bool = True
    holds: Literal["numbers", "words", "cases"] = "words"

    @property
    def text(self) -> str:
        """As it stands in the page."""
        body = "\n".join(self.lines)
        if self.folded:
            summary = f"<details>\n<summary>{self.title}</summary>"
            return f"{summary}\n\n{body}\n\n</details>"
        return f"## {self.title}\n\n{body}" if self.title else body


def markdown(report: Report, *, quotes: bool = True, most: int = LIMIT) -> str:
    """A report, as it was written, as GitHub-flavoured Markdown of at most `most` bytes.

    Blocks that would make it longer are left out whole, and named at its end.

    Args:
        report: as it was written; of one on sealed contracts no case is shown.
        quotes: whether words may stand in it that name or quote contracts.
        most: bytes.
    """
    held = {"numbers"} if not quotes else {"numbers", "words", "cases"}
    if report.header.dataset.sealed:
        held.discard("cases")
    page: list[str] = []
    left_out: list[str] = []
    room = most - RESERVED
    for block in _blocks(report):
        if not block.lines or block.holds not in held:
            continue
        size = len(block.text.encode()) + 2
        if size <= room:
            page.append(block.text)
            room -= size
        else:
            left_out.append(block.title or "the verdict")
    if left_out:
        page.append(
            f"Left out, too long for this page, and whole in report.html: {_few(left_out)}."
        )
    if not quotes:
        page.append("Numbers alone: questions, answers and notes stand in report.html.")
    return "\n\n".join(page) + "\n"


def _few(titles: Sequence[str]) -> str:
    """As many as there is room for."""
    shown = [title for n, title in enumerate(titles) if len(", ".join(titles[: n + 1])) < NAMES]
    more = len(titles) - len(shown)
    return f"{', '.join(shown)} and {more} more" if more else ", ".join(shown)


def _blocks(report: Report) -> Iterator[Block]:
    yield Block("", tuple(_opening(report)), folded=False, holds="numbers")
    for found in comparisons(report):
        if found.opponent:
            title = f"{escape(found.model, 60)} against {escape(found.opponent.words, 70)}"
            yield Block(title, tuple(side_by_side(report, found)), folded=False, holds="numbers")
    turned = [each for each in flips(report) if each.all]
    for each in turned:
        yield Block(flips_title(each), tuple(flip_rows(each)), folded=False, holds="cases")
    missed = tuple(missed_rows(report))
    if missed and not turned:
        yield Block("Missed", missed, folded=False, holds="cases")
    yield Block("Metrics", tuple(metric_rows(report)), holds="numbers")
    yield Block("Checks", tuple(check_rows(report)))
    yield Block("What this proves", tuple(proved(report)))
    yield Block("Notes", tuple(note_rows(report)))
    if turned:
        yield Block("Missed", missed, holds="cases")
    yield Block("Weakest categories", tuple(weakest_rows(weakest(report, 10))), holds="cases")
    for section in report.sections:
        yield Block(escape(section.title, 80), tuple(finding_rows(section)))


def _opening(report: Report) -> Iterator[str]:
    found = conclusions(report)
    outcomes = list(dict.fromkeys(each.outcome for each in found if each.outcome))
    yield f"# Bar Exam: {', '.join(outcomes)}" if outcomes else "# Bar Exam"
    if not found:
        yield "\nNothing was examined."
    for each in found[:CONCLUSIONS]:
        word = f"**{each.outcome}** " if each.outcome else ""
        yield f"\n{word}{escape(each.sentence, 400)}"
    if len(found) > CONCLUSIONS:
        yield f"\n{len(found) - CONCLUSIONS:,} more models are in report.html."
    spent = ", ".join(f"{name} {each}" for name, each in format_spending(report.spending).items())
    cases = report.header.dataset.examined_cases or len(report.cases)
    yield (
        f"\n{cases:,} cases of {report.examined_contracts:,} contracts, "
        f"{report.failed_answers:,} answers failed. Spent: {spent}."
    )
