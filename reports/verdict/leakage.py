"""Whether a candidate was trained on what it is examined on, and which contracts to leave out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from common.identity import file_digest
from evals.gate import Leakage
from evals.leakage.leaks import check_leakage, find_leaks
from fixtures.cases import Case, Dataset
from fixtures.selection import Selection, select
from models.entry import Entry
from models.manifest import FILE, Manifest, contract_entry, read_manifest
from models.program.entry import ExampleOptions, ProgramEntry
from models.program.examples import Examples
from models.promotion.admission.policy import FILE as POLICY
from models.promotion.admission.policy import policy_path, read_policy
from models.registry import EchoEntry, ExtractiveEntry, RecordedEntry, left_folder
from reports.report import Check
from reports.statistics.estimates import Outcome

NAMED = 5
"""Titles that a line names."""

PRODUCED_ELSEWHERE = (
    "its answers were produced elsewhere, and nothing shows which weights, prompt and decoding "
    "gave them"
)

NOBODY: Mapping[str, str] = {}

WORST: Sequence[Outcome] = ("FAIL", "INCONCLUSIVE", "PASS")


def excuses(registry: Path) -> Mapping[str, str]:
    """Models of which nobody need say what they were trained on, with the policy's reason.

    Raises:
        UserError: the policy beside the registry cannot be read.
    """
    policy = read_policy(policy_path(registry))
    return policy.excused if policy else {}


def leak_checks(
    parts: Sequence[tuple[str, Entry]],
    cases: Sequence[Case],
    rules: Leakage,
    excused: Mapping[str, str] = NOBODY,
) -> list[Check]:
    """Whether a model was trained on what it is examined on: always one check, of its worst part.

    An adapter says so in its manifest, which the registry entry seals, and so does a compiled
    program; of examples their data set tells. Of every other model that was trained nobody knows,
    and the policy must excuse it by name (`excuses`); what was never trained needs nothing.

    Args:
        parts: the model and what it is built on (`models.registry.parts_of`).
        cases: of the exam.
        rules: of the gate file.
        excused: names, with the policy's reason; of a program its generator is excused too.

    Raises:
        UserError: a manifest cannot be read, or is malformed.
    """
    (whole, _), found = parts[0], []
    for name, entry in parts:
        known = {name: excused[whole], **excused} if whole in excused else excused
        if isinstance(entry, ProgramEntry) and entry.examples:
            found.append(_of_examples(entry.examples, cases, rules))
        if not isinstance(entry, ProgramEntry) or entry.folder:
            found.append(_leakage(entry, cases, rules, name, known))
    worst = min((outcome for outcome, _ in found), key=WORST.index)
    reasons = dict.fromkeys(reason for outcome, reason in found if outcome == worst)
    return [Check("leakage", "its training data", worst, "; ".join(reasons))]


def _of_examples(
    said: ExampleOptions, cases: Sequence[Case], rules: Leakage
) -> tuple[Outcome, str]:
    leaks = find_leaks(cases, _shown(said), rules.containment)
    found = check_leakage(said.dataset, leaks, rules.allow)
    return found.outcome, f"examples of {said.dataset}: {found.reason}"


def _shown(said: ExampleOptions) -> Manifest:
    """What examples may be of, as a training would say it."""
    contracts = Examples(said.dataset, said.k).contracts
    return Manifest(contracts=tuple(map(contract_entry, contracts)), cases=())


def _leakage(
    entry: Entry, cases: Sequence[Case], rules: Leakage, name: str, excused: Mapping[str, str]
) -> tuple[Outcome, str]:
    if isinstance(entry, EchoEntry | ExtractiveEntry):
        return "PASS", "no exam contract leaks: it was never trained"
    folder, sealed = left_folder(entry), getattr(entry, "manifest", None)
    if isinstance(entry, RecordedEntry):
        return _unknown(name or "this model", PRODUCED_ELSEWHERE, excused)
    if folder is None:
        return _unknown(name or "this model", "only an adapter has a manifest", excused)
    name = name or folder.name
    manifest = read_manifest(folder)
    if manifest is None and not sealed:
        return _unknown(name, f"{folder.name} holds no {FILE}", excused)
    if manifest is None:
        return "INCONCLUSIVE", (
            f"nobody knows what {name} was trained on: {folder.name} holds no {FILE}, although "
            "its registry entry names one; restore it or train the adapter again"
        )
    leaks = find_leaks(cases, manifest, rules.containment)
    found = check_leakage(folder.name, leaks, rules.allow)
    doubt = _unsealed(sealed, folder) or _of_another(entry, manifest)
    doubt = doubt if found.outcome == "PASS" else ""
    return ("INCONCLUSIVE", doubt) if doubt else (found.outcome, found.reason)


def _unknown(name: str, why: str, excused: Mapping[str, str]) -> tuple[Outcome, str]:
    """Where there is no manifest, and none was ever said to be."""
    if name in excused:
        reason = excused[name]
        unproved = f" ({why})" if why == PRODUCED_ELSEWHERE else ""
        return "PASS", (
            f"nobody knows what {name} was trained on{unproved}; the policy excuses it: {reason}"
        )
    return "INCONCLUSIVE", (
        f"nobody knows what {name} was trained on ({why}); examine the adapter that its training "
        f'left, or say "{name}" = "WHY" under [excused] in {POLICY}, beside the registry'
    )


def _unsealed(sealed: str | None, adapter: Path) -> str:
    """Why a manifest may not be the one that the training wrote; empty where it is."""
    digest = file_digest(adapter / FILE)
    if sealed is None:
        return (
            f"the registry entry of {adapter.name} does not say which {FILE} its training wrote, "
            f'so that any may lie there; if this is the one, add the line: manifest = "{digest}"'
        )
    if sealed != digest:
        return (
            f"{adapter.name}/{FILE} is not the one that its registry entry names, so what it "
            "says of the training proves nothing; restore it or train the adapter again"
        )
    return ""


def _of_another(entry: Entry, manifest: Manifest) -> str:
    """Why a manifest may be of another compiled program; empty where it is not, or does not say."""
    said = (manifest.model_extra or {}).get("program")
    if not isinstance(entry, ProgramEntry) or entry.compiled is None or said is None:
        return ""
    if said == file_digest(entry.compiled):
        return ""
    return (
        f"{entry.compiled} is not what its {FILE} speaks of: it was edited or made anew, so nobody "
        "knows whose contracts it shows; restore it, or optimise again"
    )


def leaking(entry: Entry, cases: Sequence[Case], rules: Leakage) -> tuple[str, ...]:
    """The titles of exam contracts that an entry's model learnt from, those allowed aside."""
    folder = left_folder(entry)
    manifest = read_manifest(folder) if folder else None
    known = [manifest] if manifest else []
    if isinstance(entry, ProgramEntry) and entry.examples:
        known.append(_shown(entry.examples))
    allowed = {title.casefold() for title in rules.allow}
    titles = {
        leak.exam_contract: None
        for each in known
        for leak in find_leaks(cases, each, rules.containment)
    }
    return tuple(title for title in titles if title.casefold() not in allowed)


def without_trained(
    dataset: Dataset, selection: Selection, entries: Iterable[Entry], rules: Leakage
) -> Selection:
    """The selection without the contracts that any of the candidates was trained on.

    Raises:
        UserError: a manifest cannot be read, or no case is left.
    """
    every = select(dataset, replace(selection, limit=None, balanced=False, left_out=()))
    titles = {title for entry in entries for title in leaking(entry, every, rules)}
    return replace(selection, left_out=tuple(sorted(titles)))


def left_out(titles: Sequence[str]) -> str:
    """Which contracts were not asked because a candidate was trained on them."""
    named = ", ".join(f'"{title}"' for title in titles[:NAMED])
    more = f" and {len(titles) - NAMED} more" if len(titles) > NAMED else ""
    return f"--leave-out-trained left out {len(titles)} contracts: {named}{more}"
