"""Answers that a panel leaves to a person: its judges lie far apart, or their votes tie.

What people say of them stands beside the verdict and not in it, as all labels do (decision 0018):
nothing seals a file of labels, and these are of the answers alone that judges find hard.
"""

from collections.abc import Iterator, Mapping, Sequence

from evals.gate import Gate
from evals.judges.judge import heard_of
from evals.labels import Label
from evals.results import Result, Score
from reports.report import Finding, Section
from reports.sections.labels import METRIC, lookup
from reports.statistics.intervals import cluster_mean
from reports.verdict.pairs import value

TIES, LEFT = "ties", "left to a person"

APART = 0.4
"""Scores of one answer that differ by more leave it to a person: two steps of the rubric."""

TIE = 0.1
"""Majority, as a share of the weight, below which votes at the pass mark tie."""

NOTE = (
    f"Answers on which the judges that are heard differ by more than {APART:g}, or of whose weight "
    f"less than {TIE:.0%} more is on one side of the pass mark than on the other. A person's score "
    "(python -m reports.labelling RUN --tied, then --labels) takes the place of the panel's here, "
    "and stands beside the verdict, which is the judges'."
)


def is_tied(score: Score, weights: Mapping[str, float], mark: float) -> bool:
    """Whether a panel leaves an answer to a person.

    >>> def votes(**said):
    ...     return Score(None, "", tuple(said.items()))
    >>> is_tied(votes(a=0.2, b=0.7), {}, 0.5), is_tied(votes(a=0.6, b=0.9), {}, 0.5)
    (True, False)
    >>> is_tied(votes(a=0.4, b=0.6), {}, 0.5), is_tied(votes(a=0.4, b=0.6), {"a": 2, "b": 1}, 0.5)
    (True, False)
    """
    heard = heard_of(score, weights)
    said = [(vote, heard[name]) for name, vote in score.votes if name in heard and vote is not None]
    if len(said) < 2:
        return False
    scores = [vote for vote, _ in said]
    total, passing = sum(heard.values()), sum(weight for vote, weight in said if vote >= mark)
    tied = 0 < passing < total and abs(2 * passing - total) < TIE * total
    return tied or max(scores) - min(scores) > APART + 1e-9


def ties_section(
    of_model: Mapping[str, Sequence[Result]],
    labels: Sequence[Label],
    weights: Mapping[str, float],
    gate: Gate,
) -> Section:
    """How many answers of each model are left to a person, and what becomes of its mean by one.

    Args:
        of_model: results by model, at these weights.
        labels: people's scores.
        weights: of the judges; none where there is no panel.
        gate: its pass mark is where votes tie.
    """
    findings = [
        finding
        for model, rows in of_model.items()
        if weights
        for finding in _of_model(model, rows, labels, weights, gate)
    ]
    return Section(TIES, "Answers left to a person", NOTE, tuple(findings))


def _of_model(
    model: str,
    rows: Sequence[Result],
    labels: Sequence[Label],
    weights: Mapping[str, float],
    gate: Gate,
) -> Iterator[Finding]:
    judged = [(row, found) for row in rows if (found := value(row, METRIC)) is not None]
    if not judged:
        return
    mark, label_of = gate.pass_marks.correctness, lookup(labels)
    tied = [row.repeats == 1 and is_tied(row.scores[METRIC], weights, mark) for row, _ in judged]
    contracts = [row.case.contract.id for row, _ in judged]
    share = cluster_mean([float(each) for each in tied], contracts, gate.alpha)
    yield Finding(model, LEFT, share, f"{sum(tied)} of {len(tied)} answers")
    people = [
        label_of(row) if left_open else None
        for (row, _), left_open in zip(judged, tied, strict=True)
    ]
    scored = sum(said is not None for said in people)
    if not scored:
        return
    judges = sum(found for _, found in judged) / len(judged)
    mean = cluster_mean(
        [found if said is None else said for (_, found), said in zip(judged, people, strict=True)],
        contracts,
        gate.alpha,
    )
    left = f"; {sum(tied) - scored} are still the judges'" if scored < sum(tied) else ""
    reason = f"{scored} of {sum(tied)} by a person{left}; the judges alone say {judges:.3f}"
    yield Finding(model, f"{METRIC}, these by a person", mean, reason)


def format_ties(found: Sequence[Section], run: str) -> Iterator[str]:
    """How to have the answers of a run that are left to a person scored; nothing without any."""
    findings = (finding for each in found if each.name == TIES for finding in each.findings)
    shares = [finding.estimate for finding in findings if finding.measure == LEFT]
    left = sum(round(share.mean * share.n) for share in shares if share)
    if left:
        yield (
            f"{left} answers are left to a person, for their judges differ: "
            f"python -m reports.labelling {run} --tied"
        )
