"""Rooms over a ground floor, one direction, doors in front; and nothing heavy before its time."""

import ast
import functools
import json
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.conftest import ROOT
from tests.seams import commands, users

# What each room may use beside itself. Doors, the composition root and the tests may use all.
MAY_USE = {
    "common": set(),
    "fixtures": {"common"},
    "models": {"common", "fixtures"},
    "evals": {"common", "fixtures", "models"},
    "reports": {"common", "fixtures", "models", "evals"},
    "training": {"common", "fixtures", "models", "evals"},
}

OUTSIDE = {"conftest", "tests", "bench", "bar_exam"}
"""What is ours and no room."""

HEAVY = {
    "chromadb", "deepeval", "dspy", "matplotlib", "numpy", "openai", "pandas", "peft", "ragas",
    "scipy", "sklearn", "sqlalchemy", "statsmodels", "torch", "transformers", "trl",
}  # fmt: skip


def imported(source):
    """Every name that is imported: at any depth, under TYPE_CHECKING and by `import_module` too.

    Of `from a import b` both `a` and `a.b`: either may be the module.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (base, *(f"{base}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Call) and node.args:
            name = ast.unparse(node.func).rpartition(".")[2]
            argument = node.args[0]
            if name in {"import_module", "__import__"} and isinstance(argument, ast.Constant):
                yield str(argument.value)


def test_the_walk_sees_every_way_to_import():
    source = (
        "import a.b\nfrom c.d import e\nfrom . import f\n"
        "def g():\n    from h import i\n    import_module('j')\n"
        "if TYPE_CHECKING:\n    from k import l\n"
    )
    found = set(imported(source))
    assert found == {"a.b", "c.d", "c.d.e", ".", "..f", "h", "h.i", "j", "k", "k.l"}


@functools.cache
def imports(*folders):
    """What each module of these folders imports, by its path from the root."""
    found = {}
    for folder in folders:
        paths = sorted((ROOT / folder).rglob("*.py"))
        assert len([path for path in paths if path.stat().st_size]) >= 3, f"no modules: {folder}/"
        for path in paths:
            place = path.relative_to(ROOT).as_posix()
            found[place] = set(imported(path.read_text(encoding="utf-8")))
    return found


def doors():
    """The modules that are run by `python -m`, bench's left out."""
    typed = set(commands())
    return {
        path
        for path in imports(*MAY_USE)
        if path.removesuffix(".py").removesuffix("/__main__").replace("/", ".") in typed
    }


def dotted(path):
    """As in "training.data.__main__"."""
    return path.removesuffix(".py").replace("/", ".")


def ours(names):
    """What of these is of a room or beside the rooms, by its first name."""
    return {name.split(".")[0] for name in names} & {*MAY_USE, *OUTSIDE}


def test_imports_go_one_way_and_doors_may_use_every_room():
    wrong, in_front = {}, doors()
    for path, names in imports(*MAY_USE).items():
        room = path.split("/")[0]
        wrong[path] = ours(names) - {room} - (set(MAY_USE) if path in in_front else MAY_USE[room])
    assert {path: sorted(names) for path, names in wrong.items() if names} == {}


def test_nobody_imports_a_door():
    assert {"models/promote.py", "training/data/__main__.py"} <= doors()
    in_front = set(map(dotted, doors()))
    found = {path: sorted(names & in_front) for path, names in imports(*MAY_USE).items()}
    assert {path: names for path, names in found.items() if names} == {}


def test_modules_do_not_import_each_other_in_a_ring():
    by_name = {dotted(path): names for path, names in imports("bar_exam", *MAY_USE).items()}
    graph = {name: {each for each in names if each in by_name} for name, names in by_name.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_rooms_are_imported_with_from():
    """What a wheel is made of: a plain `import models.chat` binds another name there."""
    plain = {
        path.relative_to(ROOT).as_posix()
        for folder in ("bar_exam", *MAY_USE)
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import)
        and any(alias.name.split(".")[0] in {"bar_exam", *MAY_USE} for alias in node.names)
    }
    assert plain == set()


def test_each_room_uses_the_one_before_it():
    rooms = ("models", "fixtures"), ("evals", "models"), ("reports", "evals"), ("training", "evals")
    for room, before in rooms:
        inside = [names for path, names in imports(*MAY_USE).items() if path.startswith(f"{room}/")]
        assert any(before in ours(names) for names in inside), room


def test_packages_are_empty():
    packages = [path for path in imports(*MAY_USE) if path.endswith("/__init__.py")]
    packages.remove("reports/__init__.py")  # `reports.read`, which imports nothing before its time
    assert len(packages) >= 5
    assert [path for path in packages if (ROOT / path).read_text().strip()] == []


def heavy_after(*names):
    """The heavy modules that a fresh interpreter holds after each of these is imported in turn."""
    script = (
        "import importlib, json, sys\nfound = {}\n"
        f"for name in {names!r}:\n    importlib.import_module(name)\n"
        "    found[name] = sorted({each.split('.')[0] for each in sys.modules})\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return {name: HEAVY.intersection(loaded) for name, loaded in json.loads(done.stdout).items()}


def test_the_search_for_heavy_modules_finds_one():
    assert heavy_after("json", "numpy.linalg") == {"json": set(), "numpy.linalg": {"numpy"}}


SEAMS = (
    "bar_exam.plugin",
    "evals.options",
    "evals.exam.exam",
    "fixtures.datasets",
    "fixtures.retrieval.retrieval",
    "models.factory",
    "models.local.chat",
    "models.registry",
    "reports",
    "reports.examination.examine",
)


def test_nothing_heavy_is_imported_before_it_is_needed():
    names = (*SEAMS, *sorted(map(dotted, doors())))
    assert {name: heavy for name, heavy in heavy_after(*names).items() if heavy} == {}


def test_tables_are_added_to_by_the_composition_root_alone():
    assert users("common.extensions.load") == {"bar_exam/extensions.py"}
    roots = {"bar_exam/__main__.py", "bar_exam/plugin.py"}
    assert users(".extended") == {"bar_exam/extensions.py", *roots}
    assert users("bar_exam.extensions.extended") == roots
