"""ragas' metrics as judges: its prompts and arithmetic, the exam's calls and embedder."""

import asyncio
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from common.errors import UserError
from common.identity import digest
from evals.calls.calls import Calls
from evals.judges.frameworks.asker import AGAIN, Asker, keep_quiet, scored, shortened
from evals.judges.judge import Submission, claims_nothing, lacking
from evals.language.declining import declines
from evals.results import Score
from models.chat import ChatModel

if TYPE_CHECKING:
    from fixtures.retrieval.embedder import Embedder


GOLD = ("reference", "response")


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How ragas scores one metric.

    Attributes:
        kind: its class in `ragas.metrics.collections`.
        reads: the arguments of its `ascore`.
        embeds: it takes embeddings, and its values are cosines.
        abstained: the score of an answer that claims nothing; None where ragas decides.
        blank: the score of an empty answer, which ragas refuses; None where it does not.
    """

    kind: str
    reads: tuple[str, ...]
    embeds: bool = False
    abstained: float | None = None
    blank: float | None = None


# fmt: off
RECIPES: dict[str, _Recipe] = {
    "ragas:faithfulness": _Recipe(
        "Faithfulness", ("user_input", "response", "retrieved_contexts"), abstained=1.0),
    "ragas:context_precision": _Recipe(
        "ContextPrecision", ("user_input", "reference", "retrieved_contexts")),
    "ragas:context_recall": _Recipe(
        "ContextRecall", ("user_input", "reference", "retrieved_contexts")),
    "ragas:answer_relevancy": _Recipe(
        "AnswerRelevancy", ("user_input", "response"), embeds=True, blank=0.0),
    "ragas:factual_correctness": _Recipe("FactualCorrectness", GOLD, blank=0.0),
    "ragas:semantic_similarity": _Recipe("SemanticSimilarity", GOLD, embeds=True),
    "ragas:string_similarity": _Recipe("NonLLMStringSimilarity", GOLD),
    "ragas:string_presence": _Recipe("StringPresence", GOLD),
    "ragas:exact_match": _Recipe("ExactMatch", GOLD),
    # ragas compares the answer's first sentence with each of the reference's, and no other.
    "ragas:bleu": _Recipe("BleuScore", GOLD),
    "ragas:rouge": _Recipe("RougeScore", GOLD),
    "ragas:chrf": _Recipe("CHRFScore", GOLD),
    "ragas:quoted_spans": _Recipe("QuotedSpansAlignment", ("response", "retrieved_contexts")),
}


# fmt: on


@dataclass(frozen=True)
class RagasJudge:
    """Scores one of ragas' metrics, with replies of `chat` or, where ragas needs no model, without.

    ragas loads at the first score. Several gold spans are one reference, joined by newlines, for
    metrics that ask a model; the others score the best of the spans.
    """

    metric: str
    chat: ChatModel | None = None
    asks_model: bool = False

    @property
    def name(self) -> str:
        """The chat model's name, or `ragas`."""
        return self.chat.name if self.chat else "ragas"

    @cached_property
    def identity(self) -> str:
        """Digest of the chat model, the embedder, ragas' version and what we add to its prompts."""
        asked = [AGAIN, self.chat.identity] if self.chat else []
        embedder = self._embedder.identity if RECIPES[self.metric].embeds else ""
        return digest("ragas", version("ragas"), self.metric, asked, embedder)

    @cached_property
    def _embedder(self) -> "Embedder":
        from fixtures.retrieval.embedder import load_embedder

        return load_embedder()

    async def judge(self, submission: Submission, calls: Calls) -> Score:
        """See Judge."""
        recipe, text = RECIPES[self.metric], submission.answer.text
        reads_passages = "retrieved_contexts" in recipe.reads
        if (lack := lacking(submission, self.metric, passages=reads_passages)) is not None:
            return lack
        if recipe.abstained is not None and claims_nothing(submission):
            return Score(recipe.abstained, "the answer claims nothing")
        case = submission.case
        if recipe.reads == GOLD and declines(text, case.question, case.golds):
            return Score(0.0, "declined")
        if recipe.blank is not None and not text.strip():
            return Score(recipe.blank, "the answer is empty")
        golds = case.golds
        try:
            if self.chat is None:
                result = await asyncio.to_thread(self._best, submission, golds)
            else:
                metric = await asyncio.to_thread(self._metric, Asker(self.chat, calls))
                result = await metric.ascore(**self._fields(submission, "\n".join(golds)))
        except UserError:
            raise
        except Exception as error:
            said = str(error) or type(error).__name__
            return Score(None, shortened(f"judge {self.name}: {said}"))
        return scored(float(result.value), result.reason or "", -1.0 if recipe.embeds else 0.0)

    def _best(self, submission: Submission, golds: Sequence[str]) -> Any:
        """The result of the gold span that the answer is most like."""
        references = golds if "reference" in RECIPES[self.metric].reads else [""]
        inputs = [self._fields(submission, reference) for reference in references]
        results = self._metric(None).batch_score(inputs)
        return max(results, key=lambda result: result.value)

    def _fields(self, submission: Submission, reference: str) -> dict[str, Any]:
        """The arguments that ragas' metric takes."""
        parts = {
            "user_input": submission.case.question,
            "response": submission.answer.text,
            "reference": reference,
            "retrieved_contexts": [passage.text for passage in submission.answer.passages],
        }
        return {name: parts[name] for name in RECIPES[self.metric].reads}

    def _metric(self, asker: Asker | None) -> Any:
        """An object of the recipe's class; imports ragas, which takes seconds."""
        asked_llm, our_embeddings = _adapters()
        import ragas.metrics.collections

        recipe = RECIPES[self.metric]
        parts = {"llm": asked_llm(asker)} if asker else {}
        if recipe.embeds:
            parts["embeddings"] = our_embeddings(self._embedder)
        return getattr(ragas.metrics.collections, recipe.kind)(**parts)

    async def close(self) -> None:
        """Close the chat model."""
        if self.chat:
            await self.chat.close()


@functools.cache
def _adapters() -> tuple[type[Any], type[Any]]:
    """Our model and embedder as ragas wants them; imports ragas."""
    keep_quiet()
    from ragas.embeddings.base import BaseRagasEmbedding
    from ragas.llms.base import InstructorBaseRagasLLM

    class AskedLLM(InstructorBaseRagasLLM):
        def __init__(self, asker: Asker) -> None:
            self.asker = asker

        def generate(self, prompt: str, response_model: Any) -> Any:
            raise NotImplementedError("the exam asks asynchronously")

        async def agenerate(self, prompt: str, response_model: Any) -> Any:
            return await self.asker.ask(prompt, response_model)

    class OurEmbeddings(BaseRagasEmbedding):
        def __init__(self, embedder: "Embedder") -> None:
            super().__init__()
            self.embedder = embedder

        def embed_text(self, text: str, **options: Any) -> list[float]:
            return self.embed_texts([text])[0]

        def embed_texts(self, texts: list[str], **options: Any) -> list[list[float]]:
            vectors: list[list[float]] = self.embedder.embed(texts).tolist()
            return vectors

        async def aembed_text(self, text: str, **options: Any) -> list[float]:
            return await asyncio.to_thread(self.embed_text, text)

        async def aembed_texts(self, texts: list[str], **options: Any) -> list[list[float]]:
            return await asyncio.to_thread(self.embed_texts, texts)

    return AskedLLM, OurEmbeddings
