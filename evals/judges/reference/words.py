"""Words that two texts share: by stem, and in order."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")

STOP = frozenset(
    WORD.findall(
        "a about above after again all also am an and any are as at be because been before being "
        "both but by can could did do does doing during each either every few for from further "
        "had has have having he her here hereby herein hereof hereto hereunder him his how "
        "however i if in into is it its itself just may me might more most must my neither no "
        "nor not of off on once only or other our out over own per pursuant s same shall she "
        "should so some such t than that the their them then there thereafter thereof therefore "
        "these they this those through thus to too under until up upon us very was we were what "
        "when where whereas whether which while who whom whose why will with within would yes "
        "you your agreement contract passage passages provided based according context section "
        "clause article document states stated text excerpt following mentioned question answer"
    )
)

SUFFIXES = tuple(
    WORD.findall(
        "ations ation ating ated ates ate ments ment ness ively ive ings ing edly ied ies ed ions "
        "ion ors or ers er ees ee ally al ably able ance ence ly es s e y"
    )
)

SHORTEST_STEM = 4


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The word without its ending: "terminated" and "termination" are "termin".

    Cruder than Porter's, whose nltk takes seconds to import, and blind to short words.
    """
    for suffix in SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= SHORTEST_STEM:
            return word[: -len(suffix)]
    return word


@lru_cache(maxsize=4096)
def content(text: str) -> tuple[str, ...]:
    """Distinct lower-case words, without numbers, function words and the words of any answer."""
    return tuple(dict.fromkeys(word for word in WORD.findall(text.lower()) if word not in STOP))


def new(words: Sequence[str], known: Sequence[str]) -> list[str]:
    """The words whose stems are not known: what the question says already proves nothing."""
    stems = {stem(word) for word in known}
    return [word for word in words if stem(word) not in stems]


def covered(wanted: Sequence[str], by: Sequence[str]) -> float:
    """Share of the stems wanted that are found; 1.0 where none is wanted."""
    stems, found = {stem(word) for word in wanted}, {stem(word) for word in by}
    return len(stems & found) / len(stems) if stems else 1.0


def shared(said: Sequence[str], gold: Sequence[str]) -> int:
    """Words in common, counted with multiplicity."""
    return (Counter(said) & Counter(gold)).total()


def bigrams(said: Sequence[str], gold: Sequence[str]) -> float:
    """Share of the gold text's neighbouring pairs that are neighbours in the answer."""
    pairs = [" ".join(pair) for pair in pairwise(gold)]
    if not pairs:
        return float(set(gold) <= set(said))
    return shared([" ".join(pair) for pair in pairwise(said)], pairs) / len(pairs)


def repeated(said: Sequence[str]) -> float:
    """Share of three-word sequences that occurred before: loops of small models."""
    triples = list(zip(said, said[1:], said[2:], strict=False))
    return 1 - len(set(triples)) / len(triples) if triples else 0.0
