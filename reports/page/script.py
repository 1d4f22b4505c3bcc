"""The script of a report's page, which finds, sorts and turns pages."""

from dataclasses import dataclass
from pathlib import Path

from reports.html.drawing import sha256_base64

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("tables.js", "cases.js")


@dataclass(frozen=True, slots=True)
class Script:
    """A page's script, and the digest by which its policy allows this one alone."""

    text: str
    digest: str


def script() -> Script:
    """What lies beside the page's templates."""
    text = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return Script(text, sha256_base64([text]))
