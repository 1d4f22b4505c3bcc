"""`python -m reports.drift --labels`: what people would say, from the few answers they scored."""

import json
import re

import pytest

from common.files import write_jsonl
from evals.labels import label_rows
from tests.builders.service import days, log

SERVED = ".exam/served"


@pytest.fixture
def place(place):
    """With eight days of service."""
    log(place / SERVED / "all.jsonl", *days(8))
    return place


def filled(place, look, score):
    """What `--to-label` wrote, with the score of each row by its number."""
    code, _, err = look("--to-label", "next.jsonl")
    assert (code, err) == (0, "30 answers to score: next.jsonl; then --labels\n")
    rows = [json.loads(line) for line in (place / "next.jsonl").read_text().splitlines()]
    write_jsonl(place / "next.jsonl", [{**row, "score": score(n)} for n, row in enumerate(rows)])
    return rows


def test_labels_that_were_drawn_correct_the_mean_and_decide_nothing(place, look):
    rows = filled(place, look, lambda n: float(n % 5 > 0))
    assert len({row["contract"] for row in rows}) == 30
    assert {"question", "answer", "passages", "case_id", "model"} < rows[0].keys()
    code, out, err = look("--labels", "next.jsonl")
    assert (code, err) == (0, "")
    assert re.search(
        r"^people would say 0\.\d\d \[0\.\d\d, 0\.\d\d\] of \d+ answers, by 30 labels \(0\.80 \[",
        out, re.M,
    )  # fmt: skip
    assert re.search(r"^grounding says .* of these, of the exam's .*; labels decide nothing$", out,
                     re.M)  # fmt: skip
    assert out.endswith("no drift found\n")
    told = json.loads(look("--labels", "next.jsonl", "--json")[1])
    said = told["labels"]
    assert (said["by"], said["labels"], said["rows"]) == ("grounding", 30, 30)
    assert said["people"]["low"] < 0.8 < said["people"]["high"]
    without = json.loads(look("--json")[1])
    assert without["labels"] is None
    assert told["signals"] == without["signals"]


def test_a_judge_is_corrected_where_there_is_one(place, look):
    filled(place, look, lambda n: float(n % 3 > 0))
    told = json.loads(look("--labels", "next.jsonl", "--judge", "embedded", "--json")[1])
    assert told["labels"]["by"] == "claim_support by embedded"
    assert told["labels"]["exam"]["n"] == 40
    assert told["labels"]["people"] is not None


def test_too_few_labels_are_one_line(place, look):
    rows = filled(place, look, lambda n: "" if n > 5 else 1)
    code, out, _ = look("--labels", "next.jsonl")
    assert code == 0
    assert "too few labels to say what people would: 6 of 6 rows are of answers with a score" in out
    assert "people would say" not in out
    others = (
        [{**row, "answer": "another text", "score": 1} for row in rows],
        [{**row, "model": "other", "score": 1} for row in rows],
        [{**row, "drawn": "differing", "score": 1} for row in rows],
        [{**row, "case_id": "elsewhere", "score": 1} for row in rows],
    )
    for number, wrong in enumerate(others):
        write_jsonl(place / f"{number}.jsonl", wrong)
        assert "too few labels to say what people would: 0 of 30 rows" in look(
            "--labels", f"{number}.jsonl"
        )[1]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--labels", "none.jsonl"], "no such .csv or .jsonl file"),
        (["--labels", "bad.jsonl"], "bad.jsonl, row 1: `score` '7': "),
        (["--to-label", "next.csv"], "give a name that ends in .jsonl"),
        (["--to-label", "bad.jsonl"], "is there already; name another"),
    ],
)
def test_a_mistake_is_one_line(place, look, words, says):
    write_jsonl(place / "bad.jsonl", [{"case_id": "r", "score": "7"}])
    code, out, err = look(*words)
    assert (code, out) == (4, "")
    assert says in err
    assert err.count("\n") == 1


def test_what_is_written_is_read_as_labels(place, look):
    filled(place, look, lambda n: 0.5)
    assert len([*label_rows(place / "next.jsonl", "", "")]) == 30
