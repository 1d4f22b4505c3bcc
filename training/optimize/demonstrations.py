"""Demonstrations as a program shows them. Imports dspy: import this module where it is used."""

from collections.abc import Mapping
from typing import Any

import dspy

from models.program.adapter import LenientAdapter
from models.program.shipped import numbered


class OwnLayout(dspy.Adapter):  # type: ignore[misc]
    """A program's predictors in the program's layout, and what an optimiser asks beside them.

    An optimiser takes examples for demonstrations as they are, with their passages as a list; a
    program has made one text of them before it asks. Optimisers ask for proposals in dspy's
    layout, which small models do not keep to: a reply without markers is the proposal. They change
    the instructions of a predictor and leave its fields alone, so by these it is known.
    """

    def __init__(self, own: dspy.Adapter, program: dspy.Module) -> None:
        super().__init__()
        self.own = own
        self.others = LenientAdapter()
        self.fields = {tuple(each.signature.output_fields) for each in program.predictors()}

    def __call__(
        self,
        lm: dspy.LM,
        lm_kwargs: dict[str, Any],
        signature: Any,
        demos: list[Any],
        inputs: dict[str, Any],
    ) -> list[dict[str, Any]]:
        """See `dspy.Adapter`."""
        adapter = self.own if tuple(signature.output_fields) in self.fields else self.others
        shown = [demonstration(demo) for demo in demos]
        replies: list[dict[str, Any]] = adapter(lm, lm_kwargs, signature, shown, inputs)
        return replies


def demonstration(demo: Mapping[str, Any]) -> dict[str, Any]:
    """One demonstration with its passages as one text."""
    said = dict(demo)
    if isinstance(said.get("passages"), list | tuple):
        said["passages"] = numbered(said["passages"])
    return said


def written(state: Mapping[str, Any]) -> dict[str, Any]:
    """What dspy saves of a program, its demonstrations as they were shown."""
    return {
        place: {**said, "demos": [demonstration(demo) for demo in said["demos"]]}
        if isinstance(said, Mapping) and "demos" in said
        else said
        for place, said in state.items()
    }
