"""People's labels: read from what people write, matched to the cases, and never guessed."""

import csv
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import UserError
from evals.labels import Label, read_labels
from fixtures.cases import Case, Contract


def case(number, contract="Lease", question=None):
    return Case(f"id{number}", "s", Contract(contract, "t"), "c", question or f"Q{number}?", ())


CASES = (case(1), case(2), case(3, "Supply, Ltd", "Who, if anyone?"))


def write(path, text):
    path.write_bytes(text.encode())
    return path


def written(path, rows):
    if path.suffix == ".jsonl":
        return write(path, "".join(json.dumps(row) + "\n" for row in rows))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(dict.fromkeys(key for row in rows for key in row)))
    writer.writeheader()
    writer.writerows(rows)
    return write(path, buffer.getvalue())


def refused(path, *words):
    with pytest.raises(UserError) as caught:
        read_labels(path, CASES)
    line = str(caught.value)
    assert "\n" not in line and len(line) < 500
    for word in (*words, str(path)):
        assert word in line
    return line


FORMS = {
    "plain.csv": "case_id,score\nid1,0.5\nid2,1\n",
    "spelt.csv": "\ufeffCase_ID, Score ,model,remark\r\n id1 ,0.50,,why\r\nid2,1.0,,\r\n",
    "asked.csv": "contract,question,score\nLease,Q1?,.5\nLease,Q2?,1\n",
    "plain.jsonl": '{"case_id": "id1", "score": 0.5}\n\n{"case_id": "id2", "score": 1}\n',
    "text.ndjson": '{"CASE_ID": "id1", "score": "0.5", "model": null}\n'
    '{"contract": "Lease", "question": "Q2?", "score": 1.0}',
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_reads_the_same(tmp_path, name):
    found = read_labels(write(tmp_path / name, FORMS[name]), CASES)
    assert found == (Label("id1", 0.5), Label("id2", 1.0))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_all_columns(tmp_path, suffix):
    row = {"contract": "Supply, Ltd", "question": "Who, if anyone?", "score": 0.25, "model": "a",
           "answer": "Acme\nCorp"}  # fmt: skip
    (found,) = read_labels(written(tmp_path / f"labels{suffix}", [row]), CASES)
    assert found == Label("id3", 0.25, "a", "Acme\nCorp")
    assert found.is_of("a", "Acme  Corp")
    assert not found.is_of("b", "Acme Corp")
    assert not found.is_of("a", "Another answer")
    assert Label("id3", 0.25).is_of("b", "Another answer")


def test_case_ids_that_are_numbers_are_text(tmp_path):
    path = written(tmp_path / "l.jsonl", [{"case_id": 7, "score": 1}])
    numbered = Case("7", "s", Contract("k", "t"), "c", "Q?", ())
    assert read_labels(path, [numbered]) == (Label("7", 1.0),)


def test_labels_of_other_cases_are_left_out(tmp_path):
    path = write(tmp_path / "l.csv", "case_id,score\nelsewhere,1\nid2,0\n")
    assert read_labels(path, CASES) == (Label("id2", 0.0),)


def test_two_people_may_label_one_answer(tmp_path):
    path = write(tmp_path / "l.csv", "case_id,score\nid1,1\nid1,0.5\n")
    assert [label.score for label in read_labels(path, CASES)] == [1.0, 0.5]


def test_a_question_of_another_contract_is_not_it(tmp_path):
    path = write(tmp_path / "l.csv", "contract,question,score\nSupply,Q1?,1\n")
    refused(path, "none of its 1 rows", "id1")


def test_scores_of_other_rules_are_refused_with_what_to_type(tmp_path):
    text = "case_id,score,rubric\nid1,1,\nid2,0,0123456789ABCDEF0000\n"
    path = write(tmp_path / "l.csv", text)
    assert len(read_labels(path, CASES)) == len(read_labels(path, CASES, "0123456789abcdef")) == 2
    with pytest.raises(UserError) as refused:
        read_labels(path, CASES, "fedcba9876543210")
    line = str(refused.value)
    assert f"{path}, row 2: scored by the rubric 0123456789ABCDEF" in line
    assert 'in the gate file, [judge] rubric = "FILE", or take the column out' in line


@pytest.mark.parametrize("score", ["8/10", "1.7", "-0.1", "nan", "inf", "good", "1,5", "\x00"])
def test_what_is_no_score_names_its_row(tmp_path, score):
    rows = [{"case_id": "id1", "score": "1"}, {"case_id": "id2", "score": score}]
    refused(written(tmp_path / "l.jsonl", rows), "row 2", "score", "0 to 1")
    refused(written(tmp_path / "l.csv", rows), "row 2")


@pytest.mark.parametrize("score", [True, [1], {"a": 1}, 10**400, "1" * 5000])
def test_json_that_is_no_score(tmp_path, score):
    path = written(tmp_path / "l.jsonl", [{"case_id": "id1", "score": score}])
    refused(path, "row 1")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("l.csv", "case_id,score\nid1,1\nid2,\n", ["row 2", "`score` is missing"]),
        ("l.csv", "case_id,question\nid1,Q1?\n", ["row 1", "`score` is missing"]),
        ("l.csv", "case_id,question,score\n,Q1?,1\n", ["row 1", "`case_id`", "`contract`"]),
        ("l.csv", "question,score\nQ1?,1\n", ["row 1", "`contract`"]),
        ("l.csv", "", ["none of its 0 rows"]),
        ("l.csv", "case_id,score\n", ["none of its 0 rows"]),
        ("l.csv", 'case_id,score\nid1,1\n"id2,1\n', ["row 2"]),
        ("l.jsonl", '{"case_id": "id1", "score": 1}\n{"case_id": \n', ["row 2"]),
        ("l.jsonl", '{"case_id": "id1", "score": 1}\n\n[1, 2]\n', ["row 2"]),
        ("l.jsonl", "[" * 100_000, ["row 1"]),
        ("l.txt", "case_id,score\nid1,1\n", [".csv or .jsonl"]),
    ],
)
def test_bad_files_are_one_line(tmp_path, name, text, words):
    refused(write(tmp_path / name, text), *words)


def test_no_file_and_no_text(tmp_path):
    refused(tmp_path / "l.csv", "no such")
    refused(tmp_path, "no such")
    path = tmp_path / "binary.csv"
    path.write_bytes(b"case_id,score\nid1,\xff\xfe\n")
    refused(path, "row")


ANY = st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.lists(st.integers())


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.fixed_dictionaries({}, optional={
    "case_id": ANY | st.just("id1"), "score": ANY | st.floats(0, 1), "model": ANY,
    "contract": ANY, "question": ANY, "answer": ANY, "self": ANY,
}), max_size=4))  # fmt: skip
def test_any_row_is_labels_or_one_line(tmp_path, rows):
    try:
        found = read_labels(written(tmp_path / "l.jsonl", rows), CASES)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert all(0 <= label.score <= 1 and label.case_id == "id1" for label in found)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(max_size=60))
def test_any_text_is_labels_or_one_line(tmp_path, text):
    path = tmp_path / "l.csv"
    path.write_text(text, encoding="utf-8", newline="", errors="replace")
    with pytest.raises(UserError):
        read_labels(path, CASES)
