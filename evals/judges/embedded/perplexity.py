"""How surprised a model is by the expected answer."""

import asyncio
import math
from dataclasses import dataclass

from common.identity import digest
from evals.calls.calls import Calls
from evals.judges.judge import Submission
from evals.results import Score
from models.chat import Model

LARGEST = 300.0
"""Of exponents whose powers can be squared and summed, as intervals do."""

UNKNOWN = "the model gives no token probabilities"


@dataclass(frozen=True, slots=True)
class Perplexity:
    """exp(-mean log-probability) of a gold span's tokens, after the prompt that the model saw.

    Of several gold spans the least surprising counts, since any of them is right. Each costs one
    forward pass, which is reserved as one call; tokens of different models are not of one size, so
    that perplexities compare only where the tokenizer is the same. Source: Jelinek et al. 1977.
    """

    metric: str = "perplexity"
    name: str = "model"
    asks_model: bool = True

    @property
    def identity(self) -> str:
        """Of the definition: the model's own identity is in the key of the score already."""
        return digest("perplexity", 1)

    async def judge(self, submission: Submission, calls: Calls) -> Score:
        """The lowest perplexity of the gold spans, 1 or more.

        Unscored where the case has no gold span, no model is at hand, the model gives no
        probabilities (or prompt and span are longer than it bears), or the budget is spent.
        """
        case, model, passages = submission.case, submission.model, submission.answer.passages
        spans = dict.fromkeys(span.text for span in case.spans)
        if not spans:
            return Score(None, "no expected answer")
        # An empty reply costs nothing, and tells models that have probabilities from those without.
        if model is None or await model.logprobs(case, passages, "") is None:
            return Score(None, UNKNOWN)
        reads = (self._read(submission, model, text, calls) for text in spans)
        found = await asyncio.gather(*reads)
        failed = next((logs for logs in found if isinstance(logs, str)), None)
        lowest = [perplexity(logs) for logs in found if isinstance(logs, tuple) and logs]
        if failed or not lowest:
            return Score(None, failed or UNKNOWN)
        return Score(min(lowest))

    async def _read(
        self, submission: Submission, model: Model, text: str, calls: Calls
    ) -> tuple[float, ...] | str | None:
        """Log-probabilities of one span, or why the whole case goes unscored."""
        case, answer = submission.case, submission.answer
        size, spent = model.most_tokens(case, answer.passages), 0
        declined = await calls.budget.reserve(size)
        if declined:
            return declined
        try:
            logs = await model.logprobs(case, answer.passages, text)
            spent = answer.tokens_in + len(logs or ())
            calls.tokens_in += spent
        except RuntimeError as error:
            return f"the likelihood failed: {error}".splitlines()[0]
        finally:
            await calls.budget.settle(size, spent)
        return logs

    async def close(self) -> None:
        """The exam closes the model."""


def perplexity(logprobs: tuple[float, ...]) -> float:
    """Exponential of the mean negative log-probability of one token or more.

    >>> round(perplexity((math.log(0.5), math.log(0.125))), 6)
    4.0
    """
    return math.exp(min(-math.fsum(logprobs) / len(logprobs), LARGEST))
