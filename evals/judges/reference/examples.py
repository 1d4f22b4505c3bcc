"""Labelled pairs as rows of features, and the models that are fitted on them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from evals.judges.pairs import Origin, Pair
from evals.judges.reference import unanswered
from evals.judges.reference.features import DIRECTIONS, comparisons, nearest
from evals.judges.reference.judge import by_rule, is_unanswered
from evals.judges.reference.trees import trees_of
from evals.judges.reference.weights import Line, Weights

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]
    Chosen = npt.NDArray[np.bool_]

WEIGHTS: dict[Origin, float] = {
    "written": 1.0, "retrieved": 3.0, "model": 3.0, "probe": 0.3, "template": 0.2,
}  # fmt: skip
"""What a pair counts in a fit, so that the whole looks like life: what systems said counts most,
and what was written to deceive a judge is a minority that guards against single wrong words."""

TURNED = frozenset(
    {"contradiction", "wrong_value", "wrong_party", "wrong_law", "mixed", "addition", "invented"}
)
"""Kinds of written answers that are fluent and wrong in a word or a claim: rarer in life than among
these pairs, they count as those that were written to deceive."""

PENALTY = 10.0
"""Of the line, on standardised features (ridge)."""


@dataclass(frozen=True)
class Examples:
    """Pairs to be weighed, one row each.

    Attributes:
        pairs: what was labelled.
        features: shape (rows, features).
        directions: of each feature: 1 where more of it may only raise the score, -1 where lower.
    """

    pairs: tuple[Pair, ...]
    features: "Numbers"
    directions: tuple[int, ...]

    @cached_property
    def scores(self) -> "Numbers":
        """The labels."""
        import numpy as np

        return np.array([pair.label for pair in self.pairs])

    @cached_property
    def weights(self) -> "Numbers":
        """What each counts."""
        import numpy as np

        return np.array([weight(pair) for pair in self.pairs])

    @cached_property
    def held_out(self) -> "Chosen":
        """Rows that nothing may be fitted on."""
        import numpy as np

        return np.array([pair.held_out for pair in self.pairs])


def weight(pair: Pair) -> float:
    """What a pair counts in a fit."""
    turned = pair.origin == "written" and pair.kind in TURNED
    return WEIGHTS["probe" if turned else pair.origin]


def weighed(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs that the rules leave to be weighed."""
    return [p for p in pairs if by_rule(p.question, p.expected, p.answer) is None]


def answered(pairs: Sequence[Pair]) -> Examples:
    """Rows of the weighed pairs whose contract answers."""
    import numpy as np

    rows = [pair for pair in weighed(pairs) if not is_unanswered(pair.expected)]
    compared = [comparisons(pair.question, pair.expected, pair.answer) for pair in rows]
    features = np.array([nearest(group)[1] for group in compared])
    return Examples(tuple(rows), features, tuple(DIRECTIONS.values()))


def silent(pairs: Sequence[Pair]) -> Examples:
    """Rows of the weighed pairs whose contract does not answer."""
    import numpy as np

    rows = [pair for pair in weighed(pairs) if is_unanswered(pair.expected)]
    features = np.array([unanswered.values(pair.question, pair.answer) for pair in rows])
    return Examples(tuple(rows), features, tuple(unanswered.DIRECTIONS.values()))


def fitted(rows: Examples, chosen: "Chosen", columns: Sequence[int] | None = None) -> Weights:
    """Trees and a line, fitted on the chosen rows and columns."""
    places = list(range(len(rows.directions)) if columns is None else columns)
    features, scores = rows.features[chosen][:, places], rows.scores[chosen]
    weights = rows.weights[chosen]
    directions = [rows.directions[place] for place in places]
    grown = grow(features, scores, weights, directions)
    return Weights(trees_of(grown), _line(features, scores, weights))


def grow(features: "Numbers", scores: "Numbers", weights: "Numbers", directions: list[int]) -> Any:
    """A fitted `HistGradientBoostingRegressor`."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        max_iter=200,
        learning_rate=0.06,
        max_leaf_nodes=12,
        min_samples_leaf=12,
        l2_regularization=1.0,
        max_features=0.3,
        monotonic_cst=directions,
        early_stopping=False,
        random_state=0,
    )
    return model.fit(features, scores, sample_weight=weights)


def _line(features: "Numbers", scores: "Numbers", weights: "Numbers") -> Line:
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(features)
    model = Ridge(PENALTY).fit(scaler.transform(features), scores, sample_weight=weights)
    slopes = model.coef_ / scaler.scale_
    intercept = float(model.intercept_ - slopes @ scaler.mean_)
    return Line(round(intercept, 6), tuple(round(float(slope), 6) for slope in slopes))
