"""Which contracts are there at first, which arrive, and which examine: drawn by their titles."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import write_whole
from common.identity import digest
from common.reading import file_text, parse_json
from fixtures.agreements import agreement_type
from fixtures.datasets import load_dataset
from fixtures.layout import FILES, TEST_FILE
from training.loop.demo.sizes import Sizes

NEW = frozenset((
    "sponsorship", "strategic alliance", "endorsement", "co branding", "content license",
    "franchise", "affiliate", "promotion", "development",
))  # fmt: skip
"""Kinds of agreement that the first champion has not seen."""

EXAMINED = 0.3
"""Share of the contracts of either kind that examine."""


@dataclass(frozen=True, slots=True)
class Material:
    """Titles, each contract in one part.

    Attributes:
        half: what the first champion is trained on: half of all that may be trained on.
        waiting: old kinds that arrive later.
        arriving: new kinds that arrive later.
        old, new: those that examine.
    """

    half: tuple[str, ...]
    waiting: tuple[str, ...]
    arriving: tuple[str, ...]
    old: tuple[str, ...]
    new: tuple[str, ...]


def divide(titles: Collection[str], sizes: Sizes) -> Material:
    """Divide contracts by kind and by a digest of their titles.

    Raises:
        UserError: there are too few of one kind.
    """
    drawn = sorted(titles, key=lambda title: digest("loop demo", title))
    new = [title for title in drawn if agreement_type(title) in NEW]
    old = [title for title in drawn if agreement_type(title) not in NEW]
    if sizes.contracts:
        old, new = old[: sizes.contracts[0]], new[: sizes.contracts[1]]
    if min(len(old), len(new)) < 40:
        raise UserError(
            f"{len(old)} contracts of kinds that come first and {len(new)} of those that come "
            "later; 40 of each are needed: name CUAD's folder with --cuad-dir"
        )
    held_old, held_new = round(EXAMINED * len(old)), round(EXAMINED * len(new))
    rest = old[held_old:]
    half = min((len(rest) + len(new) - held_new) // 2, len(rest) - 20)
    return Material(
        tuple(rest[:half]), tuple(rest[half:]), tuple(new[held_new:]),
        tuple(old[:held_old]), tuple(new[:held_new]),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """CUAD's contracts that may be trained on, as its file has them; no others are read."""

    entries: tuple[dict[str, Any], ...]

    @property
    def titles(self) -> tuple[str, ...]:
        """Of every contract."""
        return tuple(entry["title"] for entry in self.entries)

    def write(self, path: Path, titles: Iterable[str]) -> None:
        """Some contracts as a file in CUAD's layout."""
        wanted = frozenset(titles)
        data = [entry for entry in self.entries if entry["title"] in wanted]
        write_whole(path, json.dumps({"version": "demo", "data": data}), private=True)


def read_source(folder: Path) -> Source:
    """The contracts of CUAD's train split.

    Raises:
        UserError: the folder does not hold CUAD.
    """
    test = load_dataset("cuad", folder).test_contracts
    path = folder / FILES[0]
    data = parse_json(str(path), file_text(path))["data"]
    return Source(tuple(entry for entry in data if entry["title"] not in test))


def write_stage(source: Source, folder: Path, train: Iterable[str], test: Iterable[str]) -> None:
    """A data set: what may be trained on at that time, and what examines."""
    test = tuple(test)
    source.write(folder / FILES[0], (*train, *test))
    source.write(folder / TEST_FILE, test)
