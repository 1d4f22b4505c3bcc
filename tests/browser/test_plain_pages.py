"""History, comparison, benchmark, and a report's charts, as a browser shows them."""

from dataclasses import replace

import pytest

from reports.benchmark.__main__ import main as benchmark
from reports.compare.__main__ import main as compare
from reports.history.__main__ import main as history
from reports.page.html import render
from tests.builders.chart_data import examined, loss, shares
from tests.builders.run_data import contents, put, written

A, B = "20260101-010000-aaaa", "20260102-010000-bbbb"
CASES = contents()
HOSTILE = "</svg><script>alert(1)</script>" + "w" * 300


def scores(shift):
    return {
        name: {"token_f1": (number * 7 + shift) % 10 / 10, "laziness": float(number % 4 == 0)}
        for number, name in enumerate(CASES)
    }


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Each page by its name, made as a user makes it."""
    folder = tmp_path_factory.mktemp("pages")
    runs = folder / "runs"
    put(runs, written(A, {"old": scores(0), HOSTILE[:60]: scores(2)}, roles={"old": "champion"}))
    put(runs, written(B, {"new": scores(5)}))
    beside = ["--runs", str(runs)]
    names = ("history", "compare", "benchmark", "report")
    found = {name: folder / f"{name}.html" for name in names}
    drawn = ["--models", str(folder), "--feedback", str(folder)]
    assert history([*beside, *drawn, "--html", str(found["history"])]) == 0
    assert compare([A, B, *beside, "--model-a", "old", "--html", str(found["compare"])]) == 0
    assert benchmark([A, B, *beside, "--output", str(found["benchmark"].with_suffix(".md"))]) == 0
    report = examined(
        {HOSTILE: shares(0.4), "old": shares(0.6)},
        champion="old",
        answer=lambda random: {"confidence": -random.random()},
        sections=(loss({HOSTILE: dict.fromkeys(("right", "not read", "not shown"), 5)}),),
    )
    wide = tuple(
        replace(each, contract=f"{'W' * 200} {each.contract}")
        for each in report.contract_differences
    )
    report = replace(report, contract_differences=wide)
    found["report"].write_text(render(report).html)
    return found


@pytest.mark.parametrize("name", ["history", "compare", "benchmark", "report"])
def test_a_page_is_readable_by_everybody_at_every_width(
    name, pages, open_page, violations, photographed
):
    page = open_page(pages[name])
    assert violations(page) == []
    photographed(page, f"charts-{name}")
    page.emulate_media(color_scheme="dark")
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    charts = page.locator("figure.chart svg")
    assert charts.count() >= 1 and page.locator("figure.chart svg script").count() == 0
    for chart in charts.all():
        box = chart.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390


def test_a_chart_turns_dark_with_its_page_and_prints_light(pages, open_page):
    page = open_page(pages["report"])
    ink = "getComputedStyle(document.querySelector('figure.chart text')).fill"
    light = page.evaluate(ink)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(ink) != light
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(ink) in (light, "rgb(0, 0, 0)", "rgb(68, 68, 68)")


@pytest.mark.parametrize("name", ["history", "compare", "benchmark", "report"])
def test_no_text_of_a_chart_is_cut_off_or_stands_on_another(name, pages, open_page):
    page = open_page(pages[name])
    wrong = page.evaluate(
        """() => [...document.querySelectorAll('figure.chart svg')].flatMap((svg) => {
          const whole = svg.getBoundingClientRect();
          const texts = [...svg.querySelectorAll('text')].filter((each) => each.textContent.trim());
          const boxes = texts.map((each) => [each.textContent, each.getBoundingClientRect()]);
          const out = boxes.filter(([, box]) =>
            box.left < whole.left - 1 || box.right > whole.right + 1 ||
            box.top < whole.top - 1 || box.bottom > whole.bottom + 1
          ).map(([text]) => `out: ${text}`);
          const on = boxes.flatMap(([one, a], at) => boxes.slice(at + 1).filter(([, b]) =>
            Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 &&
            Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 5
          ).map(([two]) => `${one} on ${two}`));
          return [...out, ...on];
        })"""
    )
    assert wrong == []
