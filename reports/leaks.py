"""Checks of a candidate that come from no answer."""

from collections.abc import Sequence

from evals.gate import Leakage
from evals.leakage import check_leakage, find_leaks
from fixtures.cases import Case
from fixtures.identity import file_digest
from fixtures.selection import Selection
from models.manifest import FILE, read_manifest
from models.registry import Entry, LocalEntry
from reports.verdict import Check


def partial_check(asked: int, selected: int, selection: Selection) -> list[Check]:
    """A verdict is of a whole exam: not of what -k left of it, nor of hand-picked cases."""
    if asked < selected:
        reason = f"{asked} of {selected} cases were examined; leave out -k and run all of evals"
    elif selection.categories or selection.contracts:
        reason = "the cases were picked by --category or --contract; a verdict needs an exam of all"
    else:
        return []
    return [Check("cases", "minimum", "INCONCLUSIVE", reason)]


def leak_checks(entry: Entry, cases: Sequence[Case], rules: Leakage) -> list[Check]:
    """Whether an adapter was trained on what it is examined on, as far as it says."""
    if not isinstance(entry, LocalEntry) or not entry.adapter:
        return []
    manifest = read_manifest(entry.adapter)
    if manifest is None:
        if not rules.require_manifest:
            return []
        reason = (
            f"{entry.adapter.name} holds no manifest.json, so nobody knows what it was trained "
            "on; write one, or set leakage.require_manifest = false in the gate file"
        )
        return [Check("leakage", "its training data", "INCONCLUSIVE", reason)]
    if entry.manifest and entry.manifest != file_digest(entry.adapter / FILE):
        reason = (
            f"{entry.adapter.name}/{FILE} is not the one that its registry entry names, so what it "
            "says of the training proves nothing; restore it or train the adapter again"
        )
        return [Check("leakage", "its training data", "INCONCLUSIVE", reason)]
    found = check_leakage(
        entry.adapter.name, find_leaks(cases, manifest, rules.containment), rules.allow
    )
    return [Check("leakage", "its training data", found.outcome, found.reason)]
