"""What an exam found, in words and in Markdown: the page of a CI job summary.

Everything here reads the value of `report.as_json`, so that it can be made again from any
`report.json`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LIMIT = 60_000
"""Bytes; GitHub refuses a job summary of more than 1 MiB, and nobody reads so much."""

CLIP = 120
"""Characters of contract text that a cell shows."""

OUTCOMES = ("FAIL", "INCONCLUSIVE", "PASS")
"""From what decides to what does not: the worst of a model's floors is the model's outcome."""

_SPECIAL = re.compile(r"[&<>|\\`*_\[\]~$]")


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What the floors say of one model; `outcome` is empty where there are none."""

    model: str
    outcome: str
    sentence: str


def conclusions(written: Mapping[str, Any]) -> list[Conclusion]:
    """One conclusion a model, in the order of the exam."""
    return [
        _conclusion(group["model"], [v for v in written["verdicts"] if v["model"] == group["model"]])
        for group in written["summary"]
    ]


def _conclusion(model: str, verdicts: Sequence[Mapping[str, Any]]) -> Conclusion:
    if not verdicts:
        return Conclusion(model, "", f"{model} was held against no floor.")
    by_outcome = {
        outcome: [v["metric"] for v in verdicts if v["outcome"] == outcome] for outcome in OUTCOMES
    }
    worst = next(outcome for outcome in OUTCOMES if by_outcome[outcome])
    if worst == "PASS":
        floors = "its one floor" if len(verdicts) == 1 else f"all {len(verdicts)} floors"
        return Conclusion(model, worst, f"{model} clears {floors}.")
    said = []
    if by_outcome["FAIL"]:
        said.append(f"fails {_listed(by_outcome['FAIL'])}")
    if by_outcome["INCONCLUSIVE"]:
        said.append(f"is inconclusive on {_listed(by_outcome['INCONCLUSIVE'])}")
    cleared = len(by_outcome["PASS"])
    return Conclusion(
        model, worst, f"{model} {' and '.join(said)}; {cleared} of {len(verdicts)} floors cleared."
    )


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
        return "no interval: one contract"
    return f"[{figure(estimate['low'], unit)}, {figure(estimate['high'], unit)}]"


def unit_of(written: Mapping[str, Any], metric: str) -> str:
    """The metric's unit; judges' metrics, which the table does not list, are shares."""
    return str(written["metrics"].get(metric, {}).get("unit", ""))


def spent(spending: Mapping[str, Any]) -> dict[str, str]:
    """What the run cost, each figure with its name.

    >>> spent({"calls": 2, "tokens_in": 9, "tokens_out": 1, "seconds": 75, "peak_memory": 2**30})
    {'calls': '2', 'tokens in': '9', 'tokens out': '1', 'time': '1 min 15 s', 'peak memory': '1.0 GiB'}
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


def markdown(written: Mapping[str, Any]) -> str:
    """The exam as GitHub-flavoured Markdown of at most `LIMIT` bytes.

    A section that would make it longer is left out, and said to be.
    """
    page = ["\n".join(_opening(written))]
    for title, lines in (
        ("Floors", _floors(written)),
        ("Metrics", _metrics(written)),
        ("Weakest categories by token_f1", _weakest(written)),
        ("Missed", _missed(written)),
    ):
        rows = list(lines)
        if not rows:
            continue
        section = "\n".join([f"## {title}", "", *rows])
        if len("\n\n".join([*page, section]).encode()) > LIMIT - 200:
            section = f"## {title}\n\nToo long for this page; see report.html."
        page.append(section)
    return "\n\n".join(page) + "\n"


def _opening(written: Mapping[str, Any]) -> Iterator[str]:
    yield "# Bar Exam"
    found = conclusions(written)
    if not found:
        yield "\nNothing was examined."
    for each in found[:20]:
        word = f"**{each.outcome}** " if each.outcome else ""
        yield f"\n{word}{escape(each.sentence, 400)}"
    contracts = len({case["contract"] for case in written["cases"]})
    errors = sum(result["error"] is not None for result in written["results"])
    spending = ", ".join(f"{name} {value}" for name, value in spent(written["spending"]).items())
    yield (
        f"\n{len(written['cases']):,} cases of {contracts:,} contracts, {errors:,} answers failed. "
        f"Spent: {spending}."
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _floors(written: Mapping[str, Any]) -> Iterator[str]:
    if written["verdicts"]:
        yield from _table(
            ("Model", "Outcome", "Reason"),
            (
                (escape(v["model"], 60), v["outcome"], escape(v["reason"], 200))
                for v in written["verdicts"]
            ),
        )


def _metrics(written: Mapping[str, Any]) -> Iterator[str]:
    groups = written["summary"]
    if not groups:
        return
    yield from _table(
        ("Metric", *(escape(group["model"], 60) for group in groups)),
        (
            (escape(metric, 60), *(_estimate(written, group, metric) for group in groups))
            for metric in metrics_of(groups, written["metrics"])
        ),
    )


def _estimate(written: Mapping[str, Any], group: Mapping[str, Any], metric: str) -> str:
    estimate, lost = group["estimates"].get(metric), group["unscored"].get(metric, 0)
    if estimate is None:
        return f"unscored ({lost:,})" if lost else "not asked"
    unit = unit_of(written, metric)
    also = f", {lost:,} unscored" if lost else ""
    shown = f"{figure(estimate['mean'], unit)} {interval(estimate, unit)}, n {estimate['n']:,}"
    return escape(shown + also, 200)


def _weakest(written: Mapping[str, Any]) -> Iterator[str]:
    rows = []
    for model in (group["model"] for group in written["summary"]):
        found = [
            (group["estimates"]["token_f1"]["mean"], group["name"], group["estimates"]["token_f1"])
            for group in written["categories"]
            if group["model"] == model and "token_f1" in group["estimates"]
        ]
        for mean, name, estimate in sorted(found, key=lambda row: row[:2])[:5]:
            rows.append(
                (escape(model, 60), escape(name, 60), figure(mean, ""), f"{estimate['n']:,}")
            )
    if rows:
        yield from _table(("Model", "Category", "token\\_f1", "n"), rows)


def _missed(written: Mapping[str, Any]) -> Iterator[str]:
    """Up to ten, taken evenly from all, since neighbours are of one contract."""
    missed = [result for result in written["results"] if result["missed"]]
    if not missed:
        return
    shown = [missed[i * len(missed) // min(10, len(missed))] for i in range(min(10, len(missed)))]
    yield f"{len(shown)} of {len(missed):,}, taken evenly from the exam.\n"
    yield from _table(
        ("Model", "Question", "Expected", "Answer", "Missed"),
        (_missed_row(result, written["cases"][result["case"]]) for result in shown),
    )


def _missed_row(result: Mapping[str, Any], case: Mapping[str, Any]) -> tuple[str, ...]:
    expected = " / ".join(span["text"] for span in case["expected"])
    answer = result["answer"] if result["error"] is None else f"error: {result['error']}"
    return (
        escape(result["model"], 60),
        escape(case["question"]),
        escape(expected) if case["expected"] else "not in the contract",
        escape(answer) or "(empty)",
        escape(", ".join(result["missed"]), 80),
    )


def escape(text: str, most: int = CLIP) -> str:
    """`text` on one line, clipped to `most` characters, inert in Markdown, tables and HTML.

    >>> escape("a|b\\n<b>")
    'a&#124;b &#60;b&#62;'
    """
    line = " ".join(text[: most * 4].split())
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
    if len(line) > most:
        line = line[: most - 1] + "…"
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", line)
