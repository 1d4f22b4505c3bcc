"""Features of contracts that were asked several questions: means over these, which vary less.

How many questions a contract was asked is no feature, and differs between exam and service. So all
who are compared by a mean have one over as many, drawn alike.
"""

from collections.abc import Sequence

from reports.drift.signals import MEANS, Features

Asked = tuple[Features, Sequence[int]]
"""Features of one question of each unit that was asked so many, and which units these are."""


def with_means(asked: Sequence[Asked]) -> Features:
    """Those of the first question, and the means over the first two, and the first four.

    Args:
        asked: of the first question, which every unit has, the second, and so on; places in order.
    """
    import numpy as np

    one, every = asked[0]
    vectors, numbers = dict(one.vectors), dict(one.numbers)
    for count, behind in MEANS.items():
        where = np.array(asked[count - 1][1] if count <= len(asked) else [], dtype=np.intp)
        if not len(where):
            continue
        parts = [each.of(np.searchsorted(places, where)) for each, places in asked[:count]]
        for name in one.vectors:
            total = np.nansum([part.vectors[name] for part in parts], axis=0)
            mean = np.full((len(every), total.shape[1]), np.nan, dtype=np.float32)
            known = np.any([part.has(name) for part in parts], axis=0)
            norms = np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
            mean[where[known]] = (total / norms)[known]
            vectors[f"{name}{behind}"] = mean
        for name in one.numbers:
            values = np.stack([part.numbers[name] for part in parts])
            known = np.isfinite(values)
            counts = known.sum(axis=0)
            found = np.full(len(every), np.nan)
            sums = np.where(known, values, 0.0).sum(axis=0)
            found[where] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
            numbers[f"{name}{behind}"] = found
    return Features(vectors, numbers, one.names)
