"""The review desk by keyboard, in a real browser."""

import json
import re
import signal
import subprocess
import sys

import pytest

from evals.judges.wording import rubric_digest
from reports.review.journal import Journal
from tests.browser.conftest import typed_server
from tests.builders.desk import MODELS, desk_of, run_of
from tests.seams import ROOT

HOSTILE = '<script>document.title="taken"</script>"></td><img src=x onerror=alert(1)>\x1b[31m'


@pytest.fixture
def desk(tmp_path):
    """`desk(words)`: the link of a served desk."""
    from contextlib import ExitStack

    path, journal = run_of(tmp_path), tmp_path / "j.sqlite"
    with ExitStack() as stack:
        yield lambda *words: stack.enter_context(
            typed_server("reports.review", path, "--journal", journal, *words)
        )


def said(tmp_path, name="Ana"):
    return Journal(tmp_path / "j.sqlite").last().get(name, {})


def heading(page):
    return page.locator(".desk-top .eyebrow").inner_text()


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def saved(page, key="Enter"):
    """Press a key that sends the form, and wait for the page that comes."""
    with page.expect_navigation():
        page.keyboard.press(key)


def test_everything_is_reviewed_by_keys_alone(tmp_path, desk, open_page):
    page = open_page(desk("--reviewer", "Ana", "--next", "4"))
    total = int(re.search(r"of (\d+)", heading(page))[1])
    press(page, "4", "h", "c")
    page.keyboard.type("thin 1 2 3 h x")  # letters are letters in a field
    press(page, "Escape", "e")
    page.keyboard.type("It is\nNevada law.")
    saved(page, "Control+Enter")
    assert heading(page).endswith(f"1 of {total}")
    saved(page, "x")
    for _ in range(total - 2):
        press(page, "5")
        saved(page)
    assert page.locator("h1").inner_text() == "All done"
    opinions = [entry.opinion for entry in said(tmp_path).values()]
    assert len(opinions) == total
    assert sorted(each.score for each in opinions if not each.skipped) == [0.8] + [1.0] * (
        total - 2
    )
    (first,) = [each for each in opinions if each.score == 0.8]
    assert first.hallucination and first.comment == "thin 1 2 3 h x"
    assert first.corrected == "It is\nNevada law."


def test_keys_go_from_one_to_the_next_and_can_be_switched_off(desk, open_page):
    page = open_page(desk("--reviewer", "Ana", "--next", "4"))
    with page.expect_navigation():
        press(page, "n")
    assert page.url.endswith("/items/2")
    with page.expect_navigation():
        press(page, "p")
    page.locator("#single").uncheck()
    page.locator("body").press("5")
    assert page.locator("input[name=score]:checked").count() == 0
    page.reload()
    page.locator("body").press("5")
    assert page.locator("input[name=score]:checked").count() == 0
    page.locator("#single").check()
    page.locator(".asked").click()
    press(page, "5")
    assert page.locator("input[name=score]:checked").get_attribute("value") == "1.0"


def test_it_works_without_javascript_by_keyboard(tmp_path, desk, open_page):
    page = open_page(desk("--reviewer", "Ana", "--scale", "1-5"), javascript=False)
    assert page.locator(".keys").is_hidden()
    page.locator("input[name=score]").first.focus()
    press(page, "Space", "ArrowDown", "ArrowDown", "Tab", "Space", "Tab")
    page.keyboard.type("corrected")
    press(page, "Tab", "Tab")
    saved(page)
    (entry,) = said(tmp_path).values()
    assert (entry.opinion.score, entry.opinion.hallucination) == (0.5, True)
    assert entry.opinion.corrected == "corrected"


def test_two_are_compared_by_arrows(tmp_path, desk, open_page):
    page = open_page(desk("--reviewer", "Ana", "--compare", *MODELS))
    sides = {}
    for key, side in (("ArrowLeft", 0), ("ArrowRight", 1), ("ArrowDown", None)):
        texts = page.locator(".said").all_inner_texts()
        press(page, key)
        saved(page)
        sides[key] = texts[side] if side is not None else ""
    choices = {entry.opinion.choice: entry.case_id for entry in said(tmp_path).values()}
    assert "tie" in choices
    kept = desk_of(run_of(tmp_path), tmp_path / "k.sqlite", kind="pairs", cases=30)
    better = {
        item.shown[("first", "second").index(entry.opinion.choice)].answer
        for item in kept.items
        if (entry := said(tmp_path).get(item.id)) and entry.opinion.choice != "tie"
    }
    assert better == {sides["ArrowLeft"], sides["ArrowRight"]}


def test_two_sessions_at_once_and_an_old_tab_is_told(tmp_path, open_page):
    path, journal = run_of(tmp_path), tmp_path / "j.sqlite"
    line = [sys.executable, "-m", "reports.review", path, "--journal", journal,
            "--reviewer", "Ana", "--reviewer", "Ben"]  # fmt: skip
    with subprocess.Popen(map(str, line), cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            links = [re.search(r"http\S+", server.stdout.readline())[0] for _ in range(2)]
            ana, ben, tab = (open_page(link) for link in (*links, links[0]))
            assert tab.url == ana.url
            for page, key in ((ana, "2"), (ben, "5")):
                press(page, key)
                saved(page)
            press(tab, "0")
            saved(tab)
            told = tab.locator("[role=alert]").inner_text()
            assert "in another tab" in told and "0.4" in told
            assert ben.locator("[role=alert]").count() == 0
            assert ben.get_by_text("Ana").count() == 0
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(20)
    assert [entry.opinion.score for entry in said(tmp_path).values()] == [0.0]
    assert [entry.opinion.score for entry in said(tmp_path, "Ben").values()] == [1.0]


def test_a_server_that_is_killed_has_lost_nothing(tmp_path, open_page):
    path, journal = run_of(tmp_path), tmp_path / "j.sqlite"
    line = [sys.executable, "-m", "reports.review", path, "--journal", journal, "--reviewer", "Ana"]
    for before, score in enumerate("35"):
        with subprocess.Popen(
            map(str, line), cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as server:
            link = re.search(r"http\S+", server.stdout.readline())[0]
            page = open_page(link, quiet=False)
            assert f"{before} of" in heading(page)
            press(page, score)
            saved(page)
            press(page, "1", "c")
            page.keyboard.type("not sent yet")
            server.kill()
            server.wait(20)
            with page.expect_event("requestfailed"):
                page.keyboard.press("Control+Enter")
        assert len(said(tmp_path)) == before + 1


def test_no_rule_of_wcag_is_broken_and_it_is_kept_as_it_looks(
    desk, open_page, violations, photographed
):
    link = desk("--reviewer", "Ana", "--next", "4")
    for dark in (False, True):
        page = open_page(link, dark=dark)
        assert violations(page) == []
    photographed(page, "review-answer")
    page.goto(page.url.replace("/items/1", "/overview"))
    assert violations(page) == []
    photographed(page, "review-overview")


def test_no_rule_is_broken_where_two_are_compared(desk, open_page, violations, photographed):
    page = open_page(desk("--reviewer", "Ana", "--compare", *MODELS))
    assert violations(page) == []
    photographed(page, "review-pair")


def test_hostile_text_changes_nothing(tmp_path, open_page):
    texts = {name: lambda number, name=name: HOSTILE + name[0] + "w" * 10_000 for name in MODELS}
    path = run_of(tmp_path, texts)
    value = json.loads(path.read_text())
    for case in value["cases"]:
        case["question"], case["expected"] = HOSTILE, [{"text": HOSTILE, "start": 0}]
    path.write_text(json.dumps(value))
    with typed_server("reports.review", path, "--journal", tmp_path / "j.sqlite",
                      "--reviewer", "Ana") as link:  # fmt: skip
        page = open_page(link)
        dialogs = []
        page.on("dialog", lambda each: dialogs.append(each))
        assert "taken" not in page.title() and page.locator("main img").count() == 0
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0
        press(page, "c")
        page.keyboard.insert_text(HOSTILE)
        press(page, "Escape", "1")
        saved(page)
        page.go_back()
        assert page.locator("textarea[name=comment]").input_value().startswith("<script>")
        assert dialogs == [] and "taken" not in page.title()
    desk = desk_of(path, tmp_path / "j.sqlite", cases=30, digest=rubric_digest())
    assert len(desk.said("Ana")) == 1
