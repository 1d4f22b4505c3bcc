"""What is wrong with a rejected reply, in the words of the report."""

from collections.abc import Sequence

from evals.metrics.declining import abstains, declines
from evals.metrics.words import f1, normalise
from training.examples import Example
from training.marks import WITHOUT_ANSWER, question

FAULTS = (
    "false refusal",
    "hallucination",
    "talkative refusal",
    "too long",
    "too short",
    "inexact span",
    "wrong span",
)


def is_silent(example: Example) -> bool:
    """Whether the reply that is wanted says that the passages do not answer."""
    golds = () if example.kind in WITHOUT_ANSWER else example.gold
    return abstains(example.completion, question(example.prompt[-1].content), golds)


def fault(chosen: str, rejected: str, gold: Sequence[str]) -> str:
    """One of FAULTS.

    A `talkative refusal` declines rightly, but in another way than the better one. `too long` holds
    a gold answer whole, `too short` is a part of one; of an `inexact span` half of the words are
    right (F1), of a `wrong span` fewer.

    >>> fault("Ohio", "Not found.", ["Ohio"]), fault("Not found.", "Ohio", [])
    ('false refusal', 'hallucination')
    """
    if abstains(chosen, golds=gold):
        return "talkative refusal" if abstains(rejected) else "hallucination"
    if declines(rejected, golds=gold or (chosen,)):
        return "false refusal"
    said = normalise(rejected)
    golds = [normalise(text) for text in gold or (chosen,)]
    if any(f" {each} " in f" {said} " for each in golds if each):
        return "too long"
    if any(f" {said} " in f" {each} " for each in golds):
        return "too short"
    best = max(f1(said.split(), each.split()) for each in golds)
    return "inexact span" if best >= 0.5 else "wrong span"
