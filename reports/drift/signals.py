"""What is compared of a block of contracts and the contracts before it: one literal table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from reports.statistics.exchange import ranks
from reports.statistics.shifts import (
    auc,
    binned,
    classifier_scores,
    gaussian_kernel,
    mean_shift,
    mmd,
    named,
    psi,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from reports.statistics.exchange import Floats


@dataclass(frozen=True, slots=True)
class Features:
    """What is known of n units, in order.

    Attributes:
        vectors: by name, shape (n, dimensions); a row of NaN where one is missing.
        numbers: by name, shape (n,), NaN where one is missing.
        names: by name, n of them, empty where one is missing.
    """

    vectors: Mapping[str, "npt.NDArray[np.float32]"]
    numbers: Mapping[str, "Floats"]
    names: Mapping[str, Sequence[str]]

    def of(self, units: "npt.NDArray[np.intp]") -> "Features":
        """The same of some units."""
        return Features(
            {name: each[units] for name, each in self.vectors.items()},
            {name: each[units] for name, each in self.numbers.items()},
            {name: [each[unit] for unit in units] for name, each in self.names.items()},
        )

    def has(self, feature: str) -> "npt.NDArray[np.bool_]":
        """Of which units a feature is known, shape (n,); a single False where it is of none."""
        import numpy as np

        if feature in self.numbers:
            return np.isfinite(self.numbers[feature])
        if feature in self.vectors:
            known: npt.NDArray[np.bool_] = np.isfinite(self.vectors[feature][:, 0])
            return known
        return np.array([bool(each) for each in self.names.get(feature, ())] or [False])


@dataclass(frozen=True, slots=True)
class Signal:
    """One statistic of one feature.

    Attributes:
        name: as pages and `--json` have it.
        side: whether it is of what was asked or of what was answered.
        feature: what it looks at.
        statistic: how far the block is from the rest, by its name.
        summary: what that is, in words.
    """

    name: str
    side: Literal["input", "output"]
    feature: str
    statistic: Literal["AUC", "MMD", "PSI", "mean"]
    summary: str


# fmt: off
_OF_ONE: tuple[Signal, ...] = (
    Signal("question_auc", "input", "question", "AUC", "a classifier tells the questions apart"),
    Signal("question_mmd", "input", "question", "MMD", "distance of the questions' embeddings"),
    Signal("passage_auc", "input", "passages", "AUC", "a classifier tells the passages apart"),
    Signal("passage_mmd", "input", "passages", "MMD", "distance of the passages' embeddings"),
    Signal("question_length", "input", "question_length", "PSI", "characters of the question"),
    Signal("passage_length", "input", "passage_length", "PSI", "characters of the passages shown"),
    Signal("answerability", "input", "answerability", "PSI",
           "likeness of the question and the nearest passage shown"),
    Signal("categories", "input", "category", "PSI", "how often each category is asked"),
    Signal("abstention", "output", "abstention", "mean", "share of answers that say not found"),
    Signal("grounding", "output", "grounding", "mean",
           "share of answers whose particulars stand in the passages"),
    Signal("answer_length", "output", "answer_length", "PSI", "characters of the answer"),
    Signal("errors", "output", "errors", "mean", "share of requests without an answer"),
)
_JUDGE = Signal("judge", "output", "judge", "mean", "score by the judge of --judge")
# fmt: on

MEANS = {2: "_of_two", 4: "_of_four"}
"""Behind the name of a feature: its mean over so many questions about a contract."""

SIGNALS: tuple[Signal, ...] = (
    *_OF_ONE,
    _JUDGE,
    *(
        replace(each, name=f"{each.name}{behind}", feature=f"{each.feature}{behind}")
        for behind in MEANS.values()
        for each in _OF_ONE
        if each.feature != "category"
    ),
)
"""A contract that was asked several says more of itself, and each signal knows which were."""


def of_one(feature: str) -> str:
    """The feature whose mean it is.

    >>> of_one("abstention_of_four"), of_one("abstention")
    ('abstention', 'abstention')
    """
    for behind in MEANS.values():
        feature = feature.removesuffix(behind)
    return feature


@dataclass(frozen=True, slots=True)
class Compared:
    """One signal over many blocks.

    Attributes:
        value: the statistic of the block that was seen.
        usual: what it reaches in 19 of 20 drawn blocks at most.
        p_values: of every block, shape (B,), as `exchange.ranks` has them.
    """

    value: float
    usual: float
    p_values: "Floats"


def compare(features: Features, blocks: "Floats", signals: Sequence[Signal]) -> dict[str, Compared]:
    """Every signal over the same blocks.

    Args:
        features: of the units that the blocks are of.
        blocks: as `exchange.drawn_blocks` makes them.
        signals: which; their features are known of each of these units.
    """
    import numpy as np

    found = {}
    for each in signals:
        values = STATISTICS[each.statistic](features, each.feature, blocks)
        usual = float(np.quantile(values[1:], 0.95))
        found[each.name] = Compared(float(values[0]), usual, ranks(values))
    return found


def _auc(features: Features, name: str, blocks: "Floats") -> "Floats":
    return auc(classifier_scores(features.vectors[name], blocks), blocks)


def _mmd(features: Features, name: str, blocks: "Floats") -> "Floats":
    return mmd(gaussian_kernel(features.vectors[name]), blocks)


def _psi(features: Features, name: str, blocks: "Floats") -> "Floats":
    known = features.numbers
    return psi(binned(known[name]) if name in known else named(features.names[name]), blocks)


def _mean(features: Features, name: str, blocks: "Floats") -> "Floats":
    return mean_shift(features.numbers[name], blocks)


STATISTICS: dict[str, Callable[[Features, str, "Floats"], "Floats"]] = {
    "AUC": _auc,
    "MMD": _mmd,
    "PSI": _psi,
    "mean": _mean,
}
