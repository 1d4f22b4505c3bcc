"""How far a block of units lies from the rest: statistics of many blocks at once.

Each is a function of `blocks`, shape (B, n) of 0 and 1 with the same number of ones in each row,
as `exchange.drawn_blocks` makes them, and gives shape (B,). Large values are far.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

BINS = 10
RIDGE = 1.0
"""Of the classifier, for a kernel whose diagonal has the mean 1."""


def gaussian_kernel(vectors: "npt.ArrayLike") -> "Floats":
    """exp(-d ** 2 / median(d ** 2)) of the distances d of rows, shape (n, n).

    The median heuristic (Gretton et al. 2012, Journal of Machine Learning Research 13, section 8);
    it is of all rows, and so the same whichever are the block.

    >>> gaussian_kernel([[0.0], [1.0], [3.0]]).round(2).tolist()
    [[1.0, 0.78, 0.11], [0.78, 1.0, 0.37], [0.11, 0.37, 1.0]]
    """
    import numpy as np

    rows = np.asarray(vectors, dtype=np.float64)
    squares = np.square(rows).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * rows @ rows.T, 0.0)
    middle = float(np.median(distances[np.triu_indices(len(rows), 1)]))
    kernel: Floats = np.exp(-distances / (middle or 1.0))
    return kernel


def mmd(kernel: "Floats", blocks: "Floats") -> "Floats":
    """Squared maximum mean discrepancy of block and rest, the unbiased estimate.

    Gretton et al. 2012, eq. 3.

    Args:
        kernel: shape (n, n), as of `gaussian_kernel`.
        blocks: see above; two units or more in block and rest.

    >>> import numpy as np
    >>> kernel = gaussian_kernel([[0.0], [0.1], [5.0], [5.1]])
    >>> mmd(kernel, np.array([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]])).round(2).tolist()
    [1.28, -0.64]
    """
    import numpy as np

    own = np.diag(kernel)
    size = float(blocks[0].sum())
    rest = len(own) - size
    seen = blocks @ kernel
    within = (seen * blocks).sum(axis=1)
    across = seen.sum(axis=1) - within
    outside = float(kernel.sum()) - within - 2 * across
    of_block = blocks @ own
    found: Floats = (
        (within - of_block) / (size * (size - 1))
        + (outside - (own.sum() - of_block)) / (rest * (rest - 1))
        - 2 * across / (size * rest)
    )
    return found


def classifier_scores(vectors: "npt.ArrayLike", blocks: "Floats") -> "Floats":
    """How much each unit looks like the block to a classifier that was fitted without it.

    A ridge classifier on centred vectors; what it says of a unit when that is left out has a closed
    form, so that each drawn block has a classifier of its own. Shape (B, n).

    >>> import numpy as np
    >>> block = np.array([[0.0, 0.0, 1.0, 1.0]])
    >>> classifier_scores([[0.0], [0.1], [5.0], [5.1]], block).round(2).tolist()
    [[-0.38, -0.37, 0.37, 0.38]]
    """
    import numpy as np

    rows = np.asarray(vectors, dtype=np.float64)
    rows = rows - rows.mean(axis=0)
    kernel = rows @ rows.T
    kernel /= np.trace(kernel) / len(rows) or 1.0
    hat = np.linalg.solve(kernel + RIDGE * np.eye(len(rows)), kernel)
    labels = blocks - blocks.mean(axis=1, keepdims=True)
    own = np.diag(hat)
    scores: Floats = (labels @ hat - labels * own) / (1 - own)
    return scores


def auc(scores: "Floats", blocks: "Floats") -> "Floats":
    """How often a unit of the block has a higher score than one of the rest: 0.5 tells nothing.

    The classifier two-sample test (Lopez-Paz and Oquab 2017, arXiv 1610.06545), by AUC.

    Args:
        scores: shape (B, n), as of `classifier_scores`.
        blocks: see above.

    >>> import numpy as np
    >>> block = np.array([[0.0, 0.0, 1.0, 1.0]])
    >>> auc(np.array([[1.0, 2.0, 1.5, 3.0]]), block).tolist()
    [0.75]
    """
    import numpy as np

    # Sorted with the label as last bit, which is five times as fast as an order of places; what
    # differs by rounding alone is a tie, and ties count for every block alike.
    keys = np.rint(scores * 1e9).astype(np.int64) * 2 + blocks.astype(np.int64)
    keys.sort(axis=1)
    size = blocks.sum(axis=1)
    pairs = size * (scores.shape[1] - size)
    places = (keys & 1) @ np.arange(1.0, scores.shape[1] + 1)
    share: Floats = (places - size * (size + 1) / 2) / pairs
    return share


def binned(values: "npt.ArrayLike") -> "Floats":
    """In which of ten bins of equally many units each value lies: 0 or 1, shape (n, bins).

    A value that is missing (NaN) is in none.

    >>> binned([1, float("nan"), 9]).sum(axis=1).tolist()
    [1.0, 0.0, 1.0]
    """
    import numpy as np

    numbers = np.asarray(values, dtype=np.float64)
    known = np.isfinite(numbers)
    if not known.any():
        return np.zeros((len(numbers), 1))
    edges = np.unique(np.quantile(numbers[known], np.arange(1, BINS) / BINS))
    places = np.searchsorted(edges, np.where(known, numbers, edges[0]), side="left")
    found: Floats = np.eye(len(edges) + 1)[places] * known[:, np.newaxis]
    return found


def named(names: Sequence[str]) -> "Floats":
    """Which name each unit has: 0 or 1, shape (n, names); an empty one is none.

    >>> named(["b", "a", ""]).tolist()
    [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]
    """
    import numpy as np

    every = sorted({*names} - {""})
    found = np.array([[name == each for each in every] for name in names], dtype=np.float64)
    return found if every else np.zeros((len(names), 1))


def psi(bins: "Floats", blocks: "Floats") -> "Floats":
    """Population stability index of block and rest, sum((p - q) * ln(p / q)).

    Siddiqi 2006, Credit Risk Scorecards. Half a unit is added to each bin, so that an empty one
    is not without end. 0 where nothing is known of one of the two.

    Args:
        bins: shape (n, k), as of `binned` or `named`.
        blocks: see above.

    >>> import numpy as np
    >>> bins = binned([1, 1, 1, 1, 9, 9, 9, 9])
    >>> halves = np.array([[0, 0, 0, 0, 1, 1, 1, 1.0], [0, 0, 1, 1, 0, 0, 1, 1.0]])
    >>> psi(bins, halves).round(2).tolist()
    [2.93, 0.0]
    """
    import numpy as np

    inside = blocks @ bins
    outside = bins.sum(axis=0) - inside
    known = (inside.sum(axis=1) > 0) & (outside.sum(axis=1) > 0)
    one, other = inside + 0.5, outside + 0.5
    one, other = (each / each.sum(axis=1, keepdims=True) for each in (one, other))
    found: Floats = np.where(known, ((one - other) * np.log(one / other)).sum(axis=1), 0.0)
    return found


def mean_shift(values: "npt.ArrayLike", blocks: "Floats") -> "Floats":
    """By how much the means of block and rest differ, without sign.

    Values that are missing (NaN) are left out; 0 where one of the two has none.

    >>> import numpy as np
    >>> mean_shift([0, 1, np.nan, 1], np.array([[0, 0, 1.0, 1.0]])).tolist()
    [0.5]
    """
    import numpy as np

    numbers = np.asarray(values, dtype=np.float64)
    known = np.isfinite(numbers).astype(np.float64)
    numbers = np.where(known > 0, numbers, 0.0)
    inside, counted = blocks @ numbers, blocks @ known
    outside, rest = numbers.sum() - inside, known.sum() - counted
    both = (counted > 0) & (rest > 0)
    difference = inside / np.maximum(counted, 1) - outside / np.maximum(rest, 1)
    return np.where(both, np.abs(difference), 0.0)


def auc_interval(scores: "Floats", block: "Floats", alpha: float = 0.05) -> tuple[float, float]:
    """Bounds of the AUC of one block, at level 1 - 2 * alpha, each cut to 0..1.

    DeLong, DeLong, Clarke-Pearson 1988, Biometrics 44, with the normal quantile. The scores are
    taken as given: that the classifier was fitted on these units is not in it.

    Args:
        scores: shape (n,).
        block: shape (n,), 0 or 1; two units or more of each.
        alpha: risk of each end.

    >>> import numpy as np
    >>> low, high = auc_interval(np.arange(8.0), np.array([0, 1, 0, 0, 1, 0, 1, 1.0]))
    >>> round(low, 2), round(high, 2)
    (0.41, 1.0)
    """
    import numpy as np
    from scipy import stats

    one, other = scores[block > 0], scores[block == 0]
    wins = (one[:, np.newaxis] > other) + 0.5 * (one[:, np.newaxis] == other)
    spread = wins.mean(axis=1).var(ddof=1) / len(one) + wins.mean(axis=0).var(ddof=1) / len(other)
    reach = float(stats.norm.isf(alpha)) * float(np.sqrt(spread))
    mean = float(wins.mean())
    return max(mean - reach, 0.0), min(mean + reach, 1.0)
