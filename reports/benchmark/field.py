"""Who is compared, and on which cases: every model of some reports, on what all of them took."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from common.errors import UserError
from common.settings import nearest
from reports.compare.sides import DATA, differing, incomparable, match_cases
from reports.report import ModelFacts, Report, ReportedResult


@dataclass(frozen=True)
class Entrant:
    """A model in the report that speaks for it.

    Attributes:
        label: what tables call it: its name, with its run where two models share the name.
        model: its name in the report.
        report: the newest in which it was examined.
        results: of the shared cases, in their order.
    """

    label: str
    model: str
    report: Report
    results: tuple[ReportedResult, ...]

    @property
    def facts(self) -> ModelFacts | None:
        """What the report says of the model; None where it does not list it."""
        return _facts(self.report, self.model)


@dataclass(frozen=True)
class Field:
    """The entrants, in the order in which their reports were named.

    Attributes:
        entrants: at least one.
        baseline: what the others are measured against.
        contracts: of each shared case.
        left_out: metrics that mean something else in one of the reports, or nothing, and why.
        notes: whatever a reader must know of the comparison, a line each.
    """

    entrants: tuple[Entrant, ...]
    baseline: Entrant
    contracts: tuple[str, ...]
    left_out: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def alpha(self) -> float:
        """Risk of each end of an interval: of the first report's gate file."""
        gate = self.entrants[0].report.header.gate
        return gate.nominal_alpha or gate.alpha


def field_of(
    reports: Sequence[Report],
    baseline: str | None = None,
    titles: Mapping[str, str] = MappingProxyType({}),
) -> Field:
    """Every model of these reports on the cases that all of them took.

    Args:
        reports: at least one.
        baseline: a model or its label; None takes what one of the exams measured against, else the
            first model.
        titles: what tables call a model, if not by its name.

    Raises:
        UserError: two reports cannot be compared, no case is shared, or there is no such baseline.
    """
    first = reports[0]
    notes, left_out = list[str](), dict[str, str]()
    for report in reports:
        notes += _of_report(first, report)
        left_out |= incomparable(first, report)
    speakers = _speakers(reports)
    notes += _twice(reports, speakers)
    labels = _labels(speakers, titles)
    shared = _shared(reports, speakers)
    if not shared:
        raise UserError(
            f"{_run_ids(reports)} share no case; examine all models by the same --dataset, --split "
            "and --limit"
        )
    entrants = tuple(
        Entrant(label, model, report, tuple(report.by_case[model][ids[place]] for ids in shared))
        for label, (model, place, report) in zip(labels, speakers, strict=True)
    )
    contract = {case.id: case.contract for case in first.cases}
    notes += _fewer(entrants, len(shared))
    notes += _lost(entrants)
    chosen = _baseline(entrants, baseline)
    contracts = tuple(contract[ids[0]] for ids in shared)
    return Field(entrants, chosen, contracts, left_out, tuple(dict.fromkeys(notes)))


Speaker = tuple[str, int, Report]
"""A model's name, and the report that speaks for it with its place among all."""


def _speakers(reports: Sequence[Report]) -> list[Speaker]:
    """Each model once, as the newest report has it; one that answers otherwise is another model."""
    found: dict[tuple[str, str], Speaker] = {}
    for place, report in enumerate(reports):
        for model in report.by_case:
            facts = _facts(report, model)
            key = (model, facts.answers_key if facts else "")
            before = found.get(key)
            if before is None or before[2].header.started <= report.header.started:
                found[key] = (model, place, report)
    return list(found.values())


def _facts(report: Report, model: str) -> ModelFacts | None:
    return next((each for each in report.header.models if each.name == model), None)


def _labels(speakers: Sequence[Speaker], titles: Mapping[str, str]) -> list[str]:
    names = Counter(model for model, _, _ in speakers)
    return [
        f"{titles.get(model, model)}{f' ({report.header.id})' if names[model] > 1 else ''}"
        for model, _, report in speakers
    ]


def _shared(reports: Sequence[Report], speakers: Sequence[Speaker]) -> list[list[str]]:
    """Of each case that every speaker took its id in each report, in the order of the first."""
    first = reports[0].cases
    pairs = [dict(match_cases(first, report.cases).same) for report in reports]
    everywhere = [
        [each[case.id] for each in pairs]
        for case in first
        if all(case.id in each for each in pairs)
    ]
    return [
        ids
        for ids in everywhere
        if all(ids[place] in report.by_case[model] for model, place, report in speakers)
    ]


def _of_report(first: Report, report: Report) -> list[str]:
    """What is to be said of one report beside the first.

    Raises:
        UserError: the two cannot be compared, or it shows no case.
    """
    one, two = first.header, report.header
    if two.dataset.sealed:
        raise UserError(
            f"{two.id} is an exam of sealed contracts, which shows no case; leave it out"
        )
    if not report.by_case or not report.cases:
        raise UserError(f"{two.id} examined nothing; leave it out, or examine again")
    unlike = differing(first, report, match_cases(first.cases, report.cases))
    if report is not first and set(unlike) - DATA:
        raise UserError(
            f"{one.id} and {two.id} are not comparable: {', '.join(unlike.values())} differ; "
            f"examine the models of {two.id} again as {one.id} was: `{one.command}`"
        )
    notes = []
    if two.part:
        notes.append(f"{two.id} is a part of an exam: cases or answers were left out by choice")
    if (one.gate.identity, one.gate.nominal_alpha) != (two.gate.identity, two.gate.nominal_alpha):
        notes.append(
            f"{two.id} has another gate file than {one.id}: the intervals are by the first"
        )
    return notes


def _twice(reports: Sequence[Report], speakers: Sequence[Speaker]) -> list[str]:
    """Which report speaks for a model that several examined."""
    notes = []
    for model, place, report in speakers:
        key = getattr(_facts(report, model), "answers_key", "")
        others = [
            other.header.id
            for number, other in enumerate(reports)
            if number != place
            and model in other.by_case
            and getattr(_facts(other, model), "answers_key", "") == key
        ]
        if others:
            notes.append(
                f"{model} is shown as in {report.header.id}, the newest; not as in "
                f"{', '.join(others)}"
            )
    return notes


def _fewer(entrants: Sequence[Entrant], shared: int) -> list[str]:
    most = {each.report.header.id: len(each.report.cases) for each in entrants}
    beyond = [f"{run} has {count:,}" for run, count in most.items() if count > shared]
    if not beyond:
        return []
    return [f"compared on the {shared:,} cases that all models took; {', '.join(beyond)}"]


def _lost(entrants: Sequence[Entrant]) -> list[str]:
    """Models that lack answers: what failed may have been what is hard."""
    failed = {each.label: sum(r.error is not None for r in each.results) for each in entrants}
    return [
        f"{label} has no answer to {count:,} of {len(entrants[0].results):,} cases, which are in "
        "none of its means"
        for label, count in failed.items()
        if count
    ]


def _baseline(entrants: Sequence[Entrant], name: str | None) -> Entrant:
    labels = [each.label for each in entrants]
    if name is None:
        against = [e for e in entrants if e.facts and e.facts.role != "candidate"]
        return against[0] if against else entrants[0]
    found = [each for each in entrants if name in (each.label, each.model)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"--baseline {name}: give one of {', '.join(e.label for e in found)}")
    raise UserError(f"--baseline {name}: in none of these runs; {nearest(name, labels)}")


def _run_ids(reports: Sequence[Report]) -> str:
    return ", ".join(report.header.id for report in reports)
