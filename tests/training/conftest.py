"""What the tests of the training commands share."""

import pytest


@pytest.fixture
def mistake(capsys):
    """The one line that a command says before it ends with 4, given the exit code."""

    def line(code):
        captured = capsys.readouterr()
        assert code == 4, captured.err
        assert captured.err.startswith("ERROR: ") and captured.err.count("\n") == 1, captured.err
        return captured.err.removeprefix("ERROR: ").rstrip("\n")

    return line
