"""How pages are drawn: templates that escape whatever they are given, one style, one script."""

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"
STYLE = TEMPLATES / "report.css"
SCRIPTS = ("tables.js", "cases.js")
SCRIPT_SAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
"""JSON needs these only inside strings, so that no text can end the script element."""


def environment(folder: Path = TEMPLATES) -> "jinja2.Environment":
    """Templates of a folder; a name that nobody gave is an error."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@dataclass(frozen=True, slots=True)
class Script:
    """A page's script, and the digest by which its policy allows this one alone."""

    text: str
    digest: str


def script() -> Script:
    """What finds, sorts and turns pages."""
    text = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return Script(text, sha256_base64(text.encode()))


def sha256_base64(content: bytes) -> str:
    """As browsers are told what to accept.

    >>> sha256_base64(b"")
    '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def embedded(value: Any) -> str:
    """JSON in pure ASCII that no `<` can break out of."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).translate(SCRIPT_SAFE)
