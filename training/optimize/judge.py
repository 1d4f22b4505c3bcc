"""A judge of correctness as a dspy program, so that its prompt can be optimised.

What an optimiser tries is what a gate file can name: the instructions, and demonstrations written
into them as worked examples. The judge's own examples, layout and reader stay, and so do the words
that tell it to follow nothing that it is shown. Imports dspy: import this module where it is used.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import dspy

from evals.judges.judge import Submission
from evals.judges.llm.dspy_call import SECOND_TURN, JudgeAdapter, frame
from evals.judges.llm.judge import TEXTS
from evals.judges.llm.quoting import fitted, quoted
from evals.judges.llm.signatures import QUOTED, task_of
from evals.judges.pairs import Pair
from evals.judges.wording import LONGEST, OURS, Wording
from models.chat import Answer, ChatModel

TASK = "correctness"
LABEL = "label"
"""The field of an example that holds what people scored."""

EXAMPLES = "Worked examples, scored by people:"
FENCE = re.compile(r"</?quoted>\n?")


class JudgeProgram(dspy.Module):  # type: ignore[misc]
    """Scores one answer, as `LlmJudge` does with one reply."""

    def __init__(self) -> None:
        super().__init__()
        signature = task_of(TASK, OURS).signature
        told = signature.instructions.removesuffix(QUOTED).rstrip()
        self.judge = dspy.Predict(signature.with_instructions(told))

    def forward(self, **texts: str) -> dspy.Prediction:
        """The judgement of texts that are quoted and fitted already."""
        return self.judge(**texts)

    @property
    def wording(self) -> Wording:
        """What a gate file's `prompt` says, so that the judge is told what this program is."""
        return Wording(prompt=worded(self.judge.signature.instructions, self.judge.demos))


class WordedAdapter(JudgeAdapter):
    """The judges' layout; demonstrations stand in the instructions, as in a prompt's file."""

    def __init__(self) -> None:
        super().__init__()
        self.examples = list(task_of(TASK, OURS).examples)

    def format(
        self, signature: Any, demos: list[dict[str, Any]], inputs: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """The chat."""
        told = f"{worded(signature.instructions, demos)}\n\n{QUOTED}"
        turns: list[dict[str, Any]] = super().format(
            signature.with_instructions(told), self.examples, inputs
        )
        return turns


def worded(instructions: str, demos: Sequence[Mapping[str, Any]]) -> str:
    """A prompt with its demonstrations as text, of as many as a prompt's file may hold.

    Braces become brackets: in a prompt they would be placeholders.

    >>> print(worded("Judge.", [{"question": "Who?", "answer": "{A}", "score": 0.5}]))
    Judge.
    <BLANKLINE>
    Worked examples, scored by people:
    <BLANKLINE>
    question: Who?
    answer: (A)
    score: 0.5
    """
    text = _bracketed(instructions.strip())
    for number, demo in enumerate(demos):
        names = ("question", "ground_truth", "answer", "reasons", "score")
        said = [f"{name}: {_plain(demo[name])}" for name in names if demo.get(name) is not None]
        more = "\n\n".join([text, *([] if number else [EXAMPLES]), "\n".join(said)])
        if len(more) > LONGEST:
            break
        text = more
    return text


def example_of(pair: Pair, chat: ChatModel) -> dspy.Example:
    """A labelled answer as dspy's example: the judge's inputs, and what people scored."""
    texts = TEXTS[TASK](Submission(pair.case, Answer(pair.answer)))
    shown, _ = fitted(texts, chat, chat.count(frame(TASK)) + SECOND_TURN)
    inputs = {name: quoted(text) for name, text in shown.items()}
    labels = {"score": pair.score, LABEL: pair.score}
    return dspy.Example(**inputs, **labels).with_inputs(*inputs)


def closeness(
    example: Any,
    prediction: Any,
    trace: Any = None,
    pred_name: str | None = None,
    pred_trace: Any = None,
) -> Any:
    """How near a judge's score comes to people's: 1 less the difference."""
    given = prediction.score
    value = 1.0 - abs(given - example[LABEL])
    if pred_name is None:
        return value
    feedback = f"You scored {given:g}, and people {example[LABEL]:g}."
    return dspy.Prediction(score=value, feedback=feedback)


def _plain(value: Any) -> str:
    return " ".join(_bracketed(FENCE.sub("", str(value))).split())


def _bracketed(text: str) -> str:
    return text.replace("{", "(").replace("}", ")")
