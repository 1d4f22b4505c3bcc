"""What stands in a file of preferences, in numbers, and what is wrong with rejected replies."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from evals.language.declining import abstains, declines
from evals.language.words import f1, normalise
from training.preferences.formats import PreferencePair, Source

SOURCES: tuple[Source, ...] = get_args(Source)


FAULTS = (
    "false refusal",
    "hallucination",
    "talkative refusal",
    "too long",
    "too short",
    "inexact span",
    "wrong span",
)


@dataclass(frozen=True, slots=True)
class Lengths:
    """Words of chosen and rejected replies: their means, and the share of pairs by which is longer.

    A model that is trained on pairs whose chosen reply is mostly longer learns to talk.
    """

    chosen: float
    rejected: float
    longer: float
    shorter: float


def word_count(text: str) -> int:
    """How long a reply is, between white space."""
    return len(text.split())


def lengths(pairs: Sequence[PreferencePair]) -> Lengths:
    """Of at least one pair."""
    chosen, rejected = (
        [word_count(each.chosen) for each in pairs],
        [word_count(e.rejected) for e in pairs],
    )
    gaps = [one - other for one, other in zip(chosen, rejected, strict=True)]
    return Lengths(
        chosen=sum(chosen) / len(pairs),
        rejected=sum(rejected) / len(pairs),
        longer=sum(gap > 0 for gap in gaps) / len(pairs),
        shorter=sum(gap < 0 for gap in gaps) / len(pairs),
    )


def statistics(pairs: Sequence[PreferencePair]) -> dict[str, float]:
    """What is counted of at least one pair, under the names that the table shows."""
    sources = Counter(each.source for each in pairs)
    kinds = Counter(fault(each.chosen, each.rejected, each.gold) for each in pairs)
    size = lengths(pairs)
    return {
        "pairs": len(pairs),
        **{f"pairs from {name}": sources[name] for name in SOURCES},
        **{f"rejected: {name}": kinds[name] for name in FAULTS},
        "mean margin": sum(each.margin for each in pairs) / len(pairs),
        "words chosen": size.chosen,
        "words rejected": size.rejected,
        "words chosen less rejected": size.chosen - size.rejected,
        "share chosen longer": size.longer,
        "share chosen shorter": size.shorter,
    }


def format_table(found: Mapping[str, float]) -> str:
    """The numbers, a line each; whole ones with thousands, others with two decimals."""
    width = max(map(len, found))
    return "\n".join(
        f"{name:<{width}}  {_format_number(value):>8}" for name, value in found.items()
    )


def _format_number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


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
    reply = normalise(rejected)
    golds = [normalise(text) for text in gold or (chosen,)]
    if any(f" {each} " in f" {reply} " for each in golds if each):
        return "too long"
    if any(f" {reply} " in f" {each} " for each in golds):
        return "too short"
    best = max(f1(reply.split(), each.split()) for each in golds)
    return "inexact span" if best >= 0.5 else "wrong span"
