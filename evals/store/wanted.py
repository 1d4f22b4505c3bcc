"""What a contract is known by, wherever it is kept: its names, its digests and its words."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from common.settings import nearest
from evals.calls.about import contract_key
from evals.store.windows import Windows, forms, windows_of
from fixtures.cases import Case, Dataset
from fixtures.layout import is_titled, numbered

PURGED = "[purged]"
PARTS = 1000
"""Paragraphs of one document, which are contracts of their own, `TITLE#2`, at most."""


@dataclass(frozen=True)
class Wanted:
    """One contract.

    Attributes:
        title: of it.
        names: values that name it, whole: ids and slugs of its cases, their digests, its own.
        marks: how the names of tests begin that are about its cases.
        longer: titles of other contracts that hold this one.
        windows: runs of its text.
    """

    title: str
    names: frozenset[str]
    marks: tuple[bytes, ...]
    longer: tuple[str, ...]
    windows: Windows

    def is_of(self, value: Any) -> bool:
        """Whether a value, at any depth, names the contract or quotes it."""
        return any(self.is_told(text) for text in texts_of(value))

    def is_told(self, text: str) -> bool:
        """The same of one text.

        A title is named where it is the whole text, or begins the id of a case; within other words
        it may be another's.
        """
        said = " ".join(text.split())
        if said in self.names or said.casefold() == " ".join(self.title.split()).casefold():
            return True
        begins = text.startswith(self.title) and bool(_ID.match(text, len(self.title)))
        return begins or self.windows.find(text.encode("utf-8", "surrogatepass")) is not None

    def trace(self, data: bytes) -> str:
        """What of the contract stands in bytes, in words; empty where nothing does."""
        for form in (form for longer in self.longer for form in forms(longer)):
            data = data.replace(form, b"\0" * len(form))
        if self._titled.search(data):
            return "its title"
        if any(mark in data for mark in self.marks):
            return "the name of a case"
        if not self.names.isdisjoint(each.decode() for each in _DIGEST.findall(data)):
            return "a digest of it"
        return "words of it" if self.windows.find(data) else ""

    def without(self, text: str) -> str:
        """A text, without what it says of the contract; the same text where that is nothing."""
        data = text.encode("utf-8", "surrogatepass")
        if not self.trace(data):
            return text
        shorter = self._titled.sub(PURGED.encode(), data)
        return PURGED if self.trace(shorter) else shorter.decode("utf-8", "surrogatepass")

    @cached_property
    def _titled(self) -> "re.Pattern[bytes]":
        """Its title between other words, in any form; JSON writes line ends with letters."""
        said = b"|".join(map(re.escape, sorted(forms(self.title), key=len, reverse=True)))
        return re.compile(rb"(?:(?<![0-9A-Za-z])|(?<=\\[nrt]))(?:%s)(?![0-9A-Za-z])" % said)


_ID = re.compile(r"(#\d{1,4})?(__|$)")
_DIGEST = re.compile(rb"[0-9a-f]{64}")


def wanted_of(title: str, datasets: Iterable[Dataset], shown: Mapping[str, set[str]]) -> Wanted:
    """What the contract of a title is known by.

    What other contracts say too, in a data set or a report, are nobody's words.

    Args:
        title: of it.
        datasets: that may hold it.
        shown: passages, as reports have them, by the contract that they are of.
    """
    cases = [case for data in datasets for case in (*data.cases, *data.reserve, *data.open)]
    mine = [case for case in cases if is_titled(case.contract.id, title)]
    others = {c.contract.digest: c.contract for c in cases if not is_titled(c.contract.id, title)}
    keys = {contract_key(numbered(title, number)) for number in range(1, PARTS)}
    names = keys | {name for case in mine for name in _names(case)}
    titles = {each.id for each in others.values()} | {*shown}
    longer = sorted(each for each in titles if title in each and not is_titled(each, title))
    longer.sort(key=len)
    texts = {case.contract.text for case in mine}
    texts |= {text for name, told in shown.items() if is_titled(name, title) for text in told}
    beside = (text for name, told in shown.items() if not is_titled(name, title) for text in told)
    windows = windows_of(texts, chain((each.text for each in others.values()), beside))
    marks = {f"{case.slug.rpartition('-')[0]}-".encode() for case in mine}
    return Wanted(title, frozenset(names), tuple(sorted(marks)), tuple(reversed(longer)), windows)


def unknown_title(title: str, datasets: Iterable[Dataset], known: Iterable[str]) -> str:
    """A warning where nothing knows a title: it is misspelt, or was purged; empty otherwise."""
    titles = {case.contract.id for data in datasets for case in (*data.cases, *data.open)}
    titles |= {*known}
    if any(is_titled(each, title) for each in titles):
        return ""
    hint = nearest(title, titles, otherwise="name its data set with --dataset", quoted=True)
    return f"no data set and no report holds {title!r}, so it is known by its title alone; {hint}"


def texts_of(value: Any) -> Iterator[str]:
    """Every text of a JSON value, keys too."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, Mapping):
            left += [*each, *each.values()]
        elif isinstance(each, list | tuple):
            left += each


def _names(case: Case) -> tuple[str, ...]:
    return case.id, case.slug, case.identity, case.contract.digest
