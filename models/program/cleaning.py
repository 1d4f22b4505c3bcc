"""Passages as a model reads them best: what scanning and typesetting left in them is mended."""

import re
import unicodedata

HYPHEN = re.compile(r"(?<=[a-z])[-\u2010]\s*\n\s*(?=[a-z])")
BLANK_LINE = re.compile(r"\n\s*\n")


def clean(text: str) -> str:
    r"""One spelling of each character, words joined that a line end cut, single spaces.

    Characters are decomposed by compatibility (NFKD: ligatures, full width, non-breaking spaces)
    and their marks composed again, so that é stays é. Blank lines become line ends.

    >>> clean("The \ufb01rst  Agree-\nment\nis\u00a0valid.\n\n\nSection 2")
    'The first Agreement is valid.\nSection 2'
    """
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFKD", text)).replace("\u00ad", "")
    joined = HYPHEN.sub("", plain)
    return "\n".join(" ".join(part.split()) for part in BLANK_LINE.split(joined) if part.strip())
