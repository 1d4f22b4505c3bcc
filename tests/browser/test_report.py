"""report.html as its readers meet it."""

import json
import re
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from fixtures.cases import Case, Contract, Span
from fixtures.datasets import load_dataset
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from reports.archive import write_report
from reports.page.__main__ import main as make_page
from reports.page.html import write_page
from tests.builders.report_data import enlarged, written

HOSTILE = (
    "</script><script>window.stolen = 1</script><!-- <script> </td></tr></table> \"> '> "
    "<img src=x onerror='window.stolen = 2'> javascript:alert(1) \x1b[31m {{ 7*7 }} "
    "]]> &lt;b&gt; \N{GRINNING FACE} \u202e\u2028 end"
)
LONG = "W" * 10_000


def passages(case: Case) -> tuple[Passage, ...]:
    contract = case.contract
    starts = range(0, min(len(contract.text), 4_000), 800)
    return tuple(
        Passage(contract.id, start, start + 800, contract.text[start : start + 800])
        for start in starts
    )


def right(case: Case) -> Answer:
    text = case.spans[0].text if case.spans else "The contract does not say."
    return Answer(text, 1000, 20, 0.5, passages=passages(case))


def wrong(case: Case) -> Answer:
    """Misses one category in four."""
    if len(case.category) % 4:
        return right(case)
    return replace(right(case), text="Zebras.")


def page_of(report, folder):
    path = folder / "report.json"
    write_report(report, path)
    assert make_page([str(path)]) == 0
    return folder


@pytest.fixture(scope="module")
def report():
    cases = load_dataset("sample").cases[:123]
    return written(cases, {"good": right, "bad": wrong})


@pytest.fixture(scope="module")
def small(report, tmp_path_factory):
    return page_of(report, tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Few cases, won and lost against a champion, so that a page can be gone through whole."""
    cases = load_dataset("sample").cases[:82:4]
    report = written(cases, {"bad": wrong, "good": right}, champion="good")
    return page_of(report, tmp_path_factory.mktemp("few"))


@pytest.fixture(scope="module")
def large(report, tmp_path_factory):
    return page_of(enlarged(report, 1_500), tmp_path_factory.mktemp("large"))


def shown(page):
    return page.locator(".case:visible").count()


def counted(page):
    return page.locator("#count").inner_text()


def missed_of(report):
    return {report.cases[result.case].slug for result in report.results if result.missed}


def test_no_rule_of_wcag_is_broken(few, open_page, violations):
    for dark in (False, True):
        page = open_page(few / "report.html", dark=dark)
        page.locator(".opened summary").first.click()
        assert violations(page) == []


def test_it_is_kept_as_it_looks(few, open_page, photographed):
    page = open_page(few / "report.html")
    page.locator(".opened summary").first.click()
    pictures = photographed(page, "report")
    assert len(pictures) == 6 and all(picture.stat().st_size > 10_000 for picture in pictures)


@pytest.mark.parametrize("width", [390, 820, 1440])
def test_nothing_is_wider_than_the_window(small, open_page, width):
    page = open_page(small / "report.html", width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_small_exam_is_one_file_that_shows_everything_without_a_script(small, report, open_page):
    assert not (small / "cases.json").exists()
    page = open_page(small / "report.html", javascript=False)
    assert shown(page) == len(report.cases)
    assert page.locator("#filters").is_hidden()
    case = report.cases[0]
    page.goto(f"{page.url}#case-{case.slug}")
    row = page.locator(f"[id='case-{case.slug}']")
    assert row.evaluate("node => node.matches(':target')")
    row.locator("summary").first.click()
    assert row.locator(".scores").is_visible() and row.locator("mark").count() > 0


def test_cases_are_found_by_words_filters_and_an_address(small, report, open_page):
    page = open_page(small / "report.html")
    assert counted(page) == "1–50 of 123 cases" and shown(page) == 50
    page.locator("[name=tag][value=missed]").check()
    missed = missed_of(report)
    page.get_by_text(f"1–{len(missed)} of {len(missed)} cases").wait_for()
    assert "tag=missed" in page.url
    page.locator("[name=q]").fill("zEbRaS")
    page.wait_for_url(re.compile("q=zEbRaS"))
    assert counted(page) == f"1–{len(missed)} of {len(missed)} cases"
    page.locator("[name=q]").fill("no such words anywhere")
    page.get_by_text("No case fits these filters.").wait_for()
    category = next(case.category for case in report.cases if case.slug in missed)
    wanted = urlencode({"category": category, "model": "bad", "tag": "missed"})
    again = open_page(f"file://{small}/report.html#{wanted}")
    of_it = {case.slug for case in report.cases if case.category == category}
    assert 0 < shown(again) == len(of_it & missed) < len(missed)


@pytest.mark.parametrize(
    "fragment",
    ["case-%", "case-no-such", "tag=nosuch&sort=nosuch&model=x&order=y", "limit=x&metric=token_f1"],
)
def test_an_address_that_was_mistyped_breaks_nothing(small, open_page, fragment):
    page = open_page(f"file://{small}/report.html#{fragment}")
    assert page.locator("#filters").is_visible() and counted(page)
    page.locator("#clear").click()
    page.get_by_text("1–50 of 123 cases").wait_for()


def slugs(page):
    """Of every case that is found, page after page."""
    found = []
    while True:
        found += page.locator(".case").evaluate_all("rows => rows.map(row => row.id.slice(5))")
        button = page.locator("[data-step='1']").first
        if button.is_disabled():
            return found
        button.click()


@pytest.mark.parametrize(("order", "sign"), [("ascending", 1), ("descending", -1)])
def test_the_unscored_come_last_whichever_way(small, report, open_page, order, sign):
    place = f"file://{small}/report.html#model=bad&sort=metric:grounded_quote&order={order}"
    found = slugs(open_page(place))
    scores = {
        report.cases[result.case].slug: result.scores.get("grounded_quote")
        for result in report.results
        if result.model == "bad"
    }
    values = [scores[slug] for slug in found]
    scored = [value for value in values if value is not None]
    assert sorted(found) == sorted(scores) and 0 < len(scored) < len(values)
    assert values == sorted(scored, key=lambda value: sign * value) + [None] * (
        len(values) - len(scored)
    )
    assert len(set(scored)) > 1


def test_keys_search_walk_and_open(small, open_page):
    page = open_page(small / "report.html")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.evaluate("document.activeElement.blur()")
    for key in ("j", "j", "k", "j"):
        page.keyboard.press(key)
    second = page.locator(".case").nth(1)
    assert second.locator("summary").first.evaluate("node => node === document.activeElement")
    page.keyboard.press("Enter")
    assert second.locator(".scores").is_visible()


def test_a_large_exam_opened_as_a_file_says_where_the_others_are(large, open_page):
    page = open_page(large / "report.html")
    note = page.locator("#others").inner_text()
    assert "cases.json" in note and "python -m reports.serve" in note
    carried = int(
        re.search(r"holds ([\d,]+) of 1,500", page.inner_text("#cases"))[1].replace(",", "")
    )
    assert counted(page) == f"1–50 of {carried:,} cases"
    assert (large / "report.html").stat().st_size < 8_000_000
    written = json.loads((large / "cases.json").read_text())
    assert len(written["cases"]) == 1_500 - carried


def test_served_it_shows_them_all(large, report, open_page, served):
    page = open_page(served(large))
    page.get_by_text("All 1,500 cases are here").wait_for()
    assert counted(page) == "1–50 of 1,500 cases"
    others = json.loads((large / "cases.json").read_text())
    last = others["cases"][-1]
    page.evaluate(f"location.hash = 'case-{last['slug']}'")
    row = page.locator(f"[id='case-{last['slug']}']")
    row.locator(".scores").wait_for()
    row.evaluate("row => row.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert all(text.strip() for text in row.locator(".passages .excerpt").all_inner_texts())
    page.locator("[name=q]").fill("zebras")
    page.wait_for_url(re.compile("q=zebras"))
    said = sum(result.answer == "Zebras." for result in enlarged(report, 1_500).results)
    assert said and counted(page) == f"1–50 of {said} cases"


def test_names_that_differ_by_case_or_blanks_are_told_apart(open_page, tmp_path):
    cases = load_dataset("sample").cases[:4]
    names = ["Governing Law", "governing law", "Governing  Law", " Governing Law"]
    named = [replace(case, category=name) for case, name in zip(cases, names, strict=True)]
    page = open_page(page_of(written(named, {"good": right}), tmp_path) / "report.html")
    for name in names:
        page.locator("[name=category]").select_option(value=name)
        page.get_by_text("1–1 of 1 cases").wait_for()
        page.locator("#clear").click()
        page.get_by_text("1–4 of 4 cases").wait_for()


def test_where_no_case_finds_room_they_are_read_from_beside(open_page, served, tmp_path):
    few = enlarged(written(load_dataset("sample").cases[:1], {"good": right}), 2)
    giants = tuple(replace(result, answer=("word" * 200 + " ") * 5_600) for result in few.results)
    page = open_page(served(page_of(replace(few, results=giants), tmp_path / "run")))
    page.get_by_text("1–2 of 2 cases").wait_for()
    assert shown(page) == 2


def test_contracts_of_one_question_each_fill_no_page(report, tmp_path):
    many = enlarged(report, 3_000)
    group = many.contracts[0]
    of_each = tuple(replace(group, name=f"C{number}") for number in range(3_000))
    page = write_page(replace(many, contracts=of_each), tmp_path).read_text()
    assert page.count('href="#contract=') == 500 and "2,500 others stand in report.json" in page
    assert len(page) < 8_000_000


@pytest.mark.heavy
def test_twenty_thousand_cases_are_opened_searched_and_sorted(report, open_page, served, tmp_path):
    many = enlarged(report, 20_000)
    write_page(many, tmp_path)
    (tmp_path / "report.json").touch()
    assert (tmp_path / "report.html").stat().st_size < 8_000_000
    alone = open_page(tmp_path / "report.html")
    assert re.fullmatch(r"1–50 of [\d,]+ cases", counted(alone))
    page = open_page(served(tmp_path))
    page.get_by_text("All 20,000 cases are here").wait_for(timeout=120_000)
    said = sum(result.answer == "Zebras." for result in many.results)
    page.locator("[name=q]").fill("zebras")
    page.get_by_text(f"1–50 of {said:,} cases").wait_for()
    page.locator("#clear").click()
    page.locator("[name=sort]").select_option("metric:token_f1")
    page.locator("[name=order]").select_option("descending")
    page.wait_for_url(re.compile("order=descending"))
    assert counted(page) == "1–50 of 20,000 cases"
    last = many.cases[-1].slug
    page.evaluate("slug => { location.hash = `case-${slug}`; }", last)
    page.locator(f"[id='case-{last}'] .scores").wait_for()


def test_cases_of_another_page_are_not_read(report, open_page, served, tmp_path):
    folder = page_of(enlarged(report, 600), tmp_path / "run")
    text = (folder / "cases.json").read_text()
    (folder / "cases.json").write_text(text.replace("Zebras", "Horses"))
    page = open_page(served(folder), quiet=False)
    page.get_by_text("could not be read, or is not of this page").wait_for()
    assert shown(page) == 50


def test_a_smaller_report_leaves_no_cases_of_the_larger(report, tmp_path):
    write_page(enlarged(report, 600), tmp_path)
    assert (tmp_path / "cases.json").is_file()
    write_page(report, tmp_path)
    assert not (tmp_path / "cases.json").exists()


def hostile():
    contract = Contract(HOSTILE, f"before {HOSTILE} after {LONG}")
    case = Case("id", "hostile-case", contract, HOSTILE, HOSTILE, (Span(HOSTILE, 7),))
    text = contract.text
    cut = Passage(contract.id, 3, len(text), text[3:])
    say = Answer(HOSTILE, passages=(cut,), reasoning=HOSTILE, finish_reason=HOSTILE)
    return written(
        [case],
        {
            HOSTILE[:60]: lambda _: say,
            "long": lambda _: replace(say, text=LONG),
            "down": lambda _: Answer("", error=HOSTILE),
        },
    )


@pytest.mark.parametrize("many", [1, 150])
def test_hostile_text_is_text(many, open_page, served, tmp_path):
    folder = page_of(enlarged(hostile(), many), tmp_path / "run")
    assert (folder / "cases.json").is_file() == (many > 1)
    slug = f"hostile-case-{many - 1}"
    page = open_page(f"{served(folder)}#case-{slug}")
    row = page.locator(f"[id='case-{slug}']")
    row.locator(".scores").wait_for()
    assert page.evaluate("window.stolen") is None
    section = row.locator(".passages").first
    marked = "".join(section.locator("mark").all_inner_texts())
    assert marked.startswith("</script>") and marked.endswith("\N{GRINNING FACE} \u202e\u2028 end")
    assert row.locator("script, img, a:not([href^='#'])").count() == 0
    assert row.locator("tr").count() == len(row.locator("tr").all())
    assert page.evaluate("document.documentElement.scrollWidth") <= 1200
    page.locator("[name=q]").fill("]]> &LT;b&gt;")
    page.wait_for_url(re.compile("q="))
    assert "of" in counted(page)


def test_it_prints_with_its_answers(small, report, open_page, tmp_path):
    import pdfplumber

    page = open_page(small / "report.html")
    page.locator("[name=tag][value=missed]").check()
    page.wait_for_url(re.compile("tag=missed"))
    page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    with pdfplumber.open(tmp_path / "page.pdf") as pdf:
        text = "\n".join(each.extract_text() for each in pdf.pages)
    assert text.count("Zebras.") == len(missed_of(report))
    assert "Search" not in text
