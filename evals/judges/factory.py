"""From the names of metrics and judges to the judges that score them."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from common.errors import UserError
from common.extensions import Table
from evals.gate import Gate
from evals.judges.embedded.embedding import Embeddings
from evals.judges.judge import Judge
from evals.judges.judge_exam import JudgeExam, of_every_form
from evals.judges.pairs import Pair, read_pairs
from evals.judges.wording import OURS, Wording
from evals.metrics.table import METRICS, Metric
from evals.options import REFERENCE, asks_nobody
from models.chat import ChatModel
from models.factory import Chats

JUDGEMENT = 1024
"""Tokens that a judge may need for its reasons."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a judge may be made from; `chat` is None for one that asks no model.

    `name` is that of `--judge`, where the metric is scored by it.
    """

    metric: str
    chat: ChatModel | None
    samples: int
    embeddings: Embeddings
    wording: Wording = OURS
    name: str = REFERENCE


@dataclass(frozen=True, slots=True)
class Judging:
    """Who scores a metric that no rule does. `open` makes the judge; it loads and asks nothing yet.

    Of a metric by `llm` it is called once for every chat model of `--judge`.
    """

    metric: Metric
    open: Callable[[Opening], Judge]

    @property
    def name(self) -> str:
        """The metric's."""
        return self.metric.name


def _correctness(opening: Opening) -> Judge:
    from evals.judges.align.judge import open_aligned
    from evals.judges.reference.judge import ReferenceJudge

    if opening.chat:
        return _llm(opening)
    reference = ReferenceJudge()
    return reference if opening.name == REFERENCE else open_aligned(opening.name, reference)


def _sufficiency(opening: Opening) -> Judge:
    from evals.judges.embedded.sufficiency import RetrievalJudge

    if opening.chat:
        return _llm(opening)
    return RetrievalJudge(opening.embeddings, name=opening.name)


def _llm(opening: Opening) -> Judge:
    from evals.judges.llm.judge import LlmJudge

    assert opening.chat is not None
    return LlmJudge(opening.metric, opening.chat, opening.samples, wording=opening.wording)


def _claim_support(opening: Opening) -> Judge:
    from evals.judges.embedded.claim_support import ClaimSupport

    return ClaimSupport(opening.embeddings)


def _perplexity(opening: Opening) -> Judge:
    from evals.judges.embedded.perplexity import Perplexity

    return Perplexity()


def _selfcheck(opening: Opening) -> Judge:
    from evals.judges.embedded.selfcheck import SelfCheck

    return SelfCheck(opening.metric, chat=opening.chat, embeddings=opening.embeddings)


def _deepeval(opening: Opening) -> Judge:
    from evals.judges.frameworks.deepeval_judge import DeepevalJudge

    assert opening.chat is not None
    return DeepevalJudge(opening.metric, opening.chat)


def _ragas(opening: Opening) -> Judge:
    from evals.judges.frameworks.ragas_judge import RagasJudge

    return RagasJudge(opening.metric, opening.chat)


OPENERS: dict[str, Callable[[Opening], Judge]] = {
    "correctness": _correctness,
    "claim_support": _claim_support,
    "groundedness": _llm,
    "sufficiency": _sufficiency,
    "relevancy": _llm,
    "selfcheck_ngram": _selfcheck,
    "selfcheck_embedding": _selfcheck,
    "selfcheck_llm": _selfcheck,
    "perplexity": _perplexity,
    "deepeval:": _deepeval,
    "ragas:": _ragas,
}
"""By metric, or by what the names of a framework's metrics begin with."""

JUDGES: Table[Judging] = Table(
    Judging,
    (
        Judging(metric, opener)
        for name, metric in METRICS.items()
        for begins, opener in OPENERS.items()
        if name == begins or (begins.endswith(":") and name.startswith(begins))
    ),
)


def wanted_metrics(
    gate: Gate, chosen: Iterable[str], marked: Iterable[str], judges: Sequence[str]
) -> tuple[str, ...]:
    """The metrics of an exam, in the table's order.

    Args:
        gate: every metric of the gate file.
        chosen: those of `--metric`.
        marked: those that the selected tests look up.
        judges: the names of `--judge`.

    Raises:
        UserError: one that gates or was chosen cannot be scored without another judge.
    """
    demanded = {*gate.gating, *chosen}
    asked = {*demanded, *gate.metrics, *marked}
    names = []
    for name, metric in METRICS.items():
        if metric.asked == "always" or (name in asked and _can(name, judges)):
            names.append(name)
        elif name in demanded:
            raise UserError(
                f"metric {name} is scored by {_whom(name)}: give --judge MODEL, or take it out of "
                "--metric and of the gate file"
            )
    return tuple(names)


def _whom(name: str) -> str:
    if name == "disagreement":
        return "two judges or more"
    return "a chat model" if METRICS[name].by == "llm" else "a judge"


def _can(name: str, judges: Sequence[str]) -> bool:
    """Whether these judges can score the metric."""
    by = METRICS[name].by
    if by == "llm":
        return any(not asks_nobody(judge) for judge in judges)
    if name == "disagreement":
        return len(judges) > 1
    return by != "judge" or bool(judges)


def open_judges(
    metrics: Sequence[str],
    names: Sequence[str],
    samples: int,
    chats: Chats,
    wording: Wording = OURS,
) -> tuple[Judge, ...]:
    """The judges of these metrics, chat models told so in the wording. Nothing is asked yet.

    Raises:
        UserError: a name is no chat model, and no file of this reference judge's alignment.
    """
    models = {name: chats.open(name, JUDGEMENT) for name in names if not asks_nobody(name)}
    embeddings = Embeddings()
    judges: list[Judge] = []
    for metric in metrics:
        if metric not in JUDGES:
            continue
        by, make = METRICS[metric].by, JUDGES[metric].open
        if by == "embedded":
            judges.append(make(Opening(metric, None, samples, embeddings)))
        if by == "judge":
            judges += [
                make(Opening(metric, None, samples, embeddings, name=name))
                for name in names
                if asks_nobody(name)
            ]
        if by in ("judge", "llm"):
            judges += [
                make(Opening(metric, chat, samples, embeddings, wording))
                for chat in models.values()
            ]
    return tuple(judges)


def judge_exams(judges: Iterable[Judge], pairs: Sequence[Pair] | None = None) -> list[JudgeExam]:
    """The exams of these judges of correctness.

    Scores are held against the pairs that are held out, an aligned judge's against its team's too,
    which it was not aligned by; a chat model is asked no more of a form than it takes. Whether the
    order of two answers decides needs no label, and is tried on all pairs.
    """
    from evals.judges.align.judge import AlignedJudge
    from evals.judges.llm.judge import LlmJudge
    from evals.judges.llm.pairwise import PairwiseJudge

    examined = [judge for judge in judges if judge.metric == "correctness"]
    every = (pairs or read_pairs()) if examined else ()
    held_out = [pair for pair in every if pair.held_out]
    exams = []
    for judge in examined:
        if isinstance(judge, LlmJudge):
            again = dataclasses.replace(judge, draw=judge.draw + 1)
            pairwise = PairwiseJudge(judge.chat, wording=judge.wording)
            exams.append(JudgeExam(judge, again, pairwise, of_every_form(held_out), every))
        else:
            own = judge.alignment.held_out if isinstance(judge, AlignedJudge) else ()
            exams.append(JudgeExam(judge, judge, None, [*held_out, *own]))
    return exams
