"""`python -m reports.review` as it is typed: served, killed, exported, refused."""

import dataclasses
import json
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest

from common.files import write_jsonl
from evals.judges.align.labelled import read_labelled
from evals.judges.wording import rubric_digest
from evals.labels import read_labels
from fixtures.datasets import load_dataset
from models.chat import Answer
from reports.archive import read_report, write_report
from reports.labelling.__main__ import _cases
from reports.labelling.unsure import unsure_to_label
from reports.review import export
from reports.review.__main__ import REVIEWS, _journal, _login, main
from reports.review.journal import Journal
from reports.review.opening import Asked, open_desk
from reports.review.opinions import Opinion
from tests.builders.desk import MODELS, Browser, desk_of, run_of
from tests.builders.report_data import written as finished
from tests.seams import ROOT
from training.preferences.feedback import read_feedback


@contextmanager
def served(path, *words):
    """The process, and the link of each reviewer."""
    line = [sys.executable, "-m", "reports.review", str(path), *map(str, words)]
    with subprocess.Popen(
        line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            said = []
            while not said or "Ctrl-C" not in said[-1]:
                said.append(server.stdout.readline())
                assert said[-1], server.stderr.read()
            yield server, [link[0] for each in said if (link := re.search(r"http\S+", each))]
        finally:
            server.kill()


def send(client, link, number, **cells):
    """Open the link, then one item, and send its form."""
    base = link.partition("/enter")[0]
    assert client.get(link).status_code == 200
    page = client.get(f"{base}/items/{number}").text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="(\w*)"', page))
    data = {**hidden, "do": "save", **cells}
    return client.post(f"{base}/items/{number}", data=data, headers={"origin": base})


def test_nothing_is_lost_when_the_server_is_killed(tmp_path):
    """And two servers, of two reviewers, write into one journal."""
    path, journal = run_of(tmp_path), tmp_path / "j.sqlite"
    for round_ in range(2):
        with (
            served(path, "--reviewer", "Ana", "--journal", journal) as (one, [ana]),
            served(path, "--reviewer", "Ben", "--journal", journal) as (other, [ben]),
        ):
            for client_link, name in ((ana, "Ana"), (ben, "Ben")):
                with httpx.Client(follow_redirects=True) as client:
                    for number in (1, 2, 3):
                        comment = f"a secret remark of {name} {round_}"
                        reply = send(client, client_link, number, score="0.6", comment=comment)
                        assert reply.status_code == 200
            one.kill()
            other.send_signal(signal.SIGINT)
            out, errors = other.communicate(timeout=20)
            assert other.returncode == 0
            assert "secret remark" not in out + errors and "token" not in out + errors
            assert "Traceback" not in errors
    desk = desk_of(path, journal, cases=12, digest=rubric_digest())
    for name in ("Ana", "Ben"):
        said = desk.said(name)
        assert [entry.opinion.score for entry in said.values()] == [0.6] * 3
        kept = {len(desk.journal.history(item, name)) for item in said}
        assert kept == {2}


def reviewed(tmp_path, *, kind="answers", **changes):
    """A run whose answers Ana and Ben have all reviewed, in the journal of the run."""
    path, journal = run_of(tmp_path, **changes), tmp_path / "j.sqlite"
    desk = desk_of(path, journal, kind=kind, cases=12, digest=rubric_digest())
    for name, score in (("Ana", "0.8"), ("Ben", "0.6")):
        browser = Browser(desk, name)
        for _ in desk.items:
            browser.get("/")
            browser.post(score=score, choice="left", corrected="It is Nevada law.")
    return path, journal, desk


def test_labels_are_read_by_the_exam_and_by_the_judge_that_is_aligned(tmp_path, capsys):
    path, journal, desk = reviewed(tmp_path)
    out = tmp_path / "labels.jsonl"
    line = [str(path), "--journal", str(journal), "--next", "12", "--export", "labels",
            "--output", str(out)]  # fmt: skip
    assert main(line) == 0
    assert f"{2 * len(desk.items)} rows: {out}" in capsys.readouterr().out
    report = read_report(path)
    labels = read_labels(out, _cases(report), rubric_digest())
    assert len(labels) == 2 * len(desk.items)
    for result in report.results:  # every answer of every model has both people's scores
        case = report.cases[result.case].id
        of = [x.score for x in labels if x.case_id == case and x.is_of(result.model, result.answer)]
        assert sorted(of) == [0.6, 0.8]
    assert len(read_labelled(out, (), rubric_digest())) >= len(desk.items)
    assert main(line) == 4  # nothing is overwritten
    assert "is there already" in capsys.readouterr().err


def test_a_queue_only_grows(tmp_path):
    path, journal = run_of(tmp_path), tmp_path / "j.sqlite"
    asked = Asked(("Ana",), None, 5, None, None, "0-1", 0)
    before = set()
    for typed, cases in ((5, 5), (None, 5), (3, 5), (7, 7)):
        desk = open_desk(read_report(path), journal, dataclasses.replace(asked, cases=typed))
        assert len({item.case.id for item in desk.items}) == cases
        assert before <= {item.id for item in desk.items}
        before = {item.id for item in desk.items}


def test_labels_of_an_unsure_draw_carry_their_chances_and_the_queue_keeps_its_draw(
    tmp_path, capsys
):
    path, journal = run_of(tmp_path), tmp_path / "j.sqlite"
    line = [str(path), "--journal", str(journal), "--export", "labels", "--next", "6"]
    report = read_report(path)
    asked = Asked(("Ana",), None, 6, "unsure", None, "0-1", 0)
    desk = open_desk(report, journal, asked)
    items = desk.items
    assert {item.row for item in items} == {*unsure_to_label(report, 6)}
    assert main([*line, "--output", str(tmp_path / "none.jsonl")]) == 4
    assert "holds nothing to export" in capsys.readouterr().err
    for item in items:
        desk.store(item, "Ana", Opinion(score=0.4), 0)
    assert main([*line, "--draw", "differing"]) == 4
    assert "--draw unsure" in capsys.readouterr().err
    out = tmp_path / "labels.jsonl"
    assert main([*line, "--output", str(out)]) == 0
    labels = read_labels(out, _cases(report), rubric_digest())
    assert {label.drawn for label in labels} == {"all", "unsure"}
    assert all(label.probability for label in labels) and len(labels) == len(items)


def test_pairs_say_who_won_with_an_interval(tmp_path, capsys):
    path, journal, _ = reviewed(tmp_path, kind="pairs")
    out = tmp_path / "pairs.jsonl"
    line = [str(path), "--compare", *MODELS, "--journal", str(journal), "--export", "preferences",
            "--output", str(out)]  # fmt: skip
    assert main(line) == 0
    said = capsys.readouterr().out
    assert re.search(rf"{MODELS[0]} wins 0\.\d+ \[0\.\d+, [01]\.\d+\] against {MODELS[1]}", said)
    rows = [json.loads(row) for row in out.read_text().splitlines()]
    texts = {(row["corrected answer"].split()[0], row["answer"].split()[0]) for row in rows}
    assert texts == {("answer", "another"), ("another", "answer")}  # the left one was of either
    assert {row["reviewer"] for row in rows} == {"Ana", "Ben"}
    assert "refuses them" in said


def test_preferences_are_what_training_reads(tmp_path):
    """Scores and corrections of a real data set's cases, and the pair that a comparison makes."""
    cases = load_dataset("sample").cases[:12]
    texts = {MODELS[0]: lambda _: Answer("Nevada."), MODELS[1]: lambda _: Answer("Oregon.")}
    path = tmp_path / "report.json"
    write_report(finished(cases, texts), path)
    report = read_report(path)
    asked = Asked(("Ana",), None, 4, None, None, "1-5", 0)
    scores = open_desk(report, tmp_path / "j.sqlite", asked)
    for place, item in enumerate(scores.items):
        scores.store(item, "Ana", Opinion(score=place % 5 / 4, corrected="Delaware."), 0)
    compared = dataclasses.replace(asked, compare=MODELS)
    pairs = open_desk(report, tmp_path / "j.sqlite", compared)
    for item, choice in zip(pairs.items, ("first", "second", "tie", "first"), strict=True):
        pairs.store(item, "Ana", Opinion(choice=choice), 0)
    for desk, count in ((scores, len(scores.items)), (pairs, 3)):
        out = tmp_path / f"{desk.kind}.jsonl"
        write_jsonl(out, export.preferences(desk))
        read = read_feedback(out, cases, ())
        assert len(read) == count
        chosen = [(each.answer, each.corrected) for each in read]
        if desk.kind == "pairs":
            assert chosen == [
                ("Oregon.", "Nevada."),
                ("Nevada.", "Oregon."),
                ("Oregon.", "Nevada."),
            ]
            assert export.left_out(desk) == []
        else:
            assert {each for _, each in chosen} == {"Delaware."}
            assert [each.score for each in read] == [at % 5 / 4 for at in range(count)]


def test_without_a_name_it_is_for_whoever_is_logged_in(tmp_path, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "ana")
    assert _login() == "ana"
    monkeypatch.setattr("getpass.getuser", lambda: {}["no such user"])
    assert _login() == "reviewer"
    with (
        served(run_of(tmp_path), "--journal", tmp_path / "j.sqlite") as (_, [link]),
        httpx.Client(follow_redirects=True) as client,
    ):
        assert send(client, link, 1, score="1.0").status_code == 200
    assert len(Journal(tmp_path / "j.sqlite").last()) == 1


def test_a_runs_id_that_leads_elsewhere_names_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("../../evil", "/evil", "..", "a/b", "", "x" * 300, "a\nb"):
        found = _journal(name)
        assert found.parent == REVIEWS and re.fullmatch(r"[0-9a-f]{16}\.sqlite", found.name)
    assert _journal("20260131-120000-c0de").name == "20260131-120000-c0de.sqlite"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--reviewer", " "], "give a name"),
        (["--reviewer", "Ana", "--next", "0"], "--next 0"),
        (["--reviewer", "Ana", "--scale", "0-10"], "invalid choice"),
        (["--reviewer", "Ana", "--rubric", "nowhere.md"], "no such file"),
        (["--reviewer", "Ana", "--compare", MODELS[0], "nobody"], "nobody answered nothing"),
        (["--export", "labels"], "nobody has reviewed this run"),
        (["--export", "label"], "did you mean labels?"),
        (["--export", "labels", "--output", "x.csv"], "ends in .jsonl"),
        (["--export", "labels", "--compare", *MODELS], "is of scores"),
        (["--reviewer", "Ana", "--port", "99999"], "port 99999"),
    ],
)
def test_what_is_typed_wrongly_is_one_line(tmp_path, capsys, words, says):
    path = run_of(tmp_path)
    assert main([str(path), "--journal", str(tmp_path / "j.sqlite"), *words]) == 4
    line = capsys.readouterr().err
    assert says in line and line.count("\n") == 1


def test_a_sealed_run_is_refused(tmp_path, capsys):
    path = run_of(tmp_path, dataset={"sealed": True})
    assert main([str(path), "--reviewer", "Ana", "--journal", str(tmp_path / "j.sqlite")]) == 4
    assert "sealed" in capsys.readouterr().err
    assert not (tmp_path / "j.sqlite").exists()


@pytest.mark.parametrize("fault", ["older", "cut", "empty", "gone"])
def test_a_report_that_cannot_be_read_is_one_line(tmp_path, capsys, fault):
    path = run_of(tmp_path)
    value = json.loads(path.read_text())
    if fault == "older":
        path.write_text(json.dumps({**value, "schema": 0}))
    elif fault == "cut":
        path.write_text(path.read_text()[:-40])
    elif fault == "empty":
        path.write_text(json.dumps({**value, "cases": [], "results": []}))
    else:
        path.unlink()
    assert main([str(path), "--reviewer", "Ana", "--journal", str(tmp_path / "j.sqlite")]) == 4
    line = capsys.readouterr().err
    assert line.startswith("ERROR: ") and line.count("\n") == 1
