"""Where answers are lost: the share of each model's answers that stands at each stage."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evals.exam.run import Run
from evals.gate import Gate
from evals.results import Result
from evals.stages import ANSWERABLE, UNANSWERABLE, stage_of
from models.chat import Model
from models.spoken import scorable
from reports.report import Finding, Section
from reports.statistics.intervals import cluster_mean
from reports.verdict.pairs import value

NAME = "loss"

KINDS: Mapping[str, tuple[str, ...]] = {"answerable": ANSWERABLE, "unanswerable": UNANSWERABLE}
"""The stages of each kind of case; a finding's measure is `KIND: STAGE`."""

RIGHT = ("token_f1", "correctness")
"""Metrics that say whether an answer is right, and have a pass mark."""

OTHER_PASSAGES = "does not apply: it is not shown the passages of this exam"


@dataclass(frozen=True, slots=True)
class Rule:
    """What makes an answer right: a metric that reaches its mark."""

    metric: str
    mark: float

    def holds(self, result: Result) -> bool | None:
        """Whether it does; None where the answer has no score."""
        found = value(result, self.metric)
        return None if found is None else found >= self.mark


def loss_section(run: Run, gate: Gate) -> Section:
    """One finding a model and stage; those of one stage stand together.

    The shares of one model and kind of case sum to 1. Of a case that was asked repeatedly each
    answer counts as its part of the case.
    """
    rules = {"answerable": right_by(gate), "unanswerable": Rule("abstention", 1.0)}
    models = run.plan.models if run.plan.needs_answers else ()
    found = [
        {each.measure: each for each in _of_model(run, model, kind, rules[kind], gate.alpha)}
        for kind in KINDS
        for model in models
    ]
    order = [f"{kind}: {stage}" for kind, stages in KINDS.items() for stage in stages]
    findings = tuple(each[measure] for measure in order for each in found if measure in each)
    rule = rules["answerable"]
    note = (
        f"Every answer stands at one stage, the first that explains it. Right: {rule.metric} of "
        f"{rule.mark:g} or more, and abstention where the contract does not answer. Not retrieved: "
        "no passage that was found holds a gold answer; not shown: the model had no room for it; "
        "wrongly refused: it was shown, and the model said “not found”; not read: another passage "
        "is quoted; wrongly answered: none of these. Shares of the cases of their kind."
    )
    return Section(NAME, "Where answers are lost", note, findings)


def right_by(gate: Gate) -> Rule:
    """What the gate calls a right answer: the first of `RIGHT` that is primary, or that gates."""
    gating = [name for name in RIGHT if name in gate.gating]
    primary = [name for name in gating if gate.gating[name].role == "primary"]
    metric = [*primary, *gating, *RIGHT][0]
    return Rule(metric, getattr(gate.pass_marks, metric))


def _of_model(run: Run, model: Model, kind: str, rule: Rule, alpha: float) -> Iterator[Finding]:
    """The shares of one kind of case; of none that was scored there is no finding."""
    cases = [case for case in run.reached if case.answerable == (kind == "answerable")]
    located = [case for case in cases if case.located or not case.answerable]
    asked = [run.repeats(model.name, case) for case in located]
    scored = [each for each in asked if all(rule.holds(one) is not None for one in each)]
    if not scored:
        return
    if kind == "answerable" and _reads_others(run, scored):
        yield Finding(model.name, f"{kind}: {ANSWERABLE[0]}", None, OTHER_PASSAGES)
        return
    stood = [_stages(run, repeats, rule) for repeats in scored]
    contracts = [repeats[0].case.contract.id for repeats in scored]
    lacking = {
        "have no answer or no score": len(asked) - len(scored),
        "have no gold answer that is located": len(cases) - len(located),
    }
    beside = "".join(f"; {count} more {what}" for what, count in lacking.items() if count)
    for stage in KINDS[kind]:
        estimate = cluster_mean([each[stage] for each in stood], contracts, alpha)
        count = sum(each[stage] for each in stood)
        reason = f"{count:.4g} of {len(stood)} cases{beside}"
        yield Finding(model.name, f"{kind}: {stage}", estimate, reason)


def _stages(run: Run, repeats: Sequence[Result], rule: Rule) -> Mapping[str, float]:
    """The part of a case that stands at each stage: all of it, unless it was asked repeatedly."""
    at = Counter(
        stage_of(each.case, scorable(each.answer), run.offered(each), right=bool(rule.holds(each)))
        for each in repeats
    )
    return Counter({stage: count / len(repeats) for stage, count in at.items()})


def _reads_others(run: Run, asked: Sequence[Sequence[Result]]) -> bool:
    """Whether a model is offered no passages, or shown others than these."""
    results = [one for repeats in asked for one in repeats]
    return not any(run.offered(one) for one in results) or any(
        not any(p.start == each.start and each.end <= p.end for p in run.offered(one))
        for one in results
        for each in one.answer.passages
    )


def loss_lines(section: Section) -> Iterator[str]:
    """In a line a model and kind of case: how much is right, and where the rest is lost."""
    lines: dict[tuple[str, str, int], list[str]] = {}
    for each in section.findings if section.name == NAME else ():
        kind, stage = each.measure.split(": ")
        if each.estimate is not None:
            said = lines.setdefault((each.subject, kind, each.estimate.n), [])
            said += [f"{each.estimate.mean:.0%} {stage}"] if each.estimate.mean else []
    for (model, kind, cases), said in lines.items():
        yield f"{model}, of {cases} {kind}: {', '.join(said)}"
