"""What people said of answers in service: about no case of a data set, with the passages shown.

Such a row has `question`, `passages` and perhaps `contract` in place of `case`: as
`python -m reports.feedback export` writes them.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from common.errors import UserError
from evals.language.declining import declines
from fixtures.cases import Case, Dataset, Span
from fixtures.retrieval.passages import Passage
from fixtures.shingles import shingles
from fixtures.shown import shown_case
from training.data.material import CONTAINMENT, exam_contracts

CATEGORY = "feedback"


def served_case(where: str, row: Mapping[str, Any]) -> tuple[Case, tuple[Passage, ...]]:
    """The case that a row asks, without gold answers, and the passages that it shows.

    Its contract is what was shown of one; rows that show the same and ask the same are one case.

    Raises:
        UserError: the row does not say what was asked, or shows nothing.
    """
    question, title, texts = row.get("question"), row.get("contract") or "", row.get("passages")
    if not isinstance(question, str) or not question.strip():
        raise UserError(f"{where}: neither `case` nor `question` says what was asked")
    if not isinstance(title, str):
        raise UserError(f"{where}: `contract` is no text: its title")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise UserError(f"{where}: `passages` is missing: a list of the texts that were shown")
    shown = [text.strip() for text in texts if text.strip()]
    if not shown:
        raise UserError(f"{where}: `passages` holds no text, so that no prompt can be made")
    return shown_case(question.strip(), title.strip(), shown, CATEGORY)


def with_golds(case: Case, good: Iterable[str]) -> Case:
    """The case with what people hold to be right: corrections, and answers that they liked.

    That nothing is to be found is no gold answer.
    """
    told = (text for text in dict.fromkeys(good) if not declines(text, case.question))
    return replace(case, spans=tuple(Span(text, None) for text in told))


def of_exam(shown: Sequence[Passage], wording: Set[int]) -> bool:
    """Whether half of a passage stands, word for word, in contracts of the exam.

    Args:
        shown: to a model in service.
        wording: of the exam's contracts, see `exam_wording`.
    """
    runs = [shingles(passage.text) for passage in shown]
    return any(len(each & wording) > CONTAINMENT * len(each) for each in runs if each)


def exam_wording(datasets: Sequence[Dataset]) -> set[int]:
    """Every run of eight words of the contracts that exams keep for themselves."""
    return {each for contract in exam_contracts(datasets) for each in shingles(contract.text)}
