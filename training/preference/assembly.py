"""Pairs of every source made into the rows of one file."""

from collections.abc import Iterable, Sequence

from evals.metrics.text import normalise
from fixtures.identity import digest
from models.chat import Message
from training.preference.pairs import PreferencePair, Unpaired
from training.preference.statistics import words


def distinct(pairs: Iterable[PreferencePair]) -> tuple[PreferencePair, ...]:
    """Every pair once; one that is the reverse of an earlier one is left out."""
    kept: dict[tuple[tuple[Message, ...], str, str], PreferencePair] = {}
    for each in pairs:
        better, worse = normalise(each.chosen), normalise(each.rejected)
        if (each.prompt, worse, better) not in kept:
            kept.setdefault((each.prompt, better, worse), each)
    return tuple(kept.values())


def unpair(pairs: Iterable[PreferencePair], more: Iterable[Unpaired] = ()) -> tuple[Unpaired, ...]:
    """Both replies of every pair, and `more`; each reply to a prompt once.

    A reply that is wanted here and unwanted there says nothing, and is left out.
    """
    rows = [*more]
    for pair in pairs:
        for text, label in ((pair.chosen, True), (pair.rejected, False)):
            row = Unpaired(
                pair.prompt, text, label, pair.source,
                pair.contract, pair.case, pair.category, pair.kind, pair.gold,
            )  # fmt: skip
            rows.append(row)
    same: dict[tuple[tuple[Message, ...], str], list[Unpaired]] = {}
    for row in rows:
        same.setdefault((row.prompt, normalise(row.completion)), []).append(row)
    return tuple(group[0] for group in same.values() if len({row.label for row in group}) == 1)


def held_out(titles: Iterable[str], share: float, seed: int) -> frozenset[str]:
    """The contracts whose rows validate: a share of them, one at least where there are two.

    None where `share` is 0; one always stays to be trained on.
    """
    every = sorted(set(titles), key=lambda title: digest(seed, title))
    if not share or len(every) < 2:
        return frozenset()
    return frozenset(every[: min(max(round(share * len(every)), 1), len(every) - 1)])


def length_balanced(pairs: Sequence[PreferencePair]) -> tuple[PreferencePair, ...]:
    """As many pairs whose chosen reply is longer as pairs whose it is shorter; order is kept.

    Of the larger side those with the smallest margin are left out. Pairs of equal length stay.
    """
    sides: dict[int, list[int]] = {1: [], -1: []}
    for place, each in enumerate(pairs):
        gap = words(each.chosen) - words(each.rejected)
        if gap:
            sides[1 if gap > 0 else -1].append(place)
    fewer = min(map(len, sides.values()))
    dropped = {
        place
        for side in sides.values()
        for place in sorted(side, key=lambda place: -pairs[place].margin)[fewer:]
    }
    return tuple(each for place, each in enumerate(pairs) if place not in dropped)
