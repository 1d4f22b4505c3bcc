"""What two texts mean, by the embeddings of their sentences, so that nothing is cut."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from evals.judges.embedded.sentences import sentences

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = Mapping[str, npt.NDArray[np.float32]]

LONGEST = 60
"""Words of a piece: the embedder reads 256 tokens, and the likeness of long texts is of topics."""


@lru_cache(maxsize=1024)
def pieces(text: str) -> tuple[str, ...]:
    """Sentences, long ones in parts of at most `LONGEST` words; the text where it has none."""
    found = []
    for sentence in sentences(text):
        words = sentence.split()
        parts = -(-len(words) // LONGEST)
        size = -(-len(words) // parts)
        found += [" ".join(words[at : at + size]) for at in range(0, len(words), size)]
    return tuple(found) or (text,)


def likeness(gold: str, said: str, question: str, vectors: "Vectors") -> dict[str, float]:
    """Cosines of the embedded pieces of a gold text, an answer and the question.

    `cosine` of the two texts; `gold_met` and `said_met`, of each piece of the one to the nearest of
    the other, their mean; `nearest`, of the nearest two pieces; `echo`, how much nearer the answer
    is to the question than to the gold text.
    """
    one, two, asked = (_rows(pieces(text), vectors) for text in (gold, said, question))
    cosines = one @ two.T
    cosine = _between(one, two)
    return {
        "cosine": cosine,
        "gold_met": float(cosines.max(axis=1).mean()),
        "said_met": float(cosines.max(axis=0).mean()),
        "nearest": float(cosines.max()),
        "echo": _between(asked, two) - cosine,
    }


def _rows(texts: Sequence[str], vectors: "Vectors") -> "npt.NDArray[np.float32]":
    import numpy as np

    return np.stack([vectors[text] for text in texts])


def _between(one: "npt.NDArray[np.float32]", two: "npt.NDArray[np.float32]") -> float:
    """Cosine of the means."""
    import numpy as np

    first, second = one.mean(axis=0), two.mean(axis=0)
    return float(first @ second / max(float(np.linalg.norm(first) * np.linalg.norm(second)), 1e-9))
