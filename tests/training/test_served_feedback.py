"""Feedback on answers in service, which are about no case of a data set, made into pairs."""

import json

import pytest

from common.errors import UserError
from fixtures.selection import Selection, select
from models.prompted import NOT_FOUND
from tests.training.test_preferences import arguments, entry, examples, place  # noqa: F401
from training.data.examples import read_meta
from training.preferences.__main__ import main
from training.preferences.feedback import read_feedback
from training.preferences.formats import read_pairs

SHOWN = ["This Agreement is governed by the law of Ohio.", "Notices are sent to the seat."]
ROW = {"question": "Which law governs?", "contract": "ACME", "passages": SHOWN}


def put(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


class Server:
    url = "http://127.0.0.1:9/v1"


def test_scores_and_corrections_of_one_question_make_pairs(place, sample, capsys):  # noqa: F811
    entry(place, Server)
    exam = select(sample, Selection(split="test"))[0].contract.text
    said = put(
        place / "said.jsonl",
        ROW | {"answer": "Utah", "score": 1},
        ROW | {"answer": "Ohio", "score": 5, "corrected answer": "The law of Ohio"},
        ROW | {"answer": "Iowa", "score": 2, "passages": [SHOWN[1]], "corrected": NOT_FOUND},
        ROW | {"answer": "Nevada", "score": "down", "passages": [exam[400:1400]]},
    )
    assert main(arguments(place, "--feedback", str(said), model=None)) == 0
    told = capsys.readouterr().out
    assert "answers left out, of contracts of the exam" in told
    pairs = {(each.chosen, each.rejected): each for each in read_pairs(place / "out" / "p.jsonl")}
    assert pairs.keys() == {("The law of Ohio", "Ohio"), ("Ohio", "Utah"), (NOT_FOUND, "Iowa")}
    one, other = pairs["Ohio", "Utah"], pairs[NOT_FOUND, "Iowa"]
    assert all(text in one.prompt[-1].content for text in (*SHOWN, ROW["question"]))
    assert SHOWN[0] not in other.prompt[-1].content
    assert one.gold == ("The law of Ohio", "Ohio") and other.gold == ()
    assert (one.kind, other.kind) == ("answerable", "unanswerable")
    meta = read_meta(place / "out" / "p.jsonl")
    assert {one.contract, other.contract} <= {each.title for each in meta.contracts}
    assert {one.case, other.case} <= set(meta.cases)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"passages": None}, "line 1: `passages` is missing"),
        ({"passages": [" "]}, "line 1: `passages` holds no text"),
        ({"question": ""}, "line 1: neither `case` nor `question`"),
        ({"contract": 7}, "line 1: `contract` is no text"),
    ],
)
def test_a_row_of_which_no_prompt_can_be_made_is_named(tmp_path, change, says):
    path = put(tmp_path / "said.jsonl", ROW | {"answer": "Utah", "score": 1} | change)
    with pytest.raises(UserError, match=says):
        read_feedback(path, (), frozenset())
