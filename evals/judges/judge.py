"""The seam between the exam and whatever judges its answers."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from common.identity import digest
from evals.calls.about import about
from evals.calls.budget import Budget
from evals.calls.calls import Calls
from evals.calls.columns import storable_score
from evals.calls.journal import Journal, Lookups
from evals.calls.rows import score_from, score_row
from evals.calls.tally import tallying
from evals.isolation import isolated
from evals.language.declining import abstains
from evals.metrics.table import METRICS
from evals.results import Score
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import Answer, Model
from models.price import summed
from models.spoken import scorable

DIGITS = 12
"""Of a panel's score: judges that all say 0.8 are not to miss a mark of 0.8 by a rounding."""


@dataclass(frozen=True, slots=True)
class Submission:
    """An answer handed in for judgement; `model` gave it, where a model of the exam did.

    `shown` are the passages that the model was shown, where the answer does not name them.
    """

    case: Case
    answer: Answer
    model: Model | None = None
    shown: tuple[Passage, ...] = ()

    @property
    def passages_alone(self) -> "Submission":
        """The same without what was answered, for metrics that read passages."""
        passages = self.answer.passages or self.shown
        return Submission(self.case, Answer("", passages=passages))


class Judge(Protocol):
    """Scores one answer under one metric, at the price of calls or of time.

    `metric` is a name of the metrics table. `name` tells judges of one metric apart: `reference`,
    a registry name. `identity` digests all that moves its scores: the judging model, its prompt,
    its scale. `asks_model` is True where the score is not of the answer's text alone, because the
    examined model is asked again.
    """

    @property
    def metric(self) -> str:
        """The metric that it scores."""

    @property
    def name(self) -> str:
        """Which judge this is."""

    @property
    def identity(self) -> str:
        """SHA-256 of what moves its scores."""

    @property
    def asks_model(self) -> bool:
        """Whether it asks the examined model again."""

    async def judge(self, submission: Submission, calls: Calls) -> Score:
        """The score, or None with the reason. May be awaited for all answers at once.

        Raises:
            UserError: no later call can succeed either.
        """

    async def close(self) -> None:
        """Release what the judge holds open."""


@runtime_checkable
class Rereading(Judge, Protocol):
    """A Judge that finds its score again in replies that are kept, at next to no cost."""

    async def reread(self, submission: Submission, calls: Calls) -> Score:
        """The score of replies that `calls` has; one without a value where it has not all."""


@dataclass
class Panel:
    """The judges of an exam; keeps what they decided. `faults` are the exceptions that they raised.

    Several judges of one metric give their mean, each at equal weight until their own exams are
    over: see `weighed`.
    """

    judges: Sequence[Judge]
    calls: Calls
    journal: Journal
    known: Lookups
    faults: dict[tuple[str, str], str] = field(default_factory=dict)

    async def scores(self, submission: Submission) -> dict[str, Score]:
        """Every judged metric that is of the case, by name, with the chats that led to it."""
        kinds = ("all", "answerable" if submission.case.answerable else "unanswerable")
        judges = [judge for judge in self.judges if METRICS[judge.metric].of in kinds]
        judged = await asyncio.gather(*(self._heard(judge, submission) for judge in judges))
        by_metric: dict[str, dict[str, Score]] = {}
        for judge, score in zip(judges, judged, strict=True):
            by_metric.setdefault(judge.metric, {})[judge.name] = score
        scores = {metric: _together(by_judge) for metric, by_judge in by_metric.items()}
        if len(by_metric.get("correctness", ())) > 1:
            scores["disagreement"] = _spread(by_metric["correctness"])
        return scores

    async def score(self, judge: Judge, submission: Submission) -> Score:
        """One judge's score, as the store remembers it or as it is now.

        A judge that raises gives this answer none.
        """
        return replace(await self._heard(judge, submission, reread=False), exchanges=())

    async def _heard(self, judge: Judge, submission: Submission, *, reread: bool = True) -> Score:
        """The score with the chats that it was read from; those that are kept, where `reread`."""

        def failed(line: str) -> Score:
            model = submission.model.name if submission.model else ""
            self.faults.setdefault((model, submission.case.id), self.calls.excepted(line))
            return Score(None, f"judge {judge.name}: {line}")

        with about(submission.case.contract.id):
            return await isolated(self._score(judge, submission, reread), failed)

    async def _score(self, judge: Judge, submission: Submission, reread: bool) -> Score:
        if METRICS[judge.metric].of_retrieval:
            submission = submission.passages_alone
        answer = scorable(submission.answer)
        if answer.error is not None:
            return Score(None, f"no answer: {answer.error}")
        submission = replace(submission, answer=answer)
        key = score_key(judge, submission)
        known = await self.known.row(key)
        if known is not None:
            score = score_from(known)
            return await self._reread(judge, submission, score) if reread else score
        with tallying() as exchanges:
            score = storable_score(await judge.judge(submission, self.calls))
        cost = summed(each.reply.cost for each in exchanges)
        score = replace(score, cost=cost, exchanges=tuple(exchanges))
        if score.value is not None:  # what failed is read again from the replies that were kept
            self.journal.add(score_row(key, judge.metric, score))
        return score

    async def _reread(self, judge: Judge, submission: Submission, score: Score) -> Score:
        """A score that is kept, with the chats that it was read from where those are kept too.

        They are where the judge says the same again by calls that reach nobody.
        """
        if not isinstance(judge, Rereading):
            return score
        kept = Calls(self.journal, self.calls.known, Budget(max_calls=0))
        with tallying() as exchanges:
            again = storable_score(await judge.reread(submission, kept))
        same = (again.value, again.reason) == (score.value, score.reason)
        return replace(score, exchanges=tuple(exchanges)) if same else score


def score_key(judge: Judge, submission: Submission) -> str:
    """What a score is kept under, of an answer as whoever judges it reads it."""
    answer, model = submission.answer, submission.model
    asked = model.identity if judge.asks_model and model else ""
    passages = [[p.start, p.end] for p in answer.passages]
    return digest("score", judge.identity, judge.metric, submission.case.identity, answer.text,
                  passages, asked)  # fmt: skip


def _together(by_judge: dict[str, Score]) -> Score:
    if len(by_judge) == 1:
        return next(iter(by_judge.values()))
    reasons = "; ".join(f"{name}: {_shown(score)}" for name, score in by_judge.items())
    votes = tuple((name, score.value) for name, score in by_judge.items())
    cost = summed(score.cost for score in by_judge.values())
    exchanges = tuple(each for score in by_judge.values() for each in score.exchanges)
    return weighed(Score(None, reasons, votes, cost, exchanges), {})


def weighed(score: Score, weights: Mapping[str, float]) -> Score:
    """The mean of a panel's votes, each judge at its weight; a score without votes is as it is.

    Where a judge that has a weight gave no score there is none: a mean over other judges on other
    cases would compare nothing. Where none of them has a weight all weigh the same.

    >>> apart = Score(None, "", (("exact", 0.2), ("rough", 0.8)))
    >>> weighed(apart, {}).value, weighed(apart, {"exact": 0.75, "rough": 0.25}).value
    (0.5, 0.35)
    """
    if not score.votes:
        return score
    heard = heard_of(score, weights)
    parts = [
        value * heard[name] for name, value in score.votes if name in heard and value is not None
    ]
    if len(parts) < len(heard):
        return replace(score, value=None)
    mean = math.fsum(parts) / math.fsum(heard.values())
    return replace(score, value=round(mean, DIGITS))


def heard_of(score: Score, weights: Mapping[str, float]) -> dict[str, float]:
    """The judges of a score whose votes count, and their weights: all alike where none has one."""
    heard = {name: weights[name] for name, _ in score.votes if weights.get(name)}
    return heard or {name: 1.0 for name, _ in score.votes}


def _spread(by_judge: dict[str, Score]) -> Score:
    values = [score.value for score in by_judge.values() if score.value is not None]
    if len(values) < len(by_judge):
        return Score(None, "a judge gave no score")
    return Score(max(values) - min(values))


def _shown(score: Score) -> str:
    return f"{score.value:.2f} {score.reason}".strip() if score.value is not None else score.reason


def lacking(submission: Submission, metric: str, *, passages: bool) -> Score | None:
    """Why a submission cannot be scored at all; None where it can."""
    if METRICS[metric].of == "answerable" and not submission.case.answerable:
        return Score(None, "the contract does not answer: there is no expected answer")
    if passages and not submission.answer.passages:
        return Score(None, "no passages")
    return None


def claims_nothing(submission: Submission) -> bool:
    """Whether the answer says "not found" and no more, or is silent."""
    case = submission.case
    return abstains(submission.answer.text, case.question, case.golds)
