"""A service beside its exam, and the command that looks at both."""

import pytest

from reports.drift.__main__ import main
from tests.builders.service import MODEL, exam


@pytest.fixture(scope="package")
def vectors(tmp_path_factory):
    """Embedded once for all tests."""
    return tmp_path_factory.mktemp("vectors")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with an exam, as the working directory."""
    monkeypatch.chdir(tmp_path)
    exam(tmp_path / "reports" / "runs")
    return tmp_path


@pytest.fixture
def look(place, vectors, capsys):
    """Type the command; returns its code, stdout and stderr."""

    def typed(*words, kept=vectors):
        (vectors / "days.json").unlink(missing_ok=True)
        code = main(["--model", MODEL, "--kept", str(kept), *words])
        return code, *capsys.readouterr()

    return typed
