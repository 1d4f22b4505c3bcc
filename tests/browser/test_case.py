"""Flips, and a case opened, as their readers meet them."""

from dataclasses import replace

import pytest

from fixtures.datasets import load_dataset
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from reports.archive import write_report
from reports.page.case.told import MOST
from reports.page.html import write_page
from tests.browser.test_report import HOSTILE, LONG
from tests.builders.duel_data import RUBRIC, duel
from tests.builders.report_data import enlarged


def gold(case):
    start = (case.spans[0].start if case.spans else 0) or 0
    text = case.contract.text[start : start + 400]
    passages = (Passage(case.contract.id, start, start + len(text), text),)
    said = case.spans[0].text if case.spans else "Not found."
    return Answer(said, 100, 10, 0.5, passages=passages)


def nearly(case):
    """Loses one category in three."""
    answer = gold(case)
    if len(case.category) % 3 or not case.spans:
        return answer
    words = answer.text.split()
    return replace(answer, text=f"{' '.join(words[: len(words) // 4 + 1])} {HOSTILE} {LONG}")


@pytest.fixture(scope="module")
def report():
    return duel(load_dataset("sample").cases[:30], nearly, gold, reason=f"{HOSTILE} {HOSTILE}")


@pytest.fixture(scope="module")
def folder(report, tmp_path_factory):
    folder = tmp_path_factory.mktemp("duel")
    write_report(report, folder / "report.json")
    write_page(report, folder)
    return folder


@pytest.fixture(scope="module")
def lost(report):
    return [row for row in report.results if row.model == "new" and LONG in row.answer]


def test_flips_stand_before_the_cases_without_a_script(folder, lost, open_page):
    page = open_page(folder / "report.html", javascript=False)
    flips = page.locator("#flips .flip")
    assert flips.count() == min(MOST, len(lost)) > 2
    first = flips.first
    assert first.locator("ins").count() or first.locator(".said").count() == 2
    assert first.is_visible()
    where = first.locator("h4 a").get_attribute("href")
    assert page.locator(f"[id='{where[1:]}']").count() == 1
    assert page.evaluate("window.stolen") is None


def test_a_case_opens_with_its_prompt_and_its_command(folder, open_page):
    page = open_page(folder / "report.html", javascript=False)
    case = page.locator("#matrix .case").first
    case.locator(".opened > td > details > summary").click()
    assert case.locator(".rerun code").inner_text().startswith("pytest evals --model new")
    talk = case.locator(".talks details").first
    talk.locator("summary").click()
    assert "passage 1" in talk.inner_text()
    talk.get_by_role("link").first.click()
    page.locator("#prompts .turn").first.wait_for()


def test_a_case_that_lies_beside_the_page_has_its_prompt_too(report, open_page, served, tmp_path):
    many = enlarged(report, 600)
    write_report(many, tmp_path / "report.json")
    write_page(many, tmp_path)
    assert (tmp_path / "cases.json").is_file()
    page = open_page(served(tmp_path))
    page.get_by_text("All 600 cases are here").wait_for(timeout=60_000)
    inside = {case.get_attribute("id") for case in page.locator("#matrix .case").all()}
    last = many.cases[-1].slug
    page.evaluate("slug => { location.hash = `case-${slug}`; }", last)
    case = page.locator(f"[id='case-{last}']")
    case.locator(".rerun").wait_for()
    for talk in case.locator(".talks summary").all():
        talk.click()
    said = case.locator(".talks").inner_text()
    assert "<passage 1>" in said
    assert "Question: " in said
    assert f"case-{last}" not in inside
    assert page.evaluate("window.stolen") is None


@pytest.mark.parametrize("width", [390, 820, 1440])
def test_opened_it_is_no_wider_than_the_window(folder, open_page, width):
    page = open_page(folder / "report.html", width=width)
    all_open(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def all_open(page):
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    return page


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    folder = tmp_path_factory.mktemp("few")
    write_page(duel(load_dataset("sample").cases[:6], nearly, gold), folder)
    return folder


def test_opened_it_breaks_no_rule_of_wcag(few, open_page, violations):
    for dark in (False, True):
        assert violations(all_open(open_page(few / "report.html", dark=dark))) == []


@pytest.mark.parametrize(("name", "place"), [("flips", "#flips"), ("case", "#matrix .body")])
def test_it_is_kept_as_it_looks_opened(few, open_page, photographed, name, place):
    page = all_open(open_page(few / "report.html"))
    page.locator(place).first.evaluate("place => place.scrollIntoView()")
    assert len(photographed(page, name, whole=False)) == 6


def test_what_cases_share_is_said_once(folder):
    text = (folder / "report.html").read_text()
    assert text.count(RUBRIC) == 1
