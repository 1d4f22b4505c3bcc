"""The user's own modules that a program's file imports: what they do moves its answers too."""

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

from common.paths import ROOT

INSTALLED = {"site-packages", "dist-packages"}
ROOMS = ("bar_exam", "common", "evals", "fixtures", "models", "reports", "training")
"""Packages of this project."""


def imported_digests(source: bytes, file: Path) -> dict[str, str]:
    """SHA-256 of each module that is imported, by name, and of those that these import.

    Installed ones, Python's and this project's are left out, but for what lies beside the file.
    An import counts wherever it stands, also in a function.

    Args:
        source: of the file, which compiles.
        file: where it lies.
    """
    found: dict[str, str] = {}
    left = [(source, "")]
    while left:
        for name in _named(*left.pop()):
            spec = None if name in found else _own(name, file)
            if spec is not None and spec.origin is not None:
                content = Path(spec.origin).read_bytes()
                found[name] = hashlib.sha256(content).hexdigest()
                if spec.origin.endswith(".py"):
                    left.append((content, spec.parent or ""))
    return dict(sorted(found.items()))


def _named(source: bytes, package: str) -> Iterator[str]:
    """Names of what is imported; of `from a import b` both `a` and `a.b`, which may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (package or not node.level):
            begin = "." * node.level + (node.module or "")
            start = importlib.util.resolve_name(begin, package)
            names = [f"{start}.{alias.name}" for alias in node.names if alias.name != "*"]
            names.append(start)
        else:
            continue
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _own(name: str, file: Path) -> ModuleSpec | None:
    """A user's module; None of any other, and of what is no module."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or not _is_own(_spec(top), file):
        return None
    spec = _spec(name)
    return spec if _is_own(spec, file) else None


def _spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except Exception:  # what a package raises as it is imported; or a name in it, no module
        return None


def _is_own(spec: ModuleSpec | None, file: Path) -> bool:
    if spec is None:
        return False
    places = [
        *([spec.origin] if spec.has_location else []),
        *(spec.submodule_search_locations or ()),
    ]
    for place in map(Path, filter(None, places)):
        ours = any(place.is_relative_to(ROOT / room) for room in ROOMS)
        beside = place.is_relative_to(file.absolute().parent)
        if not INSTALLED.intersection(place.parts) and (beside or not ours):
            return True
    return False
