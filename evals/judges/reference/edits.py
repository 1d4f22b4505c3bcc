"""What an answer changed in a copy of the gold text: one word may turn a clause round."""

import re
from difflib import SequenceMatcher

from evals.judges.reference.words import stem

TOKEN = re.compile(r"[a-z]+(?:-[a-z]+)*|[0-9]+")
NEGATION = re.compile(r"\b(?:not|no|never|neither|nor|without|cannot)\b|n't|\bnon-")
COPIED = 0.5
"""Share of the gold text that must stand in the answer before changes mean anything."""


def edits(gold: str, said: str, best_sentence: str) -> dict[str, float]:
    """Share of the gold text that was copied, and how much of it was replaced, deleted, negated."""
    one = [stem(word) for word in TOKEN.findall(gold.lower())]
    two = [stem(word) for word in TOKEN.findall(said.lower())]
    steps = SequenceMatcher(None, one, two, autojunk=False).get_opcodes()
    copied = sum(end - start for kind, start, end, _, _ in steps if kind == "equal")
    share = copied / max(len(one), 1)
    if share <= COPIED:
        return {"copied": share, "replaced": 0.0, "deleted": 0.0, "negations": 0.0}
    replaced = sum(
        kind == "replace" and end - start <= 4 and to - at <= 5
        for kind, start, end, at, to in steps
    )
    deleted = sum(end - start for kind, start, end, _, _ in steps if kind == "delete")
    negations = _negations(gold) - _negations(best_sentence)
    return {
        "copied": share,
        "replaced": float(min(replaced, 4)),
        "deleted": deleted / len(one),
        "negations": float(min(abs(negations), 4)),
    }


def _negations(text: str) -> int:
    return len(NEGATION.findall(text.lower()))
