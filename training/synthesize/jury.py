"""Who judges a synthetic pair: an embedded judge, a chat model, or nobody."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.identity import digest
from evals.calls.budget import DECLINED
from evals.calls.calls import Calls
from evals.judges.embedded.sentences import claims
from evals.judges.factory import JUDGEMENT
from evals.judges.judge import Judge, Panel, Submission
from evals.options import REFERENCE
from evals.results import Score
from fixtures.cases import Case, Span
from models.chat import Answer
from models.factory import Chats
from training.synthesize.drafts import Draft
from training.synthesize.seeds import Seed

if TYPE_CHECKING:
    from evals.judges.embedded.claim_support import ClaimSupport


NOBODY = "none"


@dataclass(frozen=True)
class PairSupport:
    """The embedded judge of a pair without a gold answer: does the context bear it out?

    The claim is the answer read with its question, and its support that of
    `claim_support`; names and numbers of the question that the context lacks count against it.
    """

    support: "ClaimSupport"
    metric: str = "claim_support"
    name: str = "embedded"
    asks_model: bool = False

    @property
    def identity(self) -> str:
        """Digest of the support's rules and of how the claim is put."""
        return digest("pair support", 1, self.support.identity)

    async def judge(self, submission: Submission, calls: Calls) -> Score:
        """The support of the claim, at most 1."""
        answer, case = submission.answer, submission.case
        if not claims(answer.text):
            return Score(None, "the answer claims nothing")
        claim = f"{case.question} {answer.text}"
        (value,) = await self.support.supports([claim], answer.passages, case.category)
        return Score(value)

    async def close(self) -> None:
        """Nothing is held open."""


@dataclass(frozen=True)
class Jury:
    """Who judges what. None where nobody does.

    Attributes:
        gold: holds an answer against the gold answers of the seed.
        context: holds question and answer against the context.
        copied: holds what a rule wrote against the gold answer, or the detail cut out of it.
    """

    panel: Panel
    gold: Judge | None
    context: Judge | None
    copied: Judge | None
    threshold: float

    async def objection(self, seed: Seed, draft: Draft, span: Span) -> str | None:
        """Why the pair is not kept, or None."""
        judge = self._judge(draft)
        if judge is None:
            return None
        against_gold = judge.metric == "correctness" and draft.kind != "part"
        spans = seed.case.spans if against_gold else (span,)
        case = Case(
            seed.case.id, seed.case.slug, seed.case.contract, seed.case.category, draft.question,
            spans,
        )  # fmt: skip
        answer = Answer(span.text, passages=(seed.context,))
        score = await self.panel.score(judge, Submission(case, answer))
        if score.value is None:
            return score.reason if DECLINED in score.reason else "not judged"
        return None if score.value >= self.threshold else "below the judge's threshold"

    def _judge(self, draft: Draft) -> Judge | None:
        if draft.start is not None:
            return self.copied
        return self.gold if draft.kind == "rephrased" else self.context

    async def close(self) -> None:
        """Release what the judges hold open."""
        for judge in {id(each): each for each in (self.gold, self.context, self.copied)}.values():
            if judge is not None:
                await judge.close()


def open_jury(name: str, threshold: float, panel: Panel, chats: Chats) -> Jury:
    """The jury of `--judge`: `reference`, `none`, or a chat model of the registry.

    The reference judge compares with the gold answer, and where there is none the claim's support
    in the context counts. A chat model compares with the gold answer as well; for other pairs, and
    for those of a rule, whose answers are gold already, it says whether the context is sufficient
    to derive the answer from.

    Raises:
        UserError: the name is no chat model.
    """
    from evals.judges.embedded.claim_support import ClaimSupport
    from evals.judges.embedded.embedding import Embeddings
    from evals.judges.llm.judge import LlmJudge
    from evals.judges.reference.judge import ReferenceJudge

    if name == NOBODY:
        return Jury(panel, None, None, None, threshold)
    if name == REFERENCE:
        reference = ReferenceJudge()
        support = PairSupport(ClaimSupport(Embeddings()))
        return Jury(panel, reference, support, reference, threshold)
    chat = chats.open(name, JUDGEMENT)
    sufficiency = LlmJudge("sufficiency", chat)
    return Jury(panel, LlmJudge("correctness", chat), sufficiency, sufficiency, threshold)
