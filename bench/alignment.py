"""What alignment is worth to a team, and how often it makes the reference judge worse."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.marked import marked
from bench.results import Finding
from common.paths import ROOT
from evals.calls.budget import Budget
from evals.calls.calls import Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.store import Store
from evals.judges.align.__main__ import tried
from evals.judges.judge import Submission
from evals.judges.pairs import Pair, read_pairs
from evals.judges.reference.judge import ReferenceJudge
from models.chat import Answer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

PAGE = ROOT / "docs" / "judges.md"
HEAD = (
    "| team | labels | written | worse | mean change | worst | isotonic: worse | mean change | "
    "worst |"
)
SIZES = (30, 100, 300)
TIMES = 60
FITTED = 2 / 3
"""Share of the contracts that labels are drawn from; the others say what came of it."""

STEP = 0.2
UNSURE = 0.2
"""Share of labels that a team gives a step higher or lower than its own rule says."""

INCOMPLETE = frozenset(
    {"partial", "partial_list", "thin", "mixed", "truncated_quote", "vague"}
)  # fmt: skip
TEAMS = ("like the rubric", "stricter", "more lenient", "asks for completeness")


@dataclass(frozen=True, slots=True)
class Change:
    """Of the mean absolute error on other contracts; 0 where nothing was written.

    `always` is what plain isotonic regression changes, whatever it shows.
    """

    labels: int
    written: bool
    ours: float
    always: float


def measure(folder: Path) -> Finding:
    """Align simulated teams by `SIZES` labels, `TIMES` times each, and score other contracts.

    The page of judges has the table too.
    """
    marked(PAGE, "align", ())
    every = [pair for pair in read_pairs() if pair.held_out and pair.expected]
    scores = asyncio.run(_scores(every, folder))
    pairs = [pair for pair, score in zip(every, scores, strict=True) if score is not None]
    given = [score for score in scores if score is not None]
    rows = [
        _row(team, [_change(pairs, given, team, size, seed) for seed in range(TIMES)])
        for team in TEAMS
        for size in SIZES
    ]
    table = [HEAD, "|---" + "|---:" * 8 + "|", *rows]
    PAGE.write_text(marked(PAGE, "align", table), encoding="utf-8")
    contracts = len({pair.contract for pair in pairs})
    return Finding(
        "aligning the reference judge by 30, 100 and 300 labels",
        f"The {len(pairs)} answered pairs of the {contracts} held-out contracts of "
        f"`evals/judges/data`, scored by simulated teams: as the labels say; one step stricter "
        "below 1; one step more lenient above 0; two steps stricter where the answer is right and "
        f"incomplete. Each gives every fifth label a step higher or lower. {TIMES} times a team's "
        "labels are drawn from two thirds of the contracts, `evals.judges.align` aligns by them "
        "or writes nothing, and the mean absolute error changes on the other contracts as follows "
        "(below 0 is better; nothing written is no change). Worse: the error rose there. Beside it "
        "isotonic regression without shrinkage, always written. The two parts of so few contracts "
        "tell against each other, so that the worst here is worse than it is.",
        table="\n".join(table),
    )


async def _scores(pairs: Sequence[Pair], folder: Path) -> list[float | None]:
    store, judge = Store(str(folder / "store.sqlite")), ReferenceJudge()
    async with Journal(store) as journal:
        calls = Calls(journal, Lookups(store, "answers"), Budget())
        found = await asyncio.gather(
            *(judge.judge(Submission(pair.case, Answer(pair.answer)), calls) for pair in pairs)
        )
    return [score.value for score in found]


def labelled(pairs: Sequence[Pair], team: str, rng: "np.random.Generator") -> "Floats":
    """What a team scores these answers, shape (n,)."""
    import numpy as np

    rubric = np.asarray([pair.score for pair in pairs])
    incomplete = np.asarray([pair.kind in INCOMPLETE for pair in pairs])
    steps = {
        "like the rubric": 0,
        "stricter": -1 * (rubric < 1),
        "more lenient": 1 * (rubric > 0),
        "asks for completeness": -2 * incomplete,
    }[team]
    unsure = rng.choice([-1, 1], len(pairs)) * (rng.random(len(pairs)) < UNSURE)
    found: Floats = np.clip(rubric + STEP * (steps + unsure), 0, 1).round(6)
    return found


def _change(
    pairs: Sequence[Pair], scores: Sequence[float], team: str, size: int, seed: int
) -> Change:
    import numpy as np
    from sklearn.isotonic import IsotonicRegression

    rng = np.random.default_rng([seed, size])
    labels, given = labelled(pairs, team, rng), np.asarray(scores)
    names = rng.permutation(sorted({pair.contract for pair in pairs}))
    near = set(names[: round(FITTED * len(names))].tolist())
    inside = np.asarray([pair.contract in near for pair in pairs])
    drawn = rng.permutation(np.flatnonzero(inside))[:size]
    theirs = [pairs[place].model_copy(update={"score": labels[place]}) for place in drawn]
    found = tried(theirs, given[drawn].tolist())

    def error(said: "Floats") -> float:
        return float(np.abs(said - labels[~inside]).mean())

    before = error(given[~inside])
    ours = error(np.asarray([found.map.of(score) for score in given[~inside]])) - before
    plain = IsotonicRegression(out_of_bounds="clip").fit(given[drawn], labels[drawn])
    always = error(plain.predict(given[~inside])) - before
    return Change(len(drawn), found.better, ours if found.better else 0.0, always)


def _row(team: str, changes: Sequence[Change]) -> str:
    ours, always = ([each.ours for each in changes], [each.always for each in changes])
    written = sum(each.written for each in changes) / len(changes)
    labels = sum(each.labels for each in changes) / len(changes)
    return f"| {team} | {labels:.0f} | {written:.0%} | {_shown(ours)} | {_shown(always)} |"


def _shown(changes: Sequence[float]) -> str:
    worse = sum(change > 0 for change in changes) / len(changes)
    return f"{worse:.0%} | {sum(changes) / len(changes):+z.3f} | {max(changes):+z.3f}"
