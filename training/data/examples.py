"""Training examples: a prompt of the exam, and the reply that is wanted."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.errors import UserError
from common.files import read_jsonl, write_jsonl, write_whole
from common.identity import file_digest
from common.rows.columns import shown
from models.chat import Message
from models.manifest import Sha256, TrainedContract

Kind = Literal["answerable", "unanswerable", "hard negative", "synthetic", "general"]
Row = dict[str, Any]
ROLES = ("system", "user", "assistant")
ELSEWHERE = "free space or give another --output"


@dataclass(frozen=True, slots=True)
class Example:
    """One prompt with its completion.

    Attributes:
        prompt: the chat as the exam asks it.
        completion: the assistant's turn, never empty.
        kind: `hard negative` is an answerable question whose passages lack the answer; `general`
            has no contract.
        contract: its title; empty where there is none.
        case: identity of the case asked; empty where there is none.
        category: of the case.
        gold: every gold answer of the case, whatever the passages show; empty where none.
    """

    prompt: tuple[Message, ...]
    completion: str
    kind: Kind
    contract: str = ""
    case: str = ""
    category: str = ""
    gold: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All that is read and written in it."""
        return "\n\n".join([*(turn.content for turn in self.prompt), self.completion])


class Meta(BaseModel):
    """What a data file was made of; it stands beside the file and ends up in the manifest.

    `passages`, `most_passages` and `system` are those of the registry entry `model`, whose prompt
    was built: the candidate's entry repeats them. `dataset` is what was typed, joined by " + ".
    `beside` is of what else is in the rows or made them (see `training.data.lineage`). `rows` is
    the SHA-256 of the data file; `write_meta` fills it in.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: str
    dataset: str
    dataset_identity: str
    model: str
    passages: bool = True
    most_passages: int | None = None
    system: str | None = None
    seed: int = 0
    statistics: dict[str, float] = Field(default_factory=dict)
    contracts: tuple[TrainedContract, ...] = ()
    cases: tuple[Sha256, ...] = ()
    beside: tuple[TrainedContract, ...] = ()
    rows: str = ""


def validation_path(path: Path) -> Path:
    """Where the validation rows of a data file stand.

    >>> validation_path(Path("sft.jsonl")).name
    'sft.validation.jsonl'
    """
    return path.with_suffix(f".validation{path.suffix}")


def meta_path(path: Path) -> Path:
    """Where the meta of a data file stands.

    >>> meta_path(Path("sft.jsonl")).name
    'sft.meta.json'
    """
    return path.with_suffix(".meta.json")


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Write the rows, one JSON object a line, whole or not at all.

    A row is in trl's conversational form of prompt and completion, with columns beside.

    Raises:
        UserError: the disk is full, or the folder cannot be written to.
    """
    write_rows(path, (_row(example) for example in examples))


def read_examples(path: Path) -> tuple[Example, ...]:
    """The examples of a file, in its order.

    Raises:
        UserError: it is missing or empty, or a line is no example; the line is named.
    """
    return tuple(_example(where, row) for where, row in read_rows(path))


def read_general(path: Path) -> dict[str, Example]:
    """The general instructions of a file by their places, in its order.

    Raises:
        UserError: see `read_examples`; or a row is about a contract, which nobody would have
            compared with the exam's; the line is named.
    """
    examples = {}
    for where, row in read_rows(path):
        example = _example(where, row)
        if example.kind != "general" or example.contract or example.case:
            raise UserError(
                f"{where}: a row to mix in is of kind general, without contract and case; rows "
                "about contracts are made from a --dataset, which keeps the exam's apart"
            )
        examples[where] = example
    return examples


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write JSON objects, a line each, whole or not at all.

    Raises:
        UserError: the disk is full, or the folder cannot be written to.
    """
    write_jsonl(path, rows, mend=ELSEWHERE)


def write_meta(path: Path, meta: Meta) -> None:
    """Write the meta beside the data file `path`, for the rows that stand there now."""
    write_whole(meta_path(path), sealed(meta, path), mend=ELSEWHERE)


def sealed(meta: Meta, rows: Path) -> str:
    """The meta as it is written, for the rows in a file.

    Raises:
        UserError: they cannot be read.
    """
    try:
        digest = file_digest(rows)
    except OSError as error:
        raise UserError(f"{rows} cannot be read: {error.strerror}; make the data again") from error
    return meta.model_copy(update={"rows": digest}).model_dump_json() + "\n"


def forget_meta(path: Path) -> None:
    """Remove the meta beside a data file whose rows are about to be replaced.

    Raises:
        UserError: the folder cannot be written to.
    """
    try:
        meta_path(path).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"{meta_path(path)} cannot be removed: {error.strerror}; give another --output"
        ) from error


def open_meta(path: Path) -> Meta:
    """The meta beside the data file `path`, whatever rows stand there now.

    Raises:
        UserError: it is missing or malformed.
    """
    beside = meta_path(path)
    try:
        return Meta.model_validate_json(beside.read_bytes())
    except OSError as error:
        raise UserError(
            f"{beside} cannot be read ({error.strerror}): it says which contracts {path.name} was "
            "made from; make the data with training.data or training.preferences"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UserError(
            f"{beside} is malformed ({where}: {first['msg']}); make the data again"
        ) from error


def read_meta(path: Path) -> Meta:
    """The meta beside the data file `path`.

    Raises:
        UserError: it is missing or malformed, or was written for other rows.
    """
    meta = open_meta(path)
    try:
        rows = file_digest(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; make the data again") from error
    if meta.rows != rows:
        raise UserError(
            f"{meta_path(path)} does not describe the rows of {path.name}, which are others now; "
            "make the data again"
        )
    return meta


def read_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """(place, row) of every line that is not blank; a place is `FILE, line N`.

    Raises:
        UserError: the file is missing or empty, or a line is no JSON object of texts that can be
            stored.
    """
    empty = True
    for where, row in read_jsonl(path, missing="make it with `python -m training.data`"):
        empty = False
        yield where, row
    if empty:
        raise UserError(f"{path} holds no rows; make it again with more cases")


def read_text_of(where: str, row: Row, column: str) -> str:
    """The text in a column of a row; empty where it is missing.

    Raises:
        UserError: it is no text.
    """
    value = row.get(column)
    if value is not None and not isinstance(value, str):
        raise UserError(f"{where}: {column} is {shown(value)}; write it as text")
    return value or ""


def read_choice(where: str, row: Row, column: str, choices: Sequence[str], default: str) -> Any:
    """The word in a column of a row, which is one of some.

    Raises:
        UserError: it is none of them.
    """
    value = row.get(column, default)
    if value not in choices:
        known = ", ".join(filter(None, choices))
        raise UserError(f"{where}: {column} {value!r} is none of {known}")
    return value


def read_turns(where: str, row: Row, column: str) -> tuple[Message, ...]:
    """The chat in a column of a row.

    Raises:
        UserError: the column is missing, or is no list of turns with role and content.
    """
    if column not in row:
        raise UserError(f"{where}: no column {column!r}; it has {', '.join(row) or 'none'}")
    turns = row[column]
    try:
        found = tuple(Message(turn["role"], turn["content"]) for turn in turns)
    except (TypeError, KeyError) as error:
        raise UserError(
            f'{where}: {column} is a list of {{"role": ..., "content": ...}}'
        ) from error
    if not found or not all(isinstance(turn.content, str) for turn in found):
        raise UserError(f"{where}: {column} holds no text")
    odd = next((turn.role for turn in found if turn.role not in ROLES), None)
    if odd is not None:
        raise UserError(f"{where}: {column} has the role {odd!r}; roles are {', '.join(ROLES)}")
    return found


def read_reply(where: str, row: Row, column: str) -> str:
    """The one assistant's turn in a column of a row, with something in it.

    Raises:
        UserError: it is anything else.
    """
    turns = read_turns(where, row, column)
    if len(turns) != 1 or turns[0].role != "assistant" or not turns[0].content.strip():
        raise UserError(f"{where}: {column} is one assistant's turn that says something")
    return turns[0].content


def read_asked(where: str, row: Row) -> Example:
    """The prompt of a row with what is known of its case; the reply to it is the caller's.

    Raises:
        UserError: a column is not what it must be.
    """
    gold = row.get("gold") or []
    if not isinstance(gold, list) or not all(isinstance(text, str) for text in gold):
        raise UserError(f"{where}: gold is a list of texts")
    return Example(
        prompt=read_turns(where, row, "prompt"),
        completion="",
        kind=read_choice(where, row, "kind", ("", *get_args(Kind)), "general"),
        contract=read_text_of(where, row, "contract"),
        case=read_text_of(where, row, "case"),
        category=read_text_of(where, row, "category"),
        gold=tuple(gold),
    )


def turns(messages: Sequence[Message]) -> list[dict[str, str]]:
    """A chat as JSON, as trl and chat templates take it."""
    return [{"role": message.role, "content": message.content} for message in messages]


def _row(example: Example) -> Row:
    return {
        "prompt": turns(example.prompt),
        "completion": turns([Message("assistant", example.completion)]),
        "kind": example.kind,
        "contract": example.contract,
        "case": example.case,
        "category": example.category,
        "gold": list(example.gold),
    }


def _example(where: str, row: Row) -> Example:
    read_choice(where, row, "kind", get_args(Kind), "general")
    return replace(read_asked(where, row), completion=read_reply(where, row, "completion"))
