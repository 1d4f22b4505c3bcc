"""Text from files that a store or a report cannot take, and letters that fold in odd ways."""

import json
import subprocess
import sys
from random import Random

import pytest

from common.errors import UserError
from evals.variants.parties import renaming
from fixtures.datasets import load_dataset
from fixtures.imports.imported import imported_dataset
from tests.conftest import ROOT

TEXT = "The law of Nevada governs."
FLAWS = ("x \ud800 y", "x \udfff", "x \0 y")


def refused(call, *words):
    with pytest.raises(UserError) as caught:
        call()
    line = str(caught.value)
    assert "\n" not in line
    line.encode()
    for word in words:
        assert word in line


@pytest.mark.fault("SINK-5")
@pytest.mark.parametrize("flaw", FLAWS)
@pytest.mark.parametrize(
    "column", ["answer", "question", "expected", "contract", "case_id", "category", "mine"]
)
def test_a_text_that_cannot_be_stored_is_refused_by_its_row(tmp_path, column, flaw):
    rows = [
        {"question": f"Which {n}?", "answer": "a", "expected": "b", "contract": "K"}
        for n in range(4)
    ]
    rows[2][column] = flaw
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    refused(lambda: imported_dataset("recorded", path), str(path), "row 3", f"`{column}`")


@pytest.mark.fault("SINK-5")
def test_an_exam_of_such_a_file_ends_in_one_line(tmp_path):
    path = tmp_path / "in.jsonl"
    row = {"question": "Which?", "answer": "a \ud800", "expected": "b"}
    path.write_text(json.dumps(row) + "\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "evals", "-q", "-p", "no:cacheprovider",
         "--dataset", f"recorded:{path}", "--judge", "none", "--retriever", "none",
         "--store", str(tmp_path / "s.sqlite"), "--runs", str(tmp_path / "runs")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 4, done.stdout + done.stderr
    assert "row 1" in done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr


@pytest.mark.fault("SINK-5")
@pytest.mark.parametrize("byte", [b"\xe9", b"\x00"])
def test_so_is_a_csv_in_another_encoding(tmp_path, byte):
    path = tmp_path / "in.csv"
    path.write_bytes(b"question,answer,expected\nWho?,me,you\nQui?,caf" + byte + b",moi\n")
    refused(lambda: imported_dataset("recorded", path), str(path), "row 2", "`answer`")


def cuad(path, **changes):
    question = {"id": "x1__Law", "question": "Which law?",
                "answers": [{"text": "law of Nevada", "answer_start": 4}]}  # fmt: skip
    document = {"title": "T"}
    for key, value in changes.items():
        (document if key == "title" else question)[key] = value
    document["paragraphs"] = [{"context": changes.get("context", TEXT), "qas": [question]}]
    path.write_text(json.dumps({"data": [document]}))
    return str(path)


@pytest.mark.fault("SINK-6")
@pytest.mark.parametrize("flaw", FLAWS)
@pytest.mark.parametrize("key", ["title", "question", "id"])
def test_every_text_of_a_cuad_file_is_checked(tmp_path, key, flaw):
    path = cuad(tmp_path / "in.json", **{key: flaw})
    refused(lambda: load_dataset(path), path, f"`{key}`")


@pytest.mark.fault("SINK-8")
@pytest.mark.parametrize("odd", [5, None, True, ["T"], {"T": 1}, 1.5])
@pytest.mark.parametrize("key", ["title", "id"])
def test_what_is_no_text_there_is_refused(tmp_path, key, odd):
    path = cuad(tmp_path / "in.json", **{key: odd})
    refused(lambda: load_dataset(path), path, f"`{key}`", "text")


@pytest.mark.fault("SINK-8")
@pytest.mark.parametrize(
    "answer", [{"text": "law of Nevada", "answer_start": True}, {"text": "law of Nevada",
    "answer_start": 4.0}, [], "law of Nevada"]
)  # fmt: skip
def test_so_is_an_answer_of_another_form(tmp_path, answer):
    path = cuad(tmp_path / "in.json", answers=[answer])
    refused(lambda: load_dataset(path), path, "x1__Law")


@pytest.mark.fault("ONE-3")
@pytest.mark.parametrize(
    ("plain", "odd"),
    [
        ("Kristine", "Kr\u0131st\u0131ne"),
        ("Mesaska", "Me\u017faska"),
        ("Kristine", "\u212aristine"),
    ],
)
def test_a_name_is_renamed_or_left_alone_whatever_its_letters_fold_to(plain, odd):
    text = f"This Agreement is between {plain} Widgets Inc. and Beltran Corp. {odd} shall pay."
    renamed = renaming(text, Random(0))
    assert renamed is not None
    assert plain not in renamed.text(text)
    assert renamed.text(text).endswith(" shall pay.")
