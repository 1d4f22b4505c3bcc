"""The README's table of what contracts can prove is the one that the code gives."""

from bench.prospects import PAGE, exam, main, write
from evals.gate import read_gate
from evals.metrics.table import METRICS


def test_the_readme_says_what_the_shipped_gate_can_prove():
    text = PAGE.read_text(encoding="utf-8")
    assert write(PAGE, read_gate()) == text, "type `python -m bench.prospects`"


def test_its_exams_are_as_the_page_says():
    cases = exam(34)
    assert len({case.contract.id for case in cases}) == 34
    assert sum(METRICS["token_f1"].is_of(case) for case in cases) == 34 * 12
    assert sum(METRICS["abstention"].is_of(case) for case in cases) == 34 * 29


def test_a_page_without_marks_is_refused(tmp_path, capsys):
    page = tmp_path / "README.md"
    page.write_text("no marks")
    assert main(["--page", str(page)]) == 4
    assert "restore it" in capsys.readouterr().err
    assert page.read_text() == "no marks"
