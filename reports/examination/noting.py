"""What the ledger is told of an exam, when it begins and when it ends."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.clock import utc_now
from common.identity import digest
from evals.calls.budget import DECLINED
from evals.results import Result
from fixtures.sealing import SHARE, seal_to_open, seals_of, too_small
from models.manifest import read_manifest
from models.promotion.champion import read_anchor
from models.promotion.ledger.entry import Begun, Candidate, Chosen, Ended, Entry, Said, Settled
from models.promotion.ledger.files import begin, locked, read_ledger
from models.promotion.ledger.tries import judged_before, tries_against
from models.promotion.record.line import Data, Named
from models.promotion.record.people import person
from models.registry import adapter_of
from reports.examination.opening import check_opening
from reports.examination.planned import Planned
from reports.report import Opponent, Report

DIGITS = 12
"""Of a SHA-256, where a ledger has many: of contracts' texts, and of answers."""


def note_exam(planned: Planned) -> tuple[Planned, Path]:
    """Note an exam before anything is asked; it, with what the ledger knew, and its file there.

    Raises:
        UserError: the ledger cannot be read or written.
        RefusedError: a file of it is missing or was edited.
    """
    options, ahead = planned.prepared.options, planned.beforehand
    begun = _begun(planned)
    with locked(options.ledger):
        entries = read_ledger(options.ledger)
        if options.sealed:
            check_opening(planned, begun, entries)
        path = begin(options.ledger, begun)
    judged = judged_before(entries, begun)
    opponents = tuple(_tried(each, planned, begun, entries) for each in planned.prepared.opponents)
    prepared = replace(planned.prepared, opponents=opponents)
    cut = [
        f"{each.path}: its end was cut off, so it counts as unfinished"
        for each in entries
        if each.cut
    ]
    ahead = replace(
        ahead,
        notes=(*ahead.notes, judged.sentence, *_of_tries(opponents), *_of_seal(planned), *cut),
    )
    return replace(planned, prepared=prepared, judged=judged, beforehand=ahead), path


def _tried(
    opponent: Opponent, planned: Planned, begun: Begun, entries: Sequence[Entry]
) -> Opponent:
    """The anchor, with how many tries on these contracts share the risk against it."""
    anchor = read_anchor(planned.prepared.options.registry.parent)
    if anchor is None or opponent.role == "baseline" or opponent.identity != anchor.identity:
        return opponent
    return replace(opponent, tries=tries_against(entries, anchor, begun))


def _of_tries(opponents: Sequence[Opponent]) -> Iterator[str]:
    for each in opponents:
        if each.tries > 1:
            yield (
                f"these contracts count {each.tries} tries against the anchor {each.name} "
                "(candidates, and answers that were drawn anew): this one is held to "
                f"1/{each.tries} of the risk"
            )


def _of_seal(planned: Planned) -> Iterator[str]:
    """What stands behind contracts that are used again and again."""
    options, dataset = planned.prepared.options, planned.prepared.dataset
    if options.sealed or options.selection.split != "test" or not options.baseline:
        return
    if seals_of(dataset.reserve, options.seals):
        names = " ".join(f"--model {name}" for name in options.models)
        yield (
            f"a promotion needs the sealed contracts too: pytest evals {names} --dataset "
            f"{options.dataset} --baseline champion --sealed"
        )
    elif flaw := too_small(len(dataset.test_contracts), SHARE):
        yield f"no contracts are sealed, and none can be: {flaw}; so every exam on them counts"
    else:
        yield f"no contracts are sealed (python -m fixtures.seal --dataset {options.dataset})"


def _begun(planned: Planned) -> Begun:
    prepared, plan = planned.prepared, planned.plan
    selection, dataset = prepared.options.selection, prepared.dataset
    candidates = set(prepared.options.models)
    opponents = {each.name for each in prepared.opponents}
    opens = prepared.options.sealed
    seals = prepared.options.seals
    seal = seal_to_open(dataset.cases, dataset.name, seals) if opens else None
    return Begun(
        run=prepared.run_id,
        when=utc_now(),
        candidates=tuple(
            _candidate(planned, each.name, each.identity)
            for each in planned.models
            if each.name in candidates
        ),
        opponents=tuple(
            Named(each.name, each.identity) for each in planned.models if each.name in opponents
        ),
        dataset=Data(dataset.name, dataset.identity, selection.split),
        chosen=Chosen(
            limit=selection.limit,
            balanced=selection.balanced,
            categories=selection.categories,
            contracts=selection.contracts,
            left_out=selection.left_out,
            part=bool(planned.partial) or not plan.needs_answers,
            sealed=seal.identity_of_reserve if seal else None,
        ),
        cases=len(plan.cases),
        contracts=len({case.contract.id for case in plan.cases}),
        gate=prepared.gate.identity,
        retriever=planned.retriever.identity,
        judges=tuple(f"{judge.metric} {judge.name}" for judge in plan.judges),
        policy=prepared.policy.identity if prepared.policy else None,
        texts=tuple(sorted({case.contract.digest[:DIGITS] for case in plan.cases})),
        who=person(),
    )


def _candidate(planned: Planned, name: str, identity: str) -> Candidate:
    """A candidate with its family and parents, as far as manifest and entry say."""
    registry = planned.prepared.options.registry
    adapter = adapter_of(name, registry)
    manifest = read_manifest(adapter) if adapter else None
    trained: dict[str, Any] = (manifest.model_extra or {}) if manifest else {}
    entry = next(each.further for each in planned.models if each.name == name)
    start, base = trained.get("start"), entry.get("base") or entry.get("generator")
    parents = (start.get("name") if isinstance(start, dict) else None, base)
    method = trained.get("method")
    return Candidate(
        name,
        identity,
        method if isinstance(method, str) else None,
        tuple(each for each in parents if isinstance(each, str)),
    )


def answers_digest(results: Iterable[Result], model: str) -> str | None:
    """Over all that a model answered, in whatever order; None where a limit kept it from answering.

    What a call failed of is no answer, whatever it failed of.
    """
    of_model = sorted(
        (each for each in results if each.model == model),
        key=lambda each: (each.case.id, each.repeat),
    )
    if any((each.answer.error or "").startswith(DECLINED) for each in of_model):
        return None
    texts = [
        [each.case.id, *(None if a.error else a.text for a in (each.answer, *each.further))]
        for each in of_model
    ]
    return digest("answers", texts)[:DIGITS]


def ended_as(report: Report, results: Sequence[Result], sha256: str) -> Ended:
    """What the ledger is told of a report on results, whose file has this SHA-256."""
    return Ended(
        when=utc_now(),
        report=sha256,
        alpha=report.header.gate.alpha,
        verdicts=tuple(
            Said(
                verdict.model,
                verdict.outcome,
                tuple(
                    Settled(check.metric, check.against, check.outcome, check.p_value)
                    for check in verdict.checks
                ),
                answers_digest(results, verdict.model),
            )
            for verdict in report.verdicts
        ),
    )
