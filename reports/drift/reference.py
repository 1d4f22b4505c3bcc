"""The exam of the champion, as units: what service is compared with."""

from dataclasses import dataclass, replace
from pathlib import Path

from common.errors import UserError
from models.egress import Sent
from models.factory import open_models
from models.identity.identities import promotion_identity
from models.promotion.admission.refusals import is_champion
from models.promotion.champion import read_champion
from models.promotion.record.file import read_records
from reports.archive import find_report, read_report
from reports.drift.units import Draw, Unit, titled
from reports.report import Report, ReportedCase, ReportedResult

CHAMPION = "champion"


@dataclass(frozen=True, slots=True)
class Reference:
    """What an exam says of one model.

    Attributes:
        model: its name.
        identity: of what is promoted; empty where nobody noted it.
        recorded: the same as the record has it, where an earlier release counted it otherwise.
        exam: id of the run.
        path: its report.json.
        units: one a contract.
        contracts: what these are known by.
        categories: of every case, in small letters.
        judges: metric and name of who judged there.
        sent: the data set that it was of.
    """

    model: str
    identity: str
    exam: str
    path: Path
    units: tuple[Unit, ...]
    contracts: frozenset[str]
    categories: frozenset[str]
    judges: frozenset[tuple[str, str]]
    sent: Sent
    recorded: str = ""


def in_service(model: str, models: Path) -> str:
    """The name of a model; `champion` is the one in service.

    Raises:
        UserError: there is none.
    """
    if model != CHAMPION:
        return model
    champion = read_champion(models)
    if champion is None:
        raise UserError(
            f"--model champion: {models} has none; type `python -m models.promote NAME`, or give "
            "--model NAME"
        )
    return champion.model


def read_reference(model: str, exam: str | None, runs: Path) -> Reference:
    """The newest exam of a model, or another.

    Args:
        model: its name.
        exam: a run, as `find_report` takes it; None takes the newest.
        runs: folder of runs.

    Raises:
        UserError: there is none, or it shows no cases of this model.
    """
    path = find_report(exam or model, runs)
    report = read_report(path)
    facts = {each.name: each for each in report.header.models}
    if model not in facts:
        known = ", ".join(facts)
        raise UserError(f"{path} did not examine {model}; it has {known}; give another --exam")
    units = _units(report, model)
    if not units:
        why = "its contracts are sealed" if report.header.dataset.sealed else "nothing was answered"
        raise UserError(
            f"{path} shows no answer of {model} ({why}); give --exam RUN of one that does"
        )
    return Reference(
        model=model,
        identity=facts[model].identity,
        exam=report.header.id,
        path=path,
        units=units,
        contracts=frozenset(titled(each.contract) for each in report.cases),
        categories=frozenset(each.category.casefold() for each in report.cases),
        judges=frozenset(
            (each[0], each[1])
            for each in report.header.fingerprint.judges or ()
            if not isinstance(each, str)
        ),
        sent=Sent(
            report.header.dataset.source or report.header.dataset.name,
            report.header.dataset.identity,
        ),
    )


def as_recorded(reference: Reference, registry: Path) -> Reference:
    """The same, with the identity that the record has of the very model that was examined.

    Rows of service have that one, and the exam that of this release. Where they differ the model is
    opened; one that cannot be is not known to be the same.
    """
    champion = read_champion(registry.parent)
    if champion is None or champion.model != reference.model:
        return reference
    if not reference.identity or champion.identity == reference.identity:
        return reference
    try:
        model = open_models([reference.model], registry)[0]
        same = promotion_identity(model) == reference.identity and is_champion(
            model, read_records(registry.parent)
        )
    except UserError:
        return reference
    return replace(reference, recorded=champion.identity) if same else reference


def _units(report: Report, model: str) -> tuple[Unit, ...]:
    """In order of title, one a contract."""
    found: dict[str, Draw] = {}
    for result in report.results:
        if result.model != model:
            continue
        case = report.cases[result.case]
        drawn = found.setdefault(titled(case.contract), Draw(report.header.id))
        drawn.add(_unit(report, case, result))
    return tuple(found[name].unit for name in sorted(found))


def _unit(report: Report, case: ReportedCase, result: ReportedResult) -> Unit:
    return Unit(
        contract=case.contract,
        day="",
        id=case.id,
        question=case.question,
        category=case.category,
        passages=tuple(report.passages[place].text for place in result.passages),
        answer=result.answer,
        error=result.error or "",
    )
