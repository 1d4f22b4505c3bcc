"""The walk that keeps a rule to its seam sees every way to reach a name."""

from pathlib import Path

import pytest

from tests import seams


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import sqlalchemy\nsqlalchemy.create_engine('x')", "sqlalchemy.create_engine"),
        ("import sqlalchemy as sa\nsa.create_engine('x')", "sqlalchemy.create_engine"),
        ("from sqlalchemy import create_engine as make\nmake('x')", "sqlalchemy.create_engine"),
        ("def f():\n    from sqlalchemy import create_engine", "sqlalchemy.create_engine"),
        ("import a.b.c\na.b.c.d()", "a.b.c"),
        ("path.parent.read_text()", ".read_text"),
    ],
)
def test_a_name_is_found_however_it_is_imported(tmp_path, monkeypatch, source, name):
    (tmp_path / "models").mkdir()
    (tmp_path / "conftest.py").write_text("")
    (tmp_path / "models" / "x.py").write_text(source)
    (tmp_path / "models" / "y.py").write_text("from sqlalchemy import select\nread_text = 1\n")
    monkeypatch.setattr(seams, "ROOT", Path(tmp_path))
    assert seams.users(name) == {"models/x.py"}
