"""Contracts as files that people have: PDFs and Word files, set from the embedded contracts."""

import io
import re
from dataclasses import dataclass

MARGIN = 60
GUTTER = 24
FONT = "Contract"


@dataclass(frozen=True)
class Layout:
    """How a PDF is set."""

    columns: int = 1
    size: float = 10
    leading: float = 12.5
    hyphenated: bool = True
    ligatures: bool = False
    header: str = ""
    footer: str = ""
    stamp: str = ""
    page: tuple[float, float] = (612, 792)


def blocks(text: str) -> list[list[str]]:
    """The paragraphs of an embedded contract; of several lines where it sets its lines itself."""
    found = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = block.split("\n")
        own = any(re.search(r"\S {2,}\S", line) or line.startswith("    ") for line in lines)
        found.append([line.strip() for line in lines] if own else [" ".join(block.split())])
    return found


def pdf_of(text: str, layout: Layout = Layout(), **options) -> bytes:
    """A PDF of a contract; `options` are reportlab's canvas's."""
    from reportlab.pdfgen.canvas import Canvas

    _register()
    width, height = layout.page
    column = (width - 2 * MARGIN - (layout.columns - 1) * GUTTER) / layout.columns
    made = io.BytesIO()
    canvas = Canvas(made, pagesize=layout.page, invariant=True, **options)
    lines = [line for block in blocks(text) for line in (*_lines(block, column, layout), None)]
    number = 0
    while lines:
        number += 1
        _margins(canvas, layout, number)
        for place in range(layout.columns):
            y = height - MARGIN - 30
            while lines and y > MARGIN + 30:
                line = lines.pop(0)
                if line is not None:
                    canvas.setFont(FONT, layout.size)
                    canvas.drawString(MARGIN + place * (column + GUTTER), y, line)
                y -= layout.leading if line is not None else layout.leading * 0.6
        canvas.showPage()
    canvas.save()
    return made.getvalue()


def _margins(canvas, layout: Layout, number: int) -> None:
    width, height = layout.page
    canvas.setFont(FONT, 8)
    canvas.drawString(MARGIN, height - 40, layout.header)
    if layout.footer:
        canvas.drawCentredString(width / 2, 40, layout.footer.format(number))
    if layout.stamp:
        canvas.saveState()
        canvas.translate(25, height / 2)
        canvas.rotate(90)
        canvas.drawString(0, 0, layout.stamp)
        canvas.restoreState()


def _register() -> None:
    from matplotlib import get_data_path
    from reportlab.pdfbase.pdfmetrics import registerFont
    from reportlab.pdfbase.ttfonts import TTFont

    registerFont(TTFont(FONT, f"{get_data_path()}/fonts/ttf/DejaVuSerif.ttf"))


def _lines(block: list[str], width: float, layout: Layout) -> list[str]:
    from reportlab.pdfbase.pdfmetrics import stringWidth

    def fits(text: str) -> bool:
        return stringWidth(_set(text, layout), FONT, layout.size) <= width

    lines = []
    for paragraph in block:
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if fits(longer):
                line = longer
                continue
            head = _cut(line, word, fits) if layout.hyphenated else ""
            if head:
                lines.append(f"{line} {head}" if line else head)
                line = word[len(head.rstrip("-")) :].lstrip("-")
            else:
                lines += [line] if line else []
                line = word
        lines.append(line)
    return [_set(line, layout) for line in lines]


def _cut(line: str, word: str, fits) -> str:
    """What of a word stands before the hyphen at the line's end; nothing where it is not cut."""
    if "-" in word.strip("-"):
        head = word[: word.strip("-").rindex("-") + 1]
        return head if fits(f"{line} {head}") else ""
    if len(word) < 8 or not word.isalpha():
        return ""
    heads = (word[:place] + "-" for place in range(len(word) - 3, 2, -1))
    return next((head for head in heads if fits(f"{line} {head}")), "")


def _set(text: str, layout: Layout) -> str:
    if not layout.ligatures:
        return text
    for letters, sign in (("ffi", "ﬃ"), ("ffl", "ﬄ"), ("fi", "ﬁ"), ("fl", "ﬂ"), ("ff", "ﬀ")):
        text = text.replace(letters, sign)
    return text
