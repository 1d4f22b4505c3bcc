from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from fixtures.datasets import load_dataset
from models.chat import Answer
from reports.page.markdown import LIMIT, escape, markdown
from reports.page.wording import conclusions
from tests.builders.report_data import written

NASTY = "a | b\n`c` <script>alert(1)</script> **d** [e](http://f) \\| ~~g~~ &amp; $h$ <!-- _i_ # j"


class Cells(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.within = False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.within = tag == "td"
        if self.within:
            self.cells.append("")

    def handle_endtag(self, tag):
        self.within = False

    def handle_data(self, data):
        if self.within:
            self.cells[-1] += data


def parsed(text: str) -> Cells:
    return Cells(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))


@pytest.fixture(scope="module")
def cases():
    sample = load_dataset("sample").cases
    contracts = list(dict.fromkeys(case.contract.id for case in sample))[:3]
    return [case for case in sample if case.contract.id in contracts]


@pytest.fixture(scope="module")
def two(cases):
    return written(
        cases,
        {
            "good": lambda case: Answer(case.spans[0].text if case.spans else "Not found."),
            "bad": lambda case: Answer(NASTY),
        },
    )


@given(st.text(max_size=100))
def test_escaped_text_is_one_cell_that_reads_as_written(text):
    found = parsed(f"| h | i |\n| --- | --- |\n| x{escape(text)}x | last |\n")
    plain = " ".join(text.split())
    expected = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in plain)
    assert found.cells == [f"x{expected}x", "last"]
    assert found.tags == {"table", "thead", "tbody", "tr", "th", "td"}


@given(st.text(min_size=0, max_size=2000), st.integers(2, 300))
def test_clipped_text_is_never_longer_and_says_that_it_was_cut(text, most):
    shown = parsed(f"| h |\n| --- |\n| x{escape(text, most)}x |\n").cells[0][1:-1]
    assert len(shown) <= most
    if len(" ".join(text.split())) > most and len(text) <= most * 4:
        assert shown.endswith("…")


def test_says_outcomes_metrics_and_cost(two):
    page = markdown(two)
    assert "**REJECT** bad fails token&#95;f1" in page
    assert "calls 1,234, tokens in 56,789, tokens out 321, time 1 min 15 s" in page
    cells = parsed(page).cells
    for group in two.summary:
        e = group.estimates["token_f1"]
        assert f"{e.mean:.3f} [{e.low:.3f}, {e.high:.3f}], n {e.n}" in cells
    for check in (check for verdict in two.verdicts for check in verdict.checks):
        assert check.reason in cells and check.outcome in cells


def test_missed_cases_are_inert_rows_taken_evenly(two):
    page = markdown(two)
    missed = [result for result in two.results if result.missed]
    assert len(missed) > 10
    assert f"10 of {len(missed):,}" in page
    rows = page.split("## Missed")[1].strip().splitlines()[4:]
    assert len(rows) == 10
    found = parsed(page)
    assert not found.tags & {"script", "a", "s", "code", "em"}
    assert sum(NASTY.split("\n")[0] in cell for cell in found.cells) == 10


def test_weakest_categories_are_the_five_lowest_with_their_n(two):
    rows = markdown(two).split("## Weakest")[1].split("## ")[0].strip().splitlines()[3:]
    mean = {
        group.name: group.estimates["token_f1"].mean
        for group in two.categories
        if group.model == "bad" and "token_f1" in group.estimates
    }
    bad = [row for row in rows if row.startswith("| bad |")]
    assert [row.split(" | ")[2] for row in bad] == [f"{m:.3f}" for m in sorted(mean.values())[:5]]


def test_unscored_is_not_a_number(cases):
    page = markdown(written(cases, {"down": lambda case: Answer("", error="HTTP 503")}))
    answerable = sum(case.answerable for case in cases)
    assert f"| exact&#95;match | unscored ({answerable}) |" in page
    assert "**INCONCLUSIVE** down is inconclusive on token&#95;f1" in page


def test_nothing_examined():
    page = markdown(written([], {}))
    assert "Nothing was examined." in page and "## " not in page


def test_stays_short_whatever_the_size(cases):
    names = {f"model{i}" + "|" * 200: (lambda case: Answer("|" * 5000)) for i in range(60)}
    page = markdown(written(cases[:50], names))
    assert len(page.encode()) <= LIMIT
    assert "Too long for this page; see report.html." in page


def test_same_report_same_text(two):
    assert markdown(two) == markdown(two)


def test_a_model_without_floors_has_no_outcome(two):
    found = conclusions(replace(two, verdicts=()))
    assert [each.outcome for each in found] == ["", ""]
