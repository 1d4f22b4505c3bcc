"""Text from outside that every sink can take: JSON, UTF-8, a database, a page, a terminal."""

import re
from collections.abc import Mapping
from typing import Any

PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
UNSTORABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""White space is none of it: contracts have form feeds, and answers quote contracts."""

UNSHOWABLE = re.compile("[\x0b\x0c\r\x80-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What every sink stores, and what rewrites or reorders a line of a terminal all the same."""


def storable(text: str) -> str:
    r"""`text` with visible escapes for what a sink refuses or obeys.

    Lone surrogates, NUL and the other control characters of ASCII, but for white space. Halves of a
    surrogate pair that stand together are the character that they mean. What comes out goes through
    unchanged a second time.

    >>> storable("Bad \ud800 text\x00, \x1b[31mred")
    'Bad \\ud800 text\\x00, \\x1b[31mred'
    """
    whole = PAIR.sub(_whole, text)
    return UNSTORABLE.sub(_escaped, whole)


def presentable(text: str) -> str:
    r"""`text` as a terminal may be given it: storable, and nothing that moves its cursor.

    >>> presentable("done\rFAKE \x1b]0;title\x07")
    'done\\rFAKE \\x1b]0;title\\x07'
    """
    return UNSHOWABLE.sub(_escaped, storable(text))


def _whole(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if match[0] == "\r":
        return "\\r"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def each_text(value: Any, change: Any) -> Any:
    """A JSON value with every text of it, keys too, changed by a function."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {each_text(key, change): each_text(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [each_text(inner, change) for inner in value]
    return value
