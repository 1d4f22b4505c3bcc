"""What frameworks said of the answers that were imported from their logs, beside our own scores."""

from collections.abc import Iterator

from evals.exam.run import Run
from models.recorded import RecordedModel
from reports.report import Finding, Section
from reports.statistics.bounds import Kind
from reports.statistics.intervals import cluster_mean

NOTE = (
    "Scores that the framework's own scorers gave, under their names; where a scorer says nothing "
    "else, higher is better. Nobody has examined these scorers, so they gate nothing and stand "
    "beside the metrics of this exam. Answers without such a score are left out, and counted."
)


def imports_section(run: Run, alpha: float) -> Section:
    """Of each imported model the origin, and the mean of each scorer over the cases asked."""
    findings: list[Finding] = []
    for model in run.plan.models:
        if isinstance(model, RecordedModel) and model.origin:
            findings.append(Finding(model.name, "origin", None, model.origin.line))
            findings += _scorers(model, run, alpha)
    return Section("imports", "Scores that came with the answers", NOTE, tuple(findings))


def _scorers(model: RecordedModel, run: Run, alpha: float) -> Iterator[Finding]:
    """A case's score is the mean of its repeats; of one that lacks a repeat's there is none."""
    asked = [each for each in run.requests.draws[model.name] if isinstance(each, RecordedModel)]
    every = [(case, [each.scores(case) for each in asked]) for case in run.reached]
    names = dict.fromkeys(name for _, repeats in every for each in repeats for name in each)
    for name in names:
        scored = [
            (case.contract.id, sum(each[name] for each in repeats) / len(repeats))
            for case, repeats in every
            if all(name in each for each in repeats)
        ]
        measure = f"{model.source.form}:{name}"
        if not scored:
            yield Finding(model.name, measure, None, "no case has it in every repeat")
            continue
        units, values = [unit for unit, _ in scored], [value for _, value in scored]
        kind: Kind = "share" if all(0 <= value <= 1 for value in values) else "amount"
        estimate = cluster_mean(values, units, alpha, kind)
        lost = len(every) - len(scored)
        reason = f"{lost} of {len(every)} cases have none" if lost else ""
        yield Finding(model.name, measure, estimate, reason)
