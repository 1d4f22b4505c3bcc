"""What `python -m models.promote` shows: the record, and every exam that the ledger knows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from models.promotion.approval.recorded import glass_words
from models.promotion.ledger.entry import Begun, Entry
from models.promotion.ledger.tries import judged_before
from models.promotion.record.line import Line, Record
from models.promotion.record.statement import Statement

if TYPE_CHECKING:
    from rich.table import Table


def history(lines: Sequence[Line]) -> "Table":
    """The record as a table, oldest first, with the metrics that the gate checked."""
    from rich.table import Table
    from rich.text import Text

    table = Table("", "when, who", "what", "verdict", "numbers", "anchor")
    for line in lines:
        if isinstance(line, Statement):
            who, verdict, words, anchor = line.who.words, None, _stated(line), ""
        else:
            who, verdict, words = line.who, line.verdict, _said(line, lines)
            anchor = line.anchor.model
        cells = (
            str(line.number),
            f"{line.when[:16].replace('T', ' ')}\n{who}",
            f"{line.kind}\n{line.model} {line.identity[:8]}",
            verdict or "",
            words,
            anchor,
        )
        table.add_row(*(Text(cell, overflow="fold") for cell in cells))
    return table


def exams(entries: Sequence[Entry]) -> "Table":
    """The ledger as a table, oldest first: what was tried on what, and what came of it."""
    from rich.table import Table
    from rich.text import Text

    table = Table("when", "candidates", "data", "asked", "came to")
    for entry in entries:
        begun = entry.begun
        part = ", sealed" if begun.chosen.sealed else ", a part" if begun.chosen.part else ""
        outcomes = [entry.judged(each.identity) or "" for each in begun.candidates]
        cells = (
            begun.when[:16].replace("T", " "),
            "\n".join(f"{each.name} {each.identity[:8]}" for each in begun.candidates),
            f"{begun.dataset.name} {begun.dataset.identity[:8]}\n{begun.dataset.split}",
            f"{begun.cases} cases of {begun.contracts} contracts{part}",
            "\n".join(outcomes),
        )
        table.add_row(*(Text(cell, overflow="fold") for cell in cells))
    return table


def print_exams(entries: Sequence[Entry]) -> None:
    """The table, and under it how often each set of contracts has judged."""
    from rich.console import Console

    console = Console()
    console.print(exams(entries) if entries else "no exam yet")
    for words in dict.fromkeys(_contracts_words(entries, entry.begun) for entry in entries):
        console.print(words, soft_wrap=True, highlight=False)


def _contracts_words(entries: Sequence[Entry], begun: Begun) -> str:
    data, found = begun.dataset, judged_before(entries, begun)
    which = "sealed" if begun.chosen.sealed else data.split
    return f"{data.name} {data.identity[:8]}, {which}: {found.words}"


def _said(record: Record, lines: Sequence[Line]) -> str:
    """Why a line stands there: what was passed over, the reason of a new anchor, the numbers."""
    words = [f"override: {record.override.reason}"] if record.override else []
    if glass := glass_words(lines, record):
        words.append(f"break-glass: {glass}")
    elif record.approval:
        words.append(f"approved by {', '.join(vote.by for vote in record.approval.votes)}")
        words += [f"condition met, of {text}" for text in record.approval.conditions]
    return "\n".join([*words, record.reason or _numbers(record)])


def _stated(said: Statement) -> str:
    """In whose name something was said, until when, and what more."""
    signed = f"signed by {said.signed_by[:8]}" if said.signed_by else "not signed"
    until = [f"until {said.expires[:16].replace('T', ' ')}"] if said.expires else []
    more = [f"on condition: {text}" for text in said.conditions]
    more += [said.reason] if said.reason else []
    return "\n".join([f"by {said.by}, {signed}", *until, *more])


def _numbers(record: Record) -> str:
    """As in "token_f1 0.612 [0.58, 0.64]", a line a metric."""
    statistics = record.statistics or {"estimates": {}, "checks": []}
    checked = dict.fromkeys(check.get("metric") for check in statistics["checks"])
    lines = []
    for metric, estimate in statistics["estimates"].items():
        if metric in checked and estimate.get("mean") is not None:
            low, high = estimate.get("low"), estimate.get("high")
            interval = f" [{low:.2f}, {high:.2f}]" if None not in (low, high) else ""
            lines.append(f"{metric} {estimate['mean']:.3f}{interval}")
    return "\n".join(lines)
