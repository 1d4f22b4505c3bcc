"""The tables of what the judges' exams can tell."""

from bench import judge_exams
from bench.judge_exams import PAGE, metrics, styles
from evals.judges.metric_exam import metric_exams
from evals.judges.pairs import Pair
from evals.metrics.table import METRICS


def pair(answer, named):
    return Pair(contract="c", category="Law", kind="k", question="Which law?", expected=("Ohio",),
                answer=answer, score=1, style=named)  # fmt: skip


def test_what_people_and_rules_say_stands_in_one_table():
    pairs = [
        pair("Ohio law", "short"),
        pair("Ohio law, I think", "short"),
        pair("- Ohio\n- its courts", "list"),
        pair("- Ohio\n- its courts", "markdown"),
    ]
    told = list(styles(pairs))
    assert told[0].startswith("4 answers of 1 contracts: the rules name the same style for 50%, ")
    assert "one of the same form for 75%" in told[0]
    rows = {line.split("|")[1].strip(): line for line in told if line.startswith("|")}
    assert rows["short"].endswith("| 0 | 1 | 0 | 0 | 0 | 0 | 0 | 1 | 0 | 50% |")
    assert rows["markdown"].endswith("| 1 | 0 | 0 | 0 | 0 | 0% |")
    assert list(styles([])) == ["No labelled answer says its style."]


def test_a_metric_is_shown_with_what_its_exam_says():
    (exam,) = metric_exams(["grounded_quote"], ())
    exam.trials = [
        (each, METRICS["grounded_quote"].rule(each.case, each.answer)) for each in exam.statements
    ]
    *_, row = metrics([exam])
    assert row.startswith("| `grounded_quote` | quotations | ") and row.endswith("| may gate |")


def test_a_page_without_marks_is_left_alone(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    assert judge_exams.main(["--page", str(page)]) == 4
    assert page.read_text() == "nothing\n"
    assert "has no lines <!-- styles: begin -->" in capsys.readouterr().err
    assert "<!-- metrics: end -->" in PAGE.read_text(encoding="utf-8")
