"""`python -m reports.labelling`: a random draw that people fill in, and `--labels` reads back."""

import csv
import json
from collections import Counter

import pytest

from evals.labels import ALL, DIFFERING, TIED, Label, label_rows, read_labels
from reports.archive import read_report
from reports.labelling.__main__ import _cases, main
from reports.labelling.draw import next_to_label, spread
from tests.builders.run_data import contents, put, written

RUN = "20260101-010000-aaaa"
CASES = contents(contracts=8, questions=10)


def report(tmp_path, texts, cases=CASES):
    """A report in which `texts` gives each model's answer by the number of the case."""
    value = written(RUN, {model: {name: {"correctness": 1.0} for name in cases} for model in texts},
                    cases)  # fmt: skip
    for row in value["results"]:
        row["answer"] = texts[row["model"]](row["case"])
    return put(tmp_path / "runs", value)


def two(tmp_path):
    """Models that differ on every fifth case."""
    return report(tmp_path, {
        "new": lambda number: f"answer {number}",
        "old": lambda number: f"answer {number}" if number % 5 else "another",
    })  # fmt: skip


def differ(case_id):
    return list(CASES).index(case_id) % 5 == 0


def labels_of(rows, score=1.0):
    return [Label(row.case_id, score, row.model, row.answer, row.drawn) for row in rows]


def test_each_beginning_is_spread_over_contracts_by_their_size():
    cases = [(f"c{number % 8}", f"case {number}") for number in range(80)]
    for count in (8, 16, 40):
        of_contract = Counter(cases[place][0] for place in spread(cases)[:count])
        assert max(of_contract.values()) <= count / 8 + 2
    half = [("large", f"{n}") for n in range(64)] + [(f"small {n}", "0") for n in range(64)]
    large = sum(half[place][0] == "large" for place in spread(half)[:32])
    assert 12 <= large <= 20


def test_every_case_is_there_once_and_the_order_of_the_file_does_not_count():
    cases = [(f"c{number % 7}", f"case {number}") for number in range(61)]
    order = spread(cases)
    assert sorted(order) == list(range(61))
    turned = cases[::-1]
    assert [cases[place] for place in order] == [turned[place] for place in spread(turned)]
    assert spread([]) == []
    assert spread([("a", "b")]) == [0]


def test_one_models_answers_are_drawn_from_all(tmp_path):
    rows = next_to_label(read_report(report(tmp_path, {"new": str})), (), 20)
    assert len({row.case_id for row in rows}) == len(rows) == 20
    assert {row.drawn for row in rows} == {ALL}
    assert {row.model for row in rows} == {"new"}


def test_of_two_models_half_is_drawn_where_they_differ(tmp_path):
    rows = next_to_label(read_report(two(tmp_path)), (), 20)
    by_case = {row.case_id: row for row in rows}
    assert len(by_case) == 20
    differing = [name for name, row in by_case.items() if row.drawn == DIFFERING]
    assert 6 <= len(differing) <= 10
    assert all(map(differ, differing))
    for name in by_case:  # the same answer stands once, for both models
        models = sorted(row.model for row in rows if row.case_id == name)
        assert models == (["new", "old"] if differ(name) else [""])


def test_the_next_ones_go_on_where_the_labels_end(tmp_path):
    """And together they are what would have been drawn at once."""
    found = read_report(two(tmp_path))
    first = next_to_label(found, (), 10)
    second = next_to_label(found, labels_of(first), 10)
    assert {row.case_id for row in first}.isdisjoint(
        {row.case_id for row in second if not row.score}
    )
    at_once = {row.case_id for row in next_to_label(found, (), 20)}
    assert {row.case_id for row in [*first, *second]} == at_once


def test_what_was_drawn_where_they_differ_counts_for_all_once_it_is_drawn_from_all(tmp_path):
    """Or the draw from all would lack the very cases on which models differ."""
    found = read_report(two(tmp_path))
    labels, drawn = [], Counter()
    for _ in range(40):
        labels += labels_of(row for row in next_to_label(found, labels, 4))
        of_all = {label.case_id for label in labels if label.drawn == ALL}
        drawn[len(of_all) // 10] = sum(map(differ, of_all)) / max(len(of_all), 1)
    assert len(of_all) == 80
    assert not next_to_label(found, labels, 4)
    assert all(0.05 <= share <= 0.35 for tens, share in drawn.items() if tens >= 2), drawn


@pytest.mark.parametrize("name", ["next.csv", "next.jsonl"])
def test_the_file_is_filled_in_and_read_back(tmp_path, name, capsys):
    """Half of it: the rows without a score are left out."""
    path, texts = tmp_path / name, {"new": lambda n: f'=1+{n},\n"x"', "old": lambda n: "None"}
    found = read_report(report(tmp_path, texts))
    line = ["latest", "--runs", str(tmp_path / "runs"), "--next", "6", "--output", str(path)]
    assert main([RUN, *line[1:]]) == 0
    assert "12 answers to 6 cases" in capsys.readouterr().out
    if name.endswith("csv"):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert all(row["answer"][0] == " " for row in rows if row["model"] == "new")
    else:
        rows = [json.loads(row) for row in path.read_text().splitlines()]
    assert {row["score"] for row in rows} == {""}
    for row in rows[:7]:
        row["score"] = "0.5"
    with path.open("w", newline="") as file:
        if name.endswith("csv"):
            sheet = csv.DictWriter(file, list(rows[0]))
            sheet.writeheader()
            sheet.writerows(rows)
        else:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    labels = read_labels(path, _cases(found))
    assert len(labels) == 7
    for result in found.results:
        model, case = result.model, found.cases[result.case].id
        of = [each for each in labels if each.case_id == case and each.is_of(model, result.answer)]
        wanted = [row for row in rows[:7] if (row["case_id"], row["model"]) == (case, model)]
        assert len(of) == len(wanted)
    more = tmp_path / f"more-{name}"
    assert main([RUN, *line[1:-1], str(more), "--labels", str(path)]) == 0
    assert read_labels(more, _cases(found)) == labels  # they are taken over
    assert "12 answers" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["next.csv", "next.jsonl"])
def test_labels_are_taken_over_with_whatever_their_rows_say(tmp_path, name):
    two(tmp_path)
    had = tmp_path / f"had{name[4:]}"
    rows = [
        {"Case_ID": next(iter(CASES)), "score": 0.25, "reader": "A", "expected": ["one", "two"]},
        {"Case_ID": "of another data set", "score": 1, "reader": "-B", "expected": []},
    ]
    if name.endswith("csv"):
        text = 'Case_ID,score,reader,expected\n"{}",0.25,A,"[""one"", ""two""]"\n{},1,-B,[]\n'
        had.write_text(text.format(*(row["Case_ID"] for row in rows)))
    else:
        had.write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / name
    assert main([RUN, "--runs", str(tmp_path / "runs"), "--labels", str(had),
                 "--output", str(path)]) == 0  # fmt: skip
    kept = list(label_rows(path, "", ""))
    assert [(row.case_id, row.score) for _, row in kept] == [
        (row["Case_ID"], row["score"]) for row in rows
    ]
    assert [given.texts("expected") for given, _ in kept] == [("one", "two"), ()]
    assert "-B" in path.read_text()


def test_what_is_filled_in_already_is_never_overwritten(tmp_path, capsys):
    two(tmp_path)
    path = tmp_path / "filled.csv"
    path.write_text("case_id,score\n")
    line = [RUN, "--runs", str(tmp_path / "runs"), "--output", str(path)]
    assert main(line) == 4
    assert "is there already" in capsys.readouterr().err
    assert path.read_text() == "case_id,score\n"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--next", "0"], "--next 0"),
        (["--next", "many"], "invalid int value"),
        (["--output", "x.xlsx"], "ends in .csv or .jsonl"),
        (["--labels", "nowhere.csv"], "no such .csv"),
    ],
)
def test_what_is_typed_wrongly_is_one_line(tmp_path, monkeypatch, capsys, given, says):
    two(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main([RUN, "--runs", str(tmp_path / "runs"), *given]) == 4
    line = capsys.readouterr().err.strip()
    assert says in line
    assert "\n" not in line


def test_no_run_is_one_line(tmp_path, capsys):
    assert main(["nothing", "--runs", str(tmp_path)]) == 4
    assert "no run nothing" in capsys.readouterr().err


def test_where_everything_is_labelled_there_is_nothing_to_write(tmp_path, capsys):
    report(tmp_path, {"new": str})
    path = tmp_path / "all.jsonl"
    path.write_text("".join(json.dumps({"case_id": name, "score": 1}) + "\n" for name in CASES))
    line = [RUN, "--runs", str(tmp_path / "runs"), "--labels", str(path),
            "--output", str(tmp_path / "next.csv")]  # fmt: skip
    assert main(line) == 4
    assert "every answer" in capsys.readouterr().err
    assert not (tmp_path / "next.csv").exists()


def test_what_was_scored_because_judges_differed_is_drawn_all_the_same(tmp_path):
    """Else the draw would avoid what is hard; it comes back with its score."""
    found = read_report(report(tmp_path, {"new": str}))
    plain = next_to_label(found, (), 20)
    hard = [Label(row.case_id, 0.4, row.model, row.answer, TIED) for row in plain[:3]]
    drawn = next_to_label(found, hard, 20)
    assert [row.case_id for row in drawn] == [row.case_id for row in plain]
    assert [row.score for row in drawn] == ["0.4"] * 3 + [""] * 17
    assert {row.drawn for row in drawn} == {ALL}
