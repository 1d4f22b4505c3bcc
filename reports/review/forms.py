"""What comes back from the desk's forms, read within bounds and turned into opinions."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import get_args
from urllib.parse import parse_qsl

from common.storable import storable
from reports.review.desk import Kind, Rules
from reports.review.items import Item
from reports.review.opinions import Choice, Opinion

LONGEST = 20_000
"""Characters of a comment or a correction."""

BODY = 4 * 3 * 2 * LONGEST + 10_000
"""Bytes of a form: two such texts, percent-encoded, and what is beside them."""


class BadFormError(Exception):
    """A form that says nothing that could be kept; the text tells the reviewer why."""


@dataclass(frozen=True, slots=True)
class Given:
    """A form as it came: what was typed stays typed, whatever becomes of it."""

    cells: Mapping[str, str]

    @property
    def seen(self) -> int:
        """Number of the entry that the page showed."""
        text = self.cells.get("seen", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0

    def text(self, name: str) -> str:
        """A text that can be stored, with line ends as they are here."""
        return storable(self.cells.get(name, "").replace("\r\n", "\n")).strip()


async def read_form(body: AsyncIterator[bytes]) -> Given:
    """The cells of a form.

    Raises:
        BadFormError: it is too long, or no form.
    """
    taken = bytearray()
    async for chunk in body:
        taken += chunk
        if len(taken) > BODY:
            raise BadFormError(f"the form is too long; write {LONGEST:,} characters or fewer")
    try:
        cells = parse_qsl(taken.decode("ascii"), keep_blank_values=True, max_num_fields=40)
    except ValueError as error:
        raise BadFormError("the form cannot be read; send it again from the page") from error
    return Given(dict(cells))


def opinion_of(given: Given, item: Item, kind: Kind, rules: Rules, *, turned: bool) -> Opinion:
    """What the form says of an item.

    Args:
        given: the form.
        item: of which it is.
        kind: of the desk's items.
        rules: whose steps may be chosen.
        turned: whether the second answer of a pair stood on the left.

    Raises:
        BadFormError: nothing was chosen, or a text is too long.
    """
    comment, corrected = given.text("comment"), given.text("corrected")
    if max(len(comment), len(corrected)) > LONGEST:
        raise BadFormError(f"a text is too long; write {LONGEST:,} characters or fewer")
    if given.cells.get("do") == "skip":
        return Opinion(skipped=True, comment=comment)
    if kind == "pairs":
        return Opinion(comment=comment, choice=_choice(given.cells.get("choice", ""), turned))
    chosen = given.cells.get("score", "")
    if chosen not in rules.steps:
        raise BadFormError("choose a score, or say that you cannot tell")
    same = corrected.split() == item.shown[0].answer.split()
    return Opinion(
        score=rules.steps[chosen],
        hallucination=given.cells.get("hallucination") == "yes",
        comment=comment,
        corrected="" if same else corrected,
    )


def side_of(choice: Choice, *, turned: bool) -> str:
    """On which side the chosen answer stands; `tie` and nothing are themselves."""
    if choice in ("first", "second"):
        return "right" if (choice == "second") != turned else "left"
    return choice


def _choice(side: str, turned: bool) -> Choice:
    for choice in get_args(Choice):
        if choice and side_of(choice, turned=turned) == side:
            found: Choice = choice
            return found
    raise BadFormError("choose left, right or a tie, or say that you cannot tell")
