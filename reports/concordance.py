"""Kappa and rank correlation of weighted cases, for many draws at once."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.statistics import Floats


def weighted_kappa(weights: "Floats", left: "Floats", right: "Floats") -> "Floats":
    """Quadratically weighted kappa: 1 - E(a - b)^2 / E'(a - b)^2, E' with a, b independent.

    E' is var a + var b + (mean a - mean b)^2 (Cohen 1968; Fleiss and Cohen 1973).

    Args:
        weights: shape (..., n), how often each case counts.
        left: shape (n,), equally spaced categories.
        right: shape (n,).

    Returns:
        Shape (...); NaN where both raters know one and the same category.
    """
    import numpy as np

    total = weights.sum(axis=-1)
    mean_left, mean_right = weights @ left / total, weights @ right / total
    squares = weights @ np.square(left) / total + weights @ np.square(right) / total
    chance = squares - 2 * mean_left * mean_right
    apart = weights @ np.square(left - right) / total
    kappa: Floats = 1 - apart / np.where(chance < 1e-12, np.nan, chance)
    return kappa


def weighted_spearman(weights: "Floats", left: "Floats", right: "Floats") -> "Floats":
    """Spearman's correlation where case i stands `weights[..., i]` times: Pearson's of midranks.

    Args:
        weights: shape (..., n), whole numbers.
        left: shape (n,).
        right: shape (n,).

    Returns:
        Shape (...); NaN where one side is constant.
    """
    import numpy as np

    total = weights.sum(axis=-1, keepdims=True)
    # (total + 1) / 2 is the mean of all ranks, whatever the ties.
    one, other = (_midranks(weights, scores) - (total + 1) / 2 for scores in (left, right))
    spread = (weights * one * one).sum(axis=-1) * (weights * other * other).sum(axis=-1)
    shared = (weights * one * other).sum(axis=-1)
    correlation: Floats = shared / np.sqrt(np.where(spread < 1e-9, np.nan, spread))
    return correlation


def _midranks(weights: "Floats", scores: "Floats") -> "Floats":
    import numpy as np

    order = np.argsort(scores, kind="stable")
    _, place, tied = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(tied)
    sizes = np.add.reduceat(weights[..., order], ends - tied, axis=-1)
    ranks: Floats = (np.cumsum(sizes, axis=-1) - (sizes - 1) / 2)[..., place]
    return ranks
