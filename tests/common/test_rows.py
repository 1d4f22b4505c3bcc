"""The one reader of users' files: read rightly, or refused by file and row; never anything else."""

import csv
import io
import json
import math
import string
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.reading import check_texts, parse_json
from common.rows.columns import MISSING, read_rows
from evals.labels import read_labels
from fixtures.cases import Case, Contract
from fixtures.datasets import load_dataset
from fixtures.imports.imported import imported_dataset
from fixtures.recorded import COLUMNS, read_recordings
from tests.seams import users

CLEAN = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
TEXT = CLEAN.map(str.strip).filter(lambda text: text not in MISSING)
WORDS = TEXT.filter(lambda text: text and not text.startswith("["))
FLAWED = st.sampled_from(["\0", "\ud800", "a\udfffb", "\udc80", "x\0"])

SCALAR = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**40, 10**50)
    | st.floats()
    | CLEAN
    | FLAWED
    | st.sampled_from(sorted(MISSING))
)

ODD = st.recursive(
    SCALAR,
    lambda x: st.lists(x, max_size=3) | st.dictionaries(CLEAN | FLAWED, x, max_size=3),
    max_leaves=8,
)


def one_line(error):
    line = str(error)
    assert len(line.splitlines()) == 1
    line.encode()
    return line


def read_or_refused(path, read):
    """What was read; None where it was refused in one line that names the file."""
    try:
        return read(path)
    except UserError as error:
        assert str(path) in one_line(error)
        return None


ROWS = st.lists(
    st.fixed_dictionaries({"question": WORDS, "answer": WORDS, "note": TEXT}),
    min_size=1,
    max_size=5,
)


def as_csv(rows):
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def as_lines(rows, **options):
    return "".join(json.dumps(row, **options) + "\n" for row in rows)


FORMS = {
    "a.csv": as_csv,
    "a.jsonl": as_lines,
    "b.ndjson": lambda rows: as_lines(rows, ensure_ascii=False),
}


@given(ROWS, st.sampled_from(sorted(FORMS)), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
@settings(max_examples=250, deadline=None)
def test_what_is_right_comes_back_as_it_was(rows, name, encoding):
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(FORMS[name](rows).encode(encoding))
        found = read_recordings(path)
    assert [(row.question, row.answer) for row in found] == [
        (row["question"], row["answer"]) for row in rows
    ]


@given(
    st.lists(
        st.fixed_dictionaries(
            {}, optional=dict.fromkeys((*COLUMNS, "note", "Answer", "score"), ODD | WORDS)
        ),
        max_size=4,
    )
)
@settings(max_examples=300, deadline=None)
def test_any_rows_are_texts_or_one_line(rows):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "r.jsonl"
        path.write_text(as_lines(rows))
        found = read_or_refused(path, partial(imported_dataset, "recorded"))
        case = Case("x", "s", Contract("k", "t"), "c", "Q?", ())
        read_or_refused(path, lambda path: read_labels(path, [case]))
    for case in found.cases if found else ():
        texts = [case.id, case.question, case.category, case.contract.text, case.contract.id]
        texts += [span.text for span in case.spans]
        for text in texts:
            assert isinstance(text, str) and "\0" not in text
            text.encode()
        assert case.question in [row.get("question", "").strip() for row in rows if row]


@given(
    st.sampled_from([b"question,answer,expected\n", b"", b"question\tanswer\n", b"\xef\xbb\xbf"]),
    st.binary(max_size=60) | st.text('ab",;\n\r\t\0é', max_size=40).map(str.encode),
    st.sampled_from(["r.csv", "r.jsonl"]),
)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_rows_or_one_line(head, tail, name):
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(head + tail)
        found = read_or_refused(path, read_recordings)
    for row in found or ():
        assert row.question or row.case_id


@given(st.lists(st.text(string.ascii_letters + ' ,;"\n', max_size=8), min_size=1, max_size=6))
@settings(max_examples=200, deadline=None)
def test_a_row_that_is_not_as_wide_as_the_header_is_never_read(cells):
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "r.csv"
        path.write_text(f"question,answer,expected\n{buffer.getvalue()}", newline="")
        found = read_or_refused(path, read_recordings)
    if len(cells) != 3:
        assert not found
    elif found:
        assert found[0].question == cells[0].strip()


CUAD = "document", "paragraph", "question", "answer"


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_field_of_a_cuad_file_is_right_or_one_line(data):
    text = "The law of Nevada governs."
    answer = {"text": "law of Nevada", "answer_start": 4}
    question = {"id": "T__Law", "question": "Which law?", "answers": [answer]}
    paragraph = {"context": text, "qas": [question]}
    document = {"title": "T", "paragraphs": [paragraph]}
    holders = {"document": document, "paragraph": paragraph, "question": question, "answer": answer}
    holder = holders[data.draw(st.sampled_from(CUAD))]
    key = data.draw(st.sampled_from([*sorted(holder), "is_impossible", "more"]))
    if key in holder and data.draw(st.booleans()):
        del holder[key]
    else:
        holder[key] = data.draw(ODD)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "d.json"
        path.write_text(json.dumps({"data": [document]}))
        found = read_or_refused(path, lambda path: load_dataset(str(path)))
    for case in found.cases if found else ():
        check_texts("case", [case.id, case.question, case.contract.id, case.contract.text])
        assert all(span.text in case.contract.text for span in case.spans)


PARTS = st.sampled_from(["A", "B", "A__B", "B__C", "__", ""])


@given(st.lists(st.tuples(PARTS, PARTS, st.sampled_from(["P?", "Q?"])), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_every_question_is_a_case_of_its_own_or_the_file_is_refused(asked):
    data = [
        {
            "title": title,
            "paragraphs": [
                {
                    "context": "Some text.",
                    "qas": [
                        {
                            "id": "x",
                            "question": f'related to "{category}" that should be reviewed by a '
                            f"lawyer. Details: {question}",
                            "answers": [],
                        }
                    ],
                }
            ],
        }
        for title, category, question in asked
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "d.json"
        path.write_text(json.dumps({"data": data}))
        found = read_or_refused(path, lambda path: load_dataset(str(path)))
    if found:
        assert len({case.id for case in found.cases}) == len(found.cases)
        wanted = {(title, question) for title, _, question in asked}
        assert {(case.contract.id, case.question) for case in found.cases} == wanted


@pytest.mark.parametrize("missing", sorted(MISSING))
@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_what_programs_write_for_nothing_is_missing(tmp_path, name, missing):
    rows = [{"question": "Who?", "answer": missing, "expected": missing, "contract": missing}]
    path = tmp_path / name
    path.write_text(FORMS[f"a{path.suffix}"](rows))
    (row,) = read_recordings(path)
    assert (row.answer, row.expected, row.contract) == (None, (), "")


@pytest.mark.parametrize("said", ["None.", "n/a", "none", "Nan", "No", "0", "[***]", "NaN Ltd."])
def test_what_people_say_is_not(tmp_path, said):
    path = tmp_path / "r.csv"
    path.write_text(as_csv([{"question": "Who?", "answer": said, "expected": said}]))
    (row,) = read_recordings(path)
    assert (row.answer, row.expected) == (said, (said,))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("question,answer,Answer\nQ?,a,b\n", ["row 1", "'answer' stands twice"]),
        ("question,answer,\nQ?,The fee is $1,000\n", ["row 1", "3 cells under 2 names"]),
        ("who,what\nQ?,a\n", ["names none of", "case_id"]),
        ("question|answer\nQ?|a\n", ["bars"]),
        ("question,answer,expected\nQ?,a,['b']\n", ["row 1", "`expected`", "JSON"]),
        ("question,answer,response\nQ?,a,b\n", ["row 1", "`answer` and `response` differ"]),
        ('question,answer\nQ?,"a\n', ["row 1"]),
        ('question,answer,expected\nQ?,a,"[""b"", ""\\u0000""]"\n', ["row 1", "NUL"]),
    ],
)
def test_a_csv_that_would_be_misread_is_refused(tmp_path, text, words):
    path = tmp_path / "r.csv"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_recordings(path)
    for word in (str(path), *words):
        assert word in one_line(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"question": "Q?", "answer": "a", "answer": "b"}', ["row 1", "'answer' stands twice"]),
        ('{"question": "Q?", "Answer": "a", "answer": "b"}', ["row 1", "'answer' stands twice"]),
        ('{"question": "Q?", "answer": Infinity}', ["row 1", "`answer` is a number"]),
        ('[{"question": "Q?", "answer": "a"}]', ["row 1", "one object a line"]),
        ('{"question": "Q?", "answer": ' + "1" * 5000 + "}", ["row 1"]),
        ('{"question": "Q?", "note": ' + "[" * 100_000, ["row 1"]),
        ('{"question": "Q?", "note\\ud800": "a"}', ["row 1", "a key"]),
    ],
)
def test_a_line_that_would_be_misread_is_refused(tmp_path, text, words):
    path = tmp_path / "r.jsonl"
    path.write_text(text + "\n")
    with pytest.raises(UserError) as caught:
        read_recordings(path)
    for word in (str(path), *words):
        assert word in one_line(caught.value)


def test_an_index_without_a_name_and_rows_without_cells_are_left_out(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text(",question,answer,\n0,Q?,a,\n,,,\n1,P?,b,\n")
    found = [(row.row, row.question, row.answer) for row in read_recordings(path)]
    assert found == [(1, "Q?", "a"), (3, "P?", "b")]


def test_a_huge_cell_is_read(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text(as_csv([{"question": "Q?", "answer": "a" * 5_000_000}]))
    assert len(read_recordings(path)[0].answer) == 5_000_000


def test_nan_is_no_number_anywhere(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps({"question": "Q?", "answer": math.nan, "context": math.nan}) + "\n")
    (row,) = read_rows(path, COLUMNS)
    assert row.cells == {"question": "Q?", "answer": None, "context": None}


@given(ODD)
@settings(max_examples=200)
def test_a_value_is_storable_or_refused(value):
    try:
        check_texts("here", value)
    except UserError as error:
        assert one_line(error).startswith("here: ")
    else:
        json.dumps(value, ensure_ascii=False).encode()
        assert "\\u0000" not in json.dumps(value)


def test_json_is_read_as_it_says():
    assert parse_json("here", '{"a": [1, "\\u00e9"]}') == {"a": [1, "é"]}
    for text in ("{", "", "[" * 100_000, '{"a": 1, "a": 1}'):
        with pytest.raises(UserError) as caught:
            parse_json("here", text)
        assert one_line(caught.value).startswith("here: not JSON")


READERS = {
    "fixtures/recorded.py",
    "fixtures/layout.py",
    "common/settings.py",
    "evals/labels.py",
    "training/data/__main__.py",
    "training/preferences/feedback.py",
    "training/preferences/formats.py",
    "training/data/synthetic.py",
    "models/recorded.py",
}


def test_no_reader_of_users_files_goes_round_the_one_that_checks_them():
    assert users("csv.reader", "csv.DictReader") == {"common/rows/columns.py"}
    raw = users("json.load", "json.loads", "tomllib.load", ".read_text", ".read_bytes")
    assert READERS.isdisjoint(raw)
    assert "common/reading.py" in raw
    # Its own meta alone, which pydantic reads whole.
    assert "training/data/examples.py" not in users("json.loads", ".read_text")
