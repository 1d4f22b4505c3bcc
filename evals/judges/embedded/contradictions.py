"""Where a claim and the words that it is nearest to say different things in the same place.

The words of both are aligned; a difference counts where the words beside it agree. It is a
contradiction when a negation comes or goes, or when a number or a party takes another's place.
Numbers are compared by value, and dates left to `evals.metrics.grounding`.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise

from evals.language.names import COMMON
from evals.language.quantities import DATE, NUMERALS, quantities

WORD = re.compile(r"\w+(?:[.,'’]\w+)*")
COMPARED = re.compile(r"\b(?:no|not) (less|more|fewer|later|earlier|greater)\b", re.IGNORECASE)

NEGATIONS = frozenset(
    WORD.findall("not non no never neither nor none nothing nobody without cannot don't doesn't")
)

ROLES = frozenset(
    WORD.findall(
        "licensor licensee buyer seller purchaser distributor supplier manufacturer customer "
        "client lender borrower landlord tenant consultant contractor franchisor franchisee "
        "provider vendor sponsor"
    )
)

LONGEST = 6
"""Words of a difference; longer ones are other sentences rather than other facts."""

BESIDE = 2
"""Words that must agree on one side of a difference."""


def contradiction(claim: str, source: str) -> str | None:
    """What differs, `claim` first, as the user may read it; None where nothing is contradicted.

    >>> contradiction("Acme may not end it at will.", "Acme may end it at will.")
    'may not end, not may end'
    >>> contradiction("It ends in 30 days.", "It ends in thirty days.") is None
    True
    """
    said, written = words(claim, source), words(source, claim)
    for gone, new in differences(written, said):
        before, after = written[gone], said[new]
        if denied(before) != denied(after):
            return f"{_around(said, new, 1)}, not {_around(written, gone, 1)}"
        near = WORD.findall(_around(written, gone, BESIDE))
        if exchanged(before, after) or _others(values(before), values(after) - values(near)):
            return f"{' '.join(after)}, not {' '.join(before)}"
    return None


def _around(words: Sequence[str], place: slice, more: int) -> str:
    return " ".join(words[max(0, place.start - more) : place.stop + more])


def words(text: str, other: str) -> list[str]:
    """Words as written, numbers whole.

    "Not less than" denies nothing where the other text has "at least"; where it has "less than",
    it does.
    """
    there = set(WORD.findall(other.lower()))
    return WORD.findall(
        COMPARED.sub(lambda match: match[0] if match[1].lower() in there else match[1], text)
    )


def differences(written: Sequence[str], said: Sequence[str]) -> Iterator[tuple[slice, slice]]:
    """Short places where one differs from the other, beside words on which they agree.

    A single word on which they agree amid a difference belongs to it. Where the claim begins or
    ends, so does the difference: the source may go on.
    """
    lower = [[word.lower() for word in text] for text in (written, said)]
    blocks = SequenceMatcher(None, lower[0], lower[1], autojunk=False).get_matching_blocks()
    agreed = [block for block in blocks if block.size >= BESIDE]
    if not agreed:
        return
    first, last = agreed[0], agreed[-1]
    if 0 < first.b <= LONGEST:
        yield slice(max(0, first.a - first.b), first.a), slice(0, first.b)
    for one, next_ in pairwise(agreed):
        gone, new = slice(one.a + one.size, next_.a), slice(one.b + one.size, next_.b)
        if max(gone.stop - gone.start, new.stop - new.start) <= LONGEST:
            yield gone, new
    rest = len(said) - last.b - last.size
    if 0 < rest <= LONGEST:
        end = last.a + last.size
        yield slice(end, end + rest), slice(len(said) - rest, len(said))


def denied(words: Sequence[str]) -> bool:
    """Whether an odd number of negations is among the words."""
    return sum(word.lower().replace("’", "'") in NEGATIONS for word in words) % 2 == 1


def exchanged(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether both name parties, and none in common or the same in another order."""
    old, new = parties(before), parties(after)
    turned = old != new and sorted(old) == sorted(new) and "by" not in (*before, *after)
    return turned or _others(set(old), set(new))


def _others(old: set[str], new: set[str]) -> bool:
    return bool(old and new) and old.isdisjoint(new)


def values(words: Sequence[str]) -> set[str]:
    """Numbers among the words, by value; none where there is a date."""
    text = " ".join(words).lower()
    if DATE.search(text):
        return set()
    return {value for _, value in quantities(text)}


def parties(words: Sequence[str]) -> list[str]:
    """Capital words that may name a party, in order, possessives gone."""
    found = [re.sub(r"['’]s$", "", word).lower() for word in words if word[0].isupper()]
    return [word for word in found if word in ROLES or not (word in COMMON or word in NUMERALS)]
