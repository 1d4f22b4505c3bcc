"""A verdict computed again from the results of its report, by the very functions of the exam.

Gate file, data set, registry and manifests are read as they are now. Taken from the report are the
answers themselves, judges' scores, the judges' own exams, and how many exceptions there were.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from common.errors import UserError
from common.identity import file_digest
from common.redaction import redacted
from evals.gate import Gate, read_gate
from evals.results import Result
from evals.suites import JUDGE
from fixtures.cases import Case, Dataset
from fixtures.datasets import load_dataset, seals_beside
from fixtures.retrieval.passages import Chunker
from fixtures.retrieval.retrieval import RetrieverOptions
from fixtures.sealing import seals_of
from fixtures.selection import Selection, select
from models.entry import Entry
from models.promotion.admission.evidence import ExamEvidence
from models.promotion.refused import RefusedError
from models.registry import RecordedEntry, parts_of, read_entry
from reports.archive import read_report
from reports.evidence.differences import differences, of_gate
from reports.evidence.last_exam import examine_line, jsonable, reported
from reports.evidence.panel import panel_differences, preferring_again
from reports.evidence.results import Asked, results_again
from reports.examination.looks import plan_stages
from reports.report import Group, Opponent, Report, Verdict
from reports.sections.judge_exams import contradictory, exam_faults, untrusted
from reports.sections.judge_forms import FORMS_SECTION, uncovered, unproved
from reports.sections.metric_exams import METRICS_SECTION, misstated, unexamined
from reports.sections.panel import heard
from reports.verdict.bars import Bars, inapplicable
from reports.verdict.conclude import judge_candidates
from reports.verdict.decide import shared, who_may_pass
from reports.verdict.guards import section_checks
from reports.verdict.leakage import excuses, leak_checks, without_trained
from reports.verdict.pairs import by_model
from reports.verdict.preconditions import fault_checks, partial_check


def judged_again(exam: ExamEvidence, registry: Path, dataset: str | None = None) -> ExamEvidence:
    """The evidence with verdict and estimates as they follow from what the report lists.

    Args:
        exam: what the report says; its gate file is the one of the exam.
        registry: entries of the models.
        dataset: where the data set lies now; None is where the exam found it.

    Raises:
        UserError: report, gate file or an entry cannot be read.
        RefusedError: the data set is not here, or the report says otherwise than it must; the line
            names the first difference.
    """
    name, again = exam.verdict.model, f"type `{examine_line(exam.verdict.model)}`"
    report = read_report(exam.path)
    if file_digest(exam.path) != exam.source.sha256:
        raise RefusedError(f"{exam.path} changed while it was read; type the same command again")
    if not report.header.dataset.source:
        raise RefusedError(
            f"{exam.path} was written by an earlier release, and does not say all that its verdict "
            f"rests on; {again}"
        )
    gate, data = read_gate(exam.gate.file), _load(report, exam, dataset, registry)
    try:
        if gate.identity != exam.gate.identity:
            raise ValueError("its gate file says otherwise than the digest in it")
        verdict, group = judge_again(report, name, gate, data, registry)
        for wrong in differences(report, verdict, group):
            raise ValueError(wrong)
    except (ValueError, ArithmeticError) as error:  # numbers with which nobody can count, too
        raise RefusedError(
            f"{exam.path} says {exam.verdict.outcome} of {name}, and computed again it does not "
            f"hold: {error}; {again}"
        ) from error
    return replace(
        exam,
        verdict=reported(verdict),
        estimates=jsonable(group.estimates),
        seals=seals_of(data.reserve, seals_beside(registry)),
    )


def _load(report: Report, exam: ExamEvidence, dataset: str | None, registry: Path) -> Dataset:
    """The data set of the exam.

    Raises:
        RefusedError: it is not here, or is another.
    """
    facts, command = report.header.dataset, f"python -m models.promote {exam.verdict.model}"
    try:
        found = load_dataset(dataset or facts.source, seals=seals_beside(registry))
    except UserError as error:
        raise RefusedError(
            f"{exam.path} cannot be computed again without its data set {facts.name} ({error}); "
            f"say where it lies: `{command} --dataset PATH`"
        ) from error
    if found.identity != facts.identity:
        raise RefusedError(
            f"{dataset or facts.source} is not the data set that {exam.path} examined "
            f"({found.identity[:12]}, not {facts.identity[:12]}): restore it, or type "
            f"`{examine_line(exam.verdict.model)}`"
        )
    return found


def judge_again(
    report: Report, name: str, gate: Gate, dataset: Dataset, registry: Path
) -> tuple[Verdict, Group]:
    """The verdict on one candidate, and its estimates.

    Args:
        report: lists the results.
        name: of the candidate.
        gate: as the file says.
        dataset: that was examined.
        registry: entries of the models of the exam.

    Raises:
        UserError: an entry or a manifest cannot be read.
        ValueError: the report lists otherwise than an exam does; the first difference, in words.
    """
    header = report.header
    entries = {model.name: read_entry(model.name, registry) for model in header.models}
    judged = [part for verdict in report.verdicts for _, part in parts_of(verdict.model, registry)]
    selection = _selection(report, dataset, judged, gate)
    selected = _selected(dataset, selection)
    opponents = _opponents(report, name)
    candidates = who_may_pass([verdict.model for verdict in report.verdicts], opponents)
    asked, level = _at_look(report, selected, shared(gate, candidates))
    results = results_again(
        report,
        Asked(
            models=tuple(entries),
            cases=asked,
            gating=gate.gating,
            recorded={each for each, entry in entries.items() if isinstance(entry, RecordedEntry)},
        ),
    )
    for wrong in panel_differences(report, gate, results):
        raise ValueError(wrong)
    counts = len(asked), len({case.contract.id for case in asked})
    if counts != (header.dataset.examined_cases, header.dataset.examined_contracts):
        raise ValueError("it asked {} cases of {} contracts".format(*counts))
    for wrong in of_gate(header.gate, gate, level):
        raise ValueError(wrong)
    further = [
        *partial_check(len(selected), len(selected), selection, header.retriever.passages),
        *leak_checks(parts_of(name, registry), selected, gate.leakage, excuses(registry)),
        *fault_checks(report.exceptions, name, len(selected), gate.attrition),
        *section_checks(gate, report.sections, name),
    ]
    gate = gate.model_copy(update={"alpha": level})
    bars = replace(
        _bars(report, gate, entries, selected, results),
        preferring=preferring_again(report, gate, results, registry),
    )
    groups, verdicts = judge_candidates(results, gate, [name], opponents, {name: further}, bars)
    return verdicts[0], next(group for group in groups if group.model == name)


def _selection(
    report: Report, dataset: Dataset, candidates: Sequence[Entry], gate: Gate
) -> Selection:
    """What was asked of the data set; only what was trained on may have been left out."""
    facts = report.header.dataset
    chosen = Selection(facts.split, facts.categories, facts.contracts, facts.limit, facts.balanced)
    if not facts.left_out:
        return chosen
    again = without_trained(dataset, chosen, candidates, gate.leakage)
    if sorted(map(redacted, again.left_out)) != sorted(facts.left_out):
        raise ValueError("it left out other contracts than its candidates were trained on")
    return again


def _selected(dataset: Dataset, selection: Selection) -> Sequence[Case]:
    try:
        return select(dataset, selection)
    except UserError as error:
        raise ValueError(f"its data set has no such cases ({error})") from error


def _at_look(report: Report, selected: Sequence[Case], gate: Gate) -> tuple[Sequence[Case], float]:
    """The cases that were asked, and the risk of each bound."""
    look = report.header.look
    looks = plan_stages(selected, gate.alpha, sequential=look is not None)
    if look is None:
        return selected, looks.levels[0]
    if not 1 <= look <= len(looks.levels):
        raise ValueError(f"it ended at look {look} of {len(looks.levels)}")
    return [case for stage in looks.stages[:look] for case in stage], looks.levels[look - 1]


def _opponents(report: Report, name: str) -> list[Opponent]:
    """Whom it was measured against; those that were promoted have their recorded identity."""
    (verdict,) = (each for each in report.verdicts if each.model == name)
    recorded = {each.role: each for each in (verdict.champion, verdict.anchor) if each}
    return [
        recorded.get(model.role) or Opponent(model.role, model.name, model.identity)
        for model in report.header.models
        if model.role != "candidate"
    ]


def _bars(
    report: Report,
    gate: Gate,
    entries: Mapping[str, Entry],
    selected: Sequence[Case],
    results: Sequence[Result],
) -> Bars:
    """What keeps gated metrics from speaking: their judges, or the kind of model or exam."""
    facts = report.header.retriever
    chunker = Chunker(facts.chunk_size, facts.chunk_overlap)
    options = RetrieverOptions(facts.kind, facts.k, chunker, passages=facts.passages)
    sections, judges = {each.name: each for each in report.sections}, report.header.judges
    exams, forms = sections.get(JUDGE.name), sections.get(FORMS_SECTION)
    metrics, rules = sections.get(METRICS_SECTION), gate.judge
    if wrong := (
        contradictory(exams, rules)
        or unproved(forms, rules.forms)
        or misstated(metrics, rules.separation)
    ):
        raise ValueError(wrong)
    return Bars(
        untrusted(gate, exams, judges) | unexamined(gate, metrics),
        {name: inapplicable(entry, selected, options) for name, entry in entries.items()},
        uncovered(gate, forms, heard(exam_faults(gate, exams, judges)), by_model(results)),
    )
