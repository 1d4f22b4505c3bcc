"""`bar-exam COMMAND ...`: one name for every command, imported when it is typed."""

import contextlib
import importlib
import io
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from common.doors import DOORS, EXAM, PROGRAM, Door, as_typed, is_installed
from common.errors import UserError
from common.paths import ROOT

if TYPE_CHECKING:
    from common.project import Project

MISTAKE = 4
QUIET = ("deepeval", "langsmith_plugin", "anyio", "asyncio")
"""Plugins that arrive with other packages and import heavy modules into every session."""

NAMES = ("python_files=test_*.py", "python_classes=Test", "python_functions=test")
"""How the suites are called, whatever the tests of a user's repository are."""


def main(argv: list[str] | None = None) -> int:
    """Do what was typed; returns the command's own exit code, 4 for one that does not exist."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help"):
        print(usage())
        return 0 if words else MISTAKE
    with _as_typed_here():
        try:
            door, rest = _door(words)
            return _opened(door, rest)
        except UserError as error:
            from common.command import one_line

            print(f"ERROR: {one_line(error)}", file=sys.stderr)
            return MISTAKE


def usage() -> str:
    """Every command with its line."""
    width = max(map(len, DOORS))
    lines = (f"  {door.name:{width}}  {door.about}" for door in DOORS.values())
    return "\n".join([
        f"usage: {PROGRAM} COMMAND ...", "", *lines, "",
        f"{PROGRAM} COMMAND --help lists the options of a command.",
    ])  # fmt: skip


def _door(words: list[str]) -> tuple[Door, list[str]]:
    for taken in (2, 1):
        if door := DOORS.get(" ".join(words[:taken])):
            return door, words[taken:]
    from common.settings import nearest

    typed = " ".join(words[:2] if words[0] == "train" else words[:1])
    hint = nearest(typed, DOORS, otherwise=f"type `{PROGRAM} --help`")
    raise UserError(f"{PROGRAM} {typed}: no such command; {hint}")


def _opened(door: Door, words: list[str]) -> int:
    """Do what a door is for, in the repository of whoever typed it."""
    from bar_exam.extensions import extended
    from common.project import find_project

    if door.of_clone and is_installed():
        raise UserError(
            f"{PROGRAM} {door.name}: it works on the product's own repository; type "
            f"`python -m {door.module}` in a clone of it"
        )
    project = find_project()
    # Behind what was typed: where commands follow a name, each has options of its own.
    end = words.index("--") if "--" in words else len(words)
    words[end:end] = _places(door, project, words)
    if door.name == EXAM:
        return _examine(project, words)
    module = importlib.import_module(_module(door))
    with extended(project):
        return int(module.main(words))


def _module(door: Door) -> str:
    ours = not is_installed() or door.module.startswith("bar_exam.")
    name = door.module if ours else f"bar_exam.{door.module}"
    spec = find_spec(name)
    return f"{name}.__main__" if spec and spec.submodule_search_locations else name


def _places(door: Door, project: "Project", words: Sequence[str]) -> list[str]:
    """The options that say where things lie, where the user's pyproject.toml says it for them."""
    given = {word.partition("=")[0] for word in words if word.startswith("-")}
    found = {name: value for name, value in project.places.items() if name in door.places}
    named = "registry" in found or any(word[:5] == "--reg" for word in given)
    if door.keeps and is_installed() and not named and not given & {"-h", "--help"}:
        raise UserError(
            f"{PROGRAM} {door.name}: nothing is kept in the installed product; give --registry "
            f"DIR, or type `{PROGRAM} init` in your repository"
        )
    return [f"--{name}={value}" for name, value in found.items() if f"--{name}" not in given]


def _examine(project: "Project", words: list[str]) -> int:
    """The suites of the product and of the user's repository, as pytest runs them."""
    import pytest

    plugins = [word for name in QUIET for word in ("-p", f"no:{name}")]
    shipped = ["bar_exam.evals"] if is_installed() else [str(ROOT / "evals")]
    suites = ["--pyargs", *shipped, *project.suites]
    names = [word for name in NAMES for word in ("-o", name)]
    return int(pytest.main(["-p", "bar_exam.plugin", *plugins, *names, *suites, *words]))


@contextlib.contextmanager
def _as_typed_here() -> Iterator[None]:
    """Whatever is said meanwhile names commands as they are typed in this installation."""
    with contextlib.ExitStack() as stack:
        if is_installed():
            stack.enter_context(contextlib.redirect_stdout(_Saying(sys.stdout)))
            stack.enter_context(contextlib.redirect_stderr(_Saying(sys.stderr)))
        yield


class _Saying:
    """A stream that everything goes through as it is typed here."""

    def __init__(self, stream: Any) -> None:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        self._stream = stream

    def write(self, text: str) -> int:
        return int(self._stream.write(as_typed(text)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


if __name__ == "__main__":
    sys.exit(main())
