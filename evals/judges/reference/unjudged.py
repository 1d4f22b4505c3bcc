"""What the reference judge does not score, and says why, rather than to score it badly."""

import re
from collections.abc import Sequence

from evals.language.foreign import is_foreign
from evals.language.words import says_something
from evals.results import Score

LONGEST = 20_000
"""Characters of an answer, and of all expected answers together, that are read."""

REDACTION = re.compile(r"\[[\s*_•●.xX-]+\]|\*{3,}|_{3,}|\[?redacted\]?", re.IGNORECASE)
SAYS_SO = re.compile(
    r"\[[\s*_•●]+\]|\*{3}|_{3}|\b(?:redacted|withheld|blacked out|left out|left blank|omitted|"
    r"confidential treatment|not (?:been )?disclosed|undisclosed)\b",
    re.IGNORECASE,
)


def unjudged(golds: Sequence[str], said: str) -> Score | None:
    """A score where an answer is beyond the judge: None with the reason, or 1 of a redaction.

    Returns:
        None where the judge may read it.

    >>> unjudged(["[***]"], "The amount is redacted.").value
    1.0
    >>> unjudged(["[***]"], "The fee is $5.").reason
    'the expected answer is a redaction alone'
    >>> unjudged(["Ohio"], "Ohio law")
    """
    longest = max(len(said), sum(map(len, golds)))
    if longest > LONGEST:
        return Score(None, f"{longest:,} characters, of which {LONGEST:,} can be read")
    if golds and all(_is_redaction(gold) for gold in golds):
        if SAYS_SO.search(said):
            return Score(1.0)
        return Score(None, "the expected answer is a redaction alone")
    if is_foreign(said) or any(is_foreign(gold) for gold in golds):
        return Score(None, "not in English, which is all that this judge reads")
    return None


def _is_redaction(gold: str) -> bool:
    return bool(REDACTION.search(gold)) and not says_something(REDACTION.sub("", gold))
