"""Features of contracts that were asked two questions: means over both, which vary less.

How many questions a contract was asked is no feature, and differs between exam and service. So all
who are compared have just two, drawn alike.
"""

from collections.abc import Sequence

from reports.drift.signals import OF_TWO, Features


def with_pairs(one: Features, two: Features, places: Sequence[int]) -> Features:
    """`one`, and the mean over both questions of each of its vectors and numbers.

    Args:
        one: of the first question of n units.
        two: of the second question of those that have one.
        places: which units these are, in order.
    """
    import numpy as np

    n, where = len(next(iter(one.numbers.values()))), np.array(places, dtype=np.intp)
    vectors, numbers = dict(one.vectors), dict(one.numbers)
    for name, second in two.vectors.items():
        both = one.vectors[name][where] + second
        mean = np.full((n, both.shape[1]), np.nan, dtype=np.float32)
        mean[where] = both / np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-12)
        vectors[f"{name}{OF_TWO}"] = mean
    for name, last in two.numbers.items():
        values = np.stack([one.numbers[name][where], last])
        known = np.isfinite(values)
        sums = np.where(known, values, 0.0).sum(axis=0)
        counts = known.sum(axis=0)
        found = np.full(n, np.nan)
        found[where] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        numbers[f"{name}{OF_TWO}"] = found
    return Features(vectors, numbers, one.names)
