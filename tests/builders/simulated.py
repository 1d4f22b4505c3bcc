"""Simulated exams case by case: as values and contracts, and as results of two models."""

from bench.simulation import World, cell_counts
from evals.results import Result, Score
from fixtures.cases import Case, Contract, Span
from models.chat import Answer

SCORES = ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0))
"""Of candidate and champion in each cell: both right, one of them, neither."""


def differences(counts):
    """d and contract of each case, from counts of cells by contract."""
    return (
        [mine - theirs for cells in counts for (mine, theirs), n in zip(SCORES, cells, strict=True)
         for _ in range(int(n))],
        [f"contract {place}" for place, cells in enumerate(counts) for _ in range(int(sum(cells)))],
    )  # fmt: skip


def one_exam(seed=0, **world):
    """One exam's differences and contracts."""
    return differences(cell_counts(World(**world), 1, seed)[0][0])


def results(counts, lost, metric="exact_match"):
    """What two models answered, the candidate without an answer where it was lost."""
    found = []
    for place, (cells, gone) in enumerate(zip(counts, lost, strict=True)):
        contract = Contract(f"contract {place}", f"text {place}")
        for cell, (scores, n) in enumerate(zip(SCORES, cells, strict=True)):
            for number in range(int(n)):
                name = f"{place}/{cell}/{number}"
                case = Case(name, name, contract, "category", "why?", (Span("text", 0),))
                for model, score in zip(("new", "old"), scores, strict=True):
                    failed = model == "new" and number < gone[cell]
                    value = Score(None, "no answer") if failed else Score(score)
                    answer = Answer("", error="timeout") if failed else Answer("text")
                    found.append(Result(model, case, answer, {metric: value}, asked=False))
    return found
