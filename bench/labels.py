"""Do few labels and an imperfect judge keep what is promised of them? Simulations, for docs.

`python -m bench labels` replaces the tables of docs/statistics.md.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.judged_world import JudgedExam, JudgedWorld, judged_exam
from bench.marked import marked
from bench.results import Finding, Row
from reports.statistics.corrected import Calibration, corrected_rate
from reports.statistics.estimates import Estimate
from reports.statistics.intervals import cluster_mean
from reports.statistics.powered_difference import prediction_powered_difference
from reports.statistics.ppi import PredictionPowered, prediction_powered_mean

PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"
ALPHA, LEAST = 0.025, 0.93
"""Of each end, for intervals of 95 %; and the share of them that must hold the truth."""

EXAMS = 500
EXAMINED = 0.5
"""Share of right answers in the judge's own exam, which is of other contracts."""

WORLDS = (
    JudgedWorld(20, 20, 30),
    JudgedWorld(20, 20, 30, 0.95, 0.95),
    JudgedWorld(40, 20, 30, 0.7, 0.95, labelled=12, uneven=True),
    JudgedWorld(100, 20, 30),
    JudgedWorld(100, 20, 30, 0.95, 0.95),
    JudgedWorld(20, 20, 100, 0.7, 0.7),
    JudgedWorld(20, 20, 100, 0.95, 0.95, uneven=True),
    JudgedWorld(40, 20, 100),
    JudgedWorld(40, 20, 100, 0.95, 0.95, labelled=15, uneven=True),
    JudgedWorld(40, 20, 100, bias=0.15),
    JudgedWorld(100, 20, 100, 0.7, 0.95),
    JudgedWorld(100, 20, 100, 0.95, 0.95, right=0.93, discordance=0.06, difference=-0.02),
    JudgedWorld(40, 20, 300, 0.7, 0.7),
    JudgedWorld(100, 20, 300, 0.85, 0.85, labelled=30, uneven=True),
    JudgedWorld(100, 20, 300, bias=0.15),
    JudgedWorld(100, 20, 300, 0.95, 0.95),
)


@dataclass
class Tally:
    """Of many exams: how often an interval was there, held the truth, and how wide it was."""

    truth: float
    exams: int = 0
    widths: list[float] = field(default_factory=list)
    held: int = 0

    def add(self, found: Estimate | None) -> None:
        """Count one exam's interval, or that it has none."""
        self.exams += 1
        if found is None or found.low is None or found.high is None:
            return
        self.widths.append(found.high - found.low)
        self.held += found.low <= self.truth <= found.high

    @property
    def share(self) -> float | None:
        """Of the intervals that were there; None where they were in fewer than a tenth."""
        return self.held / len(self.widths) if 10 * len(self.widths) >= self.exams else None

    def __str__(self) -> str:
        """Share that held, mean width, and how many exams had none."""
        if self.share is None:
            return f"none in {1 - len(self.widths) / self.exams:.0%}"
        lacking = self.exams - len(self.widths)
        none = f", none in {lacking / self.exams:.0%}" if lacking else ""
        return f"{self.share:.1%}, {sum(self.widths) / len(self.widths):.3f}{none}"


SHARES = ("the judge's count", "corrected by its exam", "corrected by labels", "powered", "labels")
DIFFERENCES = ("the judge's difference", "powered", "labels")
PROMISED = (SHARES[2:4], DIFFERENCES[1:2])
"""What must hold: the others take the judge at its word, or as it was on other answers."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The tallies of one world: of the candidate's share of right answers, and the difference."""

    share: dict[str, Tally]
    difference: dict[str, Tally]


def measured(world: JudgedWorld, exams: int, seed: int) -> Measured:
    """Examine so many times."""
    found = Measured(
        {name: Tally(world.candidate) for name in SHARES},
        {name: Tally(world.difference) for name in DIFFERENCES},
    )
    examined = replace(world, right=EXAMINED - world.difference, bias=0.0, labelled=None)
    for number in range(exams):
        drawn = judged_exam(world, (seed, number))
        exam = judged_exam(examined, (seed, number, 2))
        for name, estimate in _shares(drawn, exam).items():
            found.share[name].add(estimate)
        for name, estimate in _differences(drawn).items():
            found.difference[name].add(estimate)
    return found


def _shares(drawn: JudgedExam, exam: JudgedExam) -> dict[str, Estimate | None]:
    judge, contracts = drawn.judge.tolist(), drawn.contracts
    by_exam, by_labels = (
        corrected_rate(judge, contracts, _calibration(each), ALPHA) for each in (exam, drawn)
    )
    powered = prediction_powered_mean(
        [float(passed) for passed in judge],
        _seen(drawn.candidate.astype(float).tolist(), drawn),
        contracts,
        ALPHA,
    )
    found: tuple[Estimate | None, ...] = (
        by_exam.judged, by_exam.estimate, by_labels.estimate, powered.estimate, powered.labels,
    )  # fmt: skip
    return dict(zip(SHARES, found, strict=True))


def _differences(drawn: JudgedExam) -> dict[str, Estimate | None]:
    judge = (drawn.judge.astype(float) - drawn.of_champion).tolist()
    people = (drawn.candidate.astype(float) - drawn.champion).tolist()
    alone = cluster_mean(judge, drawn.contracts, ALPHA, "difference")
    found: PredictionPowered = prediction_powered_difference(
        judge, _seen(people, drawn), [False] * len(judge), drawn.contracts, ALPHA
    )
    return dict(zip(DIFFERENCES, (alone, found.estimate, found.labels), strict=True))


def _seen(people: Sequence[float], drawn: JudgedExam) -> list[float | None]:
    known = drawn.labelled.tolist()
    return [score if seen else None for score, seen in zip(people, known, strict=True)]


def _calibration(drawn: JudgedExam) -> Calibration:
    known = drawn.labelled
    contracts = [name for name, seen in zip(drawn.contracts, known, strict=True) if seen]
    return Calibration(drawn.judge[known].tolist(), drawn.candidate[known].tolist(), contracts)


def tables(found: dict[str, Measured], exams: int) -> Iterator[str]:
    """Two tables, a world a row."""
    of: tuple[tuple[str, Sequence[str], Callable[[Measured], dict[str, Tally]]], ...] = (
        ("The share of right answers", SHARES, lambda each: each.share),
        ("Candidate less champion", DIFFERENCES, lambda each: each.difference),
    )
    for number, (title, names, tallies) in enumerate(of):
        if number:
            yield ""
        yield f"{title}: 95 % intervals that hold the truth, mean width ({exams:,} exams a row)."
        yield ""
        yield f"| exam | {' | '.join(names)} |"
        yield "|---" * (len(names) + 1) + "|"
        for world, each in found.items():
            yield f"| {world} | {' | '.join(str(tallies(each)[name]) for name in names)} |"


def measure(page: Path = PAGE, exams: int = EXAMS) -> Finding:
    """Simulate, write the page, and hold the promise: 93 of 100 intervals at 95 % at least."""
    found = {world.name: measured(world, exams, seed) for seed, world in enumerate(WORLDS)}
    page.write_text(marked(page, "labels", tables(found, exams)), encoding="utf-8")
    rows = []
    for title, names, side in zip(
        ("share of right answers", "difference"), PROMISED, ("share", "difference"), strict=True
    ):
        for name in names:
            shares = {
                world: share
                for world, each in found.items()
                if (share := getattr(each, side)[name].share) is not None
            }
            worst = min(shares, key=lambda world: shares[world])
            rows.append(
                Row(
                    f"least share of 95 % intervals that hold the truth, {title}, {name}",
                    f"{shares[worst]:.1%} of {len(shares)} cells ({worst})",
                    f"at least {LEAST:.0%}",
                    shares[worst] >= LEAST,
                )
            )
    return Finding(
        "few labels and an imperfect judge in simulated exams",
        f"`python -m bench labels`: {exams:,} exams a cell; the tables are in docs/statistics.md.",
        rows,
    )
