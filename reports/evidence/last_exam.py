"""Which report a promotion stands on, and what of it a promotion needs."""

from pathlib import Path
from typing import Any

from common.errors import UserError
from common.identity import file_digest
from models.promotion.admission.demands import (
    CodeFacts,
    DataFacts,
    ExamFacts,
    JudgeFacts,
    RetrieverFacts,
)
from models.promotion.admission.evidence import (
    SEAL,
    ExamEvidence,
    GateFile,
    ReportedVerdict,
    seal_line,
)
from models.promotion.record.line import (
    Code,
    Data,
    Named,
    Source,
)
from models.promotion.refused import RefusedError
from reports.archive import newest_first, read_overview
from reports.report import Header, Opponent, Overview, Verdict


def examine_line(name: str) -> str:
    """What examines a model against the one in service."""
    return f"pytest evals --model {name} --baseline champion"


def find_evidence(name: str, identity: str, runs: Path, report: Path | None = None) -> ExamEvidence:
    """The last exam of a model: the newest of `runs` that judged it.

    A run of a part of an exam (`-k`, `--missed`, one suite) is passed over, whatever it says: no
    part can promote, and none takes back what a whole exam showed.

    Args:
        name: of the model.
        identity: what is promoted of it: it may have been examined under another name.
        runs: folder of runs; their names begin with their time.
        report: another report. None of `runs` may be newer, of this model and this data set.

    Raises:
        UserError: a report cannot be read.
        RefusedError: none examined this model, the one that did concluded nothing, or a newer one
            concluded otherwise.
    """
    if report:
        _check_whole(report, read_overview(report).header, name)
    exam = evidence_of(report or _last(name, runs), name)
    for folder in (exam.path.parent, exam.path.resolve().parent):
        if folder.parent.resolve() == runs.resolve() and folder.name != exam.source.id:
            raise RefusedError(
                f"{exam.path} says that it is run {exam.source.id}, in the folder of "
                f"{folder.name}: it was moved or edited; type `{examine_line(name)}`"
            )
    _check_twins(exam, name)
    for newer in newest_first(runs):
        if newer.parent.name <= exam.source.id:
            break
        _check_newer(newer, exam, name, identity)
    return exam


def _check_whole(report: Path, header: Header, name: str) -> None:
    """Refuse an exam that can promote nobody."""
    what = "of a part of an exam"
    if header.retriever.passages == "gold":
        what = "of an exam with --passages gold, in which nothing had to be retrieved"
    elif not header.part:
        return
    raise RefusedError(f"{report} is {what}, which promotes nobody; type `{examine_line(name)}`")


def _last(name: str, runs: Path) -> Path:
    for path in newest_first(runs):
        overview = read_overview(path)
        if name in _judged(overview) and not overview.header.part:
            return path
    raise RefusedError(
        f"{runs}: {name} was not examined; type `{examine_line(name)}` (a part of an exam is none)"
    )


def _check_newer(newer: Path, exam: ExamEvidence, name: str, identity: str) -> None:
    """Refuse an exam after which the same model was examined on the same data, to another end."""
    overview = read_overview(newer)
    data, judged = overview.header.dataset, _judged(overview)
    if overview.header.part or (data.name, data.split) != (exam.dataset.name, exam.dataset.split):
        return
    if name in judged:
        raise RefusedError(
            f"{exam.path} is not the last exam of {name} on {exam.dataset.name}: {newer} is; "
            f"leave out --report, or type `{examine_line(name)}`"
        )
    for other, (known, outcome) in judged.items():
        if known == identity and outcome != "PROMOTE":
            raise RefusedError(
                f"{newer} is newer, and says {outcome} of the same model under the name {other}; "
                f"type `{examine_line(name)}`"
            )


def _check_twins(exam: ExamEvidence, name: str) -> None:
    """Refuse an exam that judged the same model under two names, to two ends."""
    for other, (known, outcome) in _judged(read_overview(exam.path)).items():
        if other != name and known == exam.identity and outcome != exam.verdict.outcome:
            raise RefusedError(
                f"{exam.path} says {outcome} of the same model under the name {other}; type "
                f"`{examine_line(name)}`"
            )


def _judged(overview: Overview) -> dict[str, tuple[str, str]]:
    """Identity and outcome of each model that a report judged, or was to judge, by name."""
    outcomes = {verdict.model: verdict.outcome for verdict in overview.verdicts}
    return {
        model.name: (model.identity, outcomes.get(model.name, "nothing"))
        for model in overview.header.models
        if model.name in outcomes or model.role == "candidate"
    }


def evidence_of(path: Path, name: str) -> ExamEvidence:
    """What a report says of one candidate.

    Raises:
        UserError: it cannot be read, or judges a model twice.
        RefusedError: it did not judge this model.
    """
    overview = read_overview(path)
    header, verdicts = overview.header, {each.model: each for each in overview.verdicts}
    identities = {model.name: model.identity for model in header.models}
    if len(verdicts) < len(overview.verdicts) or len(identities) < len(header.models):
        raise UserError(f"{path} judges a model twice; type `{examine_line(name)}`")
    if unknown := verdicts.keys() - identities.keys():
        raise RefusedError(
            f"{path} judges {min(unknown)}, which it did not examine; type `{examine_line(name)}`"
        )
    if name not in identities:
        raise RefusedError(f"{path}: {name} was not examined; type `{examine_line(name)}`")
    if name not in verdicts:
        raise RefusedError(
            f"{path} has {name}, but no verdict on it (it was the baseline, or the exam was "
            f"interrupted); type `{examine_line(name)}`"
        )
    groups = {(group.model, group.name): group.estimates for group in overview.summary}
    sha256 = file_digest(path)
    return ExamEvidence(
        path=path,
        source=Source(header.id, sha256),
        sealed=_is_sealed(path, sha256),
        identity=identities[name],
        verdict=reported(verdicts[name]),
        estimates=jsonable(groups.get((name, "all"), {})),
        code=_code(header),
        dataset=Data(header.dataset.name, header.dataset.identity, header.dataset.split),
        gate=GateFile(header.gate.identity, header.gate.sha256, Path(header.gate.file)),
        selection=_selection(overview),
        facts=facts_of(header),
        cases_from=header.dataset.source or header.dataset.name,
    )


def facts_of(header: Header) -> ExamFacts:
    """What a policy judges of an exam."""
    code, policy = _code(header), header.provenance.get("policy")
    return ExamFacts(
        provenance=CodeFacts(
            commit=code.commit,
            dirty=code.dirty,
            policy=policy if isinstance(policy, str) else None,
        ),
        dataset=DataFacts.model_validate(header.dataset),
        retriever=RetrieverFacts.model_validate(header.retriever),
        fingerprint=JudgeFacts.model_validate(header.fingerprint),
    )


def reported(verdict: Verdict) -> ReportedVerdict:
    """A verdict as a promotion takes it."""
    best = verdict.anchor or verdict.champion
    return ReportedVerdict(
        model=verdict.model,
        outcome=verdict.outcome,
        reasons=verdict.reasons,
        checks=tuple(jsonable(list(verdict.checks))),
        champion=_named(verdict.champion),
        anchor=_named(verdict.anchor),
        improves_anchor=verdict.improves_anchor,
        tries=best.tries if best else 1,
    )


def jsonable(value: Any) -> Any:
    """A value of a report as JSON has it."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)


def _named(opponent: Opponent | None) -> Named | None:
    return Named(opponent.name, opponent.identity) if opponent else None


def _code(header: Header) -> Code:
    """The checkout; one that does not say that it was clean was not."""
    commit, dirty = header.provenance.get("commit"), header.provenance.get("dirty")
    return Code(commit if isinstance(commit, str) else None, dirty is not False)


def _is_sealed(path: Path, sha256: str) -> bool:
    try:
        return path.with_name(SEAL).read_text(encoding="utf-8") == seal_line(sha256)
    except (OSError, UnicodeDecodeError):
        return False


def _selection(overview: Overview) -> dict[str, Any]:
    """The facts of an exam that somebody chose."""
    header = overview.header
    data, chosen = jsonable(header.dataset), ("name", "identity", "split", "source")
    return {
        "data": {key: each for key, each in data.items() if key not in chosen},
        "retriever": jsonable(header.retriever),
        "judges": jsonable(header.fingerprint.judges or ()),
        "candidates": len(overview.verdicts),
    }
