"""The words and figures that every page of a report uses.

Everything here reads the value of `report.as_json`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OUTCOMES = ("FAIL", "INCONCLUSIVE", "PASS", "N/A")
"""Outcomes of a check, from what decides to what does not."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The verdict on one model; `outcome` is empty where there is none."""

    model: str
    outcome: str
    sentence: str


def conclusions(written: Mapping[str, Any]) -> list[Conclusion]:
    """One conclusion a model, in the order of the exam."""
    verdicts = {verdict["model"]: verdict for verdict in written["verdicts"]}
    return [
        _conclusion(group["model"], verdicts.get(group["model"])) for group in written["summary"]
    ]


def _conclusion(model: str, verdict: Mapping[str, Any] | None) -> Conclusion:
    if verdict is None:
        return Conclusion(model, "", f"{model} is what the candidate is measured against.")
    by_outcome: dict[str, list[str]] = {outcome: [] for outcome in OUTCOMES}
    for check in verdict["checks"]:
        by_outcome[check["outcome"]].append(named(check))
    said = []
    if by_outcome["FAIL"]:
        said.append(f"fails {_listed(by_outcome['FAIL'])}")
    if by_outcome["INCONCLUSIVE"]:
        said.append(f"is inconclusive on {_listed(by_outcome['INCONCLUSIVE'])}")
    passed = len(by_outcome["PASS"])
    checks = len(verdict["checks"]) - len(by_outcome["N/A"])
    if not verdict["checks"]:
        said.append("was asked to show nothing")
    elif verdict["outcome"] == "PASS":
        why = "; ".join(verdict["reasons"])
        return Conclusion(model, "PASS", f"{model} passes all {checks} checks; {why}.")
    elif not said and verdict["outcome"] != "PROMOTE":
        said.append(f"is {verdict['outcome']}: {'; '.join(verdict['reasons'])}")
    tail = f"; {passed} of {checks} checks passed" if said and checks else ""
    if by_outcome["N/A"]:
        tail += f"; {_listed(by_outcome['N/A'])} does not apply"
    sentence = f"{model} {' and '.join(said) or f'passes all {checks} checks'}{tail}."
    return Conclusion(model, verdict["outcome"], sentence)


def checked(written: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every check of every verdict, with its model and what it is about: the one list of all pages.

    What decides stands first.
    """
    rows = [
        {**check, "model": verdict["model"], "about": named(check)}
        for verdict in written["verdicts"]
        for check in verdict["checks"]
    ]
    return sorted(rows, key=lambda row: OUTCOMES.index(row["outcome"]))


def named(check: Mapping[str, Any]) -> str:
    """What a check is about.

    >>> named({"metric": "token_f1", "against": "champion a"})
    'token_f1 against champion a'
    """
    if check["against"] in ("floor", "minimum"):
        return str(check["metric"])
    return f"{check['metric']} against {check['against']}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def figure(value: float, unit: str) -> str:
    """A value as people read it.

    >>> figure(0.5, ""), figure(1234.5, "tokens"), figure(0.25, "s")
    ('0.500', '1,234', '0.25 s')
    """
    if unit == "tokens":
        return f"{value:,.0f}"
    return f"{value:.2f} s" if unit == "s" else f"{value:.3f}"


def interval(estimate: Mapping[str, Any], unit: str) -> str:
    """`[low, high]`, or why there is none."""
    if estimate["low"] is None or estimate["high"] is None:
        return f"no interval: {'one contract' if estimate['clusters'] < 2 else 'all the same'}"
    return f"[{figure(estimate['low'], unit)}, {figure(estimate['high'], unit)}]"


def estimated(estimate: Mapping[str, Any] | None) -> str:
    """`mean [low, high]` of a finding; an interval that nobody knows is left out."""
    if estimate is None:
        return "none"
    shown = figure(estimate["mean"], "")
    return shown if estimate["low"] is None else f"{shown} {interval(estimate, '')}"


def unit_of(written: Mapping[str, Any], metric: str) -> str:
    """The metric's unit; judges' metrics, which the table does not list, are shares."""
    return str(written["metrics"].get(metric, {}).get("unit", ""))


def spent(spending: Mapping[str, Any]) -> dict[str, str]:
    """What the run cost, each figure with its name.

    >>> cost = {"calls": 2, "tokens_in": 9, "tokens_out": 1, "seconds": 75, "peak_memory": 2**30}
    >>> spent(cost)["time"], spent(cost)["peak memory"]
    ('1 min 15 s', '1.0 GiB')
    """
    minutes, seconds = divmod(round(spending["seconds"]), 60)
    return {
        "calls": f"{spending['calls']:,}",
        "tokens in": f"{spending['tokens_in']:,}",
        "tokens out": f"{spending['tokens_out']:,}",
        "time": f"{minutes:,} min {seconds} s" if minutes else f"{spending['seconds']:.1f} s",
        "peak memory": f"{spending['peak_memory'] / 2**30:.1f} GiB",
    }


def metrics_of(groups: Iterable[Mapping[str, Any]], known: Iterable[str]) -> list[str]:
    """The metrics that any of these groups was asked, in the order of the metrics table."""
    asked = dict.fromkeys(
        metric for group in groups for metric in (*group["estimates"], *group["unscored"])
    )
    in_order = [metric for metric in known if metric in asked]
    return in_order + [metric for metric in asked if metric not in in_order]
