"""From a run to its report: what may gate, the verdicts, and what a reader is told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from evals.exam.run import Run
from evals.gate import Gate
from evals.repeats import format_draws
from evals.results import Result
from models.promotion.champion import read_champion
from models.registry import read_entry
from reports.archive import as_written, kept_reports, read_report
from reports.compare.data_change import describe_change, find_earlier, lines
from reports.examination.header import make_header
from reports.examination.judging import Judging, judging, kinships_of
from reports.examination.looks import is_settled, stopped_note, taken
from reports.examination.opening import blanked
from reports.examination.planned import Planned
from reports.report import Check, Header, Report, Section, Verdict
from reports.sections.collect import sections
from reports.sections.families import Kinship, family_section, preferring
from reports.sections.judge_exams import untrusted
from reports.sections.judge_forms import form_section, uncovered
from reports.sections.metric_exams import metric_section, unexamined
from reports.sections.panel import format_weights, heard, panelled
from reports.sections.ties import format_ties
from reports.verdict.bars import Bars, inapplicable
from reports.verdict.conclude import conclude, judge_candidates
from reports.verdict.guards import section_checks
from reports.verdict.opponents import unpromoted
from reports.verdict.pairs import by_model
from reports.verdict.preconditions import count_faults, fault_checks, fault_notes


def settles(planned: Planned, run: Run, look: int) -> bool:
    """Whether every candidate's verdict is certain at this look, counted from 0."""
    prepared, gate = planned.prepared, _gate_at(planned, look)
    judges = judging(planned, gate)
    results = panelled(run.results, judges.weights)
    _, verdicts = judge_candidates(
        results,
        gate,
        prepared.options.models,
        prepared.opponents,
        _further(planned, run, gate, ()),
        _bars(planned, gate, results, judges, kinships_of(planned, gate, results, judges.weights)),
    )
    return is_settled(verdicts)


def results_of(planned: Planned, run: Run) -> tuple[Result, ...]:
    """The results of a run, whole or not, with what the judges' own exams make of a panel."""
    return panelled(run.results, judging(planned, _gate_reached(planned, run)).weights)


def report_on(planned: Planned, run: Run, results: Sequence[Result], started: str) -> Report:
    """Conclude from `results_of` a run; `started` is when, in UTC."""
    prepared, gate = planned.prepared, _gate_reached(planned, run)
    judges = judging(planned, gate)
    kin = kinships_of(planned, gate, results, judges.weights)
    bars = _bars(planned, gate, results, judges, kin)
    opponents = prepared.opponents
    found = sections(run, results, planned.agenda, gate, opponents, judges.exams, judges.weights)
    found += tuple(each for each in (judges.panel, family_section(kin)) if each.findings)
    report = conclude(
        _header(planned, run, started, gate.alpha),
        results,
        run.spending,
        gate,
        candidates=prepared.options.models,
        opponents=opponents,
        further=_further(planned, run, gate, found),
        notes=[
            *planned.beforehand.notes,
            *format_weights(judges.panel),
            *(each.line for each in kin),
            *format_ties(found, prepared.run_id),
            *_notes(planned, run, bars),
        ],
        sections=found,
        bars=bars,
        speeds=run.speeds,
        exceptions=count_faults(run.faults),
    )
    report = replace(report, verdicts=_in_service(planned, report))
    if prepared.options.sealed:
        return blanked(report, planned.beforehand.notes)
    return replace(report, notes=(*report.notes, *_data_change(planned, report)))


def unkept_line(run: Run) -> str | None:
    """What the report holds and the next exam will have to pay for again."""
    return f"the report holds {run.unkept} answers that the store does not" if run.unkept else None


def _gate_at(planned: Planned, look: int) -> Gate:
    """The gate at the risk of one look, which is that of one of several candidates."""
    return planned.prepared.gate.model_copy(update={"alpha": planned.looks.levels[look]})


def _gate_reached(planned: Planned, run: Run) -> Gate:
    return _gate_at(planned, max(taken(run) - 1, 0))


def _bars(
    planned: Planned,
    gate: Gate,
    results: Sequence[Result],
    judges: Judging,
    kin: Sequence[Kinship],
) -> Bars:
    """What keeps gated metrics from speaking: their judges, or the kind of model or exam."""
    options, taken_exams = planned.prepared.options, planned.agenda.judge_exams
    answered, skipped = by_model(results), options.judge_exam == "skip"
    names = [*options.models, *(opponent.name for opponent in planned.prepared.opponents)]
    return Bars(
        untrusted(gate, judges.exams, options.judges, skipped=skipped)
        | unexamined(gate, metric_section(planned.agenda.metric_exams, gate), skipped=skipped),
        {
            name: inapplicable(
                read_entry(name, options.registry), planned.plan.cases, options.retriever
            )
            for name in names
        },
        uncovered(gate, form_section(taken_exams, gate), heard(judges.faults), answered),
        preferring(kin, gate),
    )


def _further(
    planned: Planned, run: Run, gate: Gate, found: Sequence[Section]
) -> Mapping[str, list[Check]]:
    """Checks that do not come from results: is it the whole exam, was it trained on, other guards.

    At a look before the last nothing was found beside the metrics, and guards are inconclusive.
    """
    excepted, attrition = count_faults(run.faults), gate.attrition
    return {
        model: planned.partial
        + checks
        + fault_checks(excepted, model, len(planned.plan.cases), attrition)
        + section_checks(gate, found, model)
        for model, checks in planned.leaks.items()
    }


def _header(planned: Planned, run: Run, started: str, alpha: float) -> Header:
    return make_header(
        planned.prepared,
        run.reached,
        planned.retriever.identity,
        planned.models,
        planned.plan.judges,
        started,
        alpha,
        judged=planned.judged,
        look=taken(run) or None,
        part=planned.part,
    )


def _notes(planned: Planned, run: Run, bars: Bars) -> Iterator[str]:
    """What went otherwise than a reader would think."""
    yield from bars.untrusted.values()
    yield from (line for lines in bars.uncovered.values() for line in lines.values())
    yield from fault_notes(count_faults(run.faults))
    yield from format_draws(run.plan.models, len(run.plan.cases), run.plan.repeats)
    for model in run.plan.models:
        yield from getattr(model, "remarks", ())
    yield from run.foreseen
    if line := unkept_line(run):
        yield line
    if (spent := run.spending).asked_again:
        yield (
            f"{spent.asked_again:,} calls had failed and were made again at the end; "
            f"{spent.came_back:,} brought a reply"
        )
    if run.valued:
        yield f"{run.valued:,} answers were kept without their cost, and have it by today's price"
    if run.stopped:
        yield stopped_note(run, planned.looks)


def _in_service(planned: Planned, report: Report) -> tuple[Verdict, ...]:
    """The verdicts, of which none promises a promotion that would be refused."""
    service = read_champion(planned.prepared.options.registry.parent)
    models = {model.name: model for model in planned.plan.models}
    return tuple(
        unpromoted(each, models[each.model], service, report.header.command)
        for each in report.verdicts
    )


def _data_change(planned: Planned, report: Report) -> tuple[str, ...]:
    """What changed in the data since the champion's last exam, and what that did."""
    if not any(opponent.role == "champion" for opponent in planned.prepared.opponents):
        return ()
    earlier = find_earlier(kept_reports(planned.prepared.options.runs), report.header)
    change = describe_change(read_report(earlier), as_written(report)) if earlier else None
    return lines(change) if change else ()
