"""What a demonstration came to: read from its journal and its reports, written into a page."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import write_whole
from common.reading import file_text, parse_json
from models.promotion.champion import read_champion
from training.loop.demo.acts import COMPARED, Played, report_of
from training.loop.demo.place import Place
from training.loop.journal import STATE, Round, read_rounds

BEGIN, END = "<!-- demo: begin -->", "<!-- demo: end -->"
MEANS = {
    "r2": "what the round gave", "control": "of it, as much training on half of the contracts",
    "added": "of it, the other half and the new kinds",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired difference of the balanced score, with its 90 % interval, and the verdict on it."""

    model: str
    against: str
    kind: str
    means: str
    contracts: int
    cases: int
    mean: float | None
    low: float | None
    high: float | None
    outcome: str

    @property
    def row(self) -> str:
        """Of the table."""
        numbers = "not known"
        if self.mean is not None and self.low is not None and self.high is not None:
            numbers = f"{self.mean:+.3f} ({self.low:+.3f} to {self.high:+.3f})"
        return (
            f"| {self.means} | `{self.model}` − `{self.against}` | {self.kind} | "
            f"{self.contracts} | {self.cases} | {numbers} | {self.outcome} |"
        )


def differences(place: Place) -> tuple[Difference, ...]:
    """Every comparison afterwards.

    Raises:
        UserError: a report is missing or is none.
    """
    return tuple(
        _difference(report_of(place, f"{name}-{kind}"), model, against, kind, MEANS[name])
        for name, model, against in COMPARED
        for kind in ("new", "old")
    )


def _difference(path: Path, model: str, against: str, kind: str, means: str) -> Difference:
    report: dict[str, Any] = parse_json(str(path), file_text(path))
    try:
        verdict = next(each for each in report["verdicts"] if each["model"] == model)
        checks = (c for c in verdict["checks"] if c["metric"] == "balanced")
        found = next((c["estimate"] for c in checks if c["against"] != "floor"), None) or {}
        data = report["dataset"]
        return Difference(
            model, against, kind, means, data["examined_contracts"], data["examined_cases"],
            found.get("mean"), found.get("low"), found.get("high"), verdict["outcome"],
        )  # fmt: skip
    except (KeyError, TypeError, StopIteration) as error:
        raise UserError(f"{path} is no report of {model}; remove it and type it again") from error


def page(place: Place, played: Sequence[Played]) -> str:
    """The figures as Markdown.

    Raises:
        UserError: journal or reports cannot be read.
    """
    rounds = read_rounds(place.clone / STATE)
    champion = read_champion(place.clone / "models")
    hours = sum(each.seconds for each in played) / 3600
    lines = [
        f"The {place.sizes.name} run, {hours:.1f} hours in all: SFT of {place.sizes.sft} steps a "
        f"round, alignment of {place.sizes.align}. In service at its end: "
        f"`{champion.model if champion else 'none'}`.",
        "",
        *_rounds(rounds),
        "",
        "Paired differences of the balanced score, by contract, with 90 % intervals. On new kinds "
        "the question was whether it is better, on old ones whether it is at most "
        f"{place.sizes.margin} worse:",
        "",
        "| what | models | kinds | contracts | cases | difference | verdict |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(each.row for each in differences(place)),
    ]
    return "\n".join(lines)


def _rounds(rounds: Sequence[Round]) -> Iterator[str]:
    yield "| round | why | outcome | minutes | of which training | exam |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for each in rounds:
        minutes = {name: made.seconds / 60 for name, made in each.steps.items()}
        training = sum(minutes.get(name, 0.0) for name in ("sft", "align"))
        yield (
            f"| {each.number} | {'; '.join(each.why)} | {each.outcome or 'open'} | "
            f"{sum(minutes.values()):.0f} | {training:.0f} | {minutes.get('examine', 0.0):.0f} |"
        )


def write_page(path: Path, text: str) -> None:
    """Put the figures between the markers of a page.

    Raises:
        UserError: it cannot be read, or has no markers.
    """
    whole = file_text(path)
    before, begun, rest = whole.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (begun and ended):
        raise UserError(f"{path}: it has no {BEGIN} … {END}; add them where the figures belong")
    write_whole(path, f"{before}{BEGIN}\n{text}\n{END}{after}")


def notebook(place: Place, played: Sequence[Played]) -> str:
    """The lines and what they printed, as an executed notebook (nbformat 4.5).

    Paths of the clone are shown as in the clone: where it lies is of this machine.
    """
    cells = []
    for number, each in enumerate(played, start=1):
        cells.append(_cell(f"about-{number}", "markdown", each.about))
        outputs = [{"output_type": "stream", "name": "stdout", "text": _shown(place, each)}]
        code = {"execution_count": number, "outputs": outputs}
        cells.append(_cell(f"line-{number}", "code", f"!{each.line}") | code)
    whole = {
        "cells": cells,
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _cell(name: str, kind: str, source: str) -> dict[str, Any]:
    return {"cell_type": kind, "id": name, "metadata": {}, "source": source.splitlines(True)}


def _shown(place: Place, played: Played) -> list[str]:
    return _lines([line.replace(f"{place.clone}/", "") for line in played.printed])


def _lines(lines: Sequence[str]) -> list[str]:
    return [f"{line}\n" for line in lines]
