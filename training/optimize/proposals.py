"""GEPA's proposals of instructions, by models that may not keep to a layout.

dspy asks for a proposal as JSON, and ends where it cannot read one; small models write none.
Imports dspy: import this module where it is used.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dspy.teleprompt.gepa import InstructionProposer

from models.program.adapter import LenientAdapter


class Proposer(InstructionProposer):  # type: ignore[misc]
    """dspy's proposer; a reply that proposes nothing leaves the instructions as they are."""

    def __init__(self) -> None:
        super().__init__(adapter=LenientAdapter())

    def __call__(
        self,
        candidate: dict[str, str],
        reflective_dataset: Mapping[str, Sequence[Mapping[str, Any]]],
        components_to_update: list[str],
    ) -> dict[str, str]:
        """See GEPA's `ProposalFn`."""
        try:
            proposed: dict[str, str] = super().__call__(
                candidate, reflective_dataset, components_to_update
            )
        except Exception:  # an empty or unreadable reply, or examples too long for its context
            return {name: candidate[name] for name in components_to_update}
        return proposed
