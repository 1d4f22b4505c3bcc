"""From the names of metrics and judges to the judges that score them."""

import dataclasses
from collections.abc import Iterable, Sequence

from bar_exam.common.errors import UserError
from bar_exam.evals.gate import Gate
from bar_exam.evals.judges.embedded.embedding import Embeddings
from bar_exam.evals.judges.judge import Judge
from bar_exam.evals.judges.judge_exam import JudgeExam
from bar_exam.evals.judges.pairs import Pair, read_pairs
from bar_exam.evals.metrics.table import METRICS
from bar_exam.evals.options import REFERENCE
from bar_exam.models.chat import ChatModel
from bar_exam.models.factory import Chats

JUDGEMENT = 1024
"""Tokens that a judge may need for its reasons."""


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
        return any(judge != REFERENCE for judge in judges)
    if name == "disagreement":
        return len(judges) > 1
    return by != "judge" or bool(judges)


def open_judges(
    metrics: Sequence[str], names: Sequence[str], samples: int, chats: Chats
) -> tuple[Judge, ...]:
    """The judges of these metrics. Nothing is loaded or asked yet.

    Raises:
        UserError: a name is no chat model.
    """
    models = {name: chats.open(name, JUDGEMENT) for name in names if name != REFERENCE}
    embeddings = Embeddings()
    judges: list[Judge] = []
    for metric in metrics:
        by = METRICS[metric].by
        if by == "embedded":
            judges.append(_embedded(metric, embeddings))
        elif metric == "correctness" and REFERENCE in names:
            judges.append(_reference(embeddings))
        if by == "llm" or metric == "correctness":
            judges += [_llm(metric, model, samples) for model in models.values()]
    return tuple(judges)


def judge_exams(judges: Iterable[Judge], pairs: Sequence[Pair] | None = None) -> list[JudgeExam]:
    """The exams of these judges of correctness.

    Scores are held against the pairs that are held out. Whether the order of two answers decides
    needs no label, and is tried on all pairs.
    """
    from bar_exam.evals.judges.llm.judge import LlmJudge
    from bar_exam.evals.judges.llm.pairwise import PairwiseJudge

    examined = [judge for judge in judges if judge.metric == "correctness"]
    every = (pairs or read_pairs()) if examined else ()
    held_out = [pair for pair in every if pair.held_out]
    exams = []
    for judge in examined:
        if isinstance(judge, LlmJudge):
            again = dataclasses.replace(judge, draw=judge.draw + 1)
            exams.append(JudgeExam(judge, again, PairwiseJudge(judge.chat), held_out, every))
        else:
            exams.append(JudgeExam(judge, judge, None, held_out))
    return exams


def _reference(embeddings: Embeddings) -> Judge:
    from bar_exam.evals.judges.reference.judge import ReferenceJudge

    return ReferenceJudge(embeddings)


def _embedded(metric: str, embeddings: Embeddings) -> Judge:
    from bar_exam.evals.judges.embedded.claim_support import ClaimSupport
    from bar_exam.evals.judges.embedded.perplexity import Perplexity
    from bar_exam.evals.judges.embedded.selfcheck import SelfCheck
    from bar_exam.evals.judges.frameworks.ragas_judge import RagasJudge

    if metric == "claim_support":
        return ClaimSupport(embeddings)
    if metric == "perplexity":
        return Perplexity()
    if metric == "selfcheck_ngram":
        return SelfCheck("selfcheck_ngram")
    if metric == "selfcheck_embedding":
        return SelfCheck("selfcheck_embedding", embeddings=embeddings)
    return RagasJudge(metric)


def _llm(metric: str, chat: ChatModel, samples: int) -> Judge:
    from bar_exam.evals.judges.embedded.selfcheck import SelfCheck
    from bar_exam.evals.judges.frameworks.deepeval_judge import DeepevalJudge
    from bar_exam.evals.judges.frameworks.ragas_judge import RagasJudge
    from bar_exam.evals.judges.llm.judge import LlmJudge

    if metric.startswith("deepeval:"):
        return DeepevalJudge(metric, chat)
    if metric.startswith("ragas:"):
        return RagasJudge(metric, chat)
    if metric == "selfcheck_llm":
        return SelfCheck("selfcheck_llm", chat=chat)
    return LlmJudge(metric, chat, samples)
