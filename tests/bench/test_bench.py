"""The benchmarks: their page, and runs small enough for a test."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import __main__ as bench
from bench import bedrock, collection, endpoint, programs, recorded
from bench.results import Finding, Row, at_most, origin, page, read_sections, section
from bench.sessions import ROOT, Exam, Session, examine, run_empty, run_pytest
from common.errors import UserError
from common.provenance import provenance
from fixtures.imports.imported import imported_dataset
from fixtures.recorded import read_recordings

NAMES = list(bench.BENCHMARKS)
ORIGIN = {**provenance(), "threads": 2}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


lines = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=30)
bodies = st.lists(lines.filter(lambda line: not line.startswith("## ")), max_size=5).map("\n".join)


@given(st.dictionaries(st.sampled_from(NAMES), bodies))
def test_a_page_is_read_back_as_it_was_written(written):
    sections = {
        name: section(name, Finding("title: of it", body), ORIGIN) for name, body in written.items()
    }
    text = page(sections, NAMES)
    assert read_sections(text) == sections
    assert page(read_sections(text), NAMES) == text


def test_sections_stand_in_order_and_unknown_ones_are_left_out():
    sections = {name: f"## {name}: x\n" for name in (*reversed(NAMES), "gone")}
    text = page(sections, NAMES)
    heads = [line for line in text.splitlines() if line.startswith("## ")]
    assert heads == [f"## {name}: x" for name in NAMES]


def test_a_page_without_sections_is_read_as_none():
    assert read_sections("") == {}
    assert read_sections("# Benchmark results\n\ntext\n") == {}


def test_a_section_says_what_is_met_and_on_what():
    finding = Finding(
        "two numbers",
        "How.",
        [at_most("good", 2.0, 2.3, " x"), at_most("bad", 2.31, 2.3, " x"), Row("free", "7")],
    )
    text = section("warm", finding, ORIGIN)
    assert "| good | 2.00 x | at most 2.30 x | yes |" in text
    assert "| bad | 2.31 x | at most 2.30 x | **no** |" in text
    assert "| free | 7 |  |  |" in text
    assert [row.what for row in finding.missed] == ["bad"]
    assert str(ORIGIN["commit"])[:12] in text
    assert f"Python {ORIGIN['python']}" in text


def test_the_origin_tells_a_changed_checkout():
    assert "uncommitted" in origin({**ORIGIN, "dirty": True})
    assert "uncommitted" not in origin({**ORIGIN, "dirty": False})


def test_writing_one_section_keeps_the_others(tmp_path):
    output = tmp_path / "results.md"
    bench.write_section(output, "warm", "## warm: old\n\nfirst\n")
    bench.write_section(output, "collect", "## collect: c\n\nkept\n")
    bench.write_section(output, "warm", "## warm: new\n\nsecond\n")
    assert read_sections(output.read_text()) == {
        "warm": "## warm: new\n\nsecond\n",
        "collect": "## collect: c\n\nkept\n",
    }


@pytest.mark.parametrize("arguments", [["colect"], ["--repeats", "0"], ["--limit", "-1"]])
def test_a_wrong_argument_is_one_line_and_exit_4(arguments, tmp_path, capsys):
    output = tmp_path / "results.md"
    assert bench.main([*arguments, "--output", str(output)]) == 4
    assert capsys.readouterr().err.startswith("ERROR: ")
    assert not output.exists()


def test_retrieval_without_cuad_is_an_error_only_when_asked_for(tmp_path, monkeypatch, capsys):
    output = tmp_path / "results.md"
    found = Finding("fast", "How.", [at_most("what", 1.0, 2.0)])
    monkeypatch.setattr(
        bench, "BENCHMARKS",
        {"warm": lambda folder, options: found, "retrieval": bench.BENCHMARKS["retrieval"]},
    )  # fmt: skip
    absent = ["--cuad-dir", str(tmp_path), "--output", str(output)]
    assert bench.main(absent) == 0
    assert "retrieval is skipped" in capsys.readouterr().out
    assert list(read_sections(output.read_text())) == ["warm"]
    assert bench.main(["retrieval", *absent]) == 4


def test_a_missed_target_is_exit_1(tmp_path, monkeypatch):
    slow = Finding("slow", "How.", [at_most("what", 3.0, 2.0)])
    monkeypatch.setattr(bench, "BENCHMARKS", {"warm": lambda folder, options: slow})
    assert bench.main(["--output", str(tmp_path / "results.md")]) == 1


def test_a_recording_is_a_data_set_with_every_kind_of_case(tmp_path):
    path = tmp_path / "recorded.csv"
    recorded.write_recording(path, 400)
    cases = imported_dataset("recorded", path).cases
    answers = [row.answer for row in read_recordings(path)]
    assert len(cases) == len({case.id for case in cases}) == len({c.question for c in cases}) == 400
    assert len({case.contract.id for case in cases}) == 10
    assert 0.6 < sum(case.answerable for case in cases) / 400 < 0.9
    assert all(span.start is not None for case in cases for span in case.spans)
    assert 0 < answers.count("Not found.") < 200
    again = tmp_path / "again.csv"
    recorded.write_recording(again, 400)
    assert again.read_bytes() == path.read_bytes()


def test_recorded_compares_the_exam_with_bare_pytest_and_with_half_of_it(tmp_path, monkeypatch):
    walls, empty = {"10": 30.0, "20": 63.0}, {30: 3.0, 60: 6.0}

    def examined(place, *arguments):
        size = int(place.name)
        return Exam(Session(walls[place.name], 3 * size), 0, 0, 0, 1.0)

    monkeypatch.setattr(recorded, "examine", examined)
    monkeypatch.setattr(recorded, "run_empty", lambda place, n: Session(empty[n], n))
    targets = [row for row in recorded.measure(tmp_path, (10, 20)).rows if row.target]
    assert [row.measured for row in targets] == ["30.00 s", "63.00 s", "2.10 x"]
    assert [row.target for row in targets] == [
        "at most 27.50 s", "at most 35.00 s", "at most 2.30 x"
    ]  # fmt: skip
    assert [row.met for row in targets] == [False, False, True]


def test_a_recording_is_examined_in_a_folder_of_its_own(tmp_path):
    recording = tmp_path / "recorded.csv"
    recorded.write_recording(recording, 10)
    exam = examine(tmp_path, "--dataset", f"recorded:{recording}", "--retriever", "none")
    assert exam.session.items > 20
    assert exam.calls == 0
    assert 0 < exam.run_seconds < exam.session.seconds
    assert (tmp_path / "store.sqlite").is_file()


def test_a_tiny_run_on_bedrock_answers_every_call(tmp_path):
    finding = bedrock.measure(tmp_path, repeats=1, calls=100)
    rows = {row.what: row for row in finding.rows}
    assert rows["the limit"].measured == "0.08 s"
    assert 1 <= int(rows["calls at once, as the server counted"].measured) <= 64


def test_a_tiny_endpoint_run_makes_two_calls_a_case(tmp_path):
    finding = endpoint.measure(tmp_path, repeats=1, cases=50)
    rows = {row.what: row for row in finding.rows}
    assert rows["the limit"].measured == "0.08 s"
    assert rows["calls at once, as the server counted"].met


def test_collection_counts_the_same_tests(tmp_path):
    finding = collection.measure(tmp_path, repeats=1)
    ours, bare, more = finding.rows
    count = ours.what.partition(", ")[2].split()[0]
    assert int(count.replace(",", "")) > 100
    assert count in bare.what
    assert more.target == "at most 1.50 s"


def test_an_empty_session_runs_the_number_asked_for(tmp_path):
    assert run_empty(tmp_path, 7).items == 7


def test_a_session_that_breaks_is_an_error_with_its_last_line(tmp_path):
    with pytest.raises(UserError, match="no-such-option"):
        run_pytest(tmp_path, tmp_path, "--no-such-option")


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys, bench.__main__ as b\n"
        "try: b.main(['--help'])\n"
        "except SystemExit: print([m for m in ('torch', 'transformers', 'chromadb', 'openai')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
        env=dict(os.environ),
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"


def test_programs_are_timed_against_their_own_prompts(tmp_path):
    finding = programs.measure(tmp_path, repeats=1)
    assert [row.target != "" for row in finding.rows] == [True, False] * 3
    assert not any(row.measured.startswith(("-", "0.000")) for row in finding.rows)
