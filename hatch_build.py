"""A wheel holds the rooms inside `bar_exam`, and every import of a room says so.

Here a room is imported by its own name, `models.chat`. Installed under such names it would clash
with the `models` or `evals` of whoever installs it.
"""

import ast
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "bar_exam"
ROOMS = ("common", "fixtures", "models", "evals", "reports", "training")


def inside(source: str) -> str:
    """The source of a module, with every import of a room as one of the package.

    >>> inside("from models.chat import Model")
    'from models.chat import Model'

    Raises:
        ValueError: a room is imported by a plain `import`, which binds another name there.
    """
    lines = source.split("\n")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and not node.level and _is_room(node.module or ""):
            line = lines[node.lineno - 1]
            lines[node.lineno - 1] = line.replace("from ", f"from {PACKAGE}.", 1)
        elif isinstance(node, ast.Import) and any(_is_room(alias.name) for alias in node.names):
            raise ValueError(f"line {node.lineno}: import it with `from`")
    return "\n".join(lines)


def _is_room(module: str) -> bool:
    return module.split(".")[0] in ROOMS


class InsideThePackage(BuildHookInterface[Any]):
    """Puts the modules of a wheel where they are imported from."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write every module anew, for the wheel to take instead of those that lie here."""
        if version == "editable":
            return
        root = Path(self.root)
        self._written = tempfile.TemporaryDirectory()
        for folder in (PACKAGE, *ROOMS):
            for path in (root / folder).rglob("*.py"):
                place = path.relative_to(root)
                if folder != PACKAGE:
                    place = PACKAGE / place
                copy = Path(self._written.name, place)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(inside(path.read_text("utf-8")), "utf-8")
                build_data["force_include"][str(copy)] = place.as_posix()

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove them again."""
        if version != "editable":
            self._written.cleanup()
