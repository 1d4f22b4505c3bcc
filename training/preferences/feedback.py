"""What people said of answers: JSONL with scores, thumbs and corrections, made into preferences.

A line is an object with `case` (identity, id or slug of a case), `answer`, and one or both of
`score` (1 to 5, or "up" and "down") and `corrected answer`; `comment` is kept for people. In place
of `case` stand `question` and `passages` where answers were given in service (`served.py`). Columns
of other names are left alone, unless they look like one of these.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.paths import cache_dir
from common.rows.cells import cells_of
from common.settings import nearest
from evals.feedback import thumb
from evals.language.words import normalise, says_something
from fixtures.cases import Case, Dataset
from fixtures.retrieval.passages import Passage
from fixtures.retrieval.retrieval import Retriever
from models.chat import Message
from models.factory import open_models
from models.prompted import NOT_FOUND, PromptedModel, Template
from training.data.drawing import retriever_options
from training.data.examples import Example, Meta, Row, read_rows
from training.preferences.formats import PreferencePair, Unpaired, pair_of, unpaired_of
from training.preferences.pairing import Rule, Scored, pair
from training.preferences.served import served_case, with_golds

COLUMNS = (
    "case", "answer", "score", "comment", "corrected answer", "question", "contract", "passages",
)  # fmt: skip
GOOD, BAD = 0.75, 0.25
"""Scores of 4 and 5 are a thumb up, of 1 and 2 a thumb down; 3 is neither."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What one person said of one answer.

    `score` is in 0..1 (of 1 to 5: 0, 0.25, ... 1), None where there is only a correction;
    `corrected` is None where there is none. `shown` is what the model was shown, of an answer in
    service; for a case of a data set it is retrieved.
    """

    case: Case
    answer: str
    score: float | None
    corrected: str | None
    comment: str = ""
    shown: tuple[Passage, ...] = ()


def read_feedback(
    path: Path, cases: Iterable[Case], refused: Collection[str]
) -> tuple[Feedback, ...]:
    """The feedback of a file, in its order.

    Args:
        path: of JSON lines.
        cases: of the data sets, those of the exam too.
        refused: digests of the contracts that nobody may train on.

    Raises:
        UserError: no such file, or a line is no feedback, of an unknown case, or of a contract
            that is refused; the line is named.
    """
    if not path.is_file():
        raise UserError(f"--feedback {path}: no such file; give one of JSON lines")
    by_name = {name: case for case in cases for name in (case.slug, case.id, case.identity)}
    given = [feedback_of(where, row, by_name, refused) for where, row in read_rows(path)]
    good: dict[str, list[str]] = {}
    for each in given:
        liked = each.answer if each.score is not None and each.score >= GOOD else None
        good.setdefault(each.case.id, []).extend(filter(None, (each.corrected, liked)))
    return tuple(
        replace(each, case=with_golds(each.case, good[each.case.id])) if each.shown else each
        for each in given
    )


def shown_prompts(
    feedback: Sequence[Feedback], datasets: Sequence[Dataset], meta: Meta, registry: Path
) -> dict[str, Example]:
    """The example of every case of the feedback, by identity, with the prompt that the exam shows.

    Args:
        feedback: of cases of the data sets.
        datasets: where they are from.
        meta: says whose prompt the examples beside have.
        registry: folder of the model entries.

    Raises:
        UserError: that model has no prompt, or nothing can be retrieved.
    """
    (model,) = open_models([meta.model], registry)
    if not isinstance(model, PromptedModel):
        raise UserError(f"model {meta.model} has no prompt; make the examples for a chat model")
    model = replace(model, most_passages=meta.most_passages, uses_passages=meta.passages)
    if meta.system is not None:
        model = replace(model, template=Template(meta.system))
    options = retriever_options(meta.most_passages)
    found = {
        each.case.identity: prompted(each.case, model.prompt(each.case, each.shown)[0])
        for each in feedback
        if each.shown
    }
    for data in datasets:
        own = {case.identity for case in data.cases}
        cases = {each.case.identity: each.case for each in feedback if each.case.identity in own}
        retriever = Retriever(options, data.name, cache_dir())
        passages = retriever.retrieve(list(cases.values()))
        for case, ranked in zip(cases.values(), passages, strict=True):
            prompt, _ = model.prompt(case, ranked)
            found[case.identity] = prompted(case, prompt)
    return found


def prompted(case: Case, prompt: tuple[Message, ...]) -> Example:
    """The case as an example, with its first gold answer."""
    gold = tuple(span.text for span in case.spans)
    return Example(
        prompt=prompt,
        completion=gold[0] if gold else NOT_FOUND,
        kind="answerable" if gold else "unanswerable",
        contract=case.contract.id,
        case=case.identity,
        category=case.category,
        gold=gold,
    )


def human_pairs(
    feedback: Sequence[Feedback], examples: Mapping[str, Example], rule: Rule
) -> tuple[list[PreferencePair], int]:
    """(pairs, answers that were corrected to the same).

    A correction is chosen against the answer that it corrects; of several scored answers to one
    case those make pairs that differ by the rule's margin.
    """
    pairs, identical = [], 0
    scored: dict[str, list[Scored]] = {}
    for each in feedback:
        if each.score is not None:
            scored.setdefault(each.case.identity, []).append(Scored(each.answer, each.score))
        if each.corrected is None:
            continue
        if normalise(each.corrected) == normalise(each.answer):
            identical += 1
            continue
        margin = 1.0 - (each.score or 0.0)
        example = examples[each.case.identity]
        pairs.append(pair_of(example, each.corrected, each.answer, "human", margin))
    for identity, answers in scored.items():
        pairs += [
            pair_of(examples[identity], each.chosen, each.rejected, "human", each.margin)
            for each in pair(answers, rule).contrasts
        ]
    return pairs, identical


def unpaired_rows(feedback: Sequence[Feedback], examples: Mapping[str, Example]) -> list[Unpaired]:
    """Answers with a clear score, each alone."""
    return [
        unpaired_of(examples[each.case.identity], each.answer, each.score >= GOOD, "human")
        for each in feedback
        if each.score is not None and not BAD < each.score < GOOD
    ]


def feedback_of(
    where: str, row: Row, cases: Mapping[str, Case], refused: Collection[str]
) -> Feedback:
    """What one line says.

    Args:
        where: it stands, for whoever has to mend it.
        row: of it.
        cases: by identity, id and slug.
        refused: digests of the contracts that nobody may train on.

    Raises:
        UserError: it is no feedback, of an unknown case, or of a contract that is refused.
    """
    try:
        named = cells_of(row, COLUMNS)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    served = "case" not in named and "question" in named
    case, shown = served_case(where, named) if served else (_case(where, named, cases), ())
    if case.contract.digest in refused:
        raise UserError(
            f"{where}: case {case.id!r} is of a contract of the exam, or nearly so, which nobody "
            "may train on; leave it out"
        )
    score, corrected = _score(where, named), _text(where, named, "corrected answer")
    if score is None and corrected is None:
        raise UserError(f'{where}: give a score (1 to 5, "up", "down") or a corrected answer')
    answer = _text(where, named, "answer")
    if answer is None:
        raise UserError(f"{where}: `answer` is missing: the text that was scored")
    return Feedback(case, answer, score, corrected, str(named.get("comment") or ""), shown)


def _case(where: str, row: Row, cases: Mapping[str, Case]) -> Case:
    name = row.get("case")
    if not isinstance(name, str) or not name.strip():
        raise UserError(f"{where}: `case` is missing: the id, slug or identity of a case")
    case = cases.get(name.strip())
    if case is None:
        hint = nearest(name, cases, otherwise="name the right one with --dataset", quoted=True)
        raise UserError(f"{where}: case {name[:80]!r} is not in the data set; {hint}")
    return case


def _score(where: str, row: Row) -> float | None:
    value: Any = row.get("score")
    if value is None:
        return None
    if (found := thumb(value)) is not None:
        return found
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not 1 <= value <= 5:
        raise UserError(f'{where}: score {value!r} is neither 1 to 5 nor "up" or "down"')
    return (float(value) - 1) / 4


def _text(where: str, row: Row, column: str) -> str | None:
    value = row.get(column)
    if value is None:
        return None
    if not isinstance(value, str) or not says_something(value):
        raise UserError(f"{where}: {column} {value!r} is no text that says something")
    return value.strip()
