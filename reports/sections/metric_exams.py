"""What embedded metrics other than correctness showed in exams of their own."""

from collections.abc import Iterator, Sequence

from evals.gate import Gate
from evals.judges.metric_exam import MATERIALS, MetricExam, Statement
from evals.metrics.table import METRICS
from evals.results import Score
from reports.report import Finding, Section
from reports.statistics.estimates import Estimate, Outcome
from reports.statistics.intervals import cluster_mean

METRICS_SECTION = "metric_exams"
NOTE = (
    "How much better a metric scores what the passages say than what was made up beside them, fact "
    "by fact: 1 tells them apart, 0 does not. In this measure a mean of the metric follows the "
    "truth. A metric that falls short of the gate file's line is reported, and inconclusive where "
    "it gates."
)


def metric_section(exams: Sequence[MetricExam], gate: Gate) -> Section:
    """What each metric showed, held against the gate file."""
    findings = [
        finding for exam in exams for finding in _findings(exam, gate.judge.separation, gate.alpha)
    ]
    return Section(METRICS_SECTION, "The metrics' own exams", NOTE, tuple(findings))


def unexamined(gate: Gate, section: Section | None, *, skipped: bool = False) -> dict[str, str]:
    """The gated metrics that did not pass an exam of their own, each with a line that says so.

    Args:
        gate: as the file says.
        section: of the metrics' exams; None where none was taken.
        skipped: whether the exams were left out on purpose.
    """
    lines = {}
    for name in dict.fromkeys((*gate.gating, *gate.critical.metrics)):
        if name not in MATERIALS or gate.judge.separation is None:
            continue
        found = {material: _of(section, name, material) for material in MATERIALS[name] if section}
        wrong = [f"no exam in {material}" for material, each in found.items() if not each]
        wrong += [f.line for each in found.values() for f in each if f.outcome != "PASS"]
        if wrong or not found:
            why = "--judge-exam skip" if skipped else "; ".join(wrong) or "no exam"
            lines[name] = (
                f"{name} is reported and cannot pass: it did not pass its own exam ({why}); say "
                'role = "report" in the gate file'
            )
    return lines


def _of(section: Section, metric: str, material: str) -> list[Finding]:
    """What was found of a metric in one material, by each of its judges."""
    return [
        each
        for each in section.findings
        if each.subject == metric and each.measure.partition(" (")[0] == material
    ]


def misstated(section: Section | None, line: float | None) -> str | None:
    """Why a section is none of an exam: a metric that passes by numbers that do not."""
    for each in section.findings if section else ():
        if each.outcome == "PASS" and _outcome(each.estimate, line) != "PASS":
            return (
                f"{each.subject} does not pass its exam in {each.measure} by the numbers it gives"
            )
    return None


def _findings(exam: MetricExam, line: float | None, alpha: float) -> Iterator[Finding]:
    for material, measure in exam.measures.items():
        trials = [(each, score) for each, score in exam.trials if each.material == material]
        found = _separation(exam.metric, trials, alpha)
        kinds = dict.fromkeys(each.kind for each, _ in trials if each.made_up)
        alone = {kind: _separation(exam.metric, _without(trials, kind), alpha) for kind in kinds}
        said = [f"{kind} {each.mean:.2f}" for kind, each in alone.items() if each]
        if lost := sum(score.value is None for _, score in trials):
            said.append(f"{lost} of {len(trials)} have nothing to score")
        yield Finding(exam.metric, measure, found, ", ".join(said), _outcome(found, line))


def _without(trials: Sequence[tuple[Statement, Score]], kind: str) -> list[tuple[Statement, Score]]:
    """The true statements, and those made up in one way."""
    return [(each, score) for each, score in trials if not each.made_up or each.kind == kind]


def _separation(
    metric: str, trials: Sequence[tuple[Statement, Score]], alpha: float
) -> Estimate | None:
    """The mean score of what is true less that of what was made up, over facts that have both."""
    facts: dict[tuple[str, str], tuple[list[float], list[float]]] = {}
    for each, score in trials:
        if score.value is not None:
            sides = facts.setdefault((each.contract, each.fact), ([], []))
            sides[each.made_up].append(METRICS[metric].gain(score.value))
    both = {fact: sides for fact, sides in facts.items() if all(sides)}
    if not both:
        return None
    apart = [sum(true) / len(true) - sum(false) / len(false) for true, false in both.values()]
    return cluster_mean(apart, [contract for contract, _ in both], alpha, "difference")


def _outcome(found: Estimate | None, line: float | None) -> Outcome | None:
    if line is None:
        return None
    return "INCONCLUSIVE" if found is None else found.against(line)
