"""What is wrong with a rejected reply, in the words of the report."""

from collections.abc import Sequence

from evals.metrics.abstention import abstains
from evals.metrics.text import f1, normalise
from training.examples import Example

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
    return abstains(example.completion)


def fault(chosen: str, rejected: str, gold: Sequence[str]) -> str:
    """One of FAULTS.

    A `talkative refusal` declines rightly, but in another way than the better one. `too long` holds
    a gold answer whole, `too short` is a part of one; of an `inexact span` half of the words are
    right (F1), of a `wrong span` fewer.

    >>> fault("Ohio", "Not found.", ["Ohio"]), fault("Not found.", "Ohio", [])
    ('false refusal', 'hallucination')
    """
    refuses = abstains(rejected)
    if abstains(chosen):
        return "talkative refusal" if refuses else "hallucination"
    if refuses:
        return "false refusal"
    said = normalise(rejected)
    golds = [normalise(text) for text in gold or (chosen,)]
    if any(f" {each} " in f" {said} " for each in golds if each):
        return "too long"
    if any(f" {said} " in f" {each} " for each in golds):
        return "too short"
    best = max(f1(said.split(), each.split()) for each in golds)
    return "inexact span" if best >= 0.5 else "wrong span"
