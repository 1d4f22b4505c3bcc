"""Text in the columns of a terminal: what fits, and what is cut where it does not.

Widths are cells: a letter of Chinese takes two, a combining mark none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from common.redaction import redacted
from common.storable import presentable

GAP = 2
LEAST = 10
"""Cells of a head that is cut, at least."""


@dataclass(frozen=True, slots=True)
class Column:
    """A head and a cell for each row; the head may be cut, cells never are."""

    head: str
    cells: tuple[str, ...]

    @property
    def width(self) -> int:
        """Cells that it takes with its head whole."""
        from rich.cells import cell_len

        return max(map(cell_len, (self.head, *self.cells)))

    @property
    def least(self) -> int:
        """Cells that it takes with its head cut."""
        from rich.cells import cell_len

        return max(min(LEAST, cell_len(self.head)), *map(cell_len, self.cells), 0)


def flat(text: str) -> str:
    """Text from outside on one line, as it is measured and cut: nothing is hidden afterwards."""
    return " ".join(presentable(redacted(text)).split())


def clipped(text: str, width: int, tail: float = 0.5) -> str:
    """`text` in at most `width` cells; what does not fit is left out before its last part.

    Args:
        text: on one line.
        width: in cells.
        tail: share of the width that the end of the text is given: names differ at their ends.

    >>> clipped("qwen-legal-dpo-seed-17", 13), clipped("qwen-legal", 13)
    ('qwen-l…eed-17', 'qwen-legal')
    >>> clipped("a sentence", 5, tail=0)
    'a se…'
    """
    from rich.cells import cell_len, split_graphemes

    if cell_len(text) <= width:
        return text
    if width < 1:
        return ""
    spans, _ = split_graphemes(text)
    last = int((width - 1) * tail)
    head = _taken(spans, width - 1 - last)
    end = _taken(spans[::-1], last)
    cut = text[: spans[head - 1][1]] if head else ""
    return f"{cut}…{text[spans[len(spans) - end][0] :] if end else ''}"


def _taken(spans: Sequence[tuple[int, int, int]], width: int) -> int:
    """How many of these (start, end, cells) fit."""
    for count, (_, _, cells) in enumerate(spans):
        width -= cells
        if width < 0:
            return count
    return len(spans)


def needed(columns: Sequence[Column]) -> int:
    """Cells that a table takes at least."""
    return sum(column.least for column in columns) + GAP * (len(columns) - 1)


def fitted(columns: Sequence[Column], width: int) -> list[int]:
    """The width of each column: what is left over goes to the heads, each as much as it lacks."""
    widths = [column.least for column in columns]
    spare = width - needed(columns)
    lacking = [column.width - column.least for column in columns]
    while spare > 0 and any(lacking):
        place = max(range(len(lacking)), key=lambda n: lacking[n])
        widths[place] += 1
        lacking[place] -= 1
        spare -= 1
    return widths
