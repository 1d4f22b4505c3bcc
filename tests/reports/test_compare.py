"""Comparing two runs: refused when unlike, right when alike."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.archive import read_report
from reports.compare.__main__ import main
from reports.compare.comparison import compare
from reports.compare.sides import Sides, match_cases
from reports.report import ReportedCase
from reports.statistics.paired import cluster_mcnemar, compare_means, mcnemar_exact
from tests.builders.run_data import contents, put, written

A, B = "20260101-010000-aaaa", "20260102-010000-bbbb"


def scores(cases, f1, lazy=lambda n: 0.0):
    return {
        name: {"token_f1": f1(number), "laziness": lazy(number)}
        for number, name in enumerate(cases)
    }


def better_b(cases):
    """B passes every third case that A misses, and misses the second, which A passes."""
    a = scores(cases, lambda n: 0.2 if n % 3 == 0 else 0.8, lambda n: float(n % 4 == 0))
    b = scores(cases, lambda n: 0.3 if n == 1 else 0.9)
    return a, b


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    a, b = better_b(contents())
    put(folder, written(A, {"m": a}))
    put(folder, written(B, {"m": b}))
    return folder


def refused(runs, capsys, *words):
    assert main([*words, "--runs", str(runs)]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("ERROR: ")
    assert captured.err.count("\n") == 1
    return captured.err


def printed(runs, capsys, *words):
    assert main([*words, "--runs", str(runs)]) == 0
    return capsys.readouterr().out


def line_of(text, start):
    return next(line.split() for line in text.splitlines() if line.startswith(start))


def test_a_run_is_found_by_id_folder_file_and_latest(runs, capsys):
    (runs.parent / "latest").symlink_to(runs / B)
    expected = printed(runs, capsys, A, B)
    assert printed(runs, capsys, str(runs / A), "latest") == expected
    assert printed(runs, capsys, str(runs / A / "report.json"), str(runs / B)) == expected


def test_numbers_are_those_of_the_tests(runs):
    sides = both(runs)
    f1 = compare("token_f1", sides)
    a, b = better_b(contents())
    mine = [each["token_f1"] for each in b.values()]
    theirs = [each["token_f1"] for each in a.values()]
    clusters = [name.split("__")[0] for name in a]
    found = compare_means(mine, theirs, clusters)
    assert f1.difference == found.difference
    assert (f1.wins, f1.losses, f1.ties) == (23, 1, 0)
    against = compare_means(theirs, mine, clusters)
    assert f1.p_value == min(1.0, 2 * min(found.p_value, against.p_value))
    assert f1.exact is None
    assert f1.by_contract is None


def both(runs):
    a, b = (read_report(runs / id_ / "report.json") for id_ in (A, B))
    return Sides(a, "m", b, "m", [(case.id, case.id) for case in a.cases])


def test_less_is_better_where_it_is(runs):
    lazy = compare("laziness", both(runs))
    a, b = better_b(contents())
    right = [[each["laziness"] == 1 for each in side.values()] for side in (a, b)]
    clusters = [name.split("__")[0] for name in a]
    assert (lazy.mean_a, lazy.mean_b) == (0.25, 0.0)
    assert lazy.difference.mean == -0.25
    assert lazy.difference.low < -0.25 < lazy.difference.high < 0
    assert (lazy.wins, lazy.losses, lazy.ties) == (6, 0, 18)
    assert lazy.exact == mcnemar_exact(6, 0)
    assert lazy.by_contract == pytest.approx(cluster_mcnemar(*right, clusters), abs=1e-12)


def test_the_table_and_the_flips(runs, capsys):
    text = printed(runs, capsys, A, B)
    assert line_of(text, "token_f1 ↑")[2:5] == ["0.600", "0.875", "+0.275"]
    assert line_of(text, "laziness ↓")[2:5] == ["0.250", "0.000", "-0.250"]
    assert "23/1/0" in text
    assert "intervals at 90%" in text
    # 8 of token_f1 up, 1 down, 6 of laziness, of which 2 coincide with the 8
    assert "13 of 24 cases flip in token_f1, hit@5, abstention, laziness" in text
    assert "c0--q1\n  token_f1 0.80 → 0.30\n  A: m says of c0__q1\n  B: m says of c0__q1" in text
    assert "c0--q2" not in text
    every = printed(runs, capsys, A, B, "--all")
    assert "c0--q2\n  token_f1 0.80 → 0.90, laziness 0.00 → 0.00\n" in every
    assert "c0--q1\n  token_f1 0.80 → 0.30 *, laziness 0.00 → 0.00\n" in every
    assert "9 of 24 cases flip in token_f1\n" in printed(runs, capsys, A, B, "--metric", "token_f1")


def test_answers_cannot_steer_the_terminal(runs, capsys):
    value = json.loads((runs / B / "report.json").read_text())
    value["results"][1]["answer"] = "\x1b[2J[bold]x[/]\n" + "long " * 100
    put(runs, value)
    text = printed(runs, capsys, A, B)
    assert "\x1b" not in text
    assert "B: �[2J[bold]x[/] long" in text
    assert "…" in text


CHANGED = contents() | {"c0__q0": "new", "c9__q0": "new"}


del CHANGED["c7__q2"]


def test_changed_cases_are_refused_and_counted(runs, capsys):
    put(runs, written(B, {"m": scores(CHANGED, lambda n: 0.9)}, CHANGED))
    said = refused(runs, capsys, A, B)
    assert "cases (1 added, 1 removed, 1 changed)" in said
    assert "--unchanged compares the 22 cases" in said
    text = printed(runs, capsys, A, B, "--unchanged")
    assert "the 22 cases that both share; 1 added, 1 removed, 1 changed" in text
    wins, losses, ties = line_of(text, "token_f1 ↑")[-3].split("/")
    assert int(wins) + int(losses) + int(ties) == 22


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fingerprint": {"retriever": "q"}, "retriever": {"k": 9}}, "retriever (k 5, 9) differ"),
        ({"fingerprint": {"prompt": "q"}}, "prompt differ"),
        ({"fingerprint": {"metrics": {"token_f1": 2}}}, "metrics (token_f1 1, 2) differ"),
        ({"fingerprint": {"judges": ["j"]}}, "judges differ"),
    ],
)
def test_other_conditions_are_refused_even_for_unchanged_cases(runs, capsys, change, words):
    put(runs, written(B, {"m": scores(contents(), lambda n: 0.9)}, **change))
    for also in ([], ["--unchanged"]):
        said = refused(runs, capsys, A, B, *also)
        assert words in said
        assert "`pytest evals`" in said


def test_another_dataset_without_a_shared_case(runs, capsys):
    cases = {"d0__q0": "x", "d1__q0": "x"}
    put(
        runs,
        written(B, {"m": scores(cases, lambda n: 1.0)}, cases, fingerprint={"dataset": "cuad"}),
    )
    assert "dataset (sample, cuad)" in refused(runs, capsys, A, B)
    assert "share no case" in refused(runs, capsys, A, B, "--unchanged")


def test_a_fingerprint_that_is_not_there_is_not_equal(runs, capsys):
    for id_ in (A, B):
        value = json.loads((runs / id_ / "report.json").read_text())
        value["fingerprint"] = {}
        put(runs, value)
    assert "retriever" in refused(runs, capsys, A, B)


def test_the_same_run_twice_and_two_models_of_one(runs, capsys):
    assert "both are m in run" in refused(runs, capsys, A, A)
    a, b = better_b(contents())
    put(runs, written(A, {"x": b, "y": a}, roles={"y": "champion"}))
    assert "both are x" in refused(runs, capsys, A, A)
    text = printed(runs, capsys, A, A, "--model-a", "y")
    assert line_of(text, "token_f1 ↑")[2:5] == ["0.600", "0.875", "+0.275"]
    assert "did you mean y?" in refused(runs, capsys, A, B, "--model-a", "yy")
    assert "it examined x, y" in refused(runs, capsys, A, B, "--model-a", "nothing")


def test_several_candidates_must_be_named(runs, capsys):
    a, b = better_b(contents())
    put(runs, written(A, {"x": b, "y": a}))
    assert "examined x, y; name one by --model-a" in refused(runs, capsys, A, B)


def test_a_metric_on_one_side_is_said_and_not_compared(runs, capsys):
    value = json.loads((runs / B / "report.json").read_text())
    for row in value["results"]:
        del row["scores"]["laziness"]
        row["scores"]["judged"] = None
    put(runs, value)
    text = printed(runs, capsys, A, B)
    assert "laziness: scored in A alone, not compared" in text
    assert "judged: scored in neither" in text


def test_failed_answers_are_left_out_and_said(runs, capsys):
    value = json.loads((runs / B / "report.json").read_text())
    value["results"][0]["scores"]["token_f1"] = None
    value["results"][0]["error"] = "timeout"
    put(runs, value)
    assert "token_f1: 1 cases lack a score on a side" in printed(runs, capsys, A, B)


def test_one_contract_has_no_interval(tmp_path, capsys):
    cases = contents(contracts=1)
    for id_, level in ((A, 0.4), (B, 0.9)):
        put(tmp_path, written(id_, {"m": scores(cases, lambda n, level=level: level)}, cases))
    text = printed(tmp_path, capsys, A, B)
    assert line_of(text, "token_f1 ↑")[4:7] == ["+0.500", "–", "3/0/0"]


def test_equal_runs_differ_in_nothing(tmp_path, capsys):
    a, _ = better_b(contents())
    put(tmp_path, written(A, {"m": a}))
    put(tmp_path, written(B, {"m": a}))
    text = printed(tmp_path, capsys, A, B)
    mean, low, high, p = line_of(text, "token_f1 ↑")[4:8]
    assert (mean, p) == ("+0.000", "1.000")
    assert low == f"[-{high[1:-1]}," and high > "+0.000]", "of a few cases, not a proof"
    assert "0 of 24 cases flip" in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "schema None"),
        ('{"schema": 1}', "is no report"),
        ('{"schema": 7}', "schema 7"),
    ],
)
def test_what_is_no_report(runs, capsys, text, words):
    (runs / A / "report.json").write_text(text)
    assert words in refused(runs, capsys, A, B)


def test_nan_is_no_score(runs, capsys):
    value = json.loads((runs / A / "report.json").read_text())
    value["results"][0]["scores"]["token_f1"] = float("nan")
    (runs / A / "report.json").write_text(json.dumps(value))
    assert "NaN is no number" in refused(runs, capsys, A, B)


def test_a_run_that_is_not_there(runs, tmp_path, capsys):
    assert f"the newest there is {B}" in refused(runs, capsys, "20250101", B)
    assert "type `pytest evals`" in refused(tmp_path / "none", capsys, "latest", B)
    assert "did you mean token_f1?" in refused(runs, capsys, A, B, "--metric", "token_f2")


CASES = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("xy")), unique_by=lambda each: each[0]
)


def case(id_, content):
    return ReportedCase(id_, id_, content, "c", "category", "question", ())


@given(CASES, CASES)
def test_every_case_is_matched_once(then, now):
    old, new = ([case(*each) for each in side] for side in (then, now))
    found = match_cases(old, new)
    same = len(found.same)
    assert same + len(found.changed) + len(found.added) == len(now)
    assert same + len(found.changed) + len(found.removed) == len(then)
    contents_then, contents_now = dict(then), dict(now)
    assert all(contents_then[a] == contents_now[b] for a, b in found.same)
    assert all(contents_then[id_] != contents_now[id_] for id_ in found.changed)
    assert {i for i in contents_now if contents_then.get(i) == contents_now[i]} <= {
        b for a, b in found.same if a == b
    }


def test_a_renamed_case_is_the_same():
    found = match_cases([case("a", "x")], [case("b", "x")])
    assert found.same == (("a", "b"),)


def test_the_page_has_every_metric_and_the_answers_that_turned(runs, capsys, tmp_path):
    page = tmp_path / "out" / "compare.html"
    out = printed(runs, capsys, A, B, "--html", str(page))
    assert out.splitlines()[-1] == str(page)
    html = page.read_text()
    assert "<script" not in html and "m in " + A in html and "m in " + B in html
    for cell in line_of(out, "token_f1")[2:4]:
        assert f"<td>{cell}</td>" in html
    turned = int(re.search(r"(\d+) of 24 cases flip", out)[1])
    assert turned == html.count('<details class="case">') > 3
    assert f"{turned} of 24 cases flip in token_f1" in html
    again = page.read_bytes()
    printed(runs, capsys, A, B, "--html", str(page))
    assert page.read_bytes() == again


def test_the_page_lies_beside_the_runs_and_keeps_answers_as_text(runs, capsys, monkeypatch):
    path = runs / B / "report.json"
    value = json.loads(path.read_text())
    for row in value["results"]:
        row["answer"] = "</p><script>alert(1)</script> same words"
    path.write_text(json.dumps(value))
    monkeypatch.chdir(runs.parent)
    printed(runs, capsys, A, B, "--html")
    html = (runs.parent / "reports" / "compare.html").read_text()
    assert "<script" not in html and "&lt;script&gt;alert(1)" in html


def test_of_many_flips_the_page_shows_the_first_and_says_so(tmp_path, capsys):
    cases = contents(contracts=81)
    a = scores(cases, lambda n: 0.1)
    b = scores(cases, lambda n: 0.9)
    for id_, each in ((A, a), (B, b)):
        put(tmp_path, written(id_, {"m": each}, cases))
    page = tmp_path / "c.html"
    assert main([A, B, "--runs", str(tmp_path), "--html", str(page)]) == 0
    html = page.read_text()
    assert html.count('<details class="case">') == 200
    assert "243 of 243 cases flip" in html and "The first 200 are here" in html
