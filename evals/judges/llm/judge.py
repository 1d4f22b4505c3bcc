"""A chat model as judge."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from common.identity import digest
from evals.calls.calls import Calls
from evals.judges.judge import Submission, claims_nothing, lacking
from evals.judges.llm.replies import Claim, Unreadable
from evals.judges.wording import OURS, Wording
from evals.results import Score
from fixtures.cases import Case
from models.chat import ChatModel

VERSION = 1
"""Raised when what is read from the same reply changes."""

TEMPERATURE = 0.7
NO_ANSWER = "The contract does not answer this question."


@dataclass(frozen=True)
class LlmJudge:
    """Scores `correctness`, `sufficiency`, `groundedness` or `relevancy` with one call, in 0..1.

    With `samples` above one it asks so many times at a temperature of 0.7, seeds 0, 1, ..., and
    the score is the mean of the replies that can be read, provided that half of them can. `draw`
    tells apart askings of the same, to see whether the judge is of one mind.
    """

    metric: str
    chat: ChatModel
    samples: int = 1
    draw: int = 0
    wording: Wording = OURS

    @property
    def name(self) -> str:
        """The chat model's name."""
        return self.chat.name

    @property
    def asks_model(self) -> bool:
        """It does not."""
        return False

    @cached_property
    def identity(self) -> str:
        """Digest of the chat model, its context, the prompt and how replies are drawn and read."""
        from evals.judges.llm.dspy_call import frame

        chat = [self.chat.identity, self.chat.context]
        prompt = frame(self.metric, self.wording)
        return digest("llm judge", VERSION, chat, prompt, self.samples, self.draw)

    async def judge(self, submission: Submission, calls: Calls) -> Score:
        """See Judge. What needs no judge is not asked: abstentions are grounded."""
        lacks = lacking(
            submission, self.metric, passages=self.metric in ("sufficiency", "groundedness")
        )
        if lacks is not None:
            return lacks
        if self.metric == "groundedness" and claims_nothing(submission):
            return Score(1.0, "abstained: nothing is claimed")
        texts = TEXTS[self.metric](submission)
        if self.samples == 1:
            return await self._score(self.chat, texts, calls)
        drawn = (self._score(chat, texts, calls) for chat in self._drawn)
        return self._mean(await asyncio.gather(*drawn))

    async def reread(self, submission: Submission, calls: Calls) -> Score:
        """See Rereading."""
        return await self.judge(submission, calls)

    @cached_property
    def _drawn(self) -> tuple[ChatModel, ...]:
        return tuple(self.chat.drawn(TEMPERATURE, seed) for seed in range(self.samples))

    async def _score(self, chat: ChatModel, texts: Mapping[str, str], calls: Calls) -> Score:
        from evals.judges.llm.dspy_call import ask
        from models.program.engine import Unanswered

        try:
            reply = await ask(self.metric, texts, chat, calls, self.draw, self.wording)
        except Unreadable as error:
            return Score(None, f"judge {self.name}: reply cannot be read: {error}")
        except Unanswered as error:
            return Score(None, f"judge {self.name}: {error}")
        fields = reply.fields
        score = _grounded(fields["claims"]) if "claims" in fields else _scored(fields)
        note = f" ({' and '.join(reply.cut)} cut to the judge's context)" if reply.cut else ""
        return Score(score.value, f"{score.reason}{note}".strip())

    def _mean(self, scores: Sequence[Score]) -> Score:
        values = [score.value for score in scores if score.value is not None]
        lost = [score for score in scores if score.value is None]
        if 2 * len(values) < len(scores):
            return Score(None, f"{len(lost)} of {len(scores)} samples lost: {lost[0].reason}")
        spread = f"{len(values)} of {len(scores)} samples, {min(values):.2f} to {max(values):.2f}"
        reason = next(score.reason for score in scores if score.value is not None)
        return Score(sum(values) / len(values), f"{spread}; the first: {reason}")

    async def close(self) -> None:
        """See Judge. Whatever is drawn shares the chat model's connections."""
        await self.chat.close()


def ground_truth(case: Case) -> str:
    """The gold spans as a judge sees them, numbered where there are several."""
    spans = list(dict.fromkeys(span.text for span in case.spans))
    return _numbered(spans) if len(spans) > 1 else spans[0] if spans else NO_ANSWER


def _numbered(texts: Sequence[str]) -> str:
    return "\n\n".join(f"{number}. {text}" for number, text in enumerate(texts, start=1))


def _correctness(submission: Submission) -> dict[str, str]:
    case = submission.case
    return {
        "question": case.question,
        "ground_truth": ground_truth(case),
        "answer": submission.answer.text,
    }


def _sufficiency(submission: Submission) -> dict[str, str]:
    case = submission.case
    return {
        "question": case.question,
        "expected_answer": ground_truth(case),
        "passages": _passages(submission),
    }


def _groundedness(submission: Submission) -> dict[str, str]:
    return {
        "question": submission.case.question,
        "passages": _passages(submission),
        "answer": submission.answer.text,
    }


def _relevancy(submission: Submission) -> dict[str, str]:
    return {"question": submission.case.question, "answer": submission.answer.text}


def _passages(submission: Submission) -> str:
    return _numbered([passage.text for passage in submission.answer.passages])


TEXTS = {
    "correctness": _correctness,
    "sufficiency": _sufficiency,
    "groundedness": _groundedness,
    "relevancy": _relevancy,
}


def _scored(fields: Mapping[str, Any]) -> Score:
    return Score(fields["score"], fields["reasons"])


def _grounded(claims: Sequence[Claim]) -> Score:
    unsupported = [claim.claim for claim in claims if not claim.supported]
    share = 1 - len(unsupported) / len(claims)
    reason = f"{len(claims) - len(unsupported)} of {len(claims)} claims supported"
    return Score(share, f"{reason}; not: {'; '.join(unsupported)}" if unsupported else reason)
