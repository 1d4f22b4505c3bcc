"""What reviewers said, as files that the rest reads: labels, preferences, and who won."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from evals.language.words import says_something
from reports.review.desk import Desk
from reports.review.items import Item
from reports.review.opinions import Entry
from reports.review.reliability import score_of
from reports.statistics.estimates import Estimate
from reports.statistics.intervals import cluster_mean

Row = dict[str, Any]


def labels(desk: Desk) -> list[Row]:
    """A row for each score of each reviewer: what `--labels` and `evals.judges.align` read."""
    rows = []
    for item, entry in _scored(desk):
        assert item.row is not None
        opinion = entry.opinion
        rows.append(
            asdict(item.row)
            | {
                "score": opinion.score,
                "rubric": entry.rubric,
                "reviewer": entry.reviewer,
                "hallucination": opinion.hallucination,
                "comment": opinion.comment,
                "corrected": opinion.corrected,
                "time": entry.time,
            }
        )
    return rows


def preferences(desk: Desk) -> list[Row]:
    """A row for each opinion that says which reply is better, as `training.preferences` reads it.

    Of an answer its score from 1 to 5 and its correction. Of a pair the better answer is the
    correction of the other; a tie says nothing, nor does an answer without words.
    """
    found = (_preference(item, entry) for item, entry in _scored(desk))
    return [row for row in found if row]


def _preference(item: Item, entry: Entry) -> Row:
    opinion = entry.opinion
    told = {"comment": opinion.comment, "reviewer": entry.reviewer, "time": entry.time}
    of = {"case": item.case.identity}
    if opinion.choice == "tie":
        return {}
    if opinion.choice:
        first, second = (each.answer for each in item.shown)
        better, worse = (first, second) if opinion.choice == "first" else (second, first)
        said = says_something(better) and says_something(worse)
        return of | {"answer": worse, "corrected answer": better} | told if said else {}
    answer = item.shown[0].answer
    if opinion.score is None or not says_something(answer):
        return {}
    row = of | {"answer": answer, "score": round(1 + 4 * opinion.score, 6)} | told
    return row | ({"corrected answer": opinion.corrected} if opinion.corrected else {})


def win_rate(desk: Desk) -> Estimate | None:
    """What the first model won, ties as halves: over the pairs, clustered by contract.

    Reviewers of one pair count as their mean. None where nothing was compared.
    """
    by_item: dict[str, list[float]] = defaultdict(list)
    for item, entry in _scored(desk):
        won = score_of(entry)
        if won is not None:
            by_item[item.id].append(won)
    compared = [item for item in desk.items if item.id in by_item]
    if not compared:
        return None
    means = [sum(by_item[item.id]) / len(by_item[item.id]) for item in compared]
    return cluster_mean(means, [item.case.contract for item in compared])


def left_out(desk: Desk) -> list[str]:
    """In words, what the journal holds and no file has."""
    known = {item.id for item in desk.items}
    last = [entry for said in desk.journal.last().values() for entry in said.values()]
    gone = sum(entry.item not in known and _is_of(entry, desk) for entry in last)
    here = [entry for entry in last if entry.item in known]
    others = sum(entry.rubric != desk.rules.digest for entry in here)
    skipped = sum(entry.opinion.skipped for entry in here)
    counted = (
        (gone, "of answers or cases that are not in this queue"),
        (others, "by an earlier rubric"),
        (skipped, "by reviewers who could not tell"),
    )
    return [f"{count} {what}" for count, what in counted if count]


def _is_of(entry: Entry, desk: Desk) -> bool:
    """Whether it may be of such a desk; scores and comparisons of a run lie in one journal."""
    return entry.opinion.skipped or bool(entry.opinion.choice) == (desk.kind == "pairs")


def _scored(desk: Desk) -> Iterator[tuple[Item, Entry]]:
    """The opinions that count and say something, in the order of the draw."""
    everybody = {name: desk.counted(said) for name, said in desk.journal.last().items()}
    for item in desk.items:
        for said in everybody.values():
            entry = said.get(item.id)
            if entry and not entry.opinion.skipped:
                yield item, entry
