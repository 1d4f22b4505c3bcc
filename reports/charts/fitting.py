"""Names that fit where they are drawn, whatever they are."""

import unicodedata
from functools import lru_cache

MOST = 200
"""Characters that are measured of a name, half of them from its end."""

BOLD = 1.14
"""How much wider bold letters are."""


def fitted(name: str, room: float, size: float = 10.5, *, bold: bool = False) -> str:
    """The name, its middle left out where it is too wide: ends tell models apart.

    Widths are those of DejaVu Sans, which is wider than what most readers have.

    Args:
        name: whatever it is; what cannot be printed is replaced.
        room: in pixels.
        size: of the letters, in pixels.
        bold: whether they are.

    >>> fitted("sft-smollm2", 100), fitted("a" * 200 + "b" * 200, 100)
    ('sft-smollm2', 'aaaaaa…bbbbbb')
    """
    if len(name) > MOST:
        name = f"{name[: MOST // 2]}…{name[-MOST // 2 :]}"
    name = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)
    widths = [size * (BOLD if bold else 1.0) * _width(char) for char in name]
    if sum(widths) <= room:
        return name
    left = room - size * _width("…")
    kept = 0
    while sum(widths[: kept + 1]) + sum(widths[len(widths) - kept - 1 :]) <= left:
        kept += 1
    return f"{name[:kept]}…{name[len(name) - kept :]}"


@lru_cache(maxsize=4096)
def _width(char: str) -> float:
    """Of one character, in parts of the size of its letters."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    if unicodedata.east_asian_width(char) in "WF":
        return 1.0
    # Between two others, since the width of white space alone is none.
    both, beside = (
        text_to_path.get_text_width_height_descent(each, FontProperties(size=100), ismath=False)[0]
        for each in (f"n{char}n", "nn")
    )
    return max(float(both - beside) / 100, 0.0)
