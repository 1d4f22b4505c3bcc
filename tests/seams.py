"""Which modules use a name: for tests that keep a rule to the one place that keeps it.

A second entrance that goes round a seam is then a failing test, and not a fault found by a user.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("common", "fixtures", "models", "evals", "reports", "training", "bench")


def users(*names: str) -> set[str]:
    """The product's modules, as paths from the root, that use any of these names.

    A name is dotted as it is imported (`sqlalchemy.create_engine`, `json.loads`), however a module
    imports it; one that begins with a dot is an attribute of anything (`.read_text`).
    """
    return {
        str(path.relative_to(ROOT))
        for path in _modules()
        if any(_is_of(found, name) for found in _used(path) for name in names)
    }


def _modules() -> Iterator[Path]:
    yield from (ROOT / "bar_exam").glob("*.py")
    for room in ROOMS:
        yield from (ROOT / room).rglob("*.py")


def _is_of(found: str, name: str) -> bool:
    if name.startswith("."):
        return found.endswith(name)
    return found == name or found.startswith(f"{name}.")


@cache
def _used(path: Path) -> frozenset[str]:
    """Every dotted name that a module uses, its first part resolved by the module's imports."""
    return frozenset(_names(path))


def _names(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                known[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield _dotted(node, known)
        elif isinstance(node, ast.Name) and node.id in known:
            yield known[node.id]


def _dotted(node: ast.Attribute, known: dict[str, str]) -> str:
    parts = [node.attr]
    value: ast.expr = node.value
    while isinstance(value, ast.Attribute):
        parts.append(value.attr)
        value = value.value
    first = known.get(value.id, value.id) if isinstance(value, ast.Name) else "?"
    return ".".join([first, *reversed(parts)])


def commands() -> list[str]:
    """Every module that is run by `python -m`: it ends with a main, or is a package's own."""
    found = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            runs = any(_is_main(node) for node in ast.parse(path.read_text("utf-8")).body)
            if path.name == "__main__.py" or runs:
                dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                found.append(dotted.removesuffix(".__main__"))
    return found


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__main__" in ast.dump(node.test)


def renames() -> set[str]:
    """The product's modules that give a file another's name: `os.replace`, `Path.rename`, ….

    `replace` of a text takes two arguments, of a date named ones, of a path one.
    """
    return users("os.replace", "os.rename", "shutil.move", ".rename") | {
        str(path.relative_to(ROOT))
        for path in _modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "replace"
        and len(node.args) == 1
        and not node.keywords
    }


PARSERS = ("loads", "parse_json", "validate_json", "model_validate_json")


def line_readers() -> set[str]:
    """The product's modules that read JSON line by line: in a loop over the lines of a text."""
    return {
        str(path.relative_to(ROOT))
        for path in _modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if _loops_over_lines(node) and any(map(_parses_json, ast.walk(node)))
    }


def _loops_over_lines(node: ast.AST) -> bool:
    if isinstance(node, ast.For):
        over = [node.iter]
    else:
        over = [each.iter for each in getattr(node, "generators", [])]
    text = " ".join(map(ast.unparse, over))
    return any(word in text for word in ("splitlines", r"split('\n')", "open(", "readlines"))


def _parses_json(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in PARSERS
