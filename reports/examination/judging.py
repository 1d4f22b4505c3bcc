"""Who judges in an exam: what their own exams found, what each counts, whose family they are of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evals.gate import Gate
from evals.options import asks_nobody
from evals.results import Result
from models.family import family_in
from reports.examination.planned import Planned
from reports.report import Section
from reports.sections.families import Kinship, judges_by_metric, kinships
from reports.sections.judge_exams import exam_faults, judge_section
from reports.sections.panel import panel_section, weights_of
from reports.verdict.pairs import by_model


@dataclass(frozen=True, slots=True)
class Judging:
    """What is known of the judges once their exams are over.

    Attributes:
        exams: what these found.
        faults: by judge, why it did not pass.
        panel: what each counts; without findings where one judges alone.
    """

    exams: Section
    faults: Mapping[str, Sequence[str]]
    panel: Section

    @property
    def weights(self) -> Mapping[str, float]:
        """What each of several judges counts."""
        return weights_of(self.panel)


def judging(planned: Planned, gate: Gate) -> Judging:
    """What the judges' own exams come to, at the risk of this gate."""
    options, exams = planned.prepared.options, planned.agenda.judge_exams
    section = judge_section(exams, gate)
    skipped = options.judge_exam == "skip"
    faults = exam_faults(gate, section, options.judges, skipped=skipped)
    return Judging(section, faults, panel_section(exams, faults, gate.alpha))


def kinships_of(
    planned: Planned, gate: Gate, results: Sequence[Result], weights: Mapping[str, float]
) -> list[Kinship]:
    """The models of the exam that judges of their own family score."""
    options, answered = planned.prepared.options, by_model(results)
    names = [*answered, *(judge for judge in options.judges if not asks_nobody(judge))]
    families = {name: family_in(options.registry, name) for name in names}
    metrics = [judge.metric for judge in planned.plan.judges]
    judges = judges_by_metric(metrics, options.judges, families)
    return [*kinships(answered, families, judges, weights, gate.alpha)]
