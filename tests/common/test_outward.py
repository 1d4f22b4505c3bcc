"""Text that every sink takes, over whatever may come."""

import io
import json
import sqlite3
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.storable import each_text, presentable, storable
from tests.seams import users

ANY = st.text(st.characters(codec=None, categories=None)) | st.text(
    st.sampled_from("\x00\x07\x1b\x7f\x9b\r\n\t\ud800\udc00\udfff\u202e\u2028\ufffea ")
)


@given(ANY)
@settings(max_examples=300)
def test_every_sink_takes_what_comes_out(text):
    kept = storable(text)
    assert storable(kept) == kept
    assert kept.encode().decode() == kept and "\x00" not in kept
    assert json.loads(json.dumps(kept, ensure_ascii=False)) == kept
    with sqlite3.connect(":memory:") as store:
        assert store.execute("select ?", (kept,)).fetchone() == (kept,)


@given(ANY)
@settings(max_examples=300)
def test_nothing_in_it_moves_a_terminal(text):
    for shown in (presentable(text), str(UserError(text))):
        assert not {char for char in shown if not char.isprintable()} & set(map(chr, range(32))) - {
            "\n", "\t"
        }  # fmt: skip
        assert not any(0x7F <= ord(char) <= 0x9F or char in "\u202e\u2066\u2028" for char in shown)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])))
@settings(max_examples=200)
def test_ordinary_text_is_left_alone(text):
    if not {"\ufffe", "\uffff"} & set(text):
        assert storable(text) == text


def test_white_space_of_contracts_is_ordinary():
    assert storable("page one\x0c\r\npage\ttwo\x0b") == "page one\x0c\r\npage\ttwo\x0b"


def test_a_pair_that_came_in_halves_is_whole():
    assert storable("\ud83d" + "\ude00") == "\N{GRINNING FACE}"
    assert storable("\ude00\ud83d") == "\\ude00\\ud83d"


def test_each_text_of_a_value_is_changed_and_nothing_else():
    value = {"a": ["x", 1, None, {"b": ("y", True)}]}
    assert each_text(value, str.upper) == {"A": ["X", 1, None, {"B": ["Y", True]}]}


def test_the_record_of_an_exam_and_what_is_left_are_all_that_walk_texts():
    assert users("common.storable.each_text") == {
        "models/storage/left.py",
        "reports/archive.py",
        "reports/evidence/differences.py",  # what is computed again is compared as it was written
        "reports/evidence/results.py",
    }


def test_an_exams_last_page_moves_no_terminal_and_takes_no_markup(sample):
    from evals.metrics.table import score
    from evals.results import Result, Spending
    from models.chat import Answer
    from reports.terminal.terminal import print_report
    from reports.verdict.conclude import conclude
    from tests.builders.report_data import GATE, header

    hostile = "a[/b][red] \x1b]0;x\x07\r\x9b31m\u202e password=planted-0003"
    case, answer = sample.cases[0], Answer("", error=hostile)
    results = [Result(hostile, case, answer, score(case, answer), asked=True)]
    spending = Spending(calls=1, tokens_in=1, tokens_out=1, seconds=1.0, peak_memory=1)
    report = conclude(header(), results, spending, GATE, notes=[hostile])
    page = io.StringIO()
    print_report(report, Path(hostile), [hostile], page)
    assert not {"\x1b", "\x07", "\r", "\x9b", "\u202e"} & set(page.getvalue())
    assert "planted-0003" not in page.getvalue()
    assert "a[/b][red]" in page.getvalue()
