"""Where a report says otherwise than what was computed again."""

from collections.abc import Iterator
from dataclasses import fields
from itertools import zip_longest
from math import isclose
from pathlib import Path
from typing import Any

from common.paths import ROOT
from common.redaction import outward
from common.storable import each_text
from evals.gate import Gate
from reports.evidence.last_exam import jsonable
from reports.evidence.results import ROUNDING
from reports.examination.header import gate_facts
from reports.report import Check, GateFacts, Group, Report, Verdict


def differences(report: Report, verdict: Verdict, group: Group) -> Iterator[str]:
    """Where a report says otherwise of a candidate, in words; reasons are words of ours."""
    (said,) = (each for each in report.verdicts if each.model == verdict.model)
    if said.outcome != verdict.outcome:
        yield f"it comes to {verdict.outcome} ({'; '.join(verdict.reasons)})"
    for one, other in zip_longest(said.checks, verdict.checks):
        if one is None or other is None or not alike(_bare(one), _bare(other)):
            yield f"it says {_words(one)}, and it is {_words(other)}"
    for what in ("champion", "anchor", "improves_anchor"):
        if getattr(said, what) != getattr(verdict, what):
            yield f"its {what} is {getattr(verdict, what)}"
    shown = [each for each in report.summary if (each.model, each.name) == (group.model, "all")]
    for metric, found in group.estimates.items():
        if not alike([jsonable(each.estimates.get(metric)) for each in shown], [jsonable(found)]):
            yield f"{metric} is {found}, and its summary says otherwise"


def of_gate(said: GateFacts, gate: Gate, alpha: float) -> Iterator[str]:
    """Where a report says otherwise of its gate than the file and the exam's risk make it."""
    found = gate_facts(gate, Path(said.file), ROOT, alpha)
    for each in fields(GateFacts):
        one, other = (jsonable(getattr(facts, each.name)) for facts in (said, found))
        if each.name != "file" and not alike(one, each_text(other, outward)):
            yield f"its gate has another {each.name} than the exam goes by"


def _bare(check: Check) -> Any:
    """A check without its words."""
    return {key: each for key, each in jsonable(check).items() if key != "reason"}


def _words(check: Check | None) -> str:
    if check is None:
        return "nothing"
    shown = f" {check.estimate}" if check.estimate else ""
    return f"{check.outcome} of {check.metric} against {check.against}{shown}"


def alike(one: Any, other: Any) -> bool:
    """Equal as JSON, but for rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=ROUNDING, abs_tol=ROUNDING)
    return bool(one == other)
