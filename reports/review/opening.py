"""The desk of a run, as it was asked for and as its journal remembers it."""

from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from evals.judges.wording import SHIPPED, Wording, read_text, rubric_digest
from evals.labels import DIFFERING, UNSURE
from reports.labelling.draw import next_to_label
from reports.labelling.unsure import unsure_to_label
from reports.report import Report
from reports.review.desk import Desk, Kind, Rules, Scale
from reports.review.items import Item, answers, pairs
from reports.review.journal import Journal

CASES = 30


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody typed.

    Attributes:
        reviewers: by name.
        compare: two models whose answers are compared; None where answers are scored.
        cases: in the queue; None for as many as before.
        draw: which draw; None for the one before.
        rubric: file of the rules; None for the exam's own.
        scale: of the choices.
        seed: of orders and sides.
    """

    reviewers: tuple[str, ...]
    compare: tuple[str, str] | None
    cases: int | None
    draw: str | None
    rubric: Path | None
    scale: Scale
    seed: int


def open_desk(report: Report, journal: Path, asked: Asked) -> Desk:
    """The desk of a report.

    Raises:
        UserError: the journal cannot be used, a model has no answers, or the rubric is none.
    """
    kind: Kind = "pairs" if asked.compare else "answers"
    rules, kept = _rules(asked, report), Journal(journal)
    cases, draw = _cases(kept, kind, asked.cases), _draw(kept, asked.draw)
    items = _items(report, asked, cases, draw)
    return Desk(kind, items, asked.reviewers, rules, kept, asked.seed)


def _cases(journal: Journal, kind: Kind, asked: int | None) -> int:
    """How many cases are in the queue: it grows, and never loses what was begun."""
    before = int(journal.setting(f"cases of {kind}") or 0)
    cases = max(before, asked or before or CASES)
    journal.note(f"cases of {kind}", str(cases))
    return cases


def _draw(journal: Journal, asked: str | None) -> str:
    """By which draw the queue is: chances of cases that were drawn by two are none."""
    before = journal.setting("draw")
    if asked and before not in (None, asked):
        raise UserError(
            f"{journal.path} is of a queue by --draw {before}; leave --draw out, or name another "
            "file with --journal"
        )
    journal.note("draw", draw := before or asked or DIFFERING)
    return draw


def _items(report: Report, asked: Asked, cases: int, draw: str) -> tuple[Item, ...]:
    if asked.compare:
        return pairs(report, *asked.compare, cases)
    drawn = unsure_to_label(report, cases) if draw == UNSURE else next_to_label(report, (), cases)
    return answers(report, drawn)


def _rules(asked: Asked, report: Report) -> Rules:
    """The rubric that is given, else the exam's own as its report holds it, else ours."""
    judged = report.header.gate.further.get("judge")
    own = str(judged.get("rubric") or "") if isinstance(judged, dict) else ""
    if asked.rubric:
        own = read_text(f"--rubric {asked.rubric}", asked.rubric, "rubric")
    text = own or SHIPPED.read_text(encoding="utf-8")
    return Rules(text, rubric_digest(Wording(own)), asked.scale)
