"""The desk of one run: who reviews what, by which rules, and how far each has come."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reports.review.items import Item, in_order
from reports.review.journal import Journal
from reports.review.opinions import Entry, Opinion, Stored

Kind = Literal["answers", "pairs"]
Scale = Literal["0-1", "1-5"]

STEPS: Mapping[Scale, Mapping[str, float]] = {
    "0-1": {f"{step / 5:.1f}": step / 5 for step in range(6)},
    "1-5": {str(step): (step - 1) / 4 for step in range(1, 6)},
}
"""What can be chosen on a scale, and the score that it stands for."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What reviewers score by: the rubric's text, its digest, and the scale of their choices."""

    rubric: str
    digest: str
    scale: Scale = "0-1"

    @property
    def steps(self) -> Mapping[str, float]:
        """The scores by what is chosen."""
        return STEPS[self.scale]

    def chosen(self, score: float | None) -> str:
        """What was chosen for a score; empty where the scale has no such step."""
        if score is None:
            return ""
        return next((name for name, at in self.steps.items() if abs(at - score) < 1e-9), "")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reviewer has come."""

    done: int
    total: int
    skipped: int
    hallucinations: int

    @property
    def is_done(self) -> bool:
        """Whether nothing is left."""
        return self.done == self.total


@dataclass(frozen=True)
class Desk:
    """Everything that the pages are made of.

    Attributes:
        kind: of the items.
        items: as they were drawn.
        reviewers: by name.
        rules: to score by.
        journal: where opinions are kept.
        seed: of orders and sides.
    """

    kind: Kind
    items: tuple[Item, ...]
    reviewers: tuple[str, ...]
    rules: Rules
    journal: Journal
    seed: int = 0

    def queue(self, reviewer: str) -> tuple[Item, ...]:
        """The items in the reviewer's order."""
        return in_order(self.items, self.seed, reviewer)

    def store(self, item: Item, reviewer: str, opinion: Opinion, seen: int) -> Stored:
        """Keep an opinion: see `Journal.add`."""
        return self.journal.add(item.id, item.case.id, reviewer, self.rules.digest, opinion, seen)

    def open_numbers(self, reviewer: str) -> list[int]:
        """Places in the reviewer's queue, from 1, of which nothing was said."""
        said = self.said(reviewer)
        queue = enumerate(self.queue(reviewer), start=1)
        return [number for number, item in queue if item.id not in said]

    def said(self, reviewer: str) -> dict[str, Entry]:
        """What counts of a reviewer's opinions on these items, by these rules."""
        return self.counted(self.journal.last().get(reviewer, {}))

    def counted(self, entries: Mapping[str, Entry]) -> dict[str, Entry]:
        """Those entries that are on an item of this desk, and go by its rules."""
        return {
            item.id: entry
            for item in self.items
            if (entry := entries.get(item.id)) and entry.rubric == self.rules.digest
        }

    def progress(self, said: Mapping[str, Entry]) -> Progress:
        """How far whoever said this has come."""
        opinions = [entry.opinion for entry in said.values()]
        return Progress(
            len(opinions),
            len(self.items),
            sum(opinion.skipped for opinion in opinions),
            sum(opinion.hallucination for opinion in opinions),
        )

    def finished(self) -> dict[str, dict[str, Entry]]:
        """The opinions of those who have been through everything, by reviewer."""
        everybody = {name: self.counted(each) for name, each in self.journal.last().items()}
        return {name: each for name, each in everybody.items() if len(each) == len(self.items)}
