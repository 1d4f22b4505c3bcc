"""The metrics of an exam: one literal table."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal, Protocol, Self, TypeVar

from common.extensions import Table
from evals.metrics.abstention import abstention, balanced, laziness
from evals.metrics.grounding import fabrication, grounded_quote
from evals.metrics.overlap import bleu, rouge_1, rouge_2, rouge_l
from evals.metrics.ranking import hit_at, mrr, ndcg_at, recall_at
from evals.metrics.text import containment, exact_match, jaccard, token_f1
from evals.metrics.usage import cost, latency, tokens_in, tokens_out
from evals.metrics.verbosity import verbosity
from evals.results import Score
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from models.spoken import scorable

Rule = Callable[[Case, Answer], Score]


class _Negatable(Protocol):
    def __neg__(self) -> Self: ...


Signed = TypeVar("Signed", bound=_Negatable)


@dataclass(frozen=True, slots=True)
class Metric:
    """What one metric sees, what it costs, and how to read what it returns.

    Attributes:
        name: what reports, the gate file, `--metric` and `@pytest.mark.metrics` call it.
        rule: a total function that never raises, and returns `Score(None, reason)` where it cannot
            score; None where a judge (`evals.judges.factory`) scores instead.
        of: the cases it is asked of.
        direction: whether higher or lower is better.
        unit: of the value; empty for shares in 0..1.
        version: raised when the value of some answer changes, so that stored scores are redone.
        summary: one line for the documentation.
        sees: which of question, gold, answer, passages and contract it reads.
        calls: what it costs a case and a judge; empty for nothing.
        source: who defined it; empty for ourselves.
        needs: `passages` scores even where the model gave no answer.
        asked: `always`, or on `request` by the gate file, a test's marker or `--metric`.
        by: who scores: the rule, the judges of `--judge`, only those of them that are chat models
            (`llm`), or an `embedded` judge that needs none.
    """

    name: str
    rule: Rule | None
    of: Literal["all", "answerable", "unanswerable"]
    direction: Literal["higher", "lower"]
    unit: Literal["", "s", "tokens", "ppl", "$/1,000"]
    version: int
    summary: str
    sees: str = "question, gold, answer"
    calls: str = ""
    source: str = ""
    needs: Literal["answer", "passages"] = "answer"
    asked: Literal["always", "request"] = "always"
    by: Literal["rule", "judge", "llm", "embedded"] = "rule"

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest value that it can take."""
        return RANGES[self.unit]

    @property
    def worst_and_best(self) -> tuple[float, float]:
        """The two ends of its range, in its own direction."""
        low, high = self.range
        return (low, high) if self.direction == "higher" else (high, low)

    def gain(self, value: Signed) -> Signed:
        """A value, or a difference, signed so that more is better; of a gain, the value again.

        >>> METRICS["token_f1"].gain(0.2), METRICS["latency"].gain(0.2)
        (0.2, -0.2)
        """
        return value if self.direction == "higher" else -value

    @property
    def reads_answers(self) -> bool:
        """Whether it says how good an answer is: not what it cost, nor what was retrieved."""
        return not self.unit and "answer" in self.sees.split(", ")

    @property
    def reads_contract(self) -> bool:
        """Whether it looks at the whole contract, which a recorded data set does not hold."""
        return "contract" in self.sees.split(", ")

    @property
    def of_retrieval(self) -> bool:
        """Whether it says how good the passages are that a model was shown, whatever it made."""
        return self.needs == "passages"

    def is_of(self, case: Case) -> bool:
        """Whether it is asked of this case."""
        return self.of in ("all", "answerable" if case.answerable else "unanswerable")


RANGES: dict[str, tuple[float, float]] = {
    "": (0.0, 1.0),
    "s": (0.0, math.inf),
    "tokens": (0.0, math.inf),
    "ppl": (1.0, math.inf),
    "$/1,000": (0.0, math.inf),
}


def _judged(
    name: str,
    by: Literal["judge", "llm", "embedded"],
    of: Literal["all", "answerable", "unanswerable"],
    direction: Literal["higher", "lower"],
    calls: str,
    sees: str,
    source: str,
    summary: str,
) -> Metric:
    unit: Literal["", "ppl"] = "ppl" if name == "perplexity" else ""
    return Metric(
        name, None, of, direction, unit, 1, summary, sees, calls, source, "answer", "request", by
    )


SQUAD = "Rajpurkar et al. 2016"
CUAD = "Hendrycks et al. 2021"
SELFCHECK = "Manakul et al. 2023"
DEEPEVAL = "deepeval"
RAGAS = "ragas"
RANKS = "gold, passages"

# fmt: off
METRICS: Table[Metric] = Table(Metric, (
    Metric("exact_match", exact_match, "answerable", "higher", "", 3,
           "equals a gold span in SQuAD's normal form", source=SQUAD),
    Metric("token_f1", token_f1, "answerable", "higher", "", 3,
           "F1 of the words shared with the nearest gold span", source=SQUAD),
    Metric("containment", containment, "answerable", "higher", "", 3,
           "a gold span stands whole in the answer"),
    Metric("jaccard", jaccard, "answerable", "higher", "", 3,
           "words shared with the nearest gold span over all words", source=CUAD),
    Metric("abstention", abstention, "unanswerable", "higher", "", 3,
           "says not found, and no more, where the contract does not answer",
           sees="question, answer"),
    Metric("laziness", laziness, "answerable", "lower", "", 3,
           "says not found where the contract answers, whatever it says beside that",
           sees="question, gold, answer", source="ContractEval 2025"),
    Metric("verbosity", verbosity, "answerable", "lower", "", 1,
           "share of its words beyond 1.5 times the longest gold span and 25 more, or said before",
           sees="gold, answer"),
    Metric("fabrication", fabrication, "answerable", "lower", "", 2,
           "a number, date, name or quotation of the answer stands nowhere in the contract",
           sees="question, gold, answer, contract"),
    _judged("correctness", "judge", "all", "higher", "1 (reference: 0)", "question, gold, answer", "",
            "factually right and complete, by the judges of --judge"),
    _judged("disagreement", "judge", "all", "lower", "", "question, gold, answer", "",
            "highest less lowest correctness, where several judges are given"),
    Metric("grounded_quote", grounded_quote, "all", "higher", "", 2,
           "every number, date, name and quotation of the answer stands in the passages shown",
           sees="question, gold, answer, passages"),
    _judged("claim_support", "embedded", "all", "higher", "", "answer, passages", "",
            "share of the answer's claims that a sentence of the passages supports"),
    _judged("groundedness", "llm", "all", "higher", "1", "question, answer, passages", "",
            "share of the answer's claims that the passages support, by a judge"),
    replace(_judged("sufficiency", "judge", "answerable", "higher", "1 (reference: 0)",
                    "question, gold, passages", "",
                    "the expected answer can be derived from the passages, by the judges of --judge"),
            needs="passages"),
    _judged("relevancy", "llm", "all", "higher", "1", "question, answer", "",
            "the answer addresses the question, by a judge"),
    _judged("selfcheck_ngram", "embedded", "all", "lower", "samples of the model", "answer", SELFCHECK,
            "words of the answer that its samples do not use"),
    _judged("selfcheck_embedding", "embedded", "all", "lower", "samples of the model", "answer", SELFCHECK,
            "distance of the answer's sentences from those of its samples"),
    _judged("selfcheck_llm", "llm", "all", "lower", "samples of the model + sentences x samples",
            "answer", SELFCHECK, "sentences of the answer that its samples do not support"),
    Metric("balanced", balanced, "all", "higher", "", 3,
           "token_f1 where answerable, abstention where not: the balanced score under --balanced",
           asked="request"),
    Metric("bleu", bleu, "answerable", "higher", "", 3,
           "n-grams shared with the gold spans, with a penalty for brevity",
           source="Papineni et al. 2002", asked="request"),
    Metric("rouge1", rouge_1, "answerable", "higher", "", 3,
           "F1 of words shared with the nearest gold span", source="Lin 2004", asked="request"),
    Metric("rouge2", rouge_2, "answerable", "higher", "", 3,
           "F1 of word pairs shared with the nearest gold span", source="Lin 2004",
           asked="request"),
    Metric("rougeL", rouge_l, "answerable", "higher", "", 3,
           "F1 of the longest common subsequence with the nearest gold span", source="Lin 2004",
           asked="request"),
    _judged("perplexity", "embedded", "answerable", "lower", "1 of the model", "question, gold, passages", "",
            "of the expected answer under a local model"),
    _judged("deepeval:g_eval", "llm", "all", "higher", "1", "question, gold, answer", DEEPEVAL,
            "correctness by G-Eval"),
    _judged("deepeval:faithfulness", "llm", "all", "higher", "3", "answer, passages", DEEPEVAL,
            "share of claims that the passages do not contradict"),
    _judged("deepeval:hallucination", "llm", "all", "lower", "1", "answer, passages", DEEPEVAL,
            "share of passages that the answer contradicts"),
    _judged("deepeval:answer_relevancy", "llm", "all", "higher", "2", "question, answer", DEEPEVAL,
            "share of statements that address the question"),
    _judged("deepeval:contextual_relevancy", "llm", "all", "higher", "passages", "question, passages",
            DEEPEVAL, "share of the passages' statements that bear on the question"),
    _judged("deepeval:contextual_recall", "llm", "answerable", "higher", "1",
            "question, gold, passages", DEEPEVAL,
            "share of the expected answer's sentences found in the passages"),
    _judged("deepeval:bias", "llm", "all", "lower", "2", "answer", DEEPEVAL,
            "share of biased opinions"),
    _judged("deepeval:toxicity", "llm", "all", "lower", "2", "answer", DEEPEVAL,
            "share of toxic opinions"),
    _judged("ragas:faithfulness", "llm", "all", "higher", "2", "question, answer, passages", RAGAS,
            "share of statements that follow from the passages"),
    _judged("ragas:context_precision", "llm", "answerable", "higher", "passages",
            "question, gold, passages", RAGAS, "useful passages stand before useless ones"),
    _judged("ragas:context_recall", "llm", "answerable", "higher", "1", "question, gold, passages",
            RAGAS, "share of the expected answer that the passages support"),
    _judged("ragas:answer_relevancy", "llm", "all", "higher", "3", "question, answer", RAGAS,
            "likeness of questions that the answer would answer to the one asked"),
    _judged("ragas:factual_correctness", "llm", "answerable", "higher", "4", "gold, answer", RAGAS,
            "F1 of claims, answer against gold"),
    _judged("ragas:semantic_similarity", "embedded", "answerable", "higher", "", "gold, answer", RAGAS,
            "cosine of the embedded answer and the nearest gold span"),
    _judged("ragas:string_similarity", "embedded", "answerable", "higher", "", "gold, answer", RAGAS,
            "Levenshtein likeness to the nearest gold span"),
    _judged("ragas:string_presence", "embedded", "answerable", "higher", "", "gold, answer", RAGAS,
            "a gold span stands in the answer, letter for letter"),
    _judged("ragas:exact_match", "embedded", "answerable", "higher", "", "gold, answer", RAGAS,
            "equals a gold span, letter for letter"),
    _judged("ragas:bleu", "embedded", "answerable", "higher", "", "gold, answer", RAGAS,
            "sacrebleu against the nearest gold span"),
    _judged("ragas:rouge", "embedded", "answerable", "higher", "", "gold, answer", RAGAS,
            "ROUGE-L against the nearest gold span"),
    _judged("ragas:chrf", "embedded", "answerable", "higher", "", "gold, answer", RAGAS,
            "character n-grams shared with the nearest gold span"),
    _judged("ragas:quoted_spans", "embedded", "all", "higher", "", "answer, passages", RAGAS,
            "quotations of the answer that stand in the passages"),
    Metric("hit@1", hit_at(1), "answerable", "higher", "", 1,
           "a gold span starts in the first passage", RANKS, needs="passages"),
    Metric("hit@5", hit_at(5), "answerable", "higher", "", 1,
           "a gold span starts in the first five passages", RANKS, needs="passages"),
    Metric("recall@5", recall_at(5), "answerable", "higher", "", 1,
           "share of gold spans that start in the first five passages", RANKS, needs="passages"),
    Metric("mrr", mrr, "answerable", "higher", "", 1,
           "1 / rank of the first passage in which a gold span starts", RANKS, needs="passages"),
    Metric("ndcg@5", ndcg_at(5), "answerable", "higher", "", 1,
           "discounted gain of the first five passages over the ideal", RANKS,
           needs="passages", source="Järvelin & Kekäläinen 2002"),
    Metric("latency", latency, "all", "lower", "s", 1,
           "seconds from request to whole reply", sees="answer"),
    Metric("tokens_in", tokens_in, "all", "lower", "tokens", 1,
           "prompt tokens", sees="answer"),
    Metric("tokens_out", tokens_out, "all", "lower", "tokens", 1,
           "generated tokens", sees="answer"),
    Metric("cost", cost, "all", "lower", "$/1,000", 1,
           "US dollars that a thousand such answers cost; always of models with a price",
           sees="answer", asked="request"),
))
# fmt: on
DEFAULT = tuple(name for name, metric in METRICS.items() if metric.asked == "always")


def score(
    case: Case,
    answer: Answer,
    names: Iterable[str] = DEFAULT,
    shown: tuple[Passage, ...] = (),
) -> dict[str, Score]:
    """The named rule metrics that are of the case, in the table's order; never raises.

    An answer with an error is unscored (`no answer: ...`) by all but the passage metrics. These
    look at `shown` where the answer does not say what it was made from. What a model or its
    server's filter refused to say is a refusal, in whatever words: it is scored as silence.

    >>> from fixtures.cases import Contract, Span
    >>> contract = Contract("A", "The term is two years.")
    >>> case = Case("1", "1", contract, "Term", "How long?", (Span("two years", 12),))
    >>> score(case, Answer("Two years."), ["token_f1", "abstention", "latency"])
    {'token_f1': Score(value=1.0, reason=''), 'latency': Score(value=None, reason='no latency')}
    """
    answer = scorable(answer)
    seen = answer if answer.passages else replace(answer, passages=shown)
    failed = Score(None, f"no answer: {answer.error}") if answer.error is not None else None
    scores: dict[str, Score] = {}
    for name in names:
        metric = METRICS[name]
        if metric.rule is None or not metric.is_of(case):
            continue
        lost = failed is not None and metric.needs == "answer"
        of = seen if metric.needs == "passages" else answer
        scores[name] = failed if lost and failed else metric.rule(case, of)
    return scores
