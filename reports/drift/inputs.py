"""What was asked, as features: embeddings, lengths, answerability, categories."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reports.drift.signals import Features
from reports.drift.units import Unit

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from reports.statistics.exchange import Floats

BEST = 3
"""Passages of a request that are embedded: the best are what an answer is made of."""

Embed = Callable[[Sequence[str]], "npt.NDArray[np.float32]"]


def input_features(units: Sequence[Unit], questions: Embed, passages: Embed) -> Features:
    """Features of what was asked.

    Args:
        units: in order.
        questions: unit vectors of questions.
        passages: of passages.
    """
    import numpy as np

    asked = questions([each.question for each in units])
    places = [(n, text) for n, each in enumerate(units) for text in each.passages[:BEST]]
    vectors = passages([text for _, text in places])
    owners = np.array([n for n, _ in places], dtype=np.intp)
    means = np.full_like(asked, np.nan)
    if len(places):
        sums = np.zeros_like(asked)
        np.add.at(sums, owners, vectors)
        norms = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        means[owners] = (sums / norms)[owners]
    return Features(
        {"question": asked, "passages": means},
        {
            "question_length": np.array([float(len(each.question)) for each in units]),
            "passage_length": np.array([_length(each) for each in units]),
            "answerability": _nearest(asked, vectors, owners),
        },
        {"category": [each.category.casefold() for each in units]},
    )


def _length(unit: Unit) -> float:
    """Characters of the passages; NaN where none were noted."""
    return float(sum(map(len, unit.passages))) if unit.passages else float("nan")


def _nearest(
    asked: "npt.NDArray[np.float32]",
    vectors: "npt.NDArray[np.float32]",
    owners: "npt.NDArray[np.intp]",
) -> "Floats":
    """The cosine of each question and the nearest passage that was shown, NaN without any."""
    import numpy as np

    nearest = np.full(len(asked), -np.inf)
    if len(owners):
        np.maximum.at(nearest, owners, (asked[owners] * vectors).sum(axis=1).astype(np.float64))
    return np.where(np.isfinite(nearest), nearest, np.nan)
