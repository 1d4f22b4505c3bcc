"""A part of a page that code writes, between two marks."""

from collections.abc import Iterable
from pathlib import Path

from common.errors import UserError


def marked(page: Path, name: str, lines: Iterable[str]) -> str:
    """The page's text with these lines between `<!-- NAME: begin -->` and `<!-- NAME: end -->`.

    Raises:
        UserError: the marks are not there.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, opened, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        raise UserError(f"{page} has no lines {begin} and {end}; restore it")
    return before + "\n".join([begin, "", *lines, "", end]) + after
