"""What others would conclude of the same simulated exams."""

from typing import TYPE_CHECKING

from bench.simulation import ALPHA
from reports.statistics.clusters import Sums

if TYPE_CHECKING:
    from reports.statistics.clusters import Floats

DRAWS = 999
BLOCK = 100
"""Exams that share their draws of signs."""


def over_questions(sums: Sums, alpha: float = ALPHA) -> tuple["Floats", "Floats"]:
    """Bounds of a z-test that takes cases for independent, of shape (repeats,)."""
    import numpy as np

    cases = sums.sizes.sum(axis=-1)
    mean = sums.values.sum(axis=-1) / cases
    spread = np.maximum(sums.squares.sum(axis=-1) / cases - mean**2, 0.0)
    return _normal(mean, np.sqrt(spread / np.maximum(cases - 1, 1)), alpha)


def inspect_ai(sums: Sums, alpha: float = ALPHA) -> tuple["Floats", "Floats"]:
    """Bounds from inspect_ai's `stderr(cluster=...)` of each case's d, by the normal quantile.

    Its clustered standard error is that of Miller 2024, Appendix A, times G / (G - 1)
    (inspect_ai.scorer, src/inspect_ai/scorer/_metrics/std.py); it offers no quantile of t.
    """
    import numpy as np

    cases, groups = sums.sizes.sum(axis=-1), sums.sizes.shape[-1]
    mean = sums.values.sum(axis=-1) / cases
    residuals = sums.values - mean[..., np.newaxis] * sums.sizes
    error = np.sqrt(groups / (groups - 1) * np.square(residuals).sum(axis=-1)) / cases
    return _normal(mean, error, alpha)


def promptfoo(sums: Sums) -> "Floats":
    """The difference of the pass rates, which promptfoo shows side by side, without any test."""
    rates: Floats = sums.values.sum(axis=-1) / sums.sizes.sum(axis=-1)
    return rates


def wild_bootstrap(sums: Sums, margin: float, seed: int, alpha: float = ALPHA) -> "Floats":
    """Which exams pass by the wild cluster bootstrap-t, of shape (repeats,).

    The null, a difference of -margin, is imposed on the residuals; the signs of whole contracts
    are drawn (Rademacher), and t is studentised anew in each draw (Cameron, Gelbach and Miller
    2008, Review of Economics and Statistics 90; with `DRAWS` draws).
    """
    import numpy as np

    draw = np.random.default_rng(seed)
    sizes = sums.sizes[0]
    residuals = sums.values + margin * sizes
    passed = np.empty(len(residuals), dtype=bool)
    for begin in range(0, len(residuals), BLOCK):
        block = residuals[begin : begin + BLOCK]
        signs = draw.choice((-1.0, 1.0), size=(DRAWS, len(sizes)))
        found = _studentised(block.sum(-1), np.square(block).sum(-1), block @ sizes, sizes)
        drawn = _studentised(
            block @ signs.T,
            np.square(block).sum(-1)[:, np.newaxis],
            (block * sizes) @ signs.T,
            sizes,
        )
        as_large = (drawn >= found[:, np.newaxis]).sum(axis=-1)
        passed[begin : begin + BLOCK] = (1 + as_large) / (1 + DRAWS) <= alpha
    return passed


def _studentised(
    total: "Floats", squares: "Floats", crossed: "Floats", sizes: "Floats"
) -> "Floats":
    """Studentised mean, up to a constant, from the sums of contracts, of squares, and by size."""
    import numpy as np

    mean = total / sizes.sum()
    spread = np.maximum(squares - 2 * mean * crossed + mean**2 * np.square(sizes).sum(), 0.0)
    known = spread > 1e-12
    found: Floats = mean / np.sqrt(np.where(known, spread, 1e-12))
    return found


def _normal(mean: "Floats", error: "Floats", alpha: float) -> tuple["Floats", "Floats"]:
    from scipy import stats

    reach = float(stats.norm.isf(alpha))
    return mean - reach * error, mean + reach * error
