"""deepeval's metrics as judges: its prompts and arithmetic, the exam's calls."""

import asyncio
import functools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any

from common.errors import UserError
from common.identity import digest
from evals.calls.calls import Calls
from evals.judges.frameworks.asker import AGAIN, Asker, keep_quiet, scored, shortened
from evals.judges.judge import Submission, claims_nothing, lacking
from evals.results import Score
from models.chat import ChatModel
from models.prompted import NOT_FOUND

STEPS = (
    "Compare the facts of the actual output with those of the expected output: parties, amounts, "
    "dates, durations, conditions, exceptions.",
    "A wrong or contradicting fact costs most, a missing fact less. Wording, order, length and "
    "format cost nothing, and neither does a longer quotation that holds the same facts.",
    f"Where the expected output is '{NOT_FOUND}', the contract does not answer the question: only "
    "an actual output that says so is right. Elsewhere, saying so is wrong.",
)

# Verdicts carry reasons of their own; a sentence that sums them up would be one more call.
TERSE: Mapping[str, Any] = {"include_reason": False, "eval_mode": "llm"}


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How deepeval scores one metric.

    Attributes:
        kind: its class.
        reads: fields of the test case beside `input` and `actual_output`.
        options: arguments of the class.
        items: what is owed a verdict each: an attribute of the metric, or the passages.
        inverted: deepeval gives 1 to an answer without fault, the metrics table 0.
        abstained: the score of an answer that claims nothing; None where the judge decides.
        blank: the score of an empty answer; None where the judge decides.
    """

    kind: str
    reads: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=lambda: TERSE)
    items: str = ""
    inverted: bool = False
    abstained: float | None = None
    blank: float | None = None


# fmt: off
RECIPES: dict[str, _Recipe] = {
    "deepeval:g_eval": _Recipe(
        "GEval", ("expected_output",),
        {"name": "Correctness", "evaluation_steps": STEPS,
         "evaluation_params": ("input", "actual_output", "expected_output")}),
    "deepeval:faithfulness": _Recipe(
        "FaithfulnessMetric", ("retrieval_context",), items="claims", abstained=1.0),
    "deepeval:hallucination": _Recipe(
        "HallucinationMetric", ("context",), items="passages", inverted=True, abstained=0.0),
    "deepeval:answer_relevancy": _Recipe("AnswerRelevancyMetric", items="statements", blank=0.0),
    "deepeval:contextual_relevancy": _Recipe("ContextualRelevancyMetric", ("retrieval_context",)),
    "deepeval:contextual_recall": _Recipe(
        "ContextualRecallMetric", ("expected_output", "retrieval_context")),
    "deepeval:bias": _Recipe("BiasMetric", items="opinions", inverted=True),
    "deepeval:toxicity": _Recipe("ToxicityMetric", items="opinions", inverted=True),
}


# fmt: on


@dataclass(frozen=True)
class DeepevalJudge:
    """Scores one of deepeval's metrics with replies of `chat`. deepeval loads at the first score.

    Several gold spans are one expected output, joined by newlines; without any it is "Not found.".
    """

    metric: str
    chat: ChatModel
    asks_model: bool = False

    @property
    def name(self) -> str:
        """The chat model's name."""
        return self.chat.name

    @cached_property
    def identity(self) -> str:
        """Digest of the chat model, deepeval's version and what we tell it."""
        options = dict(RECIPES[self.metric].options)
        ours = [options, AGAIN, self.chat.identity]
        return digest("deepeval", version("deepeval"), self.metric, ours)

    async def judge(self, submission: Submission, calls: Calls) -> Score:
        """See Judge."""
        recipe, text = RECIPES[self.metric], submission.answer.text
        reads_passages = not {"context", "retrieval_context"}.isdisjoint(recipe.reads)
        if (lack := lacking(submission, self.metric, passages=reads_passages)) is not None:
            return lack
        if recipe.abstained is not None and claims_nothing(submission):
            return Score(recipe.abstained, "the answer claims nothing")
        if recipe.blank is not None and not text.strip():
            return Score(recipe.blank, "the answer is empty")
        model = (await asyncio.to_thread(_model_class))(Asker(self.chat, calls))
        metric, case = _metric(recipe, model), _test_case(recipe, submission)
        try:
            value = await metric.a_measure(case, _show_indicator=False)
        except UserError:
            raise
        except Exception as error:
            return Score(None, shortened(f"judge {self.name}: {error}"))
        owed = {**vars(metric), "passages": case.context, "": ()}[recipe.items]
        if owed and not metric.verdicts:  # deepeval would call that perfect
            return Score(None, f"judge {self.name}: no verdict on {len(owed)} {recipe.items}")
        return scored(1.0 - value if recipe.inverted else value, _reason(metric))

    async def close(self) -> None:
        """Close the chat model."""
        await self.chat.close()


@functools.cache
def _model_class() -> type[Any]:
    """Our model as deepeval wants it; imports deepeval."""
    keep_quiet()
    import deepeval.metrics  # noqa: F401 - loaded here, in a thread: it takes seconds
    from deepeval.models import DeepEvalBaseLLM

    class AskedModel(DeepEvalBaseLLM):  # type: ignore[no-untyped-call]
        def __init__(self, asker: Asker) -> None:
            self.asker = asker
            super().__init__(asker.chat.name)

        def load_model(self) -> "AskedModel":
            return self

        def get_model_name(self) -> str:
            return self.asker.chat.name

        def generate(self, prompt: str, schema: Any) -> Any:
            raise NotImplementedError("the exam asks asynchronously")

        async def a_generate(self, prompt: str, schema: Any) -> Any:
            return await self.asker.ask(prompt, schema)

    return AskedModel


def _metric(recipe: _Recipe, model: Any) -> Any:
    """A metric object; it keeps its state, so every judgement has its own."""
    import deepeval.metrics
    from deepeval.test_case import SingleTurnParams

    options = dict(recipe.options)
    if recipe.kind == "GEval":
        options["evaluation_params"] = [SingleTurnParams(p) for p in options["evaluation_params"]]
    with warnings.catch_warnings():
        # that hallucination, bias and toxicity count the other way round since 4.x
        warnings.simplefilter("ignore", DeprecationWarning)
        kind = getattr(deepeval.metrics, recipe.kind)
        return kind(model=model, async_mode=True, verbose_mode=False, **options)


def _test_case(recipe: _Recipe, submission: Submission) -> Any:
    from deepeval.test_case import LLMTestCase

    passages = [passage.text for passage in submission.answer.passages]
    gold = "\n".join(span.text for span in submission.case.spans) or NOT_FOUND
    parts = {"expected_output": gold, "retrieval_context": passages, "context": passages}
    return LLMTestCase(
        input=submission.case.question,
        actual_output=submission.answer.text,
        **{name: parts[name] for name in recipe.reads},
    )


def _reason(metric: Any) -> str:
    """What deepeval says of the score, or of the verdicts it is made of."""
    if metric.reason:
        return str(metric.reason)
    groups = getattr(metric, "verdicts_list", None) or [metric]
    verdicts = [verdict for group in groups for verdict in getattr(group, "verdicts", ())]
    return "; ".join(verdict.reason for verdict in verdicts if verdict.reason)
