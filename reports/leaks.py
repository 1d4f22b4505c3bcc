"""Checks of a candidate that come from no answer."""

from collections.abc import Sequence

from evals.gate import Leakage
from evals.leakage import check_leakage, find_leaks
from fixtures.cases import Case
from models.manifest import read_manifest
from models.registry import Entry, LocalEntry
from reports.verdict import Check


def partial_check(asked: int, selected: int) -> list[Check]:
    """A verdict is of the whole exam, not of what -k or a single suite left of it."""
    if asked == selected:
        return []
    reason = f"{asked} of {selected} cases were examined; leave out -k and run all of evals"
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
    found = check_leakage(
        entry.adapter.name, find_leaks(cases, manifest, rules.containment), rules.allow
    )
    return [Check("leakage", "its training data", found.outcome, found.reason)]
