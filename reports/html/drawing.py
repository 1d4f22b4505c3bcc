"""How pages are drawn: templates that escape whatever they are given, and one style."""

import base64
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"
STYLE = TEMPLATES / "style.css"
SCRIPT_SAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
"""JSON needs these only inside strings, so that no text can end the script element."""


def environment(*folders: Path) -> "jinja2.Environment":
    """Templates of these folders and of all pages; a name that nobody gave is an error."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def sha256_base64(lines: Iterable[str]) -> str:
    """The digest of a text as browsers are told what to accept.

    >>> sha256_base64([""])
    '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode("utf-8", "backslashreplace"))
    return base64.b64encode(digest.digest()).decode()


def embedded(value: Any) -> str:
    """JSON in pure ASCII that no `<` can break out of."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).translate(SCRIPT_SAFE)
