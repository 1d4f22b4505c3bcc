"""What do chances of their own gain, of labels of cases of which the judge is unsure? For docs.

`python -m bench unsure` replaces the table of docs/statistics.md. People's scores are those of the
labelled pairs that are held out, the judge's those that `reference` really gives them. An exam is
so many contracts drawn from theirs, each time with other models: the second model's answer is the
same, or stands for another pair of the contract.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.labels import ALPHA, LEAST, PAGE, Tally
from bench.marked import marked
from bench.results import Finding, Row
from evals.judges.pairs import read_pairs
from evals.judges.reference.judge import ReferenceJudge
from reports.labelling.draw import spread
from reports.labelling.unsure import draw, error_of
from reports.statistics.powered_difference import prediction_powered_difference
from reports.statistics.ppi import prediction_powered_mean

if TYPE_CHECKING:
    import numpy as np

    from reports.statistics.clusters import Floats

EXAMS = 200
SIZES = ((40, 60), (40, 120), (100, 120))
"""Contracts, and labelled cases."""

SAME = 0.6
"""Share of the cases to which both models give one answer."""

DRAWS = ("plain", "half where they differ", "half by chances")


@dataclass(frozen=True, slots=True)
class Scored:
    """Shape (n,) each: the contract, the judge's score, people's, of labelled pairs."""

    contracts: tuple[str, ...]
    judge: "Floats"
    people: "Floats"


def scored_pairs() -> Scored:
    """The pairs that are held out, but for those that the reference judge leaves unscored."""
    import numpy as np

    judge = ReferenceJudge()
    rows = [
        (pair.contract, said, pair.label)
        for pair in read_pairs()
        if pair.held_out and (said := judge.score(pair.case, pair.answer).value) is not None
    ]
    return Scored(
        tuple(contract for contract, _, _ in rows),
        np.array([said for _, said, _ in rows]),
        np.array([label for _, _, label in rows]),
    )


def saved(pairs: Scored) -> float:
    """Variance of the mean with chances by the judge's score, over that with equal ones.

    E[e^2 / w] E[w] / E[e^2] for errors e and weights w, of small chances.
    """
    import numpy as np

    squares = np.square(pairs.judge - pairs.people)
    weights = np.sqrt([error_of(score) for score in pairs.judge])
    return float((squares / weights).mean() * weights.mean() / squares.mean())


def measured(pairs: Scored, contracts: int, labels: int, exams: int) -> dict[str, dict[str, Tally]]:
    """Tallies of the difference, and of one model's mean, by how cases were drawn."""
    import numpy as np

    found = {
        "difference": {name: Tally(0.0) for name in DRAWS},
        "mean": {name: Tally(float(pairs.people.mean())) for name in (DRAWS[0], DRAWS[2])},
    }
    for number in range(exams):
        rng = np.random.default_rng([contracts, labels, number])
        _examine(pairs, contracts, labels, rng, found)
    return found


def _examine(
    pairs: Scored,
    contracts: int,
    labels: int,
    rng: "np.random.Generator",
    found: dict[str, dict[str, Tally]],
) -> None:
    import numpy as np

    of = np.array(pairs.contracts)
    taken = [np.flatnonzero(of == name) for name in rng.choice(np.unique(of), contracts)]
    one, names = np.concatenate(taken), [f"k{at}" for at, own in enumerate(taken) for _ in own]
    same = rng.random(len(one)) < SAME
    other = np.where(same, one, np.concatenate([rng.permutation(own) for own in taken]))
    order = spread([(name, f"{rng.random()}") for name in names])
    places = np.argsort(order).tolist()
    errors = np.array([error_of(score) for score in pairs.judge])
    square = np.where(same, 0.0, errors[one] + errors[other])
    judge, people = (side[one] - side[other] for side in (pairs.judge, pairs.people))
    by_chance = draw(np.sqrt(square).tolist(), places, labels)
    half = order[: labels - labels // 2]
    apart = [case for case in order if not same[case] and case not in {*half}]
    for name, cases, chances in (
        (DRAWS[0], order[:labels], None),
        (DRAWS[1], [*half, *apart[: labels // 2]], None),
        (DRAWS[2], by_chance.drawn, by_chance.chances),
    ):
        known = _known(people, cases)
        estimate = prediction_powered_difference(
            judge.tolist(), known, same.tolist(), names, ALPHA, chances
        ).estimate
        found["difference"][name].add(estimate)
    by_chance = draw(np.sqrt(errors[one]).tolist(), places, labels)
    for name, cases, chances in (
        (DRAWS[0], order[:labels], None),
        (DRAWS[2], by_chance.drawn, by_chance.chances),
    ):
        known, said = _known(pairs.people[one], cases), pairs.judge[one].tolist()
        estimate = prediction_powered_mean(said, known, names, ALPHA, chances=chances).estimate
        found["mean"][name].add(estimate)


def _known(people: "Floats", cases: "list[int] | tuple[int, ...]") -> list[float | None]:
    drawn = {*cases}
    return [score if case in drawn else None for case, score in enumerate(people.tolist())]


def table(found: dict[tuple[int, int], dict[str, dict[str, Tally]]], exams: int) -> Iterator[str]:
    """A row for each size and quantity."""
    yield f"95 % intervals that hold the truth, mean width ({exams:,} exams a row)."
    yield ""
    yield f"| exam | of | {' | '.join(DRAWS)} |"
    yield "|---" * (len(DRAWS) + 2) + "|"
    for (contracts, labels), each in found.items():
        for name, tallies in each.items():
            cells = " | ".join(str(tallies.get(way, "")) for way in DRAWS)
            yield f"| {labels} cases labelled, {contracts} contracts | {name} | {cells} |"


def measure(page: Path = PAGE, exams: int = EXAMS) -> Finding:
    """Simulate, write the page, and hold the promise: 93 of 100 intervals at 95 % at least."""
    pairs = scored_pairs()
    found = {size: measured(pairs, *size, exams) for size in SIZES}
    page.write_text(marked(page, "unsure", table(found, exams)), encoding="utf-8")
    shares = [each["difference"][DRAWS[2]].share or 0.0 for each in found.values()]
    rows = [
        Row("least share of 95 % intervals that hold the truth", f"{min(shares):.1%}",
            f"at least {LEAST:.0%}", min(shares) >= LEAST),
        Row("of the labels, what the best chances by its score would save",
            f"{1 - saved(pairs):.1%}", "", None),
    ]  # fmt: skip
    return Finding(
        "labels of cases of which the judge is unsure",
        f"`python -m bench unsure`: {exams:,} exams a cell; the table is in docs/statistics.md.",
        rows,
    )
