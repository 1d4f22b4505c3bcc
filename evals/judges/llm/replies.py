"""Reads a judge's reply: strictly, since a guessed score is worse than none, but fairly.

| reply | outcome |
| --- | --- |
| whatever stands in a block of reasoning | not read |
| the fields under dspy's markers, `[[ ## completed ## ]]` present or not | read |
| a JSON object with the fields: alone, in a code fence, amid prose | read |
| nothing but the field that decides: `0.8`, `tie`, a JSON list of claims | read, without reasons |
| `8/10`, `8 out of 10`, `80 %` | 0.8: they state their scale |
| `"0.8"`, `**0.8**`, `0,8`, `Score: 0.8` | 0.8 |
| `1.7`, `-0.2`, `11/10`, `5/0`, `NaN`, `Infinity` | unreadable: not between 0 and 1 |
| `true`, `null`, `high`, `0.7 or 0.8` | unreadable: no number |
| two decisions that differ | unreadable, whichever comes first |
| claims without `supported`, or no claims | unreadable: only an abstention claims nothing |
| empty, or prose, even where it mentions a score | unreadable |
| more than 20,000 characters | unreadable, and not searched |
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter, ValidationError

from models.spoken import spoken

Preference = Literal["first", "second", "tie"]
LONGEST = 20_000
ATTEMPTS = 100
SHOWN = 60
MARKER = re.compile(r"\[\[\s*##\s*(\w+)\s*##\s*\]\]")
FENCED = re.compile(r"```(?:json)?\n?(.*?)```", re.DOTALL)
NUMBER = r"(?:\d+(?:[.,]\d*)?|[.,]\d+)"

SCORE = re.compile(
    rf"(?:score\s*[:=]?\s*)?({NUMBER})\s*(?:(%|percent)|(?:/|out of)\s*({NUMBER}))?\.?", re.I
)

PREFERENCE = re.compile(r"(?:the )?(first|second|tie)(?:[ _]answer)?\.?", re.I)
DRESS = " \t\r\n*_`\"'"


class Unreadable(Exception):  # noqa: N818 - a reply, not a fault of ours
    """A reply that decides nothing; says why, and keeps the reply."""

    def __init__(self, reason: str, reply: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.reply = reply


class Claim(BaseModel):
    """One fact that an answer states, and whether the passages bear it out."""

    claim: str
    supported: bool
    evidence: str = ""


CLAIMS = TypeAdapter(list[Claim])


def read_reply(text: str, fields: Sequence[str]) -> dict[str, Any]:
    """The fields of a judge's reply; the last of them decides, the others may be missing.

    Args:
        text: the whole reply.
        fields: their names, of `reasons`, `score`, `claims` and `preferred`.

    Raises:
        Unreadable: see the table above.
    """
    try:
        return _read(spoken(text)[0], fields)
    except Unreadable as error:
        raise Unreadable(error.reason, text) from None


def _read(text: str, fields: Sequence[str]) -> dict[str, Any]:
    if not text.strip():
        raise Unreadable("it is empty")
    if len(text) > LONGEST:
        raise Unreadable(f"it has {len(text):,} characters")
    decides = fields[-1]
    found = _sections(text)
    if not any(name == decides for name, _ in found):
        found = [(name, value) for each in json_objects(text) for name, value in each.items()]
    decisions = [READERS[decides](value) for name, value in found if name == decides]
    if any(decision != decisions[0] for decision in decisions):
        raise Unreadable(f"it gives more than one {decides}")
    if not decisions:
        decisions = [READERS[decides](text)]
    reasons = [str(value).strip() for name, value in found if name == "reasons"]
    read = {"reasons": reasons[0] if reasons else "", decides: decisions[0]}
    return {name: read[name] for name in fields}


def _sections(text: str) -> list[tuple[str, object]]:
    """What stands under each of dspy's markers, by the lower-case name of the marker."""
    parts = MARKER.split(text)
    return [(name.lower(), body) for name, body in zip(parts[1::2], parts[2::2], strict=True)]


def json_objects(text: str) -> Iterator[dict[str, object]]:
    """The outermost JSON objects of a text, tried at no more than `ATTEMPTS` places."""
    decoder = json.JSONDecoder(strict=False)
    place = 0
    for _ in range(ATTEMPTS):
        place = text.find("{", place)
        if place < 0:
            return
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            place += 1
        else:
            yield value


def _score(value: object) -> float:
    if isinstance(value, str):
        return _written_score(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _in_scale(value, value)
    raise Unreadable(f"score {_shown(value)} is no number")


def _written_score(text: str) -> float:
    lines = [line.strip(DRESS) for line in text.splitlines() if line.strip(DRESS)]
    match = SCORE.fullmatch(lines[0]) if lines else None
    if match is None:
        raise Unreadable(f"score {_shown(text)} is no number")
    value = _number(match[1])
    scale = 100.0 if match[2] else _number(match[3] or "1")
    return _in_scale(value / scale if scale else math.inf, lines[0])


def _number(digits: str) -> float:
    return float(digits.replace(",", "."))


def _in_scale(score: float, shown: object) -> float:
    if not 0 <= score <= 1:  # NaN compares as false
        raise Unreadable(f"score {_shown(shown)} is not between 0 and 1")
    return float(score)  # not before: an integer may be too large for one


def _claims(value: object) -> list[Claim]:
    try:
        if isinstance(value, str):
            fenced = FENCED.search(value)
            claims = CLAIMS.validate_json(fenced[1] if fenced else value.strip())
        else:
            claims = CLAIMS.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = " ".join(str(part) for part in ("claims", *first["loc"]))
        raise Unreadable(f"{where}: {first['msg']}") from None
    if not claims:
        raise Unreadable("it lists no claim")
    return claims


def _preference(value: object) -> Preference:
    match = PREFERENCE.fullmatch(str(value).strip(DRESS))
    if match is None:
        raise Unreadable(f"preferred {_shown(value)} is not first, second or tie")
    word = match[1].lower()
    return "first" if word == "first" else "second" if word == "second" else "tie"


def _shown(value: object) -> str:
    text = " ".join(str(value).split())
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


READERS: dict[str, Callable[[object], Any]] = {
    "score": _score,
    "claims": _claims,
    "preferred": _preference,
}
