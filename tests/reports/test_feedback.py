"""Feedback from production: every row is kept once, or set aside with what is wrong with it."""

import contextlib
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import time

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from models.chat import Answer
from reports.archive import write_report
from reports.feedback.__main__ import main
from reports.feedback.kept import FILE, Kept
from reports.feedback.rows import COLUMNS, feedback_of
from reports.feedback.satisfaction import Scored, satisfaction
from reports.history.__main__ import main as history
from tests.builders.aws_server import Fault, environment, running
from tests.builders.report_data import written
from tests.conftest import ROOT

NOW = 1_800_000_000.0
GOOD = {
    "question": "Which law governs?",
    "contract": "ACME-EX-1",
    "passages": ["Governed by the law of Ohio."],
    "answer": "Ohio",
    "score": 4,
    "time": "2026-01-31T12:00:00Z",
}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(path, *rows):
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogatepass")
    return path


def kept_rows(place):
    with contextlib.closing(Kept(place / ".exam" / "feedback")) as kept:
        return list(kept.rows())


def asides(place):
    found = []
    for path in sorted((place / ".exam" / "feedback" / "aside").glob("*")):
        found += map(json.loads, path.read_text("utf-8").splitlines())
    return found


def test_rows_are_kept_once_whoever_imports_them_again(place, capsys):
    path = put(place / "may.jsonl", GOOD, GOOD | {"user": 7}, GOOD | {"user": 7, "id": "e-2"})
    assert main(["import", str(path)]) == 0
    assert "3 rows, 3 of them new" in capsys.readouterr().out
    assert main(["import", str(path), str(path)]) == 0
    assert capsys.readouterr().out.count("3 rows, 0 of them new") == 2
    put(path, GOOD, GOOD | {"answer": "Utah"})
    assert main(["import", str(path)]) == 0
    assert "2 rows, 1 of them new" in capsys.readouterr().out
    assert len(kept_rows(place)) == 4


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"question": None}, "`question` is missing"),
        ({"question": ["a"]}, "`question` is a list"),
        ({"contract": None, "passages": None}, "fill in `contract`"),
        ({"passages": [1]}, "`passages` is a list ([1]); write a list of texts"),
        ({"answer": None}, "`answer` is null"),
        ({"score": None}, "give `score`, `thumbs`"),
        ({"score": 0}, "no number from 1 to 5; where scores go from 0 to 1, type --scale 0-1"),
        ({"score": True}, "`score` is a flag"),
        ({"score": 10**400}, "`score` is a number"),
        ({"score": None, "thumbs": "sideways"}, '`thumbs` is text (sideways); write "up"'),
        ({"score": 1, "thumbs": "up"}, "contradict each other"),
        ({"time": None}, "`time` is missing"),
        ({"time": "yesterday"}, "which is no time"),
        ({"time": "2026-01-31T12:00:00"}, "of no time zone"),
        ({"time": 1769860800000}, "lies in the future"),
        ({"time": -5}, "is not after the year 2000"),
        ({"time": 10**400}, "lies in the future"),
        ({"answer": None, "anser": "Ohio"}, "unknown column 'anser'; did you mean 'answer'?"),
        ({"Question": "again"}, "the column 'question' stands twice"),
        ({"answer": "nul \0"}, "the character NUL"),
        ({"answer": "half \ud800"}, "a lone surrogate"),
    ],
)
def test_a_row_that_is_none_is_set_aside_and_its_neighbours_are_kept(place, capsys, change, says):
    path = put(place / "f.jsonl", GOOD, GOOD | change, GOOD | {"user": "u"})
    assert main(["import", str(path)]) == 1
    told = capsys.readouterr().out
    assert f"{path}, line 2: " in told and says in told
    assert len(kept_rows(place)) == 2
    (aside,) = asides(place)
    assert aside["line"] == 2 and says in aside["fault"]
    assert aside["row"].startswith("{") and aside["row"].endswith("}")
    put(path, GOOD, GOOD | {"id": 2}, GOOD | {"user": "u"})
    assert main(["import", str(path)]) == 0
    assert asides(place) == []
    assert len(kept_rows(place)) == 3


CELL = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9)
    | st.sampled_from(["up", "2026-01-31T12:00:00Z", "0001-01-01T00:00:00+23:59", 3, 0.5]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=3,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*COLUMNS, "x"]) | st.text(max_size=8), CELL), st.booleans())
@settings(max_examples=300)
def test_whatever_stands_in_a_row_it_is_feedback_or_refused_in_one_line(row, whole):
    try:
        found = feedback_of(GOOD | row if whole else row, "1-5", NOW)
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 400
        return
    assert found.question and (found.contract or found.passages)
    assert found.score is None or 0 <= found.score <= 1
    assert found.score is not None or found.corrected
    assert 9e8 < found.time <= NOW + 86_400


@given(st.integers(1, 5), st.sampled_from(["1-5", "0-1"]))
def test_scales_are_one_scale(given_score, scale):
    score = given_score if scale == "1-5" else (given_score - 1) / 4
    assert feedback_of(GOOD | {"score": score}, scale, NOW).score == (given_score - 1) / 4


def test_files_are_private_and_hold_no_secret_and_no_name(place):
    key = "sk-abcdefghijklmnop1234567890"
    row = GOOD | {"comment": f"with {key}", "user": "jane@example.org"}
    main(["import", str(put(place / "f.jsonl", row, f'{{"answer": "{key}"}}'))])
    folder = place / ".exam" / "feedback"
    data = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"with ***" in data
    assert key.encode() not in data and b"jane" not in data
    for path in [folder, *folder.rglob("*")]:
        assert not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO), path


@pytest.fixture
def examined(place, sample):
    """A report: `one` quotes, `two` says what `one` says of half of the cases."""
    cases = [case for case in sample.cases if case.spans][:6]
    say = {
        "one": lambda case: Answer(case.spans[0].text, 9, 2, 0.5),
        "two": lambda case: Answer(
            case.spans[0].text if case in cases[:3] else "Zebras.", 9, 2, 0.5
        ),
    }
    report = written(cases, say)
    write_report(report, place / "reports" / "runs" / report.header.id / "report.json")
    return cases


def test_rows_are_linked_to_cases_and_to_the_one_who_gave_the_answer(place, examined, capsys):
    def said(case, **more):
        row = {"question": case.question.upper(), "contract": f" {case.contract.id}"}
        return GOOD | row | {"passages": None, "answer": case.spans[0].text} | more

    alone, shared = examined[5], examined[0]
    rows = [
        said(alone), said(shared), said(alone, model="x"), said(alone, answer="Zebras."),
        said(alone, question="Another?"), said(alone, contract="Another"),
    ]  # fmt: skip
    assert main(["import", str(put(place / "f.jsonl", *rows))]) == 0
    assert "4 more are linked to a case" in capsys.readouterr().out
    found = sorted((each.line, each.case, each.feedback.model) for each in kept_rows(place))
    assert found == [
        (1, alone.identity, "one"), (2, shared.identity, ""), (3, alone.identity, "x"),
        (4, alone.identity, "two"), (5, "", ""), (6, "", ""),
    ]  # fmt: skip


def test_what_is_examined_later_links_what_was_imported_before(place, sample, request):
    case = next(case for case in sample.cases if case.spans)
    row = GOOD | {"question": case.question, "contract": case.contract.id}
    path = put(place / "f.jsonl", row)
    main(["import", str(path)])
    assert [each.case for each in kept_rows(place)] == [""]
    request.getfixturevalue("examined")
    main(["import", str(path)])
    assert [each.case for each in kept_rows(place)] == [case.identity]


def test_a_report_that_cannot_be_read_costs_no_row(place, examined, capsys):
    broken = place / "reports" / "runs" / "20270101-000000-0000" / "report.json"
    broken.parent.mkdir()
    broken.write_text("{")
    assert main(["import", str(put(place / "f.jsonl", GOOD))]) == 0
    assert f"not linked by: {broken.relative_to(place)} is not JSON" in capsys.readouterr().err
    assert len(kept_rows(place)) == 1


def test_satisfaction_is_clustered_by_whichever_tells_more_of_its_spread():
    rows = [
        Scored(1_767_225_600.0 + n, "m", float(n % 20 < 15), contract=f"c{n % 20}", user=f"u{n}")
        for n in range(400)
    ]
    (by_both,) = satisfaction(rows)
    (by_user,) = satisfaction([Scored(r.time, r.model, r.score, "", r.user) for r in rows])
    assert by_both.since == "2026-01-01"
    assert by_both.estimate.clusters == 20 and by_user.estimate.clusters == 400
    assert by_both.estimate.mean == by_user.estimate.mean == 0.75
    wide, narrow = (e.estimate.high - e.estimate.low for e in (by_both, by_user))
    assert wide > 2 * narrow


def test_satisfaction_stands_in_the_history(place, examined, capsys):
    rows = [
        GOOD | {"model": model, "user": n, "contract": f"c{n}", "score": score}
        | {"time": f"2026-0{month}-10T00:00:00Z"}
        for month in (1, 2) for n in range(8) for model, score in (("one", 5), ("two", 1 + n % 2))
    ]  # fmt: skip
    main(["import", str(put(place / "f.jsonl", *rows))])
    capsys.readouterr()
    assert history(["--model", "one", "--models", str(place)]) == 0
    told = capsys.readouterr().out
    assert re.search(r"2026-02-01 +one +1\.000 \[.*\] +8 +8", told)
    assert "two" not in told.partition("satisfaction")[2]
    assert history(["--json", "--models", str(place)]) == 0
    found = json.loads(capsys.readouterr().out)["satisfaction"]
    assert [(each["since"], each["model"]) for each in found] == [
        (since, model) for since in ("2026-01-01", "2026-02-01") for model in ("one", "two")
    ]
    assert main(["show", "--by", "week"]) == 0
    assert "2026-01-05" in capsys.readouterr().out


def test_nothing_was_imported(place, capsys):
    assert main(["show"]) == 4
    assert "no feedback in .exam/feedback; type `python -m reports.feedback import" in (
        capsys.readouterr().err
    )
    assert not (place / ".exam").exists()


def test_another_programs_file_is_left_alone(place, capsys):
    folder = place / ".exam" / "feedback"
    folder.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(folder / FILE)) as other:
        other.execute("create table theirs (x)")
    before = (folder / FILE).read_bytes()
    assert main(["import", str(put(place / "f.jsonl", GOOD))]) == 4
    assert "belongs to another program" in capsys.readouterr().err
    assert (folder / FILE).read_bytes() == before
    (folder / FILE).write_bytes(b"no database" * 100)
    assert main(["show"]) == 4
    assert "cannot be used: file is not a database" in capsys.readouterr().err


def test_a_file_of_the_release_before_goes_on(place, capsys):
    """It did not keep ids; what comes now has them."""
    assert main(["import", str(put(place / "f.jsonl", GOOD))]) == 0
    with contextlib.closing(sqlite3.connect(place / ".exam" / "feedback" / FILE)) as file:
        file.execute("alter table feedback drop column event")
        file.execute("pragma user_version=1")
        file.commit()
    assert main(["import", str(put(place / "g.jsonl", GOOD | {"id": "r-7", "score": 5}))]) == 0
    assert {each.feedback.id for each in kept_rows(place)} == {"", "r-7"}
    with contextlib.closing(Kept(place / ".exam" / "feedback")) as kept:
        assert kept.by_event() == {"r-7": 1.0}


def test_a_folder_is_imported_whole(place, capsys):
    (place / "said").mkdir()
    for name in ("1.jsonl", "2.jsonl", "notes.txt"):
        put(place / "said" / name, GOOD | {"id": name})
    assert main(["import", "said"]) == 0
    assert {each.feedback.id for each in kept_rows(place)} == {"1.jsonl", "2.jsonl"}


def test_a_killed_import_goes_on(place):
    rows = [GOOD | {"id": number} for number in range(12_000)]
    path = put(place / "big.jsonl", *rows, "no row")
    line = [sys.executable, "-m", "reports.feedback", "import", str(path)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(line, cwd=place, env=environ, stdout=subprocess.PIPE)
    file, deadline = place / ".exam" / "feedback" / FILE, time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(file)) as db:
            if db.execute("select count(*) from feedback").fetchone()[0]:
                break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    there = len(kept_rows(place))
    assert 0 < there < 12_000
    assert main(["import", str(path)]) == 1
    assert len({each.line for each in kept_rows(place)}) == 12_000
    assert len(asides(place)) == 1
    assert [each.name for each in (file.parent / "aside").iterdir() if each.name[0] == "."] == []


@pytest.fixture
def aws(tmp_path, monkeypatch):
    with running() as server:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in environment(server).items():
            monkeypatch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="bucket")
        yield server


def test_files_come_from_s3_and_no_copy_stays(place, aws, capsys):
    for key in ("said/1.jsonl", "said/2.jsonl", "said/notes.txt"):
        row = json.dumps(GOOD | {"id": key}).encode()
        boto3.client("s3").put_object(Bucket="bucket", Key=key, Body=row + b"\n7\n")
    assert main(["import", "s3://bucket/said/"]) == 1
    told = capsys.readouterr().out
    assert "s3://bucket/said/1.jsonl: 1 rows, 1 of them new" in told
    assert "s3://bucket/said/2.jsonl, line 2: a row is a JSON object" in told
    assert {each.source for each in kept_rows(place)} == {
        "s3://bucket/said/1.jsonl", "s3://bucket/said/2.jsonl",
    }  # fmt: skip
    assert list((place / ".exam" / "feedback" / "fetched").iterdir()) == []
    assert {each.method for each in aws.seen[-6:]} <= {"GET", "HEAD", "PUT"}


def test_what_s3_refuses_is_one_line(place, aws, capsys):
    assert main(["import", "s3://bucket/none.jsonl"]) == 4
    assert "s3://bucket/none.jsonl cannot be fetched: it is not there" in capsys.readouterr().err
    assert main(["import", "s3://bucket/none/"]) == 4
    assert "no .jsonl file is below it" in capsys.readouterr().err
    aws.fault = lambda request: Fault(403, "AccessDenied")
    assert main(["import", "s3://bucket/said/"]) == 4
    assert "s3://bucket/said/ cannot be listed: access denied" in capsys.readouterr().err


def test_export_leaves_out_what_nobody_may_train_on_and_says_so(place, examined, capsys):
    case = examined[0]
    rows = [
        GOOD | {"corrected_answer": "The State of Ohio"},
        GOOD | {"passages": None},
        GOOD | {"answer": " "},
        GOOD | {"question": case.question, "contract": case.contract.id},
    ]
    main(["import", str(put(place / "f.jsonl", *rows))])
    capsys.readouterr()
    assert main(["export", "pairs.jsonl"]) == 0
    told = capsys.readouterr().out
    assert "1 rows written" in told
    assert "1 left out: about a case of an exam" in told
    assert "1 left out: without passages" in told and "1 left out: of answers that say" in told
    (row,) = map(json.loads, (place / "pairs.jsonl").read_text().splitlines())
    assert row == {
        "question": GOOD["question"], "contract": "ACME-EX-1", "passages": GOOD["passages"],
        "answer": "Ohio", "score": 4.0, "corrected answer": "The State of Ohio",
    }  # fmt: skip
