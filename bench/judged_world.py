"""Simulated exams whose answers people and an imperfect judge would pass or not."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.simulation import RIGHT, dirichlet_counts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from reports.statistics.clusters import Floats

    Bools = npt.NDArray[np.bool_]
    Places = npt.NDArray[np.intp]

ICC = 0.05
"""Within contracts: of answers, and of the judge's errors on right ones and on wrong ones."""


@dataclass(frozen=True, slots=True)
class JudgedWorld:
    """Where exams come from of which people have labelled some answers.

    `right` is the share of the cases that both models answer rightly or the champion alone does,
    the champion's; `discordance` and `difference` are as in `simulation.World`. The judge passes a
    share `sensitivity` of the right answers, and `1 - specificity` of the wrong ones, of the
    candidate's `bias` more. Contracts have `cases` on average, in proportion to 1 / rank ** 0.7
    where `uneven`; `labels` are drawn from all cases alike, or from `labelled` contracts, of
    the k-th in proportion to 1 / k.
    """

    contracts: int = 40
    cases: int = 20
    labels: int = 100
    sensitivity: float = 0.85
    specificity: float = 0.85
    labelled: int | None = None
    uneven: bool = False
    bias: float = 0.0
    right: float = RIGHT
    discordance: float = 0.2
    difference: float = -0.03

    @property
    def sizes(self) -> "Places":
        """Cases of each contract, shape (contracts,)."""
        import numpy as np

        if not self.uneven:
            return np.full(self.contracts, self.cases)
        parts = np.arange(1, self.contracts + 1) ** -0.7
        whole = self.contracts * self.cases
        found: Places = np.maximum(np.round(whole * parts / parts.sum()), 1).astype(np.intp)
        return found

    @property
    def cells(self) -> tuple[float, float, float, float]:
        """Probability that both are right, the candidate only, the champion only, neither."""
        gained = (self.discordance + self.difference) / 2
        lost = self.discordance - gained
        return self.right - lost, gained, lost, 1 - self.right - gained

    @property
    def candidate(self) -> float:
        """Share of the cases that the candidate answers rightly."""
        return self.right + self.difference

    @property
    def name(self) -> str:
        """Labels, contracts x cases, the judge."""
        spread = "" if self.labelled is None else f" of {self.labelled}, unevenly"
        sizes = ", uneven" if self.uneven else ""
        biased = f", bias {self.bias:g}" if self.bias else ""
        right = f", {self.right:.0%} right" if self.right != RIGHT else ""
        return (
            f"{self.labels} labels{spread}, {self.contracts} x {self.cases}{sizes}, judge "
            f"{self.sensitivity:g} / {self.specificity:g}{biased}{right}"
        )


@dataclass(frozen=True, slots=True)
class JudgedExam:
    """Shape (n,) each: whether the candidate and the champion are right, and what the judge says.

    `labelled` says of which cases people have labelled both answers, `members` the contract.
    """

    members: "Places"
    candidate: "Bools"
    champion: "Bools"
    judge: "Bools"
    of_champion: "Bools"
    labelled: "Bools"

    @property
    def contracts(self) -> list[str]:
        """Their names."""
        return [f"contract {number:03}" for number in self.members.tolist()]


def judged_exam(world: JudgedWorld, seed: tuple[int, ...]) -> JudgedExam:
    """Draw one exam."""
    import numpy as np

    draw = np.random.default_rng(seed)
    sizes = world.sizes
    counts = dirichlet_counts(world.cells, ICC, sizes.astype(float), 1, (*seed, 1))[0].astype(int)
    members = np.repeat(np.arange(world.contracts), sizes)
    cell = np.concatenate([draw.permutation(np.repeat(np.arange(4), each)) for each in counts])
    candidate, champion = cell <= 1, (cell == 0) | (cell == 2)
    passes_right = _chances(draw, world.sensitivity, world.contracts)[members]
    passes_wrong = _chances(draw, 1 - world.specificity, world.contracts)[members]

    def judged(right: "Bools", bias: float) -> "Bools":
        chance = np.where(right, passes_right, np.minimum(passes_wrong + bias, 1.0))
        found: Bools = draw.random(len(members)) < chance
        return found

    return JudgedExam(
        members,
        candidate,
        champion,
        judged(candidate, world.bias),
        judged(champion, 0.0),
        _labelled(draw, world, members),
    )


def _chances(draw: "np.random.Generator", mean: float, contracts: int) -> "Floats":
    """One a contract, of this mean, so that its cases correlate by `ICC`."""
    weight = 1 / ICC - 1
    return draw.beta(mean * weight, (1 - mean) * weight, contracts)


def _labelled(draw: "np.random.Generator", world: JudgedWorld, members: "Places") -> "Bools":
    import numpy as np

    weights = np.ones(world.contracts)
    if world.labelled is not None:
        ranks = draw.permutation(world.contracts)
        weights = np.where(ranks < world.labelled, 1 / (1 + ranks), 0.0)
    chances = (weights / world.sizes)[members] if world.labelled is not None else weights[members]
    count = min(world.labels, int((chances > 0).sum()))
    chosen = draw.choice(len(members), count, replace=False, p=chances / chances.sum())
    found = np.zeros(len(members), dtype=bool)
    found[chosen] = True
    return found
