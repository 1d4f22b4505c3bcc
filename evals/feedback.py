"""Scores that people give by a word, in service and in training."""

from typing import Any

THUMBS = {"up": 1.0, "down": 0.0}


def thumb(value: Any) -> float | None:
    """The score that a word is; None where it is none.

    >>> thumb(" Up"), thumb("3")
    (1.0, None)
    """
    return THUMBS.get(value.strip().lower()) if isinstance(value, str) else None
