"""Champion and candidate by what was logged: pairs, two samples, and splits that changed."""

import random
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.files import write_jsonl
from fixtures.served import Served, row_of
from reports.compare.__main__ import main
from reports.compare.served.judged import ALPHA, judge
from reports.compare.served.measures import measures
from reports.compare.served.trials import trials_of
from reports.feedback.__main__ import main as feedback
from reports.statistics.paired import compare_means, two_sided
from reports.statistics.unpaired import Arm, difference_at, p_value_of, two_way_mean

LAW = "This Agreement is governed by the law of Ohio since March 1, 2024."
TRUE = "Ohio, since March 1, 2024"
BEGAN = 1_769_860_800.0
MODELS = {"champion": ("a", "a" * 64), "candidate": ("b", "b" * 64)}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def row(number, arm, answer=TRUE, **more):
    model, identity = MODELS[arm]
    one = Served(
        f"r{number}", BEGAN + number, "Which law governs?", f"Contract {number % 12}", (LAW,),
        answer, model, identity, user=f"u{number % 40}", arm=arm, split="s1", latency=0.5,
    )  # fmt: skip
    return replace(one, **more)


def paired(count, candidate, split="s1"):
    """Both arms' rows of so many requests; `candidate` makes its answer of a number."""
    for number in range(count):
        one = row(number, "champion", pair=f"p{number}", split=split)
        yield one
        yield replace(
            row(number, "candidate", candidate(number), pair=f"p{number}", split=split),
            id=f"r{number}-shadow", shadow=True, latency=9.0,
        )  # fmt: skip


def put(place, rows, name="2026-01-31.jsonl"):
    folder = place / "served"
    folder.mkdir(exist_ok=True)
    write_jsonl(folder / name, map(row_of, rows))
    return str(folder)


def told(capsys, *line):
    assert main([*line]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def refused(capsys, *line):
    assert main([*line]) == 4
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_shadows_are_compared_by_the_statistics_of_an_exam(place, capsys):
    """Grounding falls where the candidate names another date."""
    rows = [*paired(120, lambda number: "since May 2, 1999" if number % 4 == 0 else TRUE)]
    out = told(capsys, "--served", put(place, rows))
    assert "shadow s1, 2026-01-31" in out and "a (aaaaaaaaaaaa) 120 requests" in out
    line = next(each for each in out.splitlines() if each.startswith("grounded_quote"))
    assert "1.000" in line and "0.750" in line and "120 / 120" in line
    assert "latency ↓" not in out and "feedback and latency are of answers" in out
    known = measures({})
    (trial,) = trials_of(rows, known.values()).every
    found = judge([trial], known["grounded_quote"])
    candidate = [float(number % 4 > 0) for number in range(120)]
    contracts, people = ([f"{n % k}" for n in range(120)] for k in (12, 40))
    ways = [compare_means(candidate, [1.0] * 120, names) for names in (contracts, people)]
    wider = max(ways, key=lambda each: each.difference.high - each.difference.low)
    assert found.difference == wider.difference
    worse = compare_means([1.0] * 120, candidate, people if wider is ways[1] else contracts)
    assert found.p_value == pytest.approx(two_sided(wider.p_value, worse.p_value), abs=1e-4)


def test_two_samples_of_a_split_with_feedback_by_id(place, capsys):
    rows = [row(n, "candidate" if n % 40 < 10 else "champion") for n in range(800)]
    rows = [replace(each, latency=0.25) if each.arm == "candidate" else each for each in rows]
    said = [
        {"id": each.id, "time": each.time, "question": each.question, "answer": each.answer,
         "contract": each.contract, "thumbs": "down" if n % 3 == 0 and each.arm == "champion"
         else "up"}
        for n, each in enumerate(rows) if n % 2
    ]  # fmt: skip
    write_jsonl(place / "said.jsonl", said)
    assert feedback(["import", "said.jsonl"]) == 0
    capsys.readouterr()
    out = told(capsys, "--served", put(place, rows))
    lines = {each.split()[0]: each for each in out.splitlines() if each}
    assert "+0.3" in lines["feedback"] and "300 / 100" in lines["feedback"]
    assert "0.50 s" in lines["latency"] and "-0.250" in lines["latency"]
    assert "feedback: 400 answers have none, left out" in out
    assert "+0.000" in lines["error"]
    only = told(capsys, "--served", "served", "--metric", "latency", "--feedback", ".exam/feedback")
    assert "feedback" not in only and "latency" in only


def test_a_split_that_changed_in_the_middle_is_judged_by_strata(place, capsys):
    """Simpson's paradox: hard weeks by the candidate, easy ones by the champion.

    In each week the candidate is better; in one mean of all it would look worse.
    """
    rows, number = [], 0
    for split, counts, right in (
        ("week1", {"champion": 300, "candidate": 60}, {"champion": 0.8, "candidate": 0.95}),
        ("week2", {"champion": 60, "candidate": 300}, {"champion": 0.1, "candidate": 0.3}),
    ):
        for arm, count in counts.items():
            for each in range(count):
                error = "" if each < right[arm] * count else "failed"
                answer = "" if error else "Ohio"
                rows.append(
                    row(number, arm, answer, error=error, split=split, user=f"{split}{arm}{each}")
                )
                number += 1
    out = told(capsys, "--served", put(place, rows), "--metric", "error")
    first, second, both = (each for each in out.splitlines() if each.startswith("error"))
    assert "-0.150" in first and "-0.200" in second and "-0.175" in both
    assert "2 splits: a share or a model changed meanwhile. Each is judged apart" in out
    assert "b (bbbbbbbbbbbb) against a (aaaaaaaaaaaa) over 2 splits, as strata" in out
    mixed = [sum(bool(each.error) for each in rows if each.arm == arm) / 360 for arm in MODELS]
    assert mixed[1] > mixed[0], "in one mean the candidate fails more often"


def test_rows_of_two_models_under_one_split_are_refused(place, capsys):
    rows = [row(n, ("champion", "candidate")[n % 2]) for n in range(20)]
    changed = [replace(each, id=f"{each.id}x", identity="c" * 64) for each in rows[10:]]
    folder = put(place, [*rows, *changed])
    said = refused(capsys, "--served", folder)
    assert "split s1: its champion was a (aaaaaaaaaaaa) and a (cccccccccccc)" in said
    put(place, [*rows, replace(rows[1], id="x", shadow=True, pair="p")])
    assert "were given and some were shadows" in refused(capsys, "--served", folder)


@pytest.mark.parametrize(
    ("rows", "line", "says"),
    [
        ([], (), "no request was split or shadowed: type `python -m models.serve --split"),
        ([replace(row(1, "champion"), arm="")], (), "no request was split or shadowed"),
        ([row(1, "champion")], (), "only the champion was asked so far"),
        ([row(1, "champion")], ("--metric", "latancy"), "no such metric; did you mean latency?"),
        ([row(1, "champion")], ("--feedback", "none"), "no feedback was imported into none"),
        ([row(1, "champion")], ("--all",), "leave out --all"),
    ],
)
def test_what_cannot_be_compared_is_one_line(place, capsys, rows, line, says):
    assert says in refused(capsys, "--served", put(place, rows), *line)


def test_runs_or_requests(place, capsys):
    assert "give two runs, or --served PATH" in refused(capsys, "latest")
    assert "give --served PATH" in refused(capsys, "a", "b", "--feedback", "x")
    assert "served/none is not there; name a file" in refused(capsys, "--served", "served/none")


def test_a_row_that_stands_twice_counts_once_and_people_of_both_arms_are_said(place, capsys):
    rows = [row(n, ("champion", "candidate")[n % 2], user=f"u{n % 3}") for n in range(60)]
    folder = put(place, rows)
    put(place, rows, "2026-02-01.jsonl")
    out = told(capsys, "--served", folder)
    assert "a (aaaaaaaaaaaa) 30 requests" in out and "3 people met both arms" in out
    assert "feedback: no answer has one, not compared" in out
    assert "left out: 60 that stand twice" in out
    put(place, [replace(each, answer="No.") for each in rows[:7]], "2026-02-02.jsonl")
    put(place, [replace(each, id=f"n{each.id}", arm="") for each in rows[:4]], "2026-02-03.jsonl")
    put(place, [replace(rows[0], id="late", split="s2")], "2026-02-04.jsonl")
    again = told(capsys, "--served", folder)
    assert "left out: 7 with the id of another row" in again
    assert "left out: 4 without `arm`" in again
    assert "left out: 1 of split s2, where only the champion was asked" in again
    assert again.startswith(out[: out.index("left out")])


def test_a_shadow_is_compared_with_the_answer_beside_it_and_no_other(place, capsys):
    good = list(paired(40, lambda number: "" if number % 4 == 0 else TRUE))
    third = [replace(good[n], id=f"{good[n].id}-again", answer="Utah") for n in (0, 3)]
    lone = [replace(good[1], id=f"lone-{pair}", pair=pair) for pair in ("", "elsewhere")]
    folder = put(place, [*good, *third, *lone])
    out = told(capsys, "--served", folder, "--metric", "words")
    assert "left out: 6 of a `pair` that more than two rows have" in out
    assert "left out: 2 of shadows without the answer beside them" in out
    line = next(each for each in out.splitlines() if each.startswith("words"))
    assert line.endswith("38 / 38")
    put(place, [replace(each, pair="") for each in good])
    assert "no shadow can be compared with the answer" in refused(capsys, "--served", folder)


def test_shares_without_any_event_have_an_end_and_one_person_tells_nothing(place):
    rows = [row(n, ("champion", "candidate")[n % 2], user=f"u{n}") for n in range(400)]
    (trial,) = trials_of(rows, measures({}).values()).every
    found = judge([trial], measures({})["error"])
    assert found.difference.mean == 0 and 0 < found.difference.high < 0.2 and found.p_value == 1
    alone = [replace(each, user="one") for each in rows]
    (trial,) = trials_of(alone, measures({}).values()).every
    found = judge([trial], measures({})["error"])
    assert found.difference.low is None and found.p_value is None


def drawn(seed, people, contracts, shift=0.0):
    """Two arms split by person; whether an answer is right hangs on both, and on the arm."""
    chance = random.Random(seed)
    of_contract = [chance.gauss(0, contracts) for _ in range(25)]
    arms = ([], [], []), ([], [], [])
    for person in range(60):
        arm, of_person = chance.random() < 0.4, chance.gauss(0, people)
        for _ in range(chance.randint(1, 10)):
            contract = chance.randrange(25)
            likely = 0.6 + of_person + of_contract[contract] + shift * arm
            cells = float(chance.random() < likely), f"c{contract}", f"p{person}"
            for column, cell in zip(arms[arm], cells, strict=True):
                column.append(cell)
    return Arm(*arms[1]), Arm(*arms[0])


@pytest.mark.parametrize(("people", "contracts"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.3), (0.2, 0.2)])
def test_an_interval_of_two_samples_errs_as_seldom_as_it_says(people, contracts):
    """By the code that decides; each end may err in one of twenty."""
    wrong = [0, 0]
    for seed in range(150):
        found = difference_at(*drawn(seed, people, contracts))(ALPHA)
        wrong[0] += found.against(0.0) == "FAIL"
        wrong[1] += (-found).against(0.0) == "FAIL"
    assert max(wrong) <= 14  # of 150 draws at 0.05 more come once in 40


def test_what_differs_is_found_and_p_agrees_with_the_interval():
    found = [difference_at(*drawn(seed, 0.1, 0.1, shift=0.3)) for seed in range(12)]
    assert sum((-each(ALPHA)).against(0.0) == "FAIL" for each in found) >= 9
    for each in found:
        excluded = "FAIL" in (each(ALPHA).against(0.0), (-each(ALPHA)).against(0.0))
        assert excluded == (p_value_of(each) < 2 * ALPHA)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.integers(0, 3)), min_size=1),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.integers(0, 3)), min_size=1),
)
@settings(max_examples=60, deadline=None)
def test_a_difference_of_shares_lies_where_shares_do(one, other):
    arms = [
        Arm(
            [each[0] for each in rows],
            [f"c{each[1]}" for each in rows],
            [f"p{each[2]}" for each in rows],
        )
        for rows in (one, other)
    ]
    found = difference_at(*arms)(ALPHA)
    if found.low is not None:
        assert -1 - 1e-9 <= found.low <= found.mean <= found.high <= 1 + 1e-9


def test_crossed_clusters_are_wider_than_either():
    arm, _ = drawn(1, 0.3, 0.3)
    both = two_way_mean(arm)
    alone = [f"{n}" for n in range(len(arm.values))]
    for other in (replace(arm, people=alone), replace(arm, contracts=alone)):
        one = two_way_mean(other)
        assert both.high - both.low >= (one.high - one.low) * 0.999


def test_twenty_thousand_rows_take_seconds():
    rows = (row(n, ("champion", "candidate")[n % 40 < 8], user=f"u{n % 4000}", id=f"i{n}")
            for n in range(20_000))  # fmt: skip
    known = measures({})
    chosen = [known[name] for name in ("error", "latency")]
    began = time.process_time()
    (trial,) = trials_of(rows, chosen).every
    for each in chosen:
        judge([trial], each)
    assert time.process_time() - began < 20
