"""The words and figures that every page of a report uses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evals.results import Spending
from models.price import dollars
from reports.report import Check, Group, Report, Verdict
from reports.statistics.estimates import Estimate, Outcome

OUTCOMES: tuple[Outcome, ...] = ("FAIL", "INCONCLUSIVE", "PASS", "N/A")
"""Outcomes of a check, from what decides to what does not."""

FEW = 5
"""Names that a sentence lists at most."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The verdict on one model; `outcome` is empty where there is none."""

    model: str
    outcome: str
    sentence: str


def conclusions(report: Report) -> list[Conclusion]:
    """One conclusion a model, in the order of the exam."""
    verdicts = {verdict.model: verdict for verdict in report.verdicts}
    return [_conclusion(group.model, verdicts.get(group.model)) for group in report.summary]


def _conclusion(model: str, verdict: Verdict | None) -> Conclusion:
    if verdict is None:
        return Conclusion(model, "", f"{model} is what the candidate is measured against.")
    by_outcome: dict[str, list[str]] = {outcome: [] for outcome in OUTCOMES}
    for check in verdict.checks:
        by_outcome[check.outcome].append(format_check(check))
    clauses = []
    if by_outcome["FAIL"]:
        clauses.append(f"fails {format_list(by_outcome['FAIL'])}")
    if by_outcome["INCONCLUSIVE"]:
        clauses.append(f"is inconclusive on {format_few(by_outcome['INCONCLUSIVE'])}")
    passed = len(by_outcome["PASS"])
    checks = len(verdict.checks) - len(by_outcome["N/A"])
    if not verdict.checks:
        clauses.append("was asked to show nothing")
    elif verdict.outcome == "PASS":
        why = "; ".join(verdict.reasons)
        return Conclusion(model, "PASS", f"{model} passes all {checks} checks; {why}.")
    elif not clauses and verdict.outcome != "PROMOTE":
        clauses.append(f"is {verdict.outcome}: {'; '.join(verdict.reasons)}")
    tail = f"; {passed} of {checks} checks passed" if clauses and checks else ""
    if beside := by_outcome["N/A"]:
        named = f"{beside[0]} does" if len(beside) == 1 else f"{len(beside)} do"
        tail += f"; {named} not apply"
    sentence = f"{model} {' and '.join(clauses) or f'passes all {checks} checks'}{tail}."
    return Conclusion(model, verdict.outcome, sentence)


@dataclass(frozen=True, slots=True)
class Checked:
    """A check as pages list it: of which model, and what it is about."""

    model: str
    about: str
    outcome: Outcome
    reason: str


def checked(report: Report) -> list[Checked]:
    """Every check of every verdict, the one list of all pages; what decides stands first."""
    rows = [
        Checked(verdict.model, format_check(check), check.outcome, check.reason)
        for verdict in report.verdicts
        for check in verdict.checks
    ]
    return sorted(rows, key=lambda row: OUTCOMES.index(row.outcome))


def format_check(check: Check) -> str:
    """What a check is about.

    >>> format_check(Check("token_f1", "champion a", "PASS", ""))
    'token_f1 against champion a'
    """
    if check.against in ("floor", "minimum"):
        return check.metric
    return f"{check.metric} against {check.against}"


def format_list(names: Sequence[str]) -> str:
    """One name or more.

    >>> format_list(["a", "b", "c"])
    'a, b and c'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def format_few(names: Sequence[str]) -> str:
    """Five names at most; of more the first four, and how many are left.

    >>> format_few(["a", "b", "c", "d", "e", "f"])
    'a, b, c, d and 2 more'
    """
    left = f"{len(names) - FEW + 1} more"
    return format_list(names if len(names) <= FEW else [*names[: FEW - 1], left])


def format_value(value: float, unit: str) -> str:
    """A value as people read it.

    >>> format_value(0.5, ""), format_value(1234.5, "tokens"), format_value(0.25, "s")
    ('0.500', '1,234', '0.25 s')
    >>> format_value(0.375, "$/1,000"), format_value(-0.0001, "")
    ('$0.375', '0.000')
    """
    if unit == "tokens":
        return f"{value:z,.0f}"
    if unit == "$/1,000":
        return f"${value:z,.3f}"
    return f"{value:z.2f} s" if unit == "s" else f"{value:z.3f}"


def format_interval(estimate: Estimate, unit: str) -> str:
    """`[low, high]`, or why there is none."""
    if estimate.low is None or estimate.high is None:
        return f"no interval: {'one contract' if estimate.clusters < 2 else 'all the same'}"
    return f"[{format_value(estimate.low, unit)}, {format_value(estimate.high, unit)}]"


def format_estimate(estimate: Estimate | None) -> str:
    """`mean [low, high]` of a finding; an interval that nobody knows is left out."""
    if estimate is None:
        return "none"
    shown = format_value(estimate.mean, "")
    return shown if estimate.low is None else f"{shown} {format_interval(estimate, '')}"


def format_spending(spending: Spending) -> dict[str, str]:
    """What the run cost, each figure with its name.

    >>> cost = Spending(calls=2, tokens_in=9, tokens_out=1, seconds=75, peak_memory=2**30)
    >>> format_spending(cost)["time"], format_spending(cost)["peak memory"]
    ('1 min 15 s', '1.0 GiB')
    """
    minutes, seconds = divmod(round(spending.seconds), 60)
    again = f"{spending.asked_again:,}, {spending.came_back:,} came back"
    return {
        "calls": f"{spending.calls:,}",
        **({"calls that failed and were made again": again} if spending.asked_again else {}),
        "tokens in": f"{spending.tokens_in:,}",
        "tokens out": f"{spending.tokens_out:,}",
        **format_paid(spending),
        "time": f"{minutes:,} min {seconds} s" if minutes else f"{spending.seconds:.1f} s",
        "peak memory": f"{spending.peak_memory / 2**30:.1f} GiB",
    }


def format_paid(spending: Spending) -> dict[str, str]:
    """The dollars of this run and of those before it; nothing where nobody was paid."""
    named = {
        "paid": spending.cost,
        "of which for judgements": spending.judging,
        "of which for embedding": spending.embedding,
        "paid for this exam before": spending.paid_before,
    }
    return {name: dollars(cost) for name, cost in named.items() if cost}


def metrics_of(groups: Iterable[Group], known: Iterable[str]) -> list[str]:
    """The metrics that any of these groups was asked, in the order of the metrics table."""
    asked = dict.fromkeys(
        metric for group in groups for metric in (*group.estimates, *group.unscored)
    )
    in_order = [metric for metric in known if metric in asked]
    return in_order + [metric for metric in asked if metric not in in_order]
