"""What a judge says of answers of service and of the exam, without gold answers.

Both are judged alike, from what a row of the log holds: one answer of each contract of the exam,
and of each day a sample that ids alone draw. Scores and replies are kept in the exams' store, so
that nothing is paid for twice, and what an exam's judge was asked about the same is there already.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import UserError
from common.identity import digest
from evals.calls.budget import Budget
from evals.calls.calls import Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.store import Store
from evals.isolation import innermost
from evals.judges.factory import open_judges
from evals.judges.judge import Judge, Panel, Submission
from evals.options import asks_nobody
from evals.results import Score
from models.egress import Egress, Sent, check_store
from models.factory import Chats
from reports.drift.outputs import answer_of, case_of
from reports.drift.reference import Reference
from reports.drift.units import Unit

if TYPE_CHECKING:
    from reports.statistics.exchange import Floats

EMBEDDED = "embedded"
"""The judge that asks no model: `claim_support`. Chat models judge `groundedness`."""


@dataclass(frozen=True, slots=True)
class Judging:
    """Who judges how much.

    Attributes:
        judge: `embedded`, or a chat model of the registry.
        sample: answers of each day of service.
        served: what was read, as it was typed: a policy says where that may go.
        registry: folder of entries.
        store: of scores and replies.
        max_calls: calls to make at most; None sets no limit.
    """

    judge: str
    sample: int
    served: tuple[str, ...]
    registry: Path
    store: str
    max_calls: int | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of it.

    Attributes:
        judge: its name.
        metric: what it scored.
        values: of the exam's units and then those of service, in 0..1; NaN where there is none.
        asked: answers of the exam and of service that were to be judged.
        calls: that were sent for it now.
        lost: answers without a score, by why.
        new: whether the exam had no such judge.
    """

    judge: str
    metric: str
    values: "Floats"
    asked: tuple[int, int]
    calls: int
    lost: Mapping[str, int]
    new: bool


def sampled(units: Sequence[Unit], most: int, exam: str) -> frozenset[int]:
    """Places of the units that are judged: at most so many a day, drawn by contract and id."""
    days: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for place, unit in enumerate(units):
        days[unit.day].append((digest("judged", exam, unit.contract, unit.id), place))
    return frozenset(place for drawn in days.values() for _, place in sorted(drawn)[:most])


def judged(judging: Judging, reference: Reference, units: Sequence[Unit]) -> Judged:
    """Judge whatever the store does not hold.

    Args:
        judging: who judges how much.
        reference: the exam, all of whose units are judged.
        units: of service.

    Raises:
        UserError: the judge cannot be opened or asked, or may not be sent the texts.
    """
    import numpy as np

    sent = (*(Sent(path, digest("served", path)) for path in judging.served), reference.sent)
    check_store(judging.store, Egress(judging.registry, sent))
    judge = _opened(judging.judge, Chats(judging.registry, sent))
    exam = len(reference.units)
    drawn = sorted(sampled(units, judging.sample, reference.exam))
    asked = (*reference.units, *(units[place] for place in drawn))
    store = Store(judging.store)
    try:
        scores, calls = asyncio.run(_scores(judge, asked, store, judging.max_calls))
    except* UserError as errors:
        raise innermost(errors) from None
    finally:
        store.close()
    values = np.full(exam + len(units), np.nan)
    for place, score in zip((*range(exam), *(exam + each for each in drawn)), scores, strict=True):
        values[place] = np.nan if score.value is None else score.value
    return Judged(
        judge=judge.name,
        metric=judge.metric,
        values=values,
        asked=(exam, len(drawn)),
        calls=calls,
        lost=Counter(each.reason for each in scores if each.value is None),
        new=(judge.metric, judge.name) not in reference.judges,
    )


def _opened(name: str, chats: Chats) -> Judge:
    if name == EMBEDDED:
        (judge,) = open_judges(("claim_support",), (), 1, chats)
        return judge
    if asks_nobody(name):
        raise UserError(
            f"--judge {name} compares with gold answers, and service has none; give a chat model "
            f"of the registry, or {EMBEDDED}"
        )
    (judge,) = open_judges(("groundedness",), (name,), 1, chats)
    return judge


async def _scores(
    judge: Judge, units: Sequence[Unit], store: Store, most: int | None
) -> tuple[list[Score], int]:
    """The score of each unit, in order, and how many calls that took."""
    async with Journal(store) as journal:
        budget = Budget(most)
        calls = Calls(journal, Lookups(store, "answers"), budget)
        panel = Panel((judge,), calls, journal, Lookups(store, "scores"))
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(
                        panel.score(judge, Submission(case_of(unit), answer_of(unit)))
                    )
                    for unit in units
                ]
        finally:
            await judge.close()
    return [task.result() for task in tasks], budget.calls
