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
BY_PERSON = f"{METRIC}, with a person's scores"

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
    people = [
        label_of(row) if alone else None for (row, _), alone in zip(judged, tied, strict=True)
    ]
    left = [alone and said is None for alone, said in zip(tied, people, strict=True)]
    contracts, scored = [row.case.contract.id for row, _ in judged], sum(tied) - sum(left)
    share = cluster_mean([float(each) for each in left], contracts, gate.alpha)
    beside = f"; {scored} more were scored by a person" if scored else ""
    yield Finding(model, LEFT, share, f"{sum(left)} of {len(left)} answers{beside}")
    if scored:
        panel = [found for _, found in judged]
        mixed = [one if said is None else said for one, said in zip(panel, people, strict=True)]
        mean = cluster_mean(mixed, contracts, gate.alpha)
        floor = gate.gating[METRIC].floor if METRIC in gate.gating else None
        reason = f"the judges alone say {sum(panel) / len(panel):.3f}"
        reason += f"; the gate's floor is {floor:g}" if floor is not None else ""
        outcome = mean.against(floor) if floor is not None else None
        yield Finding(model, BY_PERSON, mean, reason, outcome)


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
