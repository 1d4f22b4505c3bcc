"""The house in numbers: counted as a reader would count them in a small one."""

import pytest

from bench import house
from bench.sessions import ROOT

SIX = "\n".join(f"    x{n} = {n}" for n in range(6))


@pytest.fixture
def tree(tmp_path):
    """Builds rooms from the texts of modules."""

    def build(modules):
        for name, text in modules.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return build


def test_modules_hold_code_and_are_counted_once_whatever_leads_to_them(tree):
    root = tree(
        {
            "models/a.py": "x = 1\n",
            "models/local/b.py": "x = 1\n",
            "models/__init__.py": "",
            "evals/test_a.py": "1",
        }
    )
    (root / "bar_exam").mkdir()
    (root / "bar_exam" / "models").symlink_to("../models")
    found = house.survey(root)
    assert (found.modules, found.fullest) == (2, ("models", 1))


def test_a_chain_of_imports_is_floors_within_its_room(tree):
    root = tree(
        {
            "common/errors.py": "x = 1\n",
            "models/a.py": "from common import errors\n",
            "models/b.py": "import models.a\n",
            "models/c.py": "def f():\n    from models.b import x\n",
            "reports/d.py": "from models.c import f\n",
        }
    )
    found = house.survey(root)
    assert found.floors == {"common": 1, "models": 3, "reports": 1}
    assert found.circles == ()


@pytest.mark.parametrize(
    "back",
    [
        "from models import a\n",
        "def f():\n    import models.a\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from models.a import x\n",
    ],
)
def test_a_circle_is_found_wherever_it_is_hidden_and_is_one_floor(tree, back):
    root = tree(
        {
            "models/a.py": "from models.b import x\n",
            "models/b.py": "from models.c import x\n",
            "models/c.py": back,
            "models/d.py": "import models.a\n",
        }
    )
    found = house.survey(root)
    assert found.circles == (frozenset({"models.a", "models.b", "models.c"}),)
    assert found.floors == {"models": 2}


def test_six_lines_stand_twice_however_they_are_written(tree):
    commented = SIX.replace("x3 = 3", "x3 = (\n        3  # three\n    )")
    root = tree(
        {
            "models/a.py": f"import os\n\ndef f():\n    '''One.'''\n{SIX}\n",
            "reports/b.py": f"import re\n\ndef g():\n    '''Two.'''\n    import ast\n{commented}\n",
        }
    )
    assert house.survey(root).repeated == 1
    (root / "reports" / "b.py").write_text("def g():\n" + SIX.replace("x3", "y3"))
    assert house.survey(root).repeated == 0


@pytest.mark.parametrize(("lines", "long"), [(39, 0), (40, 1)])
def test_a_function_is_long_from_its_first_line_to_its_last(tree, lines, long):
    body = "    x = 1\n" * lines
    found = house.survey(tree({"models/a.py": f"def f():\n{body}\ndef g():\n    pass\n"}))
    assert (found.functions, found.long) == (2, long)


def test_commands_are_opened_and_one_that_fails_has_no_seconds(tree):
    root = tree(
        {
            "models/door.py": "if __name__ == '__main__':\n    print('help')\n",
            "models/stuck.py": "raise SystemExit(3)\nif __name__ == '__main__':\n    pass\n",
            "models/local/__main__.py": "x = 1\n",
            "models/quiet.py": "x = 1\n",
        }
    )
    assert list(house.commands(root)) == ["models.door", "models.local", "models.stuck"]
    assert house.opening(root, "models.door", repeats=1) > 0
    assert house.opening(root, "models.stuck", repeats=1) is None


def test_the_table_has_both_sides_of_every_number(tree):
    before = house.survey(tree({"models/a.py": "x = 1\n"}))
    now = house.survey(tree({"models/b.py": "x = 1\n", "common/errors.py": "x = 1\n"}))
    lines = house.table(before, now, {"models.a": (0.5, None)}).splitlines()
    assert "| modules | 1 | 3 |" in lines
    assert "| floors of `common/` |  | 1 |" in lines
    assert "| `python -m models.a --help` | 0.50 s |  |" in lines
    assert all(line.count("|") == 4 for line in lines)


def test_ground_floor_and_evals_have_no_circle():
    modules = house.read_modules(ROOT)
    graph = {name: house.imports(name, module, modules) for name, module in modules.items()}
    rings = house.rings_of(graph)
    assert {n for n in rings if n.startswith(("common.", "evals.")) and len(rings[n]) > 1} == set()
