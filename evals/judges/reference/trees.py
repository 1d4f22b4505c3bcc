"""Boosted regression trees as plain lists: what scikit-learn fitted, evaluated without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Node: TypeAlias = "float | tuple[int, float, Node, Node]"
"""A leaf's value, or (feature, threshold, at most it, above it)."""


@dataclass(frozen=True, slots=True)
class Trees:
    """The sum of a base value and of one leaf of each tree."""

    base: float
    trees: tuple[Node, ...]

    def value(self, features: Sequence[float]) -> float:
        """The prediction, unclipped."""
        return self.base + sum(leaf(tree, features) for tree in self.trees)


def leaf(node: Node, features: Sequence[float]) -> float:
    """The value of the leaf in which these features fall."""
    while isinstance(node, tuple | list):
        node = node[2] if features[node[0]] <= node[1] else node[3]
    return node


def trees_of(fitted: Any) -> Trees:
    """The trees of a fitted `HistGradientBoostingRegressor`, values to 5 decimals."""
    # It offers no public access to its nodes; the version of scikit-learn matters at fitting alone.
    grown = tuple(_node(stage[0].nodes, 0) for stage in fitted._predictors)
    return Trees(round(float(fitted._baseline_prediction.item()), 5), grown)


def _node(nodes: Any, place: int) -> Node:
    node = nodes[place]
    if node["is_leaf"]:
        return round(float(node["value"]), 5)
    at_most, above = _node(nodes, node["left"]), _node(nodes, node["right"])
    return int(node["feature_idx"]), round(float(node["num_threshold"]), 6), at_most, above
