"""The README says what is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_link_leads_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)", README) if "://" not in link]
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_tree_names_every_module_and_no_other():
    tree = next(block for block in README.split("```") if "options, hooks, fixtures" in block)
    named = set(re.findall(r"[a-z_]+\.py", tree)) - {"conftest.py"}
    rooms = ("fixtures", "models", "evals", "reports", "training")
    present = {
        path.name
        for room in rooms
        for path in (ROOT / room).glob("*.py")
        if path.name != "__init__.py" and not path.name.startswith("test_")
    }
    assert present - named == set()
    assert named - present - {"judge.py"} == set()
