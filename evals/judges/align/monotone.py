"""A monotone map from the reference judge's scores to a team's, drawn toward changing nothing.

It bends at the steps of the rubric and is straight between them. What few labels say is drawn
toward the identity (ridge) and toward one change for all scores (a penalty on neighbours that
change differently); the more labels, the less. How strongly is chosen with whole contracts left
out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

STEPS = 5
KNOTS = tuple(step / STEPS for step in range(STEPS + 1))

STRENGTHS = (3.0, 10.0, 30.0, 100.0, 300.0)
"""How many labels at a step the penalty weighs as much as."""

ALONE = 0.1
"""What a change of all scores alike costs, of what one between neighbouring steps costs."""

ROBUST = 0.1
"""Errors up to here are squared, and larger ones weigh as they are (Huber 1964): the map is held
by its mean absolute error, and one answer that the judge misread must not bend it."""

ROUNDS = 20
INNER, OUTER = 5, 10
"""Folds of contracts: to choose the strength, and to say what it is worth."""


@dataclass(frozen=True, slots=True)
class Monotone:
    """A map of scores in 0..1: its values at the steps of the rubric, none below the one before."""

    values: tuple[float, ...] = KNOTS

    def of(self, score: float) -> float:
        """The score that the team would give.

        >>> Monotone((0.0, 0.1, 0.2, 0.4, 0.6, 1.0)).of(0.9)
        0.8
        """
        place = min(int(score * STEPS), STEPS - 1)
        share = score * STEPS - place
        low, high = self.values[place : place + 2]
        return round(low + share * (high - low), 6)


def fitted(scores: "Floats", labels: "Floats", contracts: Sequence[str]) -> Monotone:
    """The map of these labels, at the strength that predicts contracts left out best.

    Where no strength predicts them better than changing nothing does, nothing is changed.

    Args:
        scores: shape (n,), the reference judge's, in 0..1.
        labels: shape (n,), the team's, in 0..1.
        contracts: shape (n,), the contract of each.
    """
    import numpy as np

    fold = folds(contracts, INNER)
    best, chosen = float(np.abs(scores - labels).mean()), None
    for strength in STRENGTHS:
        left_out = np.empty(len(scores))
        for number in set(fold.tolist()):
            out = fold == number
            found = bent(scores[~out], labels[~out], strength)
            left_out[out] = [found.of(score) for score in scores[out]]
        error = float(np.abs(left_out - labels).mean())
        if error < best:
            best, chosen = error, strength
    return Monotone() if chosen is None else bent(scores, labels, chosen)


def crossed(scores: "Floats", labels: "Floats", contracts: Sequence[str]) -> "Floats":
    """What the team would give each answer, by a map that was fitted without its contract."""
    import numpy as np

    fold = folds(contracts, OUTER)
    names = np.asarray(contracts)
    found = np.empty(len(scores))
    for number in set(fold.tolist()):
        out = fold == number
        without = fitted(scores[~out], labels[~out], names[~out].tolist())
        found[out] = [without.of(score) for score in scores[out]]
    return found


def bent(scores: "Floats", labels: "Floats", strength: float) -> Monotone:
    """The map at one strength: penalised least squares, reweighted, then made monotone."""
    import numpy as np

    weights = np.maximum(0, 1 - STEPS * np.abs(scores[:, np.newaxis] - np.asarray(KNOTS)))
    apart = np.diff(np.eye(len(KNOTS)), axis=0)
    penalty = strength * (ALONE * np.eye(len(KNOTS)) + apart.T @ apart)
    trust, change = np.ones(len(scores)), np.zeros(len(KNOTS))
    for _ in range(ROUNDS):
        within = weights.T @ (trust[:, np.newaxis] * weights) + penalty
        change = np.linalg.solve(within, weights.T @ (trust * (labels - scores)))
        trust = ROBUST / np.maximum(np.abs(labels - scores - weights @ change), ROBUST)
    return Monotone(tuple(_rising((np.asarray(KNOTS) + change).tolist())))


def folds(contracts: Sequence[str], most: int) -> "npt.NDArray[Any]":
    """The fold of each answer, shape (n,): contracts in their order, dealt out one by one."""
    import numpy as np

    names = sorted(set(contracts))
    of = {name: place % min(most, len(names)) for place, name in enumerate(names)}
    return np.asarray([of[name] for name in contracts])


def _rising(values: Sequence[float]) -> list[float]:
    """The nearest values that never fall (pooled adjacent violators), in 0..1.

    >>> _rising([0.2, 0.1, 0.5, 1.25])
    [0.15, 0.15, 0.5, 1.0]
    """
    blocks: list[list[float]] = []
    for value in values:
        blocks.append([value])
        while len(blocks) > 1 and _mean(blocks[-2]) > _mean(blocks[-1]):
            last = blocks.pop()
            blocks[-1] += last
    means = [_mean(block) for block in blocks for _ in block]
    return [round(min(max(mean, 0.0), 1.0), 4) for mean in means]


def _mean(block: Sequence[float]) -> float:
    return sum(block) / len(block)
