"""What an exam leaves in a terminal: of any width, with and without colours, whatever is said."""

import fcntl
import io
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from evals.gate import Gate, MetricGate
from fixtures.datasets import load_dataset
from models.chat import Answer
from reports.terminal.columns import clipped
from reports.terminal.look import Look, look_of, shows_links
from reports.terminal.terminal import print_report
from reports.views.compared import comparisons
from reports.views.failures import failures, weakest
from tests.builders.report_data import written
from tests.seams import ROOT

ESCAPE = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\")
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
HOSTILE = (
    "a[/b][red] :warning: \x1b]0;x\x07\r\x9b31m\u202e\x1b[2J\nMISSED forged: line\n"
    "password=planted-0003 " + "x" * 10_000
)
GATE = Gate(
    minimum_cases=1,
    metrics={"token_f1": MetricGate(role="primary", floor=0.5, margin=0.1)},
)


def gold(case):
    return Answer(case.spans[0].text if case.spans else "Not found.")


@pytest.fixture(scope="module")
def cases():
    return load_dataset("sample").cases[:60]


@pytest.fixture(scope="module")
def hostile(cases):
    broken = {case.id for case in cases[::12]}

    def say(case):
        return Answer("", error=HOSTILE) if case.id in broken else Answer(HOSTILE)

    return written(cases, {"new": say, "old": gold}, GATE, "old")


def shown(report, verbose=False, **look):
    text = io.StringIO()
    print_report(report, Path("runs/report.html"), [], text, Look(**look), verbose=verbose)
    return text.getvalue()


def rows_of(text):
    """The lines of a table: head and rows, up to the first line about a check."""
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("metric "))
    end = next(
        n for n, line in enumerate(lines) if n > start and not re.match(r"\w+@?\d? [↑↓]", line)
    )
    return lines[start:end]


def of_cases(text):
    lines = text.splitlines()
    begins = [n for n, line in enumerate(lines) if line.startswith(("MISSED ", "FAILED "))]
    return [line for n in begins for line in lines[n : n + 2]]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_tables_and_cases_fit_and_no_answer_moves_the_terminal(hostile, width):
    for colour in (False, True):
        text = shown(hostile, width=width, colour=colour)
        assert bool(ESCAPE.search(text)) == colour
        plain = ESCAPE.sub("", text)
        assert not OBEYED.search(plain)
        assert "planted-0003" not in plain
        assert not any(line.startswith("MISSED forged") for line in plain.splitlines())
        lines = [*rows_of(plain), *of_cases(plain)]
        assert len(lines) > 20
        assert max(map(cell_len, lines)) <= width
    assert ":warning:" in shown(hostile, width=200), "no emoji is made of an answer"


def test_ten_cases_are_shown_failed_ones_first_and_with_v_all(hostile):
    found = failures(hostile)
    kinds = [each.kind for each in found]
    assert kinds == sorted(kinds) and {*kinds} == {"FAILED", "MISSED"}
    assert {each.model for each in found} == {"new"}, (
        "the champion's misses are not the candidate's"
    )
    assert len(of_cases(shown(hostile))) == 20
    assert f"{len(found) - 10} more with -v" in shown(hostile)
    whole = shown(hostile, verbose=True)
    assert len(of_cases(whole)) == 2 * len(found) and "more with -v, or" not in whole


def test_a_missed_case_says_what_was_said_and_what_was_expected(cases):
    answerable = [case for case in cases if case.answerable]
    text = shown(written(answerable[:1], {"new": lambda case: Answer("Blue.")}, GATE), width=200)
    (line,) = [line for line in text.splitlines() if "said: " in line]
    gold = " ".join(answerable[0].spans[0].text.split())
    assert line.startswith("       token_f1 0.00; said: Blue.; expected: ")
    assert (
        line.rstrip("…").split("expected: ")[1]
        == gold[: len(line.rstrip("…").split("expected: ")[1])]
    )


def test_candidate_and_champion_stand_side_by_side_with_their_difference(hostile):
    (found,) = comparisons(hostile)
    assert (found.model, found.opponent.words) == ("new", "champion old")
    row = next(each for each in found.metrics if each.metric == "token_f1")
    (check,) = [c for c in hostile.verdicts[0].checks if c.against == "champion old"]
    assert (row.difference, row.margin, row.outcome) == (check.estimate, 0.1, check.outcome)
    assert row.difference.mean < -0.5
    heads = []
    for width in range(200, 30, -2):
        lines = rows_of(shown(hostile, width=width))
        assert max(map(cell_len, lines)) <= width
        heads.append(" ".join(lines[0].split()))
        line = next(line for line in lines if line.startswith("token_f1"))
        assert f"{row.candidate.mean:.3f}" in line and f"{row.opponent.mean:.3f}" in line
        assert ("difference" in heads[-1]) == (f"{row.difference.mean:+.3f}" in line)
    assert list(dict.fromkeys(heads)) == [
        "metric new n old n difference margin outcome",
        "metric new old difference margin outcome",
        "metric new old difference outcome",
        "metric new old difference",
        "metric new old",
    ]


def test_names_are_cut_in_the_middle_and_columns_stay_aligned(cases):
    names = [f"qwen-契約-{'é' * 40}-{end}" for end in ("first", "second")]
    report = written(cases, {name: lambda case: Answer("No.") for name in names}, GATE)
    for width in (40, 60, 80):
        lines = rows_of(shown(report, width=width))
        assert max(map(cell_len, lines)) <= width
        assert "first" in "".join(lines) or width < 60
        assert len({cell_len(line) for line in lines[1:5]}) == 1


def test_a_long_name_leaves_room_for_what_is_said_of_it(cases):
    name = f"inspect:/runs/{'nightly/' * 12}lease.eval"
    report = written(cases, {name: lambda case: Answer("No.")}, GATE)
    lines = shown(report, width=90).splitlines()
    for check in report.verdicts[0].checks:
        (line,) = [each for each in lines if each.endswith(f"lease.eval: {check.reason}")]
        assert cell_len(line.removesuffix(f": {check.reason}")) <= 13 + 30


def test_more_models_than_fit_are_some_tables(cases):
    report = written(cases[:8], {f"model-{n}": lambda case: Answer("No.") for n in range(9)}, GATE)
    text = shown(report, width=40)
    assert sum(line.startswith("metric ") for line in text.splitlines()) == 9
    assert all(f"model-{n}" in text for n in range(9))


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    st.integers(0, 40),
    st.sampled_from([0, 0.5]),
)
def test_cut_text_is_never_wider_and_keeps_its_ends(text, width, tail):
    cut = clipped(text, width, tail)
    assert cell_len(cut) <= width
    if cell_len(text) <= width:
        assert cut == text
    elif width:
        before, _, after = cut.rpartition("…") if tail == 0 else cut.partition("…")
        assert text.startswith(before) and (tail or not after)


def test_the_weakest_categories_come_with_a_line_that_selects_their_cases(hostile):
    for each in weakest(hostile, 3):
        words = shlex.split(each.command)
        option, name = words[-2:]
        picked = {
            case.category
            for case in hostile.cases
            if (option == "-k" and name in case.slug.lower())
            or (option == "--category" and name == case.category)
        }
        assert picked == {each.category}
    odd = replace(
        hostile, cases=tuple(replace(case, slug=f"row-{n}") for n, case in enumerate(hostile.cases))
    )
    assert all("--category" in each.command for each in weakest(odd, 3))


def test_sealed_cases_are_not_shown(hostile):
    dataset = replace(hostile.header.dataset, sealed=True)
    assert failures(replace(hostile, header=replace(hostile.header, dataset=dataset))) == []


@pytest.mark.parametrize(
    ("environ", "links"),
    [
        ({}, False),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, True),
        ({"TERM": "screen-256color", "TERM_PROGRAM": "iTerm.app"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "4999"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "²"}, False),
        ({"TERM": "dumb", "FORCE_HYPERLINK": "1"}, True),
        ({"TERM": "xterm-kitty", "FORCE_HYPERLINK": "0"}, False),
    ],
)
def test_links_are_for_terminals_that_are_known_to_show_them(environ, links):
    assert shows_links(environ) is links


def test_the_path_is_there_with_a_link_and_without(hostile):
    assert "report: runs/report.html\n" in shown(hostile)
    linked = shown(hostile, colour=True, links=True)
    url = re.search(r"\x1b\]8;[^;]*;(file://[^\x1b]*)\x1b\\", linked)[1]
    assert url.endswith("/runs/report.html") and "report: runs/report.html\n" in ESCAPE.sub(
        "", linked
    )


def test_a_pipe_takes_no_link(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert not look_of({"TERM": "xterm-kitty"}, colour=True).links


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_of_another_encoding_gets_all_lines(hostile, encoding):
    text = shown(hostile, encoding=encoding)
    assert text.encode(encoding)
    assert max(map(cell_len, rows_of(text.replace("^", "↑").replace(" v", " ↓")))) <= 110
    assert "token_f1 ^" in text and "\\u2191" not in text
    assert len(text.splitlines()) == len(shown(hostile).splitlines())


# The exam itself, in a terminal


def in_terminal(folder, width, *words, **environ):
    """What a terminal of some width is sent by `pytest evals`."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    line = [
        sys.executable, "-m", "pytest", str(ROOT / "evals"), "-q", "--model", "echo", "--limit",
        "12", "--retriever", "bm25", "--judge", "none", "--store", f"{folder}/store.sqlite",
        "--runs", f"{folder}/runs", "--ledger", f"{folder}/ledger", "-p",
        "no:cacheprovider", *words,
    ]  # fmt: skip
    clean = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    with subprocess.Popen(
        line, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs,
        env={**clean, "TERM": "xterm-256color", **environ},
    ) as process:  # fmt: skip
        os.close(theirs)
        sent = b"".join(iter(lambda: _read(ours), b""))
        process.wait(60)
    os.close(ours)
    return sent.decode().replace("\r\n", "\n")


def _read(terminal):
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says so at the end
        return b""


@pytest.mark.parametrize(
    ("width", "words", "environ", "colour", "link"),
    [
        (40, (), {}, True, False),
        (200, (), {"TERM": "xterm-kitty"}, True, True),
        (80, (), {"TERM": "dumb"}, False, False),
        (80, (), {"NO_COLOR": "1", "TERM": "xterm-kitty"}, False, False),
        (80, ("--color=no",), {"TERM": "xterm-kitty"}, False, False),
    ],
)  # fmt: skip
def test_an_exam_in_a_terminal(tmp_path, width, words, environ, colour, link):
    whole = in_terminal(tmp_path, width, *words, **environ)
    assert bool(re.search(r"\x1b\[[0-9;]*m", whole)) == colour
    text = whole.split(" exam =")[1].split("short test summary")[0]
    assert ("\x1b]8;" in text) == link
    plain = ESCAPE.sub("", text)
    assert not OBEYED.search(plain)
    assert max(map(cell_len, [*rows_of(plain), *of_cases(plain)])) <= width
    assert re.search(r"^report: \S+/report\.html$", plain, re.MULTILINE)
