"""What was found, in the terminal and for programs."""

from collections.abc import Iterator, Sequence
from typing import Any

from common.doors import as_typed
from reports.drift.days import Changed
from reports.drift.detector import Detected
from reports.drift.effects import Effect
from reports.drift.log import Log
from reports.drift.reference import Reference
from reports.drift.units import Unit
from reports.drift.watch import Watched
from reports.feedback.satisfaction import Satisfaction
from reports.statistics.estimates import Estimate
from reports.terminal.columns import clipped, flat

NEXT = "python -m training.loop run loop.toml"
WEEKS = 8
"""Of feedback that the terminal shows; `--json` has all."""

CLEAREST = 12
"""Signals that the terminal shows, and all that alarmed; `--json` has all."""

TITLE = 60
"""Cells of a title or an id."""


def log_lines(log: Log, changed: tuple[Changed, ...]) -> Iterator[str]:
    """What was read, and what of it does not count."""
    counted = sum(day.rows for day in log.days.values())
    yield f"{log.rows:,} requests, {counted:,} of them compared, on {len(log.days):,} days"
    for why, rows in sorted(log.left_out.items()):
        yield f"left out: {rows:,} {why}"
    if log.known:
        yield f"{log.known:,} are about contracts that were there before, and tell nothing new"
    if empty := _empty(log):
        yield f"{empty:,} days in between have no request"
    if log.back:
        yield (
            f"the clock of the log went back {log.back:,} times, by {log.furthest / 3600:.1f} h at "
            "most; each row counts for the day that it names"
        )
    yield from _changed_lines(changed)


def _changed_lines(changed: Sequence[Changed]) -> Iterator[str]:
    """Days that are not as they were counted; those that are gone are one line."""
    gone = [each for each in changed if not each.now]
    kept = [each for each in changed if each.now] if len(gone) > 1 else changed
    for each in kept:
        yield (
            f"{each.day} is not as it was counted: {each.before:,} rows then, {each.now:,} now; "
            "the rate of false alarms is that of a log that only grows"
        )
    if len(gone) > 1:
        rows = sum(each.before for each in gone)
        yield (
            f"{len(gone):,} days from {gone[0].day} to {gone[-1].day}, with {rows:,} rows as they "
            "were counted, are gone: what they showed is not seen any more, and their contracts "
            "are new again"
        )


def _empty(log: Log) -> int:
    from datetime import date

    days = [date.fromisoformat(day) for day in log.days]
    return (days[-1] - days[0]).days + 1 - len(days) if days else 0


def liked_lines(said: Sequence[Satisfaction]) -> Iterator[str]:
    """How people scored answers, of the last weeks."""
    for each in said[-WEEKS:]:
        yield f"feedback, week of {each.since}: {each.estimate:.2f} of {each.estimate.n:,} scores"


def lines(watched: Watched, reference: Reference) -> Iterator[str]:
    """The finding, its table, and what to type."""
    yield f"{reference.model} in service, beside its exam {reference.exam}"
    if watched.decision is None:
        yield f"too little to say: {watched.why}"
        return
    decision = watched.decision
    contracts = decision.blocks[-1].end - len(reference.units)
    yield (
        f"{len(decision.blocks)} looks at {contracts:,} new contracts, {decision.blocks[0].first} "
        f"to {decision.blocks[-1].last}; {len(reference.units):,} contracts of the exam"
    )
    yield from _table(watched)
    for each in decision.direct[-1:]:
        name, p = min(each.p_values.items(), key=lambda pair: pair[1])
        yield (
            f"{each.contracts:,} contracts, {each.first} to {each.last}, beside the exam alone: "
            + (f"{name} with p = {p:.1g}" if name in each.alarms else "no signal")
            + f", of {each.bar:.1g} asked for"
        )
    if watched.outcome == "none":
        yield "no drift found"
        return
    for detected, found in watched.signals:
        if detected.since:
            yield f"DRIFT since {detected.since}: {detected.signal.name}: {_size(detected, found)}"
            yield from (f"  for example {_shown(unit)}" for unit in found.examples)
    yield f"found {decision.blocks[-1].last}; type `{as_typed(NEXT)}`"


def _table(watched: Watched) -> Iterator[str]:
    assert watched.decision is not None
    yield f"{'signal':<22} {'evidence':>9} of {watched.decision.threshold:,.0f}   service, exam"
    for place, (detected, found) in enumerate(watched.signals):
        if place < CLEAREST or detected.since:
            evidence = _number(detected.looks[-1].evidence)
            yield f"{detected.signal.name:<22} {evidence:>9}   {_size(detected, found)}"
    if (rest := len(watched.signals) - CLEAREST) > 0:
        yield f"and {rest} with less evidence: --json"


def _size(detected: Detected, found: Effect) -> str:
    compared = detected.compared
    value = f"{detected.signal.statistic} {compared.value:.3f} (by chance to {compared.usual:.3f})"
    if found.auc is not None and detected.signal.statistic == "AUC":
        return f"{found.auc:.2f} AUC (by chance to {compared.usual:.2f})"
    if found.service is None or found.exam is None:
        return value
    what = "unseen share" if detected.signal.feature == "category" else "mean"
    spec = ".2f" if max(abs(found.service.mean), abs(found.exam.mean)) < 10 else ",.0f"
    means = f"{what} {found.service:{spec}}, exam {found.exam:{spec}}"
    return means if detected.signal.statistic == "mean" else f"{means}; {value}"


def _number(value: float) -> str:
    return f"{value:,.1f}" if value < 1e6 else f"{value:.0e}"


def _shown(unit: Unit) -> str:
    title, request = (clipped(flat(each), TITLE) for each in (unit.contract, unit.id))
    return f"{title}, request {request}, {unit.day}"


def as_json(
    watched: Watched,
    reference: Reference,
    log: Log,
    changed: tuple[Changed, ...],
    said: Sequence[Satisfaction] = (),
) -> dict[str, Any]:
    """The same for programs."""
    decision = watched.decision
    return {
        "outcome": watched.outcome,
        "why": watched.why,
        "model": reference.model,
        "identity": reference.identity,
        "exam": reference.exam,
        "requests": log.rows,
        "left_out": dict(sorted(log.left_out.items())),
        "known_contracts": log.known,
        "days": {day: each.rows for day, each in log.days.items()},
        "changed_days": [each.day for each in changed],
        "clock_back": log.back,
        "waiting_contracts": watched.waiting,
        "threshold": decision.threshold if decision else None,
        "direct": [
            {
                "first": each.first,
                "last": each.last,
                "contracts": each.contracts,
                "bar": each.bar,
                "p_values": dict(each.p_values),
            }
            for each in (decision.direct if decision else ())
        ],
        "found": decision.blocks[-1].last if decision and decision.alarms else None,
        "looks": [
            {"first": each.first, "last": each.last, "contracts": each.end - each.start}
            for each in (decision.blocks if decision else ())
        ],
        "signals": [_signal(*each) for each in watched.signals],
        "feedback": [{"week": each.since, **(estimate_json(each.estimate) or {})} for each in said],
        "next": as_typed(NEXT) if watched.outcome == "drift" else None,
    }


def _signal(detected: Detected, found: Effect) -> dict[str, Any]:
    return {
        "name": detected.signal.name,
        "side": detected.signal.side,
        "summary": detected.signal.summary,
        "statistic": detected.signal.statistic,
        "since": detected.since or None,
        "evidence": detected.looks[-1].evidence,
        "p_values": [round(each.p, 4) for each in detected.looks],
        "value": detected.compared.value,
        "by_chance": detected.compared.usual,
        "auc": estimate_json(found.auc),
        "service": estimate_json(found.service),
        "exam": estimate_json(found.exam),
        "examples": [
            {"contract": each.contract, "request": each.id, "day": each.day}
            for each in found.examples
        ]
        if detected.since
        else [],
    }


def estimate_json(estimate: Estimate | None) -> dict[str, Any] | None:
    """Mean, ends and number, for programs."""
    if estimate is None:
        return None
    return {"mean": estimate.mean, "low": estimate.low, "high": estimate.high, "n": estimate.n}
