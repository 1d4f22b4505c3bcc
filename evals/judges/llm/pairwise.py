"""Which of two answers is better, asked in both orders."""

import asyncio
from dataclasses import dataclass

from evals.calls.calls import Calls
from evals.judges.llm.judge import ground_truth
from evals.judges.llm.replies import Preference, Unreadable
from evals.judges.wording import OURS, Wording
from evals.results import Score
from fixtures.cases import Case
from models.chat import Answer, ChatModel
from models.spoken import scorable


@dataclass(frozen=True, slots=True)
class Orders:
    """What a judge preferred when `first` was shown first, and when it was shown second.

    A preference names the place in which an answer was shown, not the answer: the same place in
    both orders is position bias. None where no preference could be had; `reason` says why.
    """

    straight: Preference | None
    swapped: Preference | None
    reason: str = ""

    @property
    def score(self) -> Score:
        """+1.0: the first answer wins in both orders; -1.0: the second does; else 0.0."""
        if self.straight is None or self.swapped is None:
            return Score(None, self.reason)
        wins = {("first", "second"): 1.0, ("second", "first"): -1.0}
        return Score(wins.get((self.straight, self.swapped), 0.0), self.reason)


@dataclass(frozen=True)
class PairwiseJudge:
    """Compares answers with two calls of `chat`, so that only a win that survives the swap counts.

    `draw` tells apart askings of the same.
    """

    chat: ChatModel
    draw: int = 0
    wording: Wording = OURS

    async def prefer(self, case: Case, first: Answer, second: Answer, calls: Calls) -> Score:
        """+1.0 where `first` wins in both orders, -1.0 where `second` does, otherwise 0.0.

        None where an order could not be judged, or an answer is none.

        Raises:
            UserError: no later call can succeed either.
        """
        return (await self.orders(case, first, second, calls)).score

    async def orders(self, case: Case, first: Answer, second: Answer, calls: Calls) -> Orders:
        """The preference in each order. Answers that read the same are a tie and cost no call."""
        first, second = scorable(first), scorable(second)
        for answer in (first, second):
            if answer.error is not None:
                return Orders(None, None, f"no answer: {answer.error}")
        if first.text.split() == second.text.split():
            return Orders("tie", "tie", "the answers read the same")
        straight, swapped = await asyncio.gather(
            self._preferred(case, first, second, calls), self._preferred(case, second, first, calls)
        )
        return Orders(straight[0], swapped[0], f"{straight[1]}; in the other order: {swapped[1]}")

    async def _preferred(
        self, case: Case, shown_first: Answer, shown_second: Answer, calls: Calls
    ) -> tuple[Preference | None, str]:
        from evals.judges.llm.dspy_call import ask
        from models.program.engine import Unanswered

        texts = {
            "question": case.question,
            "ground_truth": ground_truth(case),
            "first_answer": shown_first.text,
            "second_answer": shown_second.text,
        }
        try:
            reply = await ask("preference", texts, self.chat, calls, self.draw, self.wording)
        except Unreadable as error:
            return None, f"judge {self.chat.name}: reply cannot be read: {error}"
        except Unanswered as error:
            return None, f"judge {self.chat.name}: {error}"
        return reply.fields["preferred"], reply.fields["reasons"]

    async def close(self) -> None:
        """Release the judge's connections."""
        await self.chat.close()
