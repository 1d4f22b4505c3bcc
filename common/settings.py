"""Configuration files: TOML parsed into a pydantic model, with errors a user can act on."""

import difflib
import re
import tomllib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from common.errors import UserError
from common.reading import check_texts, file_text

LISTED = 12
"""Names that an error lists."""


def nearest(
    name: str,
    known: Iterable[str],
    *,
    otherwise: str | None = None,
    quoted: bool = False,
    cutoff: float = 0.6,
) -> str:
    """What to type instead of a name that nobody knows: the nearest one, else those there are.

    Letter case and the signs between words do not count.

    Args:
        name: what was typed.
        known: what might have been.
        otherwise: what to say where none is near; None lists the names, a dozen at most.
        quoted: whether names stand in quotes, since they may hold spaces.
        cutoff: how alike they must be, 0 to 1.

    >>> nearest("GPT_4", ["gpt-4", "llama"]), nearest("x", ["gpt-4", "llama"])
    ('did you mean gpt-4?', 'known are gpt-4, llama')
    """
    names = sorted(set(known))
    show = repr if quoted else str
    by_letters = {_letters(each): each for each in reversed(names)}
    near = difflib.get_close_matches(_letters(name), by_letters, n=1, cutoff=cutoff)
    if near:
        return f"did you mean {show(by_letters[near[0]])}?"
    if otherwise is not None:
        return otherwise
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"known are {', '.join(map(show, names[:LISTED])) or 'none'}{more}"


def _letters(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum()) or name


def read_toml(path: Path, shape: Any) -> Any:
    """Parse `path` and validate it as `shape`.

    Raises:
        UserError: the file is missing, is not TOML, has an unknown key (the nearest known one is
            named) or an impossible value.
    """
    try:
        values = tomllib.loads(file_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"{path} is not TOML: {error}") from error
    return validated(str(path), values, shape)


def validated(where: str, values: Any, shape: Any) -> Any:
    """The values in the shape asked for, as pydantic makes it of them.

    Args:
        where: what the values were read from, as an error names it.
        values: what a parser gave.
        shape: a pydantic model, or any type that pydantic validates.

    Raises:
        UserError: an unknown key (the nearest known one is named), an impossible value, or a text
            that cannot be stored.
    """
    check_texts(where, values)
    adapter: TypeAdapter[Any] = TypeAdapter(shape)
    try:
        return adapter.validate_python(values)
    except ValidationError as error:
        known = _field_names(adapter.json_schema())
        mistakes = " ".join("; ".join(_line(e, known) for e in error.errors()).split())
        raise UserError(f"{where}: {mistakes}") from error


def _line(error: Any, known: set[str]) -> str:
    where = ".".join(str(part) for part in error["loc"])
    of = f"{where}: " if where else ""
    if error["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        every = f"known keys are {', '.join(sorted(known))}"
        hint = nearest(str(error["loc"][-1]), known, otherwise=every, quoted=True)
        return f"unknown key {where!r}; {hint}"
    what = f"{error['msg'][0].lower()}{error['msg'][1:]}"
    context = error.get("ctx", {})
    if error["type"] == "union_tag_invalid":
        tag, tags = context["discriminator"].strip("'"), _quoted(context["expected_tags"])
        return f"{of}{tag} {context['tag']!r} is not known; {nearest(context['tag'], tags)}"
    if error["type"] == "literal_error":
        hint = nearest(str(error["input"]), _quoted(context["expected"]))
        return f"{where}: {error['input']!r} is not known; {hint}"
    if error["type"] == "union_tag_not_found":
        return f"{of}the key {context['discriminator']} is missing"
    if error["type"] == "value_error":
        what = str(context["error"])
    elif error["type"] != "missing" and where:
        what += f", not {error['input']!r}"
    return f"{of}{what}"


def _quoted(listed: str) -> list[str]:
    """The names in pydantic's list of them.

    >>> _quoted("'a', 'b' or 'c'")
    ['a', 'b', 'c']
    """
    return re.findall("'([^']*)'", listed)


def _field_names(schema: Any) -> set[str]:
    """Every property name of a JSON schema, at any depth."""
    if isinstance(schema, list):
        return {name for each in schema for name in _field_names(each)}
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", {})) | {
        name for value in schema.values() for name in _field_names(value)
    }


def check_keys(where: str, given: Iterable[str], known: Collection[str]) -> None:
    """Refuse keys that are not known.

    Raises:
        UserError: naming the first one and the known key nearest to it.
    """
    for key in given:
        if key not in known:
            otherwise = "see the documentation of its class"
            hint = nearest(str(key), known, otherwise=otherwise, quoted=True)
            raise UserError(f"recipe: unknown key '{where}.{key}'; {hint}")
