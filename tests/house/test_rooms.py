"""Five rooms, one direction; and nothing heavy before it is needed."""

import ast
import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.seams import users

# What each room may use beside itself. The composition root and the tests may use everything.
MAY_USE = {
    "common": set(),
    "fixtures": {"common"},
    "models": {"common", "fixtures"},
    "evals": {"common", "fixtures", "models"},
    "reports": {"common", "fixtures", "models", "evals"},
    "training": {"common", "fixtures", "models", "evals"},
}

OURS = {*MAY_USE, "plugin", "tests", "bench"}

HEAVY = {
    "chromadb", "deepeval", "dspy", "numpy", "openai", "pandas", "peft", "ragas", "scipy",
    "sklearn", "sqlalchemy", "statsmodels", "torch", "transformers", "trl",
}  # fmt: skip


def modules(room):
    return sorted((ROOT / room).rglob("*.py"))


def imported(tree, package=""):
    """Every module that a tree imports, at any depth, with the names taken from packages."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package if node.level else node.module
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            name = ast.unparse(node.func).rpartition(".")[2]
            argument = node.args[0]
            if name in {"import_module", "__import__"} and isinstance(argument, ast.Constant):
                yield str(argument.value)


def ours(path, room):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = (name.removeprefix("bar_exam.") for name in imported(tree, room))
    return {name.split(".")[0] for name in names} & OURS


def test_the_walk_sees_every_way_to_import():
    source = (
        "import a.b\nfrom c.d import e\nfrom . import f\n"
        "def g():\n    from h import i\n    import_module('j')\n"
    )
    found = {name.split(".")[0] for name in imported(ast.parse(source), "package")}
    assert found == {"a", "c", "package", "h", "j"}


@pytest.mark.parametrize("room", MAY_USE)
def test_imports_go_one_way(room):
    found = modules(room)
    assert len([path for path in found if path.stat().st_size]) >= 3, f"no modules in {room}/"
    wrong = {
        str(path.relative_to(ROOT)): sorted(ours(path, room) - MAY_USE[room] - {room})
        for path in found
    }
    assert {path: names for path, names in wrong.items() if names} == {}


def test_each_room_uses_the_one_before_it():
    rooms = ("models", "fixtures"), ("evals", "models"), ("reports", "evals"), ("training", "evals")
    for room, before in rooms:
        assert any(before in ours(path, room) for path in modules(room)), room


def test_packages_are_empty():
    packages = [path for room in MAY_USE for path in modules(room) if path.name == "__init__.py"]
    assert len(packages) >= 5
    assert [str(path) for path in packages if path.read_text().strip()] == []


def loaded_by(*names):
    """The top-level modules that a fresh interpreter holds after importing these."""
    script = f"import json, sys, {', '.join(names)}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return {name.split(".")[0] for name in json.loads(done.stdout)}


def test_the_search_for_heavy_modules_finds_one():
    assert "numpy" in loaded_by("numpy.linalg")


@pytest.mark.parametrize(
    "name",
    [
        "bar_exam.plugin",
        "evals.options",
        "evals.exam",
        "fixtures.datasets",
        "fixtures.download",
        "fixtures.retrieval.retrieval",
        "models.factory",
        "models.local.chat",
        "models.promote",
        "models.registry",
        "reports.examination.examine",
        "training.benchmark",
        "training.data",
        "training.ppo",
        "training.preferences",
        "training.sagemaker",
        "training.sft",
        "training.synthesize",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(name):
    assert loaded_by(name) & HEAVY == set()


def test_tables_are_added_to_by_the_composition_root_alone():
    assert users("bar_exam.common.extensions.load") == {"bar_exam/extensions.py"}
    roots = {"bar_exam/__main__.py", "bar_exam/plugin.py"}
    assert users(".extended") == {"bar_exam/extensions.py", *roots}
    assert users("bar_exam.extensions.extended") == roots
