"""`python -m reports.drift`: service beside its exam, from a log that may hold anything."""

import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evals.store.__main__ import main as purge
from models.factory import open_models
from models.identity.identities import promotion_identity
from models.promotion.champion import read_champion
from models.registry import SHIPPED
from reports.drift.__main__ import main
from reports.drift.signals import MEANS, SIGNALS, of_one
from reports.drift.vectors import FILE
from reports.feedback.__main__ import main as feedback
from tests.builders.service import MODEL, Shift, days, exam, log, requests
from tests.conftest import ROOT

SERVED = ".exam/served"


def found(look, *words):
    code, out, _ = look("--json", *words)
    return code, json.loads(out)


def test_none_planted_none_found(place, look):
    log(place / SERVED / "all.jsonl", *days(8))
    code, out, err = look()
    assert (code, err) == (0, "")
    assert "192 requests, 192 of them compared, on 8 days" in out
    assert "8 looks at 96 new contracts, 2026-01-01 to 2026-01-08; 40 contracts of the exam" in out
    assert out.endswith("no drift found\n")


@pytest.mark.parametrize(
    ("shift", "names"),
    [
        (Shift(leases=8), {"passage_auc", "passage_mmd", "passage_length", "answerability"}),
        (Shift(refusals=10), {"abstention", "answer_length", "grounding"}),
        (Shift(category="notice"), {"categories"}),
    ],
)
def test_what_is_planted_is_found_named_and_dated(place, look, shift, names):
    log(place / SERVED / "all.jsonl", *days(3), *days(7, shift, first=3))
    code, told = found(look)
    assert code == 1
    assert told["outcome"] == "drift"
    alarms = {each["name"]: each for each in told["signals"] if each["since"]}
    assert alarms
    assert {of_one(each) for each in alarms} <= names
    assert all("2026-01-02" <= each["since"] <= "2026-01-05" for each in alarms.values())
    assert "2026-01-04" <= told["found"] <= "2026-01-10"
    assert told["next"] == "python -m training.loop run loop.toml"
    code, out, _ = look()
    assert code == 1
    assert re.search(r"^DRIFT since 2026-01-0\d: ", out, re.MULTILINE)
    assert re.search(r"^  for example SERVED \d+, request r-\d+-\d, 2026-01-", out, re.MULTILINE)
    assert "premises" not in out


def test_json_says_how_large_with_intervals(place, look):
    log(place / SERVED / "all.jsonl", *days(2), *days(6, Shift(refusals=10), first=2))
    _, told = found(look)
    said = {each["name"]: each for each in told["signals"]}
    few = {each.name for each in SIGNALS if MEANS[4] not in each.name}  # nobody was asked four
    assert {*said} == few - {"judge"}
    of = said["abstention"]
    assert of["exam"]["low"] <= of["exam"]["mean"] == 0.25 <= of["exam"]["high"]
    assert of["service"]["mean"] > 0.6
    assert of["service"]["low"] > of["exam"]["mean"]
    assert said["question_auc"]["auc"]["low"] < said["question_auc"]["auc"]["high"]
    assert of["examples"][0]["contract"].startswith("SERVED ")


def test_every_day_looked_at_anew_says_the_same_of_the_days_before(place, look):
    shift = Shift(leases=8)
    log(place / SERVED / "1.jsonl", *days(2), *days(2, shift, first=2))
    _, before = found(look)
    log(place / SERVED / "2.jsonl", *days(3, shift, first=4))
    _, after = found(look)
    for one, other in zip(
        sorted(before["signals"], key=lambda each: each["name"]),
        sorted(after["signals"], key=lambda each: each["name"]),
        strict=True,
    ):
        assert other["p_values"][: len(one["p_values"])] == one["p_values"]


def test_the_order_of_rows_and_files_does_not_matter(place, look):
    rows = [*days(2), *days(3, Shift(leases=8), first=2)]
    log(place / SERVED / "all.jsonl", *rows)
    _, one = found(look)
    (place / SERVED / "all.jsonl").unlink()
    log(place / "a" / "z.jsonl", *rows[50:])
    table = pa.Table.from_pylist(rows[:50])
    pq.write_table(table, place / "a" / "b.parquet")
    _, other = found(look, "--served", "a", "a/z.jsonl")
    assert one["signals"] == other["signals"]


def test_one_contract_asked_a_thousand_times_is_one(place, look):
    often = [
        {**requests(0)[0], "id": f"x-{n}", "contract": "EVERYWHERE", "answer": "Not found."}
        for n in range(1000)
    ]
    log(place / SERVED / "all.jsonl", *days(4), *often)
    code, told = found(look)
    assert code == 0
    assert sum(each["contracts"] for each in told["looks"]) == 4 * 12 + 1
    assert told["days"]["2026-01-01"] == 1024


def test_few_requests_a_day_are_looked_at_together_and_too_few_say_nothing(place, look):
    few = [row for day in range(4) for row in requests(day, contracts=5)]
    log(place / SERVED / "all.jsonl", *few)
    code, told = found(look)
    assert code == 0
    assert [(each["first"], each["last"]) for each in told["looks"]] == [
        ("2026-01-01", "2026-01-02"),
        ("2026-01-03", "2026-01-04"),
    ]
    log(place / SERVED / "all.jsonl", *requests(0, contracts=5))
    code, out, _ = look()
    assert code == 3
    assert "too little to say: service has 5 new contracts, fewer than 10" in out
    _, told = found(look)
    assert (told["outcome"], told["waiting_contracts"]) == ("too little", 5)
    exam(place / "reports" / "runs", contracts=20)
    log(place / SERVED / "all.jsonl", *days(2))
    code, out, _ = look()
    assert code == 3
    assert "too little to say: the exam has 20 contracts, fewer than 30" in out


def test_rows_that_do_not_count_are_counted(place, look):
    rows = days(2)
    other = [{**row, "id": f"o{n}", "model": "other"} for n, row in enumerate(rows[:3])]
    shadow = [{**row, "id": f"s{n}", "shadow": True} for n, row in enumerate(rows[:2])]
    nameless = [{**row, "id": f"n{n}", "contract": " "} for n, row in enumerate(rows[:4])]
    clash = {**rows[0], "answer": "another"}
    known = {**rows[0], "id": "k", "contract": "exam  7"}
    today = {**rows[0], "id": "t", "time": time.time()}
    log(place / SERVED / "all.jsonl", *rows, *rows[:5], *other, *shadow, *nameless, clash, known,
        today, "{broken", "\udcff")  # fmt: skip
    code, out, err = look()
    assert code == 0
    for line in (
        "left out: 5 that stand twice",
        "left out: 1 with the id of another row",
        "left out: 3 of other models",
        "left out: 2 that nobody saw (shadow)",
        "left out: 4 that name no contract",
        "left out: 1 of today, which is not over",
        "25 are about contracts that were there before, and tell nothing new",
    ):
        assert line in out
    assert "2 rows set aside" in err


def test_rows_of_the_model_before_it_was_changed_do_not_count(place, look):
    exam(place / "reports" / "runs", identity="5e0c")
    before = days(2, identity="aaaa")
    log(place / SERVED / "all.jsonl", *before, *days(2, first=2, identity="5e0c"))
    code, out, _ = look()
    assert code == 0
    assert "left out: 48 of the model before it was changed (another identity)" in out
    assert "2026-01-03 to 2026-01-04" in out


def test_a_champion_of_an_early_record_is_the_model_that_its_exam_knows_otherwise(
    place, vectors, capsys
):
    """The service writes the record's identity, which an earlier release computed; exams ours."""
    champion = read_champion(SHIPPED.parent)
    shipped = promotion_identity(open_models([champion.model], SHIPPED)[0])
    assert shipped != champion.identity, "the shipped record is of the first version"
    exam(place / "reports" / "runs", model=champion.model, identity=shipped)
    served = days(2, model=champion.model, identity=champion.identity)
    log(
        place / SERVED / "all.jsonl",
        *served,
        *days(1, first=2, model=champion.model, identity="5e0c"),
    )
    main(["--kept", str(vectors)])
    out = capsys.readouterr().out
    assert "72 requests, 48 of them compared, on 2 days" in out
    assert "left out: 24 of the model before it was changed (another identity)" in out


def test_a_clock_that_goes_back_and_days_without_requests_are_said(place, look):
    rows = [*days(1, first=3), *days(1), *days(1, first=6)]
    log(place / SERVED / "all.jsonl", *rows)
    code, out, _ = look()
    assert code == 0
    assert "the clock of the log went back 1 times, by 72.4 h at most" in out
    assert "4 days in between have no request" in out


def test_since_and_until(place, look):
    log(place / SERVED / "all.jsonl", *days(5))
    code, told = found(look, "--since", "2026-01-02", "--until", "2026-01-03")
    assert code == 0
    assert [*told["days"]] == ["2026-01-02", "2026-01-03"]
    assert told["left_out"] == {"of other days": 72}


def test_a_log_that_was_edited_backward_is_noticed(place, vectors, capsys):
    kept = place / "kept"
    words = ["--model", MODEL, "--kept", str(kept)]
    rows = days(3)
    log(place / SERVED / "all.jsonl", *rows)
    assert main(words) == 0
    assert "not as it was counted" not in capsys.readouterr().out
    log(place / SERVED / "all.jsonl", *rows[4:], {**rows[-1], "id": "late"})
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "2026-01-01 is not as it was counted: 24 rows then, 20 now" in out
    assert "2026-01-03 is not as it was counted: 24 rows then, 25 now" in out
    assert main(words) == 0
    assert "2026-01-01 is not" not in capsys.readouterr().out
    (place / SERVED / "all.jsonl").write_text("")
    assert main(words) == 3
    out = capsys.readouterr().out
    assert (
        "3 days from 2026-01-01 to 2026-01-03, with 69 rows as they were counted, are gone" in out
    )
    for path in (kept / FILE, kept / "days.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (kept / "days.json").write_text('{"a": 3}')
    assert main(words) == 4
    assert "remove it, and days are counted anew" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--model", "nobody"], "no run nobody"),
        (
            ["--model", "champion", "--registry", "a/registry"],
            "a has none; type `python -m models.pr",
        ),
        (["--exam", "20260101-000000-abcd", "--model", "other"], "did not examine other; it has"),
        (["--since", "yesterday"], "'yesterday' is no day; write it as 2026-01-31"),
        (["--since", "2026-02-01", "--until", "2026-01-01"], "exchange them"),
        (["--served", "nowhere.jsonl"], "nowhere.jsonl is not there; name a file"),
        (["--nosuch"], "unrecognized arguments: --nosuch"),
    ],
)
def test_a_mistake_is_one_line(place, look, words, says):
    code, out, err = look(*words)
    assert (code, out) == (4, "")
    assert err.startswith("ERROR: ")
    assert says in err
    assert err.count("\n") == 1


def test_a_purge_takes_the_embeddings_whole(place, capsys):
    log(place / SERVED / "all.jsonl", *days(1))
    assert main(["--model", MODEL]) == 0
    vectors = place / ".exam" / "drift" / FILE
    assert vectors.is_file()
    assert purge(["purge", "--contract", "SERVED 1003"]) == 0
    assert ".exam/drift/vectors.sqlite, which goes whole" in capsys.readouterr().out
    assert vectors.is_file()
    assert purge(["purge", "--contract", "SERVED 1003", "--yes"]) == 0
    assert not vectors.exists()
    assert main(["--model", MODEL]) == 0
    assert "2026-01-01 is not as it was counted: 24 rows then, 22 now" in capsys.readouterr().out


def test_what_people_said_is_shown_by_week_and_decides_nothing(place, look, capsys):
    rows = days(8)
    log(place / SERVED / "all.jsonl", *rows)
    log(
        place / "said.jsonl", *[{**row, "score": 1 + 4 * (n % 4 > 0)} for n, row in enumerate(rows)]
    )
    assert feedback(["import", "said.jsonl"]) == 0
    capsys.readouterr()
    code, out, _ = look()
    assert code == 0
    assert re.search(r"^feedback, week of 2025-12-29: 0\.75 \[0\.\d\d, 0\.\d\d\] of 96", out, re.M)
    _, told = found(look)
    assert [each["week"] for each in told["feedback"]] == ["2025-12-29", "2026-01-05"]
    assert told["feedback"][0]["low"] < 0.75 < told["feedback"][0]["high"]


def test_titles_do_nothing_to_a_terminal(place, look):
    rows = [{**row, "contract": f"\x1b[31m{row['contract']}\n{'x' * 200}"}
            for row in days(6, Shift(leases=8))]  # fmt: skip
    log(place / SERVED / "all.jsonl", *rows)
    code, out, _ = look()
    assert code == 1
    assert "\x1b" not in out
    assert all(len(line) < 150 for line in out.splitlines())


def test_embeddings_that_were_edited_are_one_line(place, capsys):
    log(place / SERVED / "all.jsonl", *days(1))
    assert main(["--model", MODEL]) == 0
    for value in ("x'00'", "'text'"):
        with closing(sqlite3.connect(place / ".exam" / "drift" / FILE)) as file, file:
            file.execute(f"update vectors set vector = {value} where rowid % 2")
        capsys.readouterr()
        assert main(["--model", MODEL]) == 4
        err = capsys.readouterr().err
        assert "is not what was written; remove it" in err and err.count("\n") == 1


def test_no_log_is_said(place, look):
    code, _, err = look()
    assert code == 4
    assert "nothing was served here; give --served PATH" in err


def test_as_typed_without_an_environment(place, vectors):
    log(place / SERVED / "all.jsonl", *days(1))
    done = subprocess.run(
        [sys.executable, "-m", "reports.drift", "--model", MODEL, "--kept", str(vectors)],
        cwd=place, capture_output=True, text=True, timeout=120, check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(place), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("no drift found\n")
