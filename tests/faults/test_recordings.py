"""Reading recordings and data files: missing is missing, and what is no text is no answer."""

import asyncio
import csv
import json

import pytest

from common.errors import UserError
from common.settings import read_toml
from fixtures.cases import Case, Contract
from fixtures.datasets import load_dataset
from fixtures.imports.imported import imported_dataset
from fixtures.imports.source import Source
from fixtures.recorded import read_recordings
from models.recorded import RecordedModel
from tests.conftest import ROOT

TEXT = "The fee is $5. The term is two years. The law of Nevada governs."


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def answers(path, cases):
    async def ask():
        model = RecordedModel("m", Source("recorded", path))
        await model.preflight()
        return [await model.answer(case, ()) for case in cases]

    return asyncio.run(ask())


def case(id_="x", question="Which law?", contract="K"):
    return Case(id_, "s", Contract(contract, TEXT), "c", question, ())


def refused(call, *words):
    with pytest.raises(UserError) as caught:
        call()
    line = str(caught.value)
    assert "\n" not in line
    for word in words:
        assert word in line
    return line


@pytest.mark.fault("REC-1")
@pytest.mark.peer(
    "pandas-dev/pandas#10205",
    "an empty field of a text column becomes the float NaN, which prints as the text nan",
)
@pytest.mark.parametrize("missing", [float("nan"), "nan", "NaN", "<NA>", "None", None])
def test_a_cell_that_a_data_frame_left_empty_is_missing(tmp_path, missing):
    rows = [
        {"question": "Which law?", "context": TEXT, "expected": missing, "answer": "Not found."},
        {"question": "Which fee?", "context": TEXT, "expected": "$5", "answer": missing},
    ]
    path = lines(tmp_path / "r.jsonl", rows)
    law, fee = imported_dataset("recorded", path).cases
    assert (law.answerable, fee.answerable) == (False, True)
    said, nothing = answers(path, [law, fee])
    assert said.text == "Not found."
    assert (nothing.text, nothing.error is not None) == ("", True)


@pytest.mark.fault("REC-1")
def test_an_empty_cell_of_a_csv_is_no_answer(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("question,answer\nWhich law?,\nWhich fee?,$5\n")
    missing, there = answers(path, [case(), case(question="Which fee?")])
    assert "no answer" in str(missing.error)
    assert there.text == "$5"


@pytest.mark.fault("REC-2")
@pytest.mark.fault("USE-17")
@pytest.mark.parametrize("name", ["r.jsonl", "r.csv"])
def test_a_list_of_texts_is_several_right_answers_and_an_empty_one_none(tmp_path, name):
    path = tmp_path / name
    rows = [
        {"question": "Which fee?", "answer": "a", "expected": ["$5", "The fee is $5"]},
        {"question": "Which law?", "answer": "a", "expected": []},
    ]
    if name == "r.csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows({**row, "expected": json.dumps(row["expected"])} for row in rows)
    else:
        lines(path, rows)
    several, none = imported_dataset("recorded", path).cases
    assert [span.text for span in several.spans] == ["$5", "The fee is $5"]
    assert none.spans == ()


@pytest.mark.fault("REC-2")
@pytest.mark.parametrize("odd", [{"text": "x"}, 5, 5.5, True, ["a", None], ["a", 3], [["a"]], [""]])
@pytest.mark.parametrize("column", ["expected", "answer", "question"])
def test_what_is_no_text_is_refused_by_its_row(tmp_path, column, odd):
    good = {"question": "Which law?", "answer": "a", "expected": "b"}
    path = lines(tmp_path / "r.jsonl", [good, {**good, "question": "Which fee?", column: odd}])
    refused(lambda: imported_dataset("recorded", path), str(path), "row 2", f"`{column}`")


@pytest.mark.fault("REC-3")
@pytest.mark.parametrize(
    "row", ["What fee?,The fee is $1,000,The fee is $1,000", "Who?,Me", "Who?"]
)
def test_a_ragged_row_is_refused(tmp_path, row):
    path = tmp_path / "r.csv"
    path.write_text(f"question,answer,expected\nWho pays?,Me,You\n{row}\n")
    refused(lambda: read_recordings(path), str(path), "row 2")


@pytest.mark.fault("REC-4")
@pytest.mark.parametrize(("separator", "named"), [(";", "semicolons"), ("\t", "tabs")])
def test_another_separator_is_named_with_what_to_save_as(tmp_path, separator, named):
    path = tmp_path / "r.csv"
    path.write_text(
        separator.join(["question", "answer", "expected"]) + "\n" + separator.join("abc")
    )
    refused(lambda: read_recordings(path), str(path), named, "commas", "UTF-8")


@pytest.mark.fault("REC-4")
def test_utf_16_is_read_where_it_says_so(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("question,answer\nQuis?,ego\n", encoding="utf-16")
    assert read_recordings(path)[0].answer == "ego"


def cuad(path, *documents):
    data = [
        {"title": title, "paragraphs": [{"context": TEXT, "qas": questions}]}
        for title, questions in documents
    ]
    path.write_text(json.dumps({"data": data}))
    return str(path)


def asks(id_, text, *quotes):
    found = [{"text": quote, "answer_start": TEXT.index(quote)} for quote in quotes]
    return {"id": id_, "question": text, "answers": found}


@pytest.mark.fault("ID-4")
def test_two_questions_of_one_category_are_refused(tmp_path):
    path = cuad(
        tmp_path / "d.json",
        ("A", [asks("A__Fee", "What is the fee?", "$5"), asks("A__Fee", "How long?", "two years")]),
    )
    refused(lambda: load_dataset(path), path, "'Fee'", "How long?")


@pytest.mark.fault("ID-4")
def test_one_question_in_two_rows_stays_one_case_with_all_its_answers(tmp_path):
    path = cuad(
        tmp_path / "d.json",
        ("A", [asks("A__Fee", "What is it?", "$5"), asks("A__Fee", "What is  it?", "two years")]),
        ("B", [asks("B__Fee", "What else is it?", "$5")]),
    )
    both, other = load_dataset(path).cases
    assert [span.text for span in both.spans] == ["$5", "two years"]
    assert other.question == "What else is it?"
    collision = cuad(tmp_path / "e.json", ("A", [asks("a", "P?", "$5"), asks("a", "Q?", "$5")]))
    refused(lambda: load_dataset(collision), "'a'")


@pytest.mark.fault("ID-5")
def test_two_cases_never_have_one_id(tmp_path):
    path = cuad(
        tmp_path / "d.json",
        ("A__B", [asks("x", 'related to "C" that should be reviewed', "$5")]),
        ("A", [asks("x", 'related to "B__C" that should be reviewed', "two years")]),
    )
    refused(lambda: load_dataset(path), path, "'A__B'", "'B__C'")


@pytest.mark.fault("ONE-5")
def test_a_null_answer_is_that_case_s_failure(tmp_path):
    rows = [{"question": "Which law?", "answer": None}, {"question": "Which fee?", "answer": "$5"}]
    path = lines(tmp_path / "r.jsonl", rows)
    failed, said = answers(path, [case(), case(question="Which fee?")])
    assert "no answer" in str(failed.error)
    assert (said.text, said.error) == ("$5", None)


@pytest.mark.fault("SET-2")
@pytest.mark.peer("hukkin/tomli#304", "a file that begins with a byte order mark is no TOML")
def test_toml_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xef\xbb\xbf" + b'kind = "echo"\n')
    assert read_toml(path, dict[str, str]) == {"kind": "echo"}


@pytest.mark.fault("SET-2")
def test_training_rows_with_a_byte_order_mark_are_read(tmp_path):
    from training.data.examples import read_examples

    turn = [{"role": "user", "content": "Which law?"}]
    row = {"prompt": turn, "completion": [{"role": "assistant", "content": "Ohio"}]}
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(row).encode())
    assert read_examples(path)[0].completion == "Ohio"


@pytest.mark.fault("USE-17")
@pytest.mark.fault("USE-24")
def test_the_templates_are_accepted_and_every_column_is_documented():
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    found = []
    for name in ("template.csv", "template.jsonl"):
        path = ROOT / "fixtures" / "data" / name
        assert f"fixtures/data/{name}" in page
        rows, cases = read_recordings(path), load_dataset(f"recorded:{path}").cases
        said = answers(path, cases)
        found.append(
            [
                (c.identity, c.contract.id, a.text, a.passages)
                for c, a in zip(cases, said, strict=True)
            ]
        )
        assert len(cases) == len(rows) == 5
        assert [bool(answer.error) for answer in said] == [False] * 4 + [True]
        assert max(len(case.spans) for case in cases) == 2
        assert all(answer.passages for answer in said)
    assert found[0] == found[1]
    for column in ("case_id", "question", "contract", "category", "context", "expected", "answer",
                   "response", "ref_answer", "title"):  # fmt: skip
        assert f"`{column}`" in page
