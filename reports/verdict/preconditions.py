"""Checks that do not come from scores: is it the whole exam, unleaked, and without many faults?"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from common.identity import file_digest
from evals.gate import Leakage
from evals.leakage.leaks import check_leakage, find_leaks
from fixtures.cases import Case, Dataset
from fixtures.retrieval.retrieval import Given
from fixtures.selection import Selection, select
from models.entry import Entry
from models.local.entry import LocalEntry, adapter_folder
from models.manifest import FILE, read_manifest
from models.promotion.policy import FILE as POLICY
from models.promotion.policy import policy_path, read_policy
from models.registry import EchoEntry, ExtractiveEntry
from reports.report import Check, Exceptions
from reports.statistics.estimates import Outcome

NAMED = 5
"""Titles that a line names."""

NOBODY: Mapping[str, str] = {}


def partial_check(
    asked: int, selected: int, selection: Selection, passages: Given = "retrieved"
) -> list[Check]:
    """A verdict is of a whole exam: of all cases, as -k or a pick leaves none, and of retrieval."""
    if passages == "gold":
        reason = "--passages gold examines reading alone; leave it out for a verdict"
        return [Check("passages", "minimum", "INCONCLUSIVE", reason)]
    if asked < selected:
        reason = f"{asked} of {selected} cases were examined; leave out -k and run all of evals"
    elif selection.categories or selection.contracts:
        reason = "the cases were picked by --category or --contract; a verdict needs an exam of all"
    else:
        return []
    return [Check("cases", "minimum", "INCONCLUSIVE", reason)]


def excuses(registry: Path) -> Mapping[str, str]:
    """Models of which nobody need say what they were trained on, with the policy's reason.

    Raises:
        UserError: the policy beside the registry cannot be read.
    """
    policy = read_policy(policy_path(registry))
    return policy.excused if policy else {}


def leak_checks(
    entry: Entry,
    cases: Sequence[Case],
    rules: Leakage,
    name: str = "",
    excused: Mapping[str, str] = NOBODY,
) -> list[Check]:
    """Whether a model was trained on what it is examined on: always one check.

    An adapter says so in its manifest, which the registry entry seals. Of every other model that
    was trained nobody knows, and the policy must excuse it by name (`excuses`); what was never
    trained needs nothing.

    Raises:
        UserError: a manifest cannot be read, or is malformed.
    """
    outcome, reason = _leakage(entry, cases, rules, name, excused)
    return [Check("leakage", "its training data", outcome, reason)]


def _leakage(
    entry: Entry, cases: Sequence[Case], rules: Leakage, name: str, excused: Mapping[str, str]
) -> tuple[Outcome, str]:
    if isinstance(entry, EchoEntry | ExtractiveEntry):
        return "PASS", "no exam contract leaks: it was never trained"
    adapter = adapter_folder(entry) if isinstance(entry, LocalEntry) else None
    if not isinstance(entry, LocalEntry) or adapter is None:
        return _unknown(name or "this model", "only an adapter has a manifest", excused)
    name = name or adapter.name
    manifest = read_manifest(adapter)
    if manifest is None and not entry.manifest:
        return _unknown(name, f"{adapter.name} holds no {FILE}", excused)
    if manifest is None:
        return "INCONCLUSIVE", (
            f"nobody knows what {name} was trained on: {adapter.name} holds no {FILE}, although "
            "its registry entry names one; restore it or train the adapter again"
        )
    leaks = find_leaks(cases, manifest, rules.containment)
    found = check_leakage(adapter.name, leaks, rules.allow)
    doubt = _unsealed(entry, adapter) if found.outcome == "PASS" else ""
    return ("INCONCLUSIVE", doubt) if doubt else (found.outcome, found.reason)


def _unknown(name: str, why: str, excused: Mapping[str, str]) -> tuple[Outcome, str]:
    """Where there is no manifest, and none was ever said to be."""
    if name in excused:
        reason = excused[name]
        return "PASS", f"nobody knows what {name} was trained on; the policy excuses it: {reason}"
    return "INCONCLUSIVE", (
        f"nobody knows what {name} was trained on ({why}); examine the adapter that its training "
        f'left, or say "{name}" = "WHY" under [excused] in {POLICY}, beside the registry'
    )


def _unsealed(entry: LocalEntry, adapter: Path) -> str:
    """Why a manifest may not be the one that the training wrote; empty where it is."""
    digest = file_digest(adapter / FILE)
    if entry.manifest is None:
        return (
            f"the registry entry of {adapter.name} does not say which {FILE} its training wrote, "
            f'so that any may lie there; if this is the one, add the line: manifest = "{digest}"'
        )
    if entry.manifest != digest:
        return (
            f"{adapter.name}/{FILE} is not the one that its registry entry names, so what it "
            "says of the training proves nothing; restore it or train the adapter again"
        )
    return ""


def leaking(entry: Entry, cases: Sequence[Case], rules: Leakage) -> tuple[str, ...]:
    """The titles of exam contracts that an adapter was trained on, those allowed aside."""
    adapter = adapter_folder(entry) if isinstance(entry, LocalEntry) else None
    manifest = read_manifest(adapter) if adapter else None
    if manifest is None:
        return ()
    allowed = {title.casefold() for title in rules.allow}
    titles = (leak.exam_contract for leak in find_leaks(cases, manifest, rules.containment))
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


def count_faults(faults: Mapping[tuple[str, str], str]) -> tuple[Exceptions, ...]:
    """What a report keeps of them: how many cases of each model, and the most frequent.

    Args:
        faults: see `Run.faults`.
    """
    lines: dict[str, list[str]] = {}
    for (model, _), line in faults.items():
        lines.setdefault(model, []).append(line)
    return tuple(
        Exceptions(model, len(every), *Counter(every).most_common(1)[0])
        for model, every in lines.items()
    )


def fault_notes(exceptions: Sequence[Exceptions]) -> list[str]:
    """A line for each model, with the most frequent exception."""
    notes = []
    for each in exceptions:
        whom = f"cases of {each.model}" if each.model else "tasks beside the answers"
        often = f" ({each.times} times)" if each.times > 1 else ""
        notes.append(f"exceptions in {each.cases} {whom}, such as {each.example}{often}")
    return notes


def fault_checks(
    exceptions: Sequence[Exceptions], model: str, cases: int, attrition: float
) -> list[Check]:
    """An inconclusive check where too many cases of a model, or of all, had exceptions.

    Args:
        exceptions: of the exam.
        model: the candidate; what concerned all of them has none.
        cases: how many were examined.
        attrition: the share that may be lost.
    """
    return [
        Check(
            "exceptions",
            each.model,
            "INCONCLUSIVE",
            f"exceptions in {each.cases} of {cases} cases; {attrition:.1%} may be lost: "
            f"{each.example}",
        )
        for each in exceptions
        if each.model in ("", model) and each.cases > attrition * cases
    ]
