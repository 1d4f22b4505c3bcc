"""Every public function that others build on shows an example, and each gives what it says."""

import ast
import doctest
import importlib

import pytest

from tests.conftest import ROOT

MODULES = [
    str(path.relative_to(ROOT))
    for pattern in (
        "reports/statistics/*.py",
        "evals/language/*.py",
        "evals/metrics/*.py",
        "fixtures/selection.py",
        "fixtures/retrieval/passages.py",
    )
    for path in sorted(ROOT.glob(pattern))
    if path.name != "__init__.py"
]


def public_functions(source):
    """Name and docstring of each function that a module offers, the command it may be aside."""
    return {
        node.name: ast.get_docstring(node) or ""
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and node.name != "main"
    }


def test_there_are_modules_whose_examples_are_looked_at():
    assert len(MODULES) > 20


def test_the_search_sees_functions_without_an_example():
    source = "def shown():\n    '''>>> 1'''\ndef bare(): ...\ndef _own(): ...\ndef main(): ..."
    assert public_functions(source) == {"shown": ">>> 1", "bare": ""}


@pytest.mark.parametrize("path", MODULES)
def test_every_public_function_has_an_example(path):
    functions = public_functions((ROOT / path).read_text(encoding="utf-8"))
    assert [name for name, text in functions.items() if ">>> " not in text] == []


@pytest.mark.parametrize("path", MODULES)
def test_examples_give_what_they_say(path):
    name = path.removesuffix(".py").replace("/", ".")
    found = doctest.testmod(importlib.import_module(name))
    assert found.failed == 0
    text = (ROOT / path).read_text(encoding="utf-8")
    assert found.attempted == text.count(">>> "), "an example is not found by doctest"
