"""A case asked otherwise: the same question of a changed contract, or put in other words."""

from dataclasses import dataclass

from fixtures.cases import Case
from fixtures.passages import Passage


@dataclass(frozen=True, slots=True)
class Variant:
    """`case` is what is asked instead of the case `origin`, of these passages.

    Its contract's text is the changed passages alone, so that no contract is embedded anew; its
    contract has the original's id, which is the unit of independence. `kind` says what was done.
    `planted` is what an answer that was taken in would say; empty where nothing was planted.
    """

    kind: str
    origin: Case
    case: Case
    passages: tuple[Passage, ...]
    planted: str = ""
