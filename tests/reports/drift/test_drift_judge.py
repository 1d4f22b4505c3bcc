"""`python -m reports.drift --judge`: a judge that needs no gold answers, on a sample of service."""

import functools
import json
import math
import re
import sqlite3
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from reports.archive import read_report, write_report
from reports.drift.detector import Block, look
from reports.drift.judged import sampled
from reports.drift.signals import SIGNALS, Features
from reports.drift.units import Unit
from tests.builders.fake_server import fake_server
from tests.builders.judging import asked, entry
from tests.builders.service import LEASE, days, log

SERVED = ".exam/served"


@pytest.fixture
def look_at(place, look):
    """The same, where judges come of the registry beside it."""
    return functools.partial(look, "--registry", str(place / "models" / "registry"))


def claims(messages):
    """Supported, but where the answer speaks of a lie."""
    fields = asked(messages)
    if "answer" not in fields:  # whether anybody is there
        return "Yes."
    listed = [{"claim": "c", "passage": 1, "supported": "lie" not in fields["answer"]}]
    return f"[[ ## claims ## ]]\n{json.dumps(listed)}\n\n[[ ## completed ## ]]"


@pytest.fixture
def umpire(place):
    """A chat model of the registry, behind a server."""
    with fake_server(reply=claims) as server:
        path = place / "models" / "registry" / "umpire.toml"
        path.parent.mkdir(parents=True)
        path.write_text(entry(server.url, "gpt-x"))
        yield server


def lies(rows):
    """Half of the answers are false, in words alone that no rule looks at."""
    said = ("a true thing", "a lie by word")
    return [{**row, "answer": said[n // 2 % 2]} for n, row in enumerate(rows)]


def test_a_judge_finds_what_rules_do_not_see_and_is_paid_once(place, look_at, umpire):
    log(place / SERVED / "all.jsonl", *days(2), *lies(days(5, first=2)))
    words = ("--judge", "umpire", "--judge-sample", "8")
    code, out, err = look_at(*words)
    assert (code, err) == (1, "")
    made = int(re.search(r"of service, (\d+) calls made now", out)[1])
    assert "judge umpire (groundedness): 40 answers of the exam and 56 of service" in out
    assert "umpire did not judge groundedness in the exam 20260101-000000-abcd" in out
    assert 0 < made <= 96
    assert re.search(r"^judge +\d.* mean 0\.\d\d \[0\.\d\d, 0\.\d\d\], exam 1\.00 \[", out, re.M)
    before = umpire.calls
    code, told, _ = look_at(*words, "--json")
    told = json.loads(told)
    assert umpire.calls == before
    assert told["judge"] == {
        "name": "umpire", "metric": "groundedness", "exam_answers": 40, "service_answers": 56,
        "calls": 0, "lost": {}, "in_exam": False,
    }  # fmt: skip
    (signal,) = [each for each in told["signals"] if each["name"] == "judge"]
    assert signal["exam"]["n"] == 40
    assert signal["service"]["n"] <= 56
    with sqlite3.connect(".exam/store.sqlite") as store:
        marked = "select count(*), count(contract) from scores"
        rows, about = store.execute(marked).fetchone()
    assert 40 < rows == about <= 96


def test_the_other_signals_are_what_they_are_without_a_judge(place, look_at, umpire):
    log(place / SERVED / "all.jsonl", *days(3))
    without = json.loads(look_at("--json")[1])
    beside = json.loads(look_at("--json", "--judge", "umpire")[1])
    assert {each["name"] for each in beside["signals"]} - {"judge"} == {
        each["name"] for each in without["signals"]
    }
    p_values = [
        {each["name"]: each["p_values"] for each in told["signals"] if each["name"] != "judge"}
        for told in (without, beside)
    ]
    assert p_values[0] == p_values[1]
    assert beside["threshold"] > without["threshold"]
    assert without["judge"] is None


def test_a_judge_of_the_exam_is_not_said_to_be_new(place, look_at, umpire):
    path = place / "reports" / "runs" / "20260101-000000-abcd" / "report.json"
    report = read_report(path)
    mark = replace(report.header.fingerprint, judges=(("groundedness", "umpire", "x" * 64),))
    write_report(replace(report, header=replace(report.header, fingerprint=mark)), path)
    log(place / SERVED / "all.jsonl", *days(2))
    code, out, _ = look_at("--judge", "umpire")
    assert code == 0
    assert "did not judge" not in out


def test_the_embedded_judge_asks_nobody(place, look_at):
    wrong = [{**row, "answer": LEASE} for row in days(3, first=2)]
    log(place / SERVED / "all.jsonl", *days(2), *wrong)
    code, told, _ = look_at("--judge", "embedded", "--judge-sample", "6", "--json")
    told = json.loads(told)
    assert code == 1
    assert (told["judge"]["metric"], told["judge"]["calls"]) == ("claim_support", 0)
    (signal,) = [each for each in told["signals"] if each["name"] == "judge"]
    assert signal["service"]["mean"] < signal["exam"]["mean"]


def test_calls_that_are_not_made_have_no_score_and_are_counted(place, look_at, umpire):
    log(place / SERVED / "all.jsonl", *days(2))
    code, out, _ = look_at("--judge", "umpire", "--max-calls", "10")
    assert code == 0
    assert re.search(r"no score of \d+: .*not asked: --max-calls 10 reached", out)
    assert umpire.calls <= 11


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--judge", "reference"], "compares with gold answers, and service has none"),
        (["--judge", "reference:x.json"], "compares with gold answers, and service has none"),
        (["--judge", "nobody"], "nobody"),
        (["--judge", "umpire", "--judge-sample", "0"], "give a number of answers, 1 or more"),
        (["--judge", "umpire", "--max-calls", "0"], "give 1 or more, or leave it out"),
        (["--judge", "embedded", "--store", "mysql://x/y"], "mysql"),
    ],
)
def test_a_mistake_is_one_line(place, look_at, umpire, words, says):
    log(place / SERVED / "all.jsonl", *days(1))
    code, out, err = look_at(*words)
    assert (code, out) == (4, "")
    assert err.startswith("ERROR: ")
    assert says in err
    assert err.count("\n") == 1
    assert umpire.calls == 0


def test_texts_go_where_the_policy_lets_them(place, look_at):
    path = place / "models" / "registry" / "away.toml"
    path.parent.mkdir(parents=True)
    path.write_text(entry("https://api.example.com/v1", "gpt-x"))
    log(place / SERVED / "all.jsonl", *days(1))
    code, _, err = look_at("--judge", "away")
    assert code == 4
    assert 'models/policy.toml: ".exam/served" = ["api.example.com"]' in err


def test_a_server_that_is_down_is_said_and_what_was_judged_is_kept(place, look_at, umpire):
    log(place / SERVED / "all.jsonl", *days(1))
    umpire.faults = lambda number: None
    path = place / "models" / "registry" / "umpire.toml"
    path.write_text(entry("http://127.0.0.1:9/v1", "gpt-x"))
    code, out, err = look_at("--judge", "umpire")
    assert (code, out) == (4, "")
    assert err.count("\n") == 1


def test_a_sample_is_drawn_by_name_and_as_large_as_it_may_be():
    units = [
        Unit(f"c{n}", f"2026-01-0{1 + n // 10}", f"r{n}", "", "", (), "", "") for n in range(25)
    ]
    drawn = sampled(units, 7, "exam")
    counts = [len([n for n in drawn if n // 10 == day]) for day in range(3)]
    assert counts == [7, 7, 5]
    assert drawn == sampled([replace(each, answer="other") for each in units], 7, "exam")
    assert drawn != sampled(units, 7, "another exam")
    assert sampled(units, 3, "exam") < drawn


def test_p_values_of_a_sample_are_uniform_where_nothing_changed():
    """Of the exam every contract has a score, of 40 contracts in service 5."""
    generator = np.random.default_rng(3)
    (judge,) = [each for each in SIGNALS if each.name == "judge"]
    p_values = []
    for seed in range(300):
        scores = generator.random(100)
        scores[60:95] = math.nan
        features = Features({}, {"judge": scores}, {})
        p_values.append(look(features, Block("1", "1", 60, 100), [judge], (seed,))["judge"])
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
    nothing = Features({}, {"judge": np.r_[generator.random(60), np.full(40, math.nan)]}, {})
    assert look(nothing, Block("1", "1", 60, 100), [judge], (0,)) == {"judge": 1.0}
