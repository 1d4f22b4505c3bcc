"""A judge's prompt, optimised by people's scores; written only if it is shown to be better."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.identity import digest, file_digest
from evals.judges.align.labelled import check_enough, read_labelled
from evals.judges.factory import JUDGEMENT
from evals.judges.judge import Panel, Submission
from evals.judges.judge_exam import spread
from evals.judges.llm.judge import LlmJudge
from evals.judges.pairs import Pair
from evals.judges.wording import Wording, read_text, rubric_digest
from models.chat import Answer, ChatModel
from models.egress import Egress, Sent, check_store
from models.factory import Chats
from training.optimize.calls import FinalCalls
from training.optimize.opening import opened
from training.optimize.options import OptimizeOptions
from training.optimize.recipe import JudgeRecipe

PARTS = 3
"""A third of the contracts decides, and a third of the others chooses between candidates."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Labelled answers, of three sets of contracts.

    Attributes:
        train: what demonstrations and proposals are made from.
        validation: what chooses between candidates.
        held_out: what decides; nothing else reads it.
    """

    train: tuple[Pair, ...]
    validation: tuple[Pair, ...]
    held_out: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """A judge's prompt before and after, on the same held-out labels.

    `before` and `after` are its scores, shape (n,); None where a reply could not be read.
    """

    pairs: tuple[Pair, ...]
    before: tuple[float | None, ...]
    after: tuple[float | None, ...]
    wording: Wording
    validation: tuple[float, float]
    calls: int

    @property
    def both(self) -> list[tuple[Pair, float, float]]:
        """The labels that both prompts scored, with their scores."""
        every = zip(self.pairs, self.before, self.after, strict=True)
        return [(p, b, a) for p, b, a in every if b is not None and a is not None]

    @property
    def lost(self) -> tuple[int, int]:
        """Replies that could not be read, before and after."""
        return self.before.count(None), self.after.count(None)


def split_labels(pairs: Sequence[Pair], recipe: JudgeRecipe) -> Labels:
    """Divide labels by whole contracts, the same ones whoever does it.

    >>> said = {"category": "", "kind": "", "question": "Q", "expected": (), "answer": "A"}
    >>> pairs = [Pair(contract=name, score=1.0, **said) for name in "ABCDEF"]
    >>> recipe = JudgeRecipe(name="x", optimizer={"kind": "bootstrap"})
    >>> labels = split_labels(pairs, recipe)
    >>> len(labels.train), len(labels.validation), len(labels.held_out)
    (3, 1, 2)
    """
    names = sorted({pair.contract for pair in pairs}, key=lambda each: digest("labels", each))
    decide = len(names) // PARTS
    choose = (len(names) - decide) // PARTS
    sides = set(names[decide + choose :]), set(names[decide : decide + choose]), set(names[:decide])
    most = recipe.train, recipe.validation, recipe.held_out
    kept = (
        tuple(sorted(spread([p for p in pairs if p.contract in side], n), key=_order))
        for side, n in zip(sides, most, strict=True)
    )
    return Labels(*kept)


def _order(pair: Pair) -> str:
    return digest("labels", pair.contract, pair.question, pair.answer)


async def tried(labels: Labels, recipe: JudgeRecipe, options: OptimizeOptions) -> Trial:
    """Optimise the prompt, and score the held-out labels with the old one and with the new.

    Raises:
        UserError: a call failed or was declined, or the optimiser cannot go on.
    """
    assert options.judge is not None
    assert options.labels is not None
    sent = (Sent(str(options.labels), file_digest(options.labels)),)
    registry = options.places.registry
    check_store(options.store, Egress(registry, sent))
    chats = Chats(registry, sent)
    chat = chats.open(options.judge, JUDGEMENT)
    teacher = chats.open(recipe.teacher or options.judge, JUDGEMENT)
    log = options.logs / f"{recipe.name}.log"
    asked = [options.judge, recipe.teacher]
    async with opened(options, recipe, filter(None, asked)) as (calls, panel):
        try:
            wording, validation = await _optimized(labels, chat, teacher, recipe, calls, log)
            before = await _scores(panel, LlmJudge("correctness", chat), labels.held_out)
            judge = LlmJudge("correctness", chat, wording=wording)
            after = await _scores(panel, judge, labels.held_out)
        finally:
            await chat.close()
            await teacher.close()
    return Trial(labels.held_out, before, after, wording, validation, len(calls.brought))


async def _optimized(
    labels: Labels,
    chat: ChatModel,
    teacher: ChatModel,
    recipe: JudgeRecipe,
    calls: FinalCalls,
    log: Path,
) -> tuple[Wording, tuple[float, float]]:
    from training.optimize.judge import JudgeProgram, WordedAdapter, closeness, example_of
    from training.optimize.run import Assignment, optimize

    given = Assignment(
        program=JudgeProgram(),
        adapter=WordedAdapter(),
        metric=closeness,
        train=[example_of(pair, chat) for pair in labels.train],
        validation=[example_of(pair, chat) for pair in labels.validation],
        model=chat,
        teacher=teacher,
        proposer=teacher,
    )
    found = await optimize(given, recipe, calls, log)
    wording: Wording = found.program.wording
    return wording, (found.before, found.after)


async def _scores(panel: Panel, judge: LlmJudge, pairs: Sequence[Pair]) -> tuple[float | None, ...]:
    submissions = (Submission(pair.case, Answer(pair.answer)) for pair in pairs)
    found = await asyncio.gather(*(panel.score(judge, each) for each in submissions))
    return tuple(score.value for score in found)


def read_labels(path: Path, rubric: Path | None, recipe: JudgeRecipe) -> Labels:
    """The labels of a file.

    Raises:
        UserError: they cannot be read, or are too few.
    """
    own = read_text(f"--rubric {rubric}", rubric, "rubric") if rubric else ""
    pairs = read_labelled(path, (), rubric_digest(Wording(own)))
    check_enough(path, pairs)
    labels = split_labels(pairs, recipe)
    if not (labels.train and labels.validation and labels.held_out):
        raise UserError(f"--labels {path}: give labels of six contracts or more")
    return labels
