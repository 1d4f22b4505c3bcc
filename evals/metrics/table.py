"""The metrics of an exam: one literal table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from evals.metrics.abstention import abstention, laziness
from evals.metrics.grounding import grounded_quote
from evals.metrics.ranking import hit_at, mrr, ndcg_at, recall_at
from evals.metrics.text import containment, exact_match, jaccard, token_f1
from evals.metrics.usage import latency, tokens_in, tokens_out
from evals.scores import Score
from fixtures.cases import Case
from models.chat import Answer


@dataclass(frozen=True, slots=True)
class Metric:
    """A pure function of a case and its answer, and how to read what it returns.

    Attributes:
        name: what reports and `@pytest.mark.metrics` call it.
        function: total; it never raises, and returns `Score(None, reason)` where it cannot score.
        of: the cases it is asked of.
        direction: whether higher or lower is better.
        unit: of the value; empty for shares in 0..1.
        version: raised when the value of some answer changes, so that stored scores are redone.
        summary: one line for the documentation.
        needs: what it looks at; `passages` scores even where the model gave no answer.
    """

    name: str
    function: Callable[[Case, Answer], Score]
    of: Literal["all", "answerable", "unanswerable"]
    direction: Literal["higher", "lower"]
    unit: Literal["", "s", "tokens"]
    version: int
    summary: str
    needs: Literal["answer", "passages"] = "answer"


# fmt: off
METRICS: dict[str, Metric] = {metric.name: metric for metric in (
    Metric("exact_match", exact_match, "answerable", "higher", "", 1,
           "equals a gold span in SQuAD's normal form"),
    Metric("token_f1", token_f1, "answerable", "higher", "", 1,
           "F1 of the words shared with the nearest gold span (SQuAD)"),
    Metric("containment", containment, "answerable", "higher", "", 1,
           "a gold span stands whole in the answer"),
    Metric("jaccard", jaccard, "answerable", "higher", "", 1,
           "words shared with the nearest gold span over all words (CUAD)"),
    Metric("abstention", abstention, "unanswerable", "higher", "", 1,
           "says not found where the contract does not answer"),
    Metric("laziness", laziness, "answerable", "lower", "", 1,
           "says not found where the contract answers"),
    Metric("grounded_quote", grounded_quote, "all", "higher", "", 1,
           "every number, date, name and quotation of the answer stands in the passages shown"),
    Metric("hit@1", hit_at(1), "answerable", "higher", "", 1,
           "a gold span starts in the first passage", needs="passages"),
    Metric("hit@5", hit_at(5), "answerable", "higher", "", 1,
           "a gold span starts in the first five passages", needs="passages"),
    Metric("recall@5", recall_at(5), "answerable", "higher", "", 1,
           "share of gold spans that start in the first five passages", needs="passages"),
    Metric("mrr", mrr, "answerable", "higher", "", 1,
           "1 / rank of the first passage in which a gold span starts", needs="passages"),
    Metric("ndcg@5", ndcg_at(5), "answerable", "higher", "", 1,
           "discounted gain of the first five passages over the ideal", needs="passages"),
    Metric("latency", latency, "all", "lower", "s", 1,
           "seconds from request to whole reply"),
    Metric("tokens_in", tokens_in, "all", "lower", "tokens", 1,
           "prompt tokens"),
    Metric("tokens_out", tokens_out, "all", "lower", "tokens", 1,
           "generated tokens"),
)}
# fmt: on


def score(case: Case, answer: Answer) -> dict[str, Score]:
    """Every metric that is of the case, by name; never raises.

    An answer with an error is unscored (`no answer: ...`) by all but the passage metrics.
    """
    kind = "answerable" if case.answerable else "unanswerable"
    failed = Score(None, f"no answer: {answer.error}") if answer.error is not None else None
    return {
        name: failed
        if failed is not None and metric.needs == "answer"
        else metric.function(case, answer)
        for name, metric in METRICS.items()
        if metric.of in ("all", kind)
    }
