"""Synthetic pairs: a new question, and the contract's own words that answer it."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TextIO

from pydantic import ConfigDict, TypeAdapter, ValidationError

from common.errors import UserError
from common.files import read_jsonl
from common.identity import digest
from fixtures.cases import Case, Contract, Span

QuestionKind = Literal["rephrased", "part", "yes", "where", "new"]
MEND = "make the file again with `python -m training.synthesize`"


@dataclass(frozen=True, slots=True)
class SyntheticPair:
    """A question with its answer, quoted from a contract.

    Attributes:
        context: the part of the contract that the question is about; it holds the answer.
        seed_question: the data set's question that it was made from.
        question: the new one.
        answer: `contract.text[start : start + len(answer)]`, letter by letter.
        contract: its title.
        category: of the seed question.
        start: offset of the answer in the contract, in characters.
        kind: `rephrased` asks the seed question in other words, `yes` whether there is such a
            clause, `where` for its place; `part` asks for a detail of the gold answer; `new` is
            what a chat model thought of beside.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True)

    context: str
    seed_question: str
    question: str
    answer: str
    contract: str
    category: str
    start: int
    kind: QuestionKind


def append_pairs(file: TextIO, pairs: Iterable[SyntheticPair]) -> None:
    """Write the pairs to an open file, one JSON object a line, and flush it."""
    file.writelines(json.dumps(asdict(pair), ensure_ascii=False) + "\n" for pair in pairs)
    file.flush()


def read_synthetic(path: Path) -> tuple[SyntheticPair, ...]:
    """The pairs of a file, in its order; columns that are none of a pair's are ignored.

    Raises:
        UserError: it is missing or empty, or a line is no pair; the line is named.
    """
    rows: TypeAdapter[SyntheticPair] = TypeAdapter(SyntheticPair)
    given = read_jsonl(path, missing=MEND, mend=MEND)
    pairs = tuple(_pair(rows, where, row) for where, row in given)
    if not pairs:
        raise UserError(f"{path} holds no pairs; {MEND}")
    return pairs


def _pair(rows: TypeAdapter[SyntheticPair], where: str, row: dict[str, Any]) -> SyntheticPair:
    try:
        pair = rows.validate_json(json.dumps(row))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        column = ".".join(str(part) for part in first["loc"])
        what = f"{first['msg'][0].lower()}{first['msg'][1:]}"
        raise UserError(f"{where}: {f'{column}: ' if column else ''}{what}; {MEND}") from error
    if not pair.question.strip() or not pair.answer.strip() or pair.start < 0:
        raise UserError(f"{where}: question and answer say something, start is 0 or more; {MEND}")
    return pair


def as_case(pair: SyntheticPair, contract: Contract, category: str) -> Case:
    """The pair as a case of its contract, whose only gold span is the answer.

    Raises:
        UserError: the answer does not stand in that contract where the pair says.
    """
    if not contract.text.startswith(pair.answer, pair.start):
        raise UserError(
            f"the synthetic answer {pair.answer[:40]!r} does not stand at {pair.start} in "
            f"{contract.id}: the contract has changed since; {MEND}"
        )
    key = f"synthetic_{digest(pair.question, pair.start, pair.answer)[:12]}"
    return Case(
        id=f"{contract.id}__{key}",
        slug=f"{digest(contract.id)[:12]}-{key}",
        contract=contract,
        category=category,
        question=pair.question,
        spans=(Span(pair.answer, pair.start),),
    )
