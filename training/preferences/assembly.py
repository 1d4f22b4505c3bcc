"""Pairs of every source made into the rows of one file."""

from collections.abc import Iterable, Sequence

from evals.language.words import normalise
from models.chat import Message
from training.preferences.composition import word_count
from training.preferences.formats import PreferencePair, Unpaired

Question = tuple[str | tuple[Message, ...], bool]


def question_key(row: PreferencePair | Unpaired) -> Question:
    """What a reply is a reply to: the case, or the prompt where there is none.

    A hard negative is another question than its case, for it shows other passages.
    """
    return row.case or row.prompt, row.kind == "hard negative"


def distinct(pairs: Iterable[PreferencePair]) -> tuple[PreferencePair, ...]:
    """Every pair once; one that is the reverse of an earlier one is left out.

    However the question is worded, a case is the same.
    """
    kept: dict[tuple[Question, str, str], PreferencePair] = {}
    for each in pairs:
        better, worse = normalise(each.chosen), normalise(each.rejected)
        if (question_key(each), worse, better) not in kept:
            kept.setdefault((question_key(each), better, worse), each)
    return tuple(kept.values())


def unpair(pairs: Iterable[PreferencePair], more: Iterable[Unpaired] = ()) -> tuple[Unpaired, ...]:
    """Both replies of every pair, and `more`; each reply to a case once.

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
    same: dict[tuple[Question, str], list[Unpaired]] = {}
    for row in rows:
        same.setdefault((question_key(row), normalise(row.completion)), []).append(row)
    return tuple(group[0] for group in same.values() if len({row.label for row in group}) == 1)


def length_balanced(pairs: Sequence[PreferencePair]) -> tuple[PreferencePair, ...]:
    """As many pairs whose chosen reply is longer as pairs whose it is shorter; order is kept.

    Of the larger side those with the smallest margin are left out. Pairs of equal length stay.
    """
    sides: dict[int, list[int]] = {1: [], -1: []}
    for place, each in enumerate(pairs):
        gap = word_count(each.chosen) - word_count(each.rejected)
        if gap:
            sides[1 if gap > 0 else -1].append(place)
    fewer = min(map(len, sides.values()))
    dropped = {
        place
        for side in sides.values()
        for place in sorted(side, key=lambda place: -pairs[place].margin)[fewer:]
    }
    return tuple(each for place, each in enumerate(pairs) if place not in dropped)
