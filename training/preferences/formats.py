"""Preferences as the trainers read them: pairs, and single replies with a thumb up or down."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from common.errors import UserError
from common.files import replacing, write_jsonl, write_whole
from models.chat import Message
from training.data.examples import (
    ELSEWHERE,
    Example,
    Meta,
    Row,
    forget_meta,
    meta_path,
    read_asked,
    read_choice,
    read_reply,
    read_rows,
    sealed,
    turns,
)

Source = Literal["ai", "gold", "human"]


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """A prompt, the reply that is wanted, and one that is not.

    Attributes:
        prompt: the chat as the exam asks it.
        chosen: the better reply.
        rejected: the worse one.
        source: who says so: `ai` (judges or metrics), `gold` (chosen is the ground truth), `human`.
        margin: how much higher chosen was scored, in 0..1.
        kind: of the example that the prompt is taken from; contract, case, category, gold too.
    """

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    source: Source
    margin: float
    contract: str
    case: str
    category: str
    kind: str
    gold: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unpaired:
    """A reply that is wanted (`label` True) or not, as KTO takes it; the rest as in a pair."""

    prompt: tuple[Message, ...]
    completion: str
    label: bool
    source: Source
    contract: str
    case: str
    category: str
    kind: str
    gold: tuple[str, ...]


def pair_of(
    example: Example, chosen: str, rejected: str, source: Source, margin: float
) -> PreferencePair:
    """A pair of replies to an example's prompt."""
    return PreferencePair(
        example.prompt, chosen, rejected, source, margin,
        example.contract, example.case, example.category, example.kind, example.gold,
    )  # fmt: skip


def unpaired_of(example: Example, completion: str, label: bool, source: Source) -> Unpaired:
    """A labelled reply to an example's prompt."""
    return Unpaired(
        example.prompt, completion, label, source,
        example.contract, example.case, example.category, example.kind, example.gold,
    )  # fmt: skip


def restricted(meta: Meta, rows: Iterable[PreferencePair | Unpaired], **changes: Any) -> Meta:
    """The examples' meta with the contracts and cases of these rows alone."""
    rows = tuple(rows)
    titles, cases = {row.contract for row in rows}, {row.case for row in rows}
    return meta.model_copy(
        update={
            "contracts": tuple(each for each in meta.contracts if each.title in titles),
            "cases": tuple(each for each in meta.cases if each in cases),
            **changes,
        }
    )


def write_preferences(path: Path, rows: Sequence[PreferencePair | Unpaired], meta: Meta) -> None:
    """Write the rows to `path`, and beside it the meta, restricted to them.

    Both are written aside first; the old meta goes before the rows come, and the new one is last.

    Raises:
        UserError: the disk is full, or the folder cannot be written to.
    """
    with (
        replacing(meta_path(path), mend=ELSEWHERE) as beside,
        replacing(path, mend=ELSEWHERE) as draft,
    ):
        write_jsonl(draft, map(row_of, rows))
        write_whole(beside, sealed(restricted(meta, rows), draft))
        forget_meta(path)


def read_pairs(path: Path) -> tuple[PreferencePair, ...]:
    """The pairs of a file, in its order.

    Raises:
        UserError: it is missing or empty, or a line is no pair; the line is named.
    """
    return tuple(
        _distinct(
            where,
            pair_of(
                read_asked(where, row),
                read_reply(where, row, "chosen"),
                read_reply(where, row, "rejected"),
                _source(where, row),
                _margin(where, row),
            ),
        )
        for where, row in read_rows(path)
    )


def read_unpaired(path: Path) -> tuple[Unpaired, ...]:
    """The labelled replies of a file, in its order.

    Raises:
        UserError: it is missing or empty, or a line is no labelled reply; the line is named.
    """
    rows = []
    for where, row in read_rows(path):
        label, completion = row.get("label"), read_reply(where, row, "completion")
        if not isinstance(label, bool):
            raise UserError(f"{where}: label is true or false, not {label!r}")
        rows.append(unpaired_of(read_asked(where, row), completion, label, _source(where, row)))
    return tuple(rows)


def row_of(each: PreferencePair | Unpaired) -> Row:
    """A row in trl's conversational form, with columns beside."""
    row: Row = {"prompt": turns(each.prompt)}
    if isinstance(each, PreferencePair):
        row["chosen"] = turns([Message("assistant", each.chosen)])
        row["rejected"] = turns([Message("assistant", each.rejected)])
    else:
        row |= {"completion": turns([Message("assistant", each.completion)]), "label": each.label}
    row |= {"source": each.source, "contract": each.contract, "case": each.case}
    row |= {"category": each.category, "kind": each.kind, "gold": list(each.gold)}
    return row | ({"margin": each.margin} if isinstance(each, PreferencePair) else {})


def _source(where: str, row: Row) -> Source:
    source: Source = read_choice(where, row, "source", get_args(Source), "human")
    return source


def _margin(where: str, row: Row) -> float:
    margin = row.get("margin", 0.0)
    if isinstance(margin, bool) or not isinstance(margin, int | float):
        raise UserError(f"{where}: margin is a number, not {margin!r}")
    if not 0 <= margin <= 1:  # nor is NaN
        raise UserError(f"{where}: margin is a number from 0 to 1, not {margin!r}")
    return float(margin)


def _distinct(where: str, pair: PreferencePair) -> PreferencePair:
    if pair.chosen.split() == pair.rejected.split():
        raise UserError(f"{where}: chosen and rejected are the same reply; leave the pair out")
    return pair
