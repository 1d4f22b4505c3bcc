"""What judges say of the passages, beside where the gold answers stand in them."""

from collections.abc import Iterator, Mapping, Sequence

from evals.judges.derivable import MARK
from evals.metrics.ranking import recall_at
from evals.results import Result
from models.chat import Answer
from reports.report import Finding, Section
from reports.statistics.agreement import agreement
from reports.statistics.intervals import cluster_mean
from reports.verdict.pairs import value

NAME, METRIC = "passages", "sufficiency"
LISTED = 12
"""Cases that a finding names at most."""

NOTE = (
    f"Derivable: {METRIC} of {MARK:g} or more, by the judges. Gold spans shown: {MARK:g} or more "
    "of them start in the passages shown. That is told by places in the contract; a judge goes by "
    "what the passages say. Where the two differ, the contract says it elsewhere in other words, "
    "the passages cut it short, or the judge errs."
)


def passages_section(of_model: Mapping[str, Sequence[Result]], alpha: float) -> Section:
    """Each model's passages by the judges and by gold spans, and how far the two agree."""
    findings = [each for model, rows in of_model.items() for each in _of_model(model, rows, alpha)]
    return Section(NAME, "Can the answer be derived from the passages?", NOTE, tuple(findings))


def _of_model(model: str, rows: Sequence[Result], alpha: float) -> Iterator[Finding]:
    """Of the cases that have both; nothing of a model whose passages no judge read."""
    both = [
        (row, judged >= MARK, spans >= MARK)
        for row in rows
        if (judged := value(row, METRIC)) is not None and (spans := _recall(row)) is not None
    ]
    if not both:
        return
    contracts = [row.case.contract.id for row, _, _ in both]
    judge, gold = [float(j) for _, j, _ in both], [float(g) for _, _, g in both]
    same = [float(j == g) for j, g in zip(judge, gold, strict=True)]
    kappa = agreement(judge, gold, contracts, alpha).kappa
    shown = f"kappa {kappa.estimate}" if kappa.estimate else f"kappa: {kappa.reason}"
    asked = [row for row in rows if METRIC in row.scores]
    lost = f"; {len(asked) - len(both)} more have no score or no located gold answer"
    for measure, values, reason in (
        ("derivable", judge, ""),
        ("gold spans shown", gold, ""),
        ("agreement", same, f"{shown}{lost if len(asked) > len(both) else ''}"),
        *(
            (measure, [float(j == one and g == other) for _, j, g in both],
             _named([row for row, j, g in both if j == one and g == other]))
            for measure, one, other in (
                ("derivable, gold spans not shown", True, False),
                ("not derivable, gold spans shown", False, True),
            )
        ),
    ):  # fmt: skip
        yield Finding(model, measure, cluster_mean(values, contracts, alpha), reason)


def _recall(row: Result) -> float | None:
    """The share of the gold spans that start in the passages shown, however many these are."""
    passages = row.answer.passages
    return recall_at(len(passages))(row.case, Answer("", passages=passages)).value


def _named(rows: Sequence[Result]) -> str:
    names = [row.case.slug for row in rows[:LISTED]]
    more = [f"and {len(rows) - LISTED} more"] if len(rows) > LISTED else []
    return ", ".join([*names, *more])
