"""What the tokens of each model of a registry cost, by its name."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import UserError
from fixtures.retrieval.embedder import MINILM
from models.entry import Entry
from models.price import FREE, Price
from models.program.entry import ProgramEntry
from models.registry import KINDS, entry_path, is_registered, read_entry
from models.retrieval.entry import SentencesEntry, embedders_beside, read_embedder

OWN = ("local", "recorded", "extractive", "echo", "program")
"""Kinds that send nobody a token themselves: a program asks its generator, which has a price."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a registry's entries, each file read once."""

    registry: Path
    _known: dict[str, Price | None] = field(default_factory=dict, repr=False)

    def of(self, name: str) -> Price | None:
        """The price of a model's tokens; None where nobody knows it.

        A model of this machine costs nothing by the token unless its entry says what; so does what
        has no entry, such as the base of an adapter.
        """
        if name not in self._known:
            known = is_registered(name, self.registry)
            self._known[name] = _price(read_entry(name, self.registry)) if known else FREE
        return self._known[name]

    def of_embedder(self, name: str) -> Price | None:
        """The price of an embedder's tokens; None where nobody knows it."""
        if name == MINILM:
            return FREE
        entry = read_embedder(name, self.registry)
        if entry.price is not None:
            return entry.price.whole
        return FREE if isinstance(entry, SentencesEntry) else None

    def check_embedder(self, name: str) -> None:
        """Raise a UserError for an embedder whose price nobody knows, under `--max-cost`."""
        if self.of_embedder(name) is None:
            file = entry_path(name, embedders_beside(self.registry))
            raise UserError(
                f"--max-cost: embedder {name} has no price; add [price] with input, US dollars per "
                f"million tokens, to {file} (0 where it costs nothing)"
            )

    def billed(self, name: str) -> bool:
        """Whether somebody is paid for what a model answers."""
        return self.of(self._asked(name)) not in (None, FREE)

    def check(self, names: Iterable[str]) -> None:
        """Raise a UserError for a model whose price nobody knows, under `--max-cost`."""
        for name in names:
            asked = self._asked(name)
            if self.of(asked) is None:
                raise UserError(
                    f"--max-cost: model {asked} has no price; add [price] with input and output, "
                    f"US dollars per million tokens, to {entry_path(asked, self.registry)} (0 "
                    "where it costs nothing)"
                )

    def _asked(self, name: str) -> str:
        """Whom a model asks: a program its generator, anybody else itself."""
        if not is_registered(name, self.registry):
            return name
        entry = read_entry(name, self.registry)
        return entry.generator if isinstance(entry, ProgramEntry) else name


def _price(entry: Entry) -> Price | None:
    kind = getattr(entry, "kind", "")
    nobody = kind in OWN or (kind in KINDS and KINDS[kind].hosts_of(entry) == ())
    return entry.price or (FREE if nobody else None)
