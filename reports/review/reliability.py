"""How far reviewers agree who have been through the same items, each without the others' scores."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reports.review.desk import Desk
from reports.review.opinions import Entry
from reports.statistics.agreement import Measured, kappa_of_two, krippendorff_alpha

WINS = {"first": 1.0, "tie": 0.5, "second": 0.0}
"""Of the first answer of a pair."""


@dataclass(frozen=True, slots=True)
class Line:
    """One measure, in words."""

    reviewers: str
    measure: str
    value: str


def reliability(desk: Desk, reviewer: str) -> tuple[Line, ...]:
    """Agreement of a reviewer with each other one, and of all: of those who have finished.

    Args:
        desk: whose items they went through.
        reviewer: for whom it is, who has finished too.
    """
    finished = desk.finished()
    others = [name for name in finished if name != reviewer]
    if reviewer not in finished or not others:
        return ()
    lines = [line for other in others for line in _two(desk, finished, reviewer, other)]
    contracts = [item.case.contract for item in desk.items]
    everybody = [[score_of(said[item.id]) for said in finished.values()] for item in desk.items]
    found = krippendorff_alpha(everybody, contracts)
    names = f"all {len(finished)} reviewers" if len(others) > 1 else others[0]
    return (*lines, Line(names, "Krippendorff's alpha (squared differences)", _shown(found)))


def score_of(entry: Entry) -> float | None:
    """The score of an answer, or what the first answer of a pair won; None where there is none."""
    opinion = entry.opinion
    return WINS.get(opinion.choice) if opinion.score is None else opinion.score


def _two(
    desk: Desk, finished: Mapping[str, Mapping[str, Entry]], one: str, other: str
) -> Iterator[Line]:
    both = [
        item
        for item in desk.items
        if None not in (score_of(finished[one][item.id]), score_of(finished[other][item.id]))
    ]
    contracts = [item.case.contract for item in both]
    said = [[finished[name][item.id] for item in both] for name in (one, other)]
    mine, theirs = ([score_of(entry) or 0.0 for entry in entries] for entries in said)
    yield Line(
        other, "Cohen's kappa (quadratic weights)", _shown(kappa_of_two(mine, theirs, contracts))
    )
    if desk.kind == "answers":
        marked, also = ([float(each.opinion.hallucination) for each in of] for of in said)
        kappa = kappa_of_two(marked, also, contracts)
        yield Line(other, "Cohen's kappa of hallucinations", _shown(kappa))


def _shown(found: Measured) -> str:
    if found.estimate is None:
        return found.reason
    count = f"{found.estimate}, {found.estimate.n} answers"
    return f"{count}; {found.reason}" if found.reason else count
