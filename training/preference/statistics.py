"""What stands in a file of preferences, in numbers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from training.preference.faults import FAULTS, fault
from training.preference.pairs import PreferencePair, Source

SOURCES: tuple[Source, ...] = get_args(Source)


@dataclass(frozen=True, slots=True)
class Lengths:
    """Words of chosen and rejected replies: their means, and the share of pairs by which is longer.

    A model that is trained on pairs whose chosen reply is mostly longer learns to talk.
    """

    chosen: float
    rejected: float
    longer: float
    shorter: float


def words(text: str) -> int:
    """How long a reply is, between white space."""
    return len(text.split())


def lengths(pairs: Sequence[PreferencePair]) -> Lengths:
    """Of at least one pair."""
    chosen, rejected = [words(each.chosen) for each in pairs], [words(e.rejected) for e in pairs]
    gaps = [one - other for one, other in zip(chosen, rejected, strict=True)]
    return Lengths(
        chosen=sum(chosen) / len(pairs),
        rejected=sum(rejected) / len(pairs),
        longer=sum(gap > 0 for gap in gaps) / len(pairs),
        shorter=sum(gap < 0 for gap in gaps) / len(pairs),
    )


def statistics(pairs: Sequence[PreferencePair]) -> dict[str, float]:
    """What is counted of at least one pair, under the names that `table` shows."""
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


def table(found: Mapping[str, float]) -> str:
    """The numbers, a line each; whole ones with thousands, others with two decimals."""
    width = max(map(len, found))
    return "\n".join(f"{name:<{width}}  {_shown(value):>8}" for name, value in found.items())


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"
