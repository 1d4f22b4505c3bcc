"""Labelled pairs as rows of features, and the model that is fitted on them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.identity import digest
from evals.judges.pairs import Pair
from evals.judges.reference.features import DIRECTIONS, comparisons, nearest
from evals.judges.reference.judge import by_rule
from evals.language.words import f1, normalise

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


BORROWED_WEIGHT = 0.3
"""A right answer to another question of the contract is a wrong one; nobody labelled it so."""


@dataclass(frozen=True)
class Examples:
    """Pairs to be weighed, one row each.

    Attributes:
        pairs: what was labelled.
        features: shape (rows, features).
        borrowed: whether the answer was one to another question, labelled 0 by us.
    """

    pairs: tuple[Pair, ...]
    features: "npt.NDArray[np.float64]"
    borrowed: "npt.NDArray[np.bool_]"

    @property
    def scores(self) -> "npt.NDArray[np.float64]":
        """The labels."""
        import numpy as np

        return np.array([pair.score for pair in self.pairs])

    @property
    def contracts(self) -> "npt.NDArray[np.str_]":
        """What no fold may share."""
        import numpy as np

        return np.array([pair.contract for pair in self.pairs])

    @property
    def held_out(self) -> "npt.NDArray[np.bool_]":
        """Rows that nothing may be fitted on."""
        import numpy as np

        return np.array([pair.held_out for pair in self.pairs])


def weighed(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs that the rules leave to the trees."""
    return [p for p in pairs if by_rule(p.question, p.expected, p.answer) is None]


def borrowed(pairs: Sequence[Pair]) -> list[Pair]:
    """For each pair, a right answer to another question of its contract, as a wrong answer."""
    found = []
    for pair in pairs:
        others = [
            other
            for other in pairs
            if other.contract == pair.contract
            and other.question != pair.question
            and other.score >= 0.9
            and f1(normalise(other.expected[0]).split(), normalise(pair.expected[0]).split()) < 0.35
        ]
        if others:
            number = int(digest(pair.question, pair.answer)[:8], 16) % len(others)
            found.append(pair.model_copy(update={"answer": others[number].answer, "score": 0.0}))
    return found


def examples(pairs: Sequence[Pair]) -> Examples:
    """Features of the weighed pairs and of the borrowed ones."""
    import numpy as np

    from fixtures.retrieval.embedder import load_embedder

    own = weighed(pairs)
    rows = (*own, *weighed(borrowed(own)))
    compared = [comparisons(pair.question, pair.expected, pair.answer) for pair in rows]
    texts = sorted({text for group in compared for each in group for text in each.wanted})
    vectors = dict(zip(texts, load_embedder().embed(texts), strict=True))
    features = np.array([nearest(group, vectors)[1] for group in compared])
    return Examples(rows, features, np.arange(len(rows)) >= len(own))


def fitted(
    rows: Examples, chosen: "npt.NDArray[np.bool_]", columns: Sequence[str] = tuple(DIRECTIONS)
) -> Any:
    """A fitted `HistGradientBoostingRegressor` of the chosen rows and columns."""
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        max_iter=200,
        learning_rate=0.06,
        max_leaf_nodes=12,
        min_samples_leaf=12,
        l2_regularization=1.0,
        max_features=0.3,
        monotonic_cst=[DIRECTIONS[name] for name in columns],
        early_stopping=False,
        random_state=0,
    )
    weights = np.where(rows.borrowed, BORROWED_WEIGHT, 1.0)
    places = [list(DIRECTIONS).index(name) for name in columns]
    model.fit(rows.features[chosen][:, places], rows.scores[chosen], sample_weight=weights[chosen])
    return model
