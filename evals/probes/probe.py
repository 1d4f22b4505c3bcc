"""General questions whose answers are checked by rule: what fine-tuning may make a model forget.

`probes.jsonl` holds one probe a line, easy enough for a model of 135 million parameters to get a
good share of them right. The rules forgive manners (markdown, a preamble, a full stop) and are
the same for a model and its base.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from common.errors import UserError
from common.files import read_jsonl
from common.settings import validated
from evals.language.declining import TYPOGRAPHY, declines
from evals.language.quantities import numbers, plain, spoken

SHIPPED = Path(__file__).parent / "probes.jsonl"
STRICT = ConfigDict(extra="forbid")
EDGES = " \t\r\n.!?,;:'\"()[]"
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
WORD = re.compile(r"[^\W_]+")
# "Sure! Here is the word:", "Of course.", "The answer is"
LEAD = re.compile(
    r"(?:(?:sure|certainly|of course|okay|ok|absolutely)\b(?: thing)?[ ,.!]*"
    r"|(?:here|the|your|my|it)\b[^\n.:]{0,80}?(?::|\b(?:is|are)\b:?)\s*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, config=STRICT)
class Number:
    """The last number of the reply, or of the first sentence that has one, is `value`."""

    form: Literal["number"]
    value: Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0)]


@dataclass(frozen=True, config=STRICT)
class AnyOf:
    """One of `words` stands in the reply as whole words, none of `without` does.

    `most` is how many words the reply has at most.
    """

    form: Literal["any_of"]
    words: Annotated[tuple[str, ...], Field(min_length=1)]
    without: tuple[str, ...] = ()
    most: int | None = Field(default=None, ge=1)


@dataclass(frozen=True, config=STRICT)
class Exact:
    """The reply is `text` and nothing else; `cased` where its letters' case matters."""

    form: Literal["exact"]
    text: Annotated[str, Field(min_length=1)]
    cased: bool = False


@dataclass(frozen=True, config=STRICT)
class Pattern:
    """The whole reply has the shape of a regular expression."""

    form: Literal["pattern"]
    pattern: re.Pattern[str]


@dataclass(frozen=True, config=STRICT)
class Json:
    """The reply is a JSON object with exactly these keys, in a code fence or not."""

    form: Literal["json"]
    keys: Annotated[tuple[str, ...], Field(min_length=1)]


Check = Annotated[Number | AnyOf | Exact | Pattern | Json, Field(discriminator="form")]


@dataclass(frozen=True, config=STRICT)
class Probe:
    """A question, how replies to it are checked, and an `example` of a right one."""

    id: Annotated[str, Field(min_length=1)]
    kind: Literal["arithmetic", "knowledge", "instruction"]
    question: Annotated[str, Field(min_length=1)]
    check: Check
    example: str


def read_probes(path: Path = SHIPPED) -> tuple[Probe, ...]:
    """Every probe of a JSONL file, in order.

    Raises:
        UserError: the file cannot be read, a line is no probe, its example is wrong by its own
            check, or two have one id.
    """
    probes: list[Probe] = []
    for where, row in read_jsonl(path, missing="give a JSONL file of probes"):
        probe = validated(where, row, Probe)
        if not is_right(probe, probe.example):
            raise UserError(f"{where}: the example fails its own check; mend either")
        probes.append(probe)
    twice = [name for name, count in Counter(probe.id for probe in probes).items() if count > 1]
    if twice or not probes:
        what = f"the id {twice[0]!r} stands twice" if twice else "there are no probes"
        raise UserError(f"{path}: {what}; give each probe a line and an id of its own")
    return tuple(probes)


def is_right(probe: Probe, text: str) -> bool:
    """Whether the reply answers the probe; "not found" in any of its forms does not.

    >>> five = Probe("a", "arithmetic", "2 + 3?", Number("number", 5), "5")
    >>> is_right(five, "**2 + 3 = 5.** Let me know!"), is_right(five, "Not found.")
    (True, False)
    """
    said = text.translate(TYPOGRAPHY).strip()
    words = _words(said)
    count = len(words.split())
    # A reply of one word may well be "no", and be right.
    if not count or (count > 1 and declines(text, probe.question, (probe.example,))):
        return False
    check = probe.check
    if isinstance(check, Number):
        return plain(str(check.value)) in _stated(said.lower())
    if isinstance(check, AnyOf):
        named = any(_words(word) in words for word in check.words)
        spoilt = any(_words(word) in words for word in check.without)
        return named and not spoilt and (check.most is None or count <= check.most)
    if isinstance(check, Exact):
        return any(_plainly(each, check) == _plainly(check.text, check) for each in _gists(said))
    if isinstance(check, Pattern):
        return any(check.pattern.fullmatch(each) for each in _gists(said))
    return _keys(text) == set(check.keys)


def _words(text: str) -> str:
    """Its words in lower case, one space before, between and after."""
    return f" {' '.join(WORD.findall(text.casefold()))} "


def _stated(text: str) -> Iterator[str]:
    """The last number of the text, and of its first sentence with one; digits before words."""
    for read in (numbers, spoken):
        found = [each for part in SENTENCE_END.split(text) if (each := list(read(part)))]
        if found:
            yield from {found[0][-1][1].rstrip("%"), found[-1][-1][1].rstrip("%")}
            return


def _gists(text: str) -> Iterator[str]:
    """The reply; the reply without its preamble; its last line."""
    bare = text.strip("\"' ")
    yield bare
    for _ in range(2):
        lead = LEAD.match(bare)
        bare = bare[lead.end() if lead else 0 :].strip("\"' \n")
        yield bare
    yield text.splitlines()[-1].strip("\"' ")


def _plainly(text: str, check: Exact) -> str:
    single = " ".join(text.split()).strip(EDGES)
    return single if check.cased else single.casefold()


def _keys(text: str) -> set[str] | None:
    """The keys of the JSON object that the reply holds, if it holds one."""
    start, end = text.find("{"), text.rfind("}")
    try:
        found = json.loads(text[start : end + 1]) if 0 <= start < end else None
    except (ValueError, RecursionError):
        return None
    return set(found) if isinstance(found, dict) else None
