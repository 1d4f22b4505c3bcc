"""The desk's pages: blind, stored at once, refused to others."""

import json
import re
import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import UserError
from reports.review import export
from reports.review.access import Doorkeeper
from reports.review.journal import Journal
from reports.review.opinions import Opinion
from tests.builders.desk import CASES, HERE, MODELS, RUN, Browser, desk_of, run_of

HOSTILE = '<script>alert(1)</script>"></td>javascript:alert(1)</textarea>\x1b[31m' + "w" * 10_000


@pytest.fixture
def desk(tmp_path):
    return desk_of(run_of(tmp_path), tmp_path / "journal.sqlite")


def everything(browser, desk):
    """The HTML of every page that a reviewer can see."""
    places = ["/overview", *(f"/items/{n}" for n in range(1, len(desk.items) + 1))]
    pages = [browser.get(place).text for place in [*places, "/items/999", "/nothing", "/items/x"]]
    return "\n".join([*pages, browser.get("/desk.css").text, browser.get("/desk.js").text])


@pytest.mark.parametrize("kind", ["answers", "pairs"])
def test_no_page_tells_a_model_a_score_or_a_run(tmp_path, kind):
    path = run_of(tmp_path)
    desk = desk_of(path, tmp_path / "journal.sqlite", kind=kind)
    browser = Browser(desk, "Ana")
    for _ in desk.items:
        browser.get("/")
        browser.post(score="0.4", choice="left", comment="a remark")
    pages = everything(browser, desk)
    assert "All done" in pages and "a remark" in pages
    for secret in (*MODELS, RUN, "0.731", str(tmp_path), 'correctness"', "candidate", "champion"):
        assert secret not in pages, secret
    headers = str([dict(browser.get(place).headers) for place in ("/overview", "/items/1")])
    assert not any(secret in headers for secret in (*MODELS, RUN, str(tmp_path)))


def test_every_answer_comes_once_in_an_order_of_the_reviewers_own(tmp_path):
    path = run_of(tmp_path)
    orders = {}
    for name, seed in (("Ana", 0), ("Ben", 0), ("Ana", 1), ("Ana", 0)):
        desk = desk_of(path, tmp_path / "journal.sqlite", seed=seed)
        browser = Browser(desk, name)
        seen = []
        for number in range(1, len(desk.items) + 1):
            browser.get(f"/items/{number}")
            seen += browser.answer()
        assert orders.setdefault((name, seed), seen) == seen
    assert len({tuple(each) for each in orders.values()}) == 3
    assert len({tuple(sorted(each)) for each in orders.values()}) == 1
    assert len(set(seen)) == len(seen) == len(desk.items)


def test_what_is_sent_is_kept_with_the_rubric_and_the_next_one_comes(desk):
    browser = Browser(desk, "Ana")
    first = browser.answer()
    browser.post(score="0.8", hallucination="yes", comment="thin", corrected="Nevada law")
    assert browser.place == "/items/2" and browser.answer() != first
    (entry,) = desk.journal.last()["Ana"].values()
    assert entry.rubric == desk.rules.digest
    assert (entry.opinion.score, entry.opinion.hallucination) == (0.8, True)
    assert (entry.opinion.comment, entry.opinion.corrected) == ("thin", "Nevada law")
    browser.get("/items/1")  # filled in as it was left
    assert re.search(r'value="0.8" data-key="4" checked', browser.page.text)
    assert "thin</textarea>" in browser.page.text


@pytest.mark.parametrize("scale", ["0-1", "1-5"])
def test_both_scales_are_kept_as_0_to_1(tmp_path, scale):
    desk = desk_of(run_of(tmp_path), tmp_path / "j.sqlite", scale=scale)
    browser = Browser(desk, "Ana")
    steps = dict(desk.rules.steps)
    assert set(steps) <= set(re.findall(r'name="score" value="([\d.]+)"', browser.page.text))
    for step in steps:
        browser.get("/")
        browser.post(score=step)
    scores = sorted(entry.opinion.score for entry in desk.said("Ana").values())
    assert scores == sorted(steps.values()) and scores[0] == 0 and scores[-1] == 1
    assert browser.get("/items/1").status_code == 200


@pytest.mark.parametrize("cells", [{}, {"score": "0.5"}, {"score": "7"}, {"score": "nan"},
                                   {"score": "0.2", "comment": "x" * 20_001}])  # fmt: skip
def test_a_form_that_says_nothing_that_can_be_kept_comes_back_as_it_was_typed(desk, cells):
    browser = Browser(desk, "Ana")
    reply = browser.post(**{"corrected": "typed at length", **cells})
    assert reply.status_code == 422
    assert "typed at length</textarea>" in reply.text and 'role="alert"' in reply.text
    assert desk.journal.last() == {}
    browser.post(score="0.2", comment="")  # and can be sent again
    assert len(desk.said("Ana")) == 1


def test_a_body_without_end_is_refused(desk):
    browser = Browser(desk, "Ana")
    assert browser.post(comment="%" * 300_000).status_code == 413
    assert desk.journal.last() == {}


def test_i_cannot_tell_is_an_answer_that_no_file_gets(desk):
    browser = Browser(desk, "Ana")
    browser.post(do="skip", score="0.2", comment="no such clause shown")
    assert browser.place == "/items/2"
    assert desk.progress(desk.said("Ana")).skipped == 1
    assert export.labels(desk) == export.preferences(desk) == []
    assert export.left_out(desk) == ["1 by reviewers who could not tell"]


def test_the_last_of_two_tabs_counts_is_told_and_history_stays(desk):
    one = Browser(desk, "Ana")
    other = Browser(desk, "Ana")
    one.get("/items/1")
    other.get("/items/1")
    one.post(score="0.2")
    assert "another tab" not in one.page.text
    other.post(score="0.8", comment="stale")
    assert "in another tab" in other.page.text and ": 0.2." in other.page.text
    (entry,) = desk.said("Ana").values()
    assert entry.opinion.score == 0.8
    history = desk.journal.history(entry.item, "Ana")
    assert [each.opinion.score for each in history] == [0.2, 0.8]
    other.post(score="0.6")  # it knows now
    assert "another tab" not in other.page.text
    other.get("/items/1")
    assert "What you said before" in other.page.text


def test_a_form_that_is_sent_twice_is_one_entry(desk):
    browser = Browser(desk, "Ana")
    cells, place = {**browser.hidden(), "do": "save", "score": "1.0"}, browser.place
    for _ in range(2):
        reply = browser.client.post(place, data=cells, headers={"origin": HERE})
        assert reply.status_code == 200 and "another tab" not in reply.text
    (entry,) = desk.said("Ana").values()
    assert len(desk.journal.history(entry.item, "Ana")) == 1


def test_the_second_reviewer_sees_nothing_of_the_first(desk):
    ana = Browser(desk, "Ana")
    for _ in desk.items:
        ana.get("/")
        ana.post(score="0.4", comment="only Ana knows", corrected="Ana's text", hallucination="yes")
    assert "Shown once another reviewer" in ana.get("/overview").text
    ben = Browser(desk, "Ben")
    pages = everything(ben, desk)
    assert "Ana" not in pages and "checked>" not in pages.replace('id="single" checked>', "")
    assert desk.progress(desk.said("Ben")).done == 0
    assert "Shown once you have been through" in ben.get("/overview").text
    for number, _ in enumerate(desk.items):
        ben.get("/")
        ben.post(score="0.4" if number % 2 else "0.8")
    for browser in (ana, ben):
        page = browser.get("/overview").text
        assert "Cohen&#39;s kappa" in page and "Krippendorff&#39;s alpha" in page
    assert "only Ana knows" not in ben.page.text


def test_scores_by_other_rules_come_again_and_are_kept(tmp_path):
    path = run_of(tmp_path)
    old = desk_of(path, tmp_path / "j.sqlite")
    Browser(old, "Ana").post(score="0.2")
    new = desk_of(path, tmp_path / "j.sqlite", digest="cd" * 8)
    assert new.progress(new.said("Ana")).done == 0
    assert export.left_out(new) == ["1 by an earlier rubric"] and export.labels(new) == []
    assert len(export.labels(old)) == 1


def test_what_is_gone_from_the_run_is_kept_and_said(tmp_path):
    path = run_of(tmp_path)
    desk = desk_of(path, tmp_path / "j.sqlite", cases=12)
    browser = Browser(desk, "Ana")
    for _ in desk.items:
        browser.get("/")
        browser.post(score="1.0")
    value = json.loads(path.read_text())
    for row in value["results"]:
        row["answer"] += " now" if row["case"] == 0 else ""
    path.write_text(json.dumps(value))
    new = desk_of(path, tmp_path / "j.sqlite", cases=12)
    gone = len(desk.items) - len(export.labels(new))
    assert gone == 2 and export.left_out(new) == [
        "2 of answers or cases that are not in this queue"
    ]
    assert len(new.journal.last()["Ana"]) == len(desk.items)
    assert Browser(new, "Ana").get("/overview").status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": HERE.replace("127.0.0.1", "localhost")}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"cookie": ""}, 403),
        ({"cookie": "review=" + "0" * 64}, 403),
        ({"cookie": "review=\u00e9"}, 403),
    ],
)
def test_others_are_refused(desk, change, status):
    browser = Browser(desk, "Ana")
    cells = {**browser.hidden(), "do": "save", "score": "1.0"}
    headers = {"origin": HERE, **change}
    if "cookie" in change:
        browser.client.cookies.clear()
    headers = {name: value.encode("latin-1") for name, value in headers.items()}
    reply = browser.client.post(browser.place, data=cells, headers=headers)
    assert reply.status_code == status
    assert desk.journal.last() == {}
    assert "answer" not in reply.text


def test_a_form_without_an_origin_or_of_another_session_is_refused(desk):
    browser = Browser(desk, "Ana")
    assert browser.post(origin=None, score="1.0").status_code == 403
    for form in ("", "0" * 64, "\u00e9", Doorkeeper(desk.reviewers).form("Ana"), None):
        browser.get("/items/1")
        assert browser.post(form=form, score="1.0").status_code == 403
    doorkeeper = Doorkeeper(desk.reviewers)
    ben = Browser(desk, "Ben", doorkeeper)
    ben.get("/items/1")
    assert ben.post(form=doorkeeper.form("Ana"), score="1.0").status_code == 403
    assert desk.journal.last() == {}


@pytest.mark.parametrize("place", ["/", "/items/1", "/overview"])
def test_nothing_is_shown_without_a_link(desk, place):
    browser = Browser(desk, "Ana")
    browser.client.cookies.clear()
    for token in ("", "0" * 64, "Ana", "\u00e9"):
        assert browser.client.get("/enter", params={"token": token}).status_code == 403
    reply = browser.client.get(place)
    assert reply.status_code == 403 and "open the link" in reply.text
    assert not any(text in reply.text for text in ("answer", *CASES))


def test_the_cookie_is_for_this_page_alone_and_no_script_can_run_in_it(desk):
    doorkeeper = Doorkeeper(desk.reviewers)
    browser = Browser(desk, "Ana", doorkeeper)
    token = {"token": doorkeeper.token("Ana")}
    reply = browser.client.get("/enter", params=token, follow_redirects=False)
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "token" not in reply.text
    assert doorkeeper.token("Ana") not in cookie
    policy = browser.get("/items/1").headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert browser.page.headers["cache-control"] == "no-store"
    assert browser.page.headers["referrer-policy"] == "same-origin"


def test_hostile_text_stays_text(tmp_path):
    texts = {model: lambda number, model=model: f"{HOSTILE} {model[0]}{number}" for model in MODELS}
    path = run_of(tmp_path, texts)
    value = json.loads(path.read_text())
    value["cases"][0].update(question=HOSTILE, expected=[{"text": HOSTILE, "start": 0}])
    path.write_text(json.dumps(value))
    desk = desk_of(path, tmp_path / "j.sqlite", cases=12)
    browser = Browser(desk, "Ana")
    browser.post(score="1.0", comment=HOSTILE, corrected=HOSTILE)
    pages = everything(browser, desk)
    assert "<script>alert" not in pages and pages.count("<script") == pages.count("desk.js")
    (row,) = export.labels(desk)
    assert row["comment"].startswith("<script>alert(1)</script>") and "\x1b" not in row["comment"]


def test_a_full_disk_loses_nothing_that_was_typed(desk, monkeypatch):
    browser = Browser(desk, "Ana")
    browser.post(score="0.2")
    connect = sqlite3.connect

    def full(*words, **settings):
        base = connect(*words, **settings)
        base.execute("pragma max_page_count = 1")
        return base

    monkeypatch.setattr(sqlite3, "connect", full)
    reply = browser.post(score="0.4", comment="typed at length " * 600)
    assert reply.status_code == 507 and "typed at length" in reply.text and "disk" in reply.text
    monkeypatch.undo()
    browser.post(score="0.4", comment="typed at length " * 600)
    assert sorted(each.opinion.score for each in desk.said("Ana").values()) == [0.2, 0.4]


def test_a_journal_that_is_none_is_one_line(tmp_path):
    path = tmp_path / "j.sqlite"
    path.write_text("no data base, though as long as one may be " * 100)
    with pytest.raises(UserError, match=r"cannot be used: .*--journal"):
        Journal(path)
    with pytest.raises(UserError, match=r"cannot be used: .*--journal"):
        Journal(tmp_path)
    newer = tmp_path / "newer.sqlite"
    Journal(newer)
    with sqlite3.connect(newer) as base:
        base.execute("pragma user_version = 9")
    with pytest.raises(UserError, match="another release"):
        Journal(newer)


def test_the_journal_is_its_owners_alone(desk):
    assert desk.journal.path.stat().st_mode & 0o077 == 0


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([0.0, 0.2, 1.0]))))
def test_of_any_writes_the_last_counts_and_all_are_kept(tmp_path, writes):
    path = tmp_path / "many.sqlite"
    path.unlink(missing_ok=True)
    journals = Journal(path), Journal(path)  # two servers
    for place, (item, score) in enumerate(writes):
        journals[place % 2].add(item, "case", "Ana", "r", Opinion(score=score), 0)
    last = journals[0].last().get("Ana", {})
    assert {name: entry.opinion.score for name, entry in last.items()} == dict(writes)
    for item in last:
        said = [score for name, score in writes if name == item]
        kept = [each.opinion.score for each in journals[1].history(item, "Ana")]
        assert kept == [each for at, each in enumerate(said) if not at or said[at - 1] != each]
