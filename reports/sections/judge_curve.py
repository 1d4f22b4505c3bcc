"""What people give where a judge gives so much: the curve that says what a judge's score means."""

from collections.abc import Iterator, Sequence

from evals.judges.judge_exam import JudgeExam
from evals.labels import ALL, Label
from evals.results import Result
from reports.report import Finding, Section
from reports.sections.labels import METRIC, lookup
from reports.statistics.intervals import cluster_mean
from reports.verdict.pairs import value

NAME = "judge_curve"
LABELLED = "correctness of the answers with a label"
BINS = ("0–0.2", "0.2–0.4", "0.4–0.6", "0.6–0.8", "0.8–1")
JUDGE, PEOPLE = "it gives {}", "people give where it gives {}"

NOTE = (
    "Where a judge's scores lie in a fifth of 0..1: their mean, and the mean of people's scores of "
    "the same answers, clustered by contract. They are those of the judges' own exam, and, with "
    "--labels, the labelled answers of this exam that were drawn from all of them. A judge whose "
    "score is what people would give has two alike."
)


def curve_section(
    exams: Sequence[JudgeExam], results: Sequence[Result], labels: Sequence[Label], alpha: float
) -> Section:
    """Two findings a judge and bin that holds any of its scores.

    Args:
        exams: of the judges.
        results: of all models.
        labels: people's scores of them.
        alpha: risk of each end of an interval.
    """
    findings = [
        finding
        for subject, triples in (*_examined(exams), (LABELLED, _labelled(results, labels)))
        for finding in _findings(subject, triples, alpha)
    ]
    return Section(NAME, "What a judge's score means", NOTE, tuple(findings))


Triple = tuple[float, float, str]
"""The judge's score, people's, and the contract."""


def _examined(exams: Sequence[JudgeExam]) -> Iterator[tuple[str, list[Triple]]]:
    for exam in exams:
        if exam.judge.metric == METRIC:
            scored = [(each.score.value, each.pair) for each in exam.agreement]
            yield (
                exam.judge.name,
                [(score, pair.score, pair.contract) for score, pair in scored if score is not None],
            )


def _labelled(results: Sequence[Result], labels: Sequence[Label]) -> list[Triple]:
    people = lookup([label for label in labels if label.drawn == ALL])
    return [
        (judge, said, result.case.contract.id)
        for result in results
        if (judge := value(result, METRIC)) is not None
        if (said := people(result)) is not None
    ]


def _findings(subject: str, triples: Sequence[Triple], alpha: float) -> Iterator[Finding]:
    for number, name in enumerate(BINS):
        chosen = [each for each in triples if _bin(each[0]) == number]
        if not chosen:
            continue
        contracts = [contract for _, _, contract in chosen]
        judge = cluster_mean([score for score, _, _ in chosen], contracts, alpha)
        people = cluster_mean([score for _, score, _ in chosen], contracts, alpha)
        yield Finding(subject, JUDGE.format(name), judge)
        yield Finding(subject, PEOPLE.format(name), people, f"of {len(chosen):,} answers")


def _bin(score: float) -> int:
    """The number of the bin, of which the last holds 1."""
    return min(max(int(score * len(BINS)), 0), len(BINS) - 1)
