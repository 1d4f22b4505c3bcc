"""How much of everything: the whole demonstration, and a small one that shows that it goes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a demonstration is; fixed before anything is run.

    Attributes:
        name: whole or small.
        contracts: of the old kinds and of the new ones that are used at most; None takes all.
        rows: of SFT.
        sft, align: steps.
        drawn, opposites: prompts whose answers are drawn, and further pairs.
        synthetic: questions that are written.
        exam, judged: cases of the loop's exam, and of each comparison afterwards.
        floor: of the balanced score, which is 0.5 of a model that declines everything; as its cases
            can tell.
        margin: how much worse still counts as not worse; as wide as its cases can tell.
        served: requests about contracts of each kind that arrive.
    """

    name: str
    contracts: tuple[int, int] | None
    rows: int
    sft: int
    align: int
    drawn: int
    opposites: int
    synthetic: int
    exam: int
    judged: int
    floor: float
    margin: float
    served: int


WHOLE = Sizes("whole", None, 2000, 60, 40, 60, 400, 200, 800, 400, 0.5, 0.05, 700)
SMALL = Sizes("small", (120, 60), 400, 24, 6, 8, 40, 20, 120, 60, 0.4, 0.15, 60)
