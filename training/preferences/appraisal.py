"""What sampled answers are worth: judges and the exam's own metrics, in 0..1."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from common.errors import UserError
from evals.judges.factory import open_judges
from evals.judges.judge import Judge, Panel, Submission
from evals.options import REFERENCE, asks_nobody
from evals.results import Score
from fixtures.cases import Case, Contract, Span
from models.chat import Answer
from models.entry import Prompted
from models.factory import Chats
from models.registry import read_entry
from training.data.examples import Example
from training.data.marks import expected, is_silent, marks, question_of

METRICS = "metrics"
"""The name of `--judge` that stands for the exam's rules."""

UNGROUNDED = 0.25
"""What an answer loses for a particular that stands in no passage."""


@dataclass(frozen=True)
class Appraisal:
    """Whoever scores: the judges of `panel`, and the exam's metrics where `metrics`."""

    panel: Panel
    metrics: bool

    async def score(self, example: Example, case: Case, answer: Answer) -> Score:
        """The mean of all who score; None where one of them gave no score.

        Raises:
            UserError: a judge cannot answer at all.
        """
        submission = Submission(case, answer)
        judges = (self.panel.score(judge, submission) for judge in self.panel.judges)
        scores = list(await asyncio.gather(*judges))
        if self.metrics:
            scores.append(Score(by_metrics(example, answer.text)))
        values = [score.value for score in scores if score.value is not None]
        if len(values) < len(scores):
            return Score(None, "; ".join(each.reason for each in scores if each.value is None))
        return Score(min(max(sum(values) / len(values), 0.0), 1.0))


def judge_models(names: str) -> list[str]:
    """Those of `--judge` that are models of the registry, each once."""
    given = dict.fromkeys(name.strip() for name in names.split(","))
    return [name for name in given if name != METRICS and not asks_nobody(name)]


def open_appraisers(names: str, chats: Chats, registry: Path) -> tuple[tuple[Judge, ...], bool]:
    """The judges of correctness that `--judge` names, and whether it names the metrics.

    Raises:
        UserError: a name is empty, unknown, or of a model that cannot chat.
    """
    given = list(dict.fromkeys(name.strip() for name in names.split(",")))
    judges = [name for name in given if name != METRICS]
    for name in judge_models(names):
        entry = read_entry(name, registry, "--judge", (REFERENCE, METRICS))
        if not isinstance(entry, Prompted):
            raise UserError(f"--judge {name}: it answers cases, but cannot chat")
    return open_judges(("correctness",), judges, 1, chats), METRICS in given


def by_metrics(example: Example, text: str) -> float:
    """The exam's rules as one number in 0..1.

    Where the passages do not answer: 1.0 for saying so, else 0.0. Where they do: token F1 with the
    nearest gold answer, less UNGROUNDED where a particular stands in no passage; 0.0 for a refusal.
    """
    golds = expected(example)
    marked = marks(example.prompt[-1].content, text, golds, example.kind, example.category)
    if not marked.answerable:
        return marked.abstained
    return max(marked.token_f1 - UNGROUNDED * (1.0 - marked.grounded), 0.0)


def judged_case(
    example: Example, cases: Mapping[str, Case], contracts: Mapping[str, Contract]
) -> Case:
    """The case that an example asks, as judges take it.

    Its gold answers are those of the passages shown: of a hard negative there are none.

    Args:
        example: of a contract.
        cases: of the data set, by identity.
        contracts: of the data set, by title.
    """
    known = cases.get(example.case) if example.kind != "synthetic" else None
    if known is not None and known.answerable is not is_silent(example):
        return known
    golds = () if is_silent(example) else example.gold or (example.completion,)
    spans = tuple(Span(text, None) for text in golds)
    if known is not None:
        return replace(known, spans=spans)
    asked = question_of(example.prompt[-1].content)
    contract = contracts.get(example.contract) or Contract(example.contract, "")
    return Case(asked, asked, contract, example.category, asked, spans)
