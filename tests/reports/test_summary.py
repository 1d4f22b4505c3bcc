import html
import re
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from evals.gate import Gate, MetricGate
from fixtures.datasets import load_dataset
from models.chat import Answer
from reports.markdown.escaping import escape
from reports.markdown.markdown import LIMIT, markdown
from reports.report import Finding, Section
from reports.views.flips import flips
from reports.views.wording import conclusions
from tests.builders.report_data import written

KEPT = {
    *("PASS", "FAIL", "INCONCLUSIVE", "N/A", "PROMOTE", "REJECT", "candidate", "champion", "floor"),
    *("higher", "lower", "guard", "primary", "report", "non-inferior", "superior", ""),
}
"""Words that a field can only be one of, and that say what a page shows."""

BREAK = "\u200b"
NASTY = "a | b\n`c` <script>alert(1)</script> **d** [e](http://f) \\| ~~g~~ &amp; $h$ <!-- _i_ # j"


class Cells(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.text: list[str] = []
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
        self.text.append(data)
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
    assert [cell.replace(BREAK, "") for cell in found.cells] == [f"x{expected}x", "last"]
    assert found.tags == {"table", "thead", "tbody", "tr", "th", "td"}


@given(st.text(min_size=0, max_size=2000), st.integers(2, 300))
def test_clipped_text_is_never_longer_and_says_that_it_was_cut(text, most):
    shown = parsed(f"| h |\n| --- |\n| x{escape(text, most)}x |\n").cells[0][1:-1]
    shown = shown.replace(BREAK, "")
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
    rows = page.split("## Missed")[1].split("<details>")[0].strip().splitlines()[4:]
    assert len(rows) == 10
    found = parsed(page)
    assert not found.tags & {"script", "a", "s", "code", "em"}
    assert sum(NASTY.split("\n")[0] in cell for cell in found.cells) == 10


def test_weakest_categories_are_the_lowest_with_their_n(two):
    rows = markdown(two).split("Weakest")[1].split("</details>")[0].strip().splitlines()[4:]
    lowest = sorted(
        group.estimates["token_f1"].mean
        for group in two.categories
        if "token_f1" in group.estimates
    )
    assert [row.split(" | ")[2] for row in rows] == [f"{mean:.3f}" for mean in lowest[:10]]


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
    assert "Left out, too long for this page, and whole in report.html: Metrics" in page
    assert page.count("<details>") == page.count("</details>")


def test_same_report_same_text(two):
    assert markdown(two) == markdown(two)


def test_a_model_without_floors_has_no_outcome(two):
    found = conclusions(replace(two, verdicts=()))
    assert [each.outcome for each in found] == ["", ""]


# What the renderers of GitHub and GitLab make of text, in nodes that are no code: names are called,
# issues, commits and addresses linked, emoji drawn.

LINKED = re.compile(
    r"""(?<!\w)@[a-z0-9][\w-]*|\#\d+|(?<!\w)[!%$&^]\d|~[\w"]|(?:https?|ftp)://
    |(?:mailto|xmpp):[\w.+-]+@\w|\bwww\.|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|:[\w+-]+:|\bGH-\d
    |(?<![\w])[0-9a-f]{7,40}(?![\w])""",
    re.IGNORECASE | re.VERBOSE,
)
CALLS = (
    "@octocat", "@acme/lawyers", "#123", "acme/repo#4", "GH-7", "http://evil.example/x", "$5", "&9",
    "www.evil.example", "mail@evil.example", "mailto:a@b.example", "c0ffee0123", "deadbeef" * 5,
    "acme@c0ffee0123", "!12", "%3", '~"bug"', ":tada:", "ftp://evil.example", "/close", "|", "`",
    "[x](javascript:alert(1))", "<!-- -->", "</details>", "<img src=x onerror=alert(1)>", "\\",
    "\n\n# h\n\n", "&#64;octocat",
)  # fmt: skip


@pytest.mark.parametrize("text", CALLS)
def test_the_model_of_the_renderers_knows_what_they_link(text):
    if text[0] not in "/[<|`\\\n&" or text == "&9":
        assert LINKED.search(text)


@given(
    st.lists(st.sampled_from(CALLS) | st.text(max_size=8), max_size=12).map(" ".join)
    | st.lists(st.sampled_from(CALLS)).map("".join)
)
@settings(max_examples=300)
def test_no_answer_calls_anybody_or_links_anywhere(text):
    found = parsed(f"| h | i |\n| --- | --- |\n| {escape(text, 500)} | last |\n")
    assert found.cells[1:] == ["last"] and len(found.cells) == 2
    assert not LINKED.search(found.cells[0])
    assert found.tags == {"table", "thead", "tbody", "tr", "th", "td"}


@pytest.fixture(scope="module")
def against(cases):
    hostile = " ".join(CALLS)

    def new(case):
        if case.answerable and len(case.contract.id) % 2:
            return Answer(case.spans[0].text)
        return Answer(hostile)

    def old(case):
        if len(case.contract.id) % 2:
            return Answer("Not found.")
        return Answer(case.spans[0].text if case.spans else hostile)

    return written(cases, {"new": new, "old": old}, champion="old")


def plain(page):
    return html.unescape(page).replace(BREAK, "")


def quoted(report):
    """What nobody may read of cases: questions, answers, expected answers, contracts."""
    return {
        *[text[:40] for case in report.cases for text in (case.question, case.contract)],
        *[" ".join(span.text.split())[:40] for case in report.cases for span in case.expected],
        *[row.answer[:40] for row in report.results],
    }


def test_begins_with_the_verdict_then_the_champion_then_what_turned(against):
    page = markdown(against)
    heads = [line for line in page.splitlines() if line.startswith("#")]
    assert heads[0].startswith("# Bar Exam: ")
    assert heads[1] == "## new against champion old"
    assert re.fullmatch(r"## Cases that turned: \d+ won and \d+ lost, new against.*", heads[2])
    assert len(heads) == 3, "the rest is folded"
    assert page.index("<details>") > page.index(heads[2])


def test_the_ten_most_telling_flips_are_those_of_the_page(against):
    (found,) = flips(against)
    assert len(found.won) > 5 and len(found.lost) > 5
    table = markdown(against).split("## Cases that turned")[1].split("<details>")[0]
    rows = [row.strip("| ").split(" | ") for row in table.strip().splitlines()[6:]]
    assert len(rows) == 10
    for row, flip in zip(rows, [*found.lost[:5], *found.won[:5]], strict=True):
        assert row[0].startswith(f"**{flip.side}** ")
        assert plain(row[1])[:50] == flip.case.question[:50]
        for shown, result in zip(row[3:], (flip.opponent, flip.candidate), strict=True):
            assert plain(shown)[:20] == " ".join(result.answer.split())[:20]


def test_differences_stand_with_interval_margin_and_outcome(cases):
    rule = MetricGate(role="primary", floor=0.1, margin=0.05)
    answers = {"new": lambda case: Answer("x"), "old": lambda case: Answer("Not found.")}
    report = written(cases, answers, Gate(minimum_cases=1, metrics={"token_f1": rule}), "old")
    (check,) = [c for c in report.verdicts[0].checks if c.against == "champion old"]
    row = next(r for r in markdown(report).splitlines() if r.startswith("| token&#95;f1 |"))
    cells = [cell.strip("*") for cell in plain(row).strip("| ").split(" | ")]
    assert cells[3:] == [f"{check.estimate:+.3f}", "0.05", check.outcome]


def test_every_fold_is_closed_and_nothing_of_an_answer_is_markup(against):
    page = markdown(against)
    assert page.count("<details>") == page.count("</details>") == page.count("<summary>") > 3
    found = parsed(page)
    assert found.tags <= {
        "table", "thead", "tbody", "tr", "th", "td", "h1", "h2", "p", "strong", "details",
        "summary", "ul", "li",
    }  # fmt: skip
    assert not [cell for cell in found.cells if LINKED.search(cell)]
    assert not [line for line in page.splitlines() if line.startswith("/")]


def test_numbers_alone_quote_no_contract_and_no_answer(against):
    page = plain(markdown(against, quotes=False))
    assert "new against champion old" in page and "token_f1" in page
    assert [text for text in quoted(against) if text in page] == []


def test_of_sealed_contracts_no_case_is_shown(against):
    dataset = replace(against.header.dataset, sealed=True)
    sealed = replace(against, header=replace(against.header, dataset=dataset))
    page = plain(markdown(sealed))
    assert "Checks" in page and "champion old" in page
    assert [text for text in quoted(against) if text in page] == []


@pytest.mark.parametrize("most", [2_500, 6_000, 12_000])
def test_what_is_too_long_is_left_out_whole_and_named(against, most):
    page = markdown(against, most=most)
    assert len(page.encode()) <= most
    assert page.startswith("# Bar Exam: ")
    title = re.compile(r"^(?:## |<summary>)([^<\n]*)", re.MULTILINE)
    said = page.split("whole in report.html: ")[1]
    left = [each for each in title.findall(markdown(against)) if each not in title.findall(page)]
    assert left and all(each in said for each in left)


def test_a_report_that_somebody_edited_is_no_markup_either(against):
    """Whatever words a report holds, in whichever field: those that are ours may be changed too."""
    hostile = "</details> <b>@octocat</b> | #1\n\n/close\n# h"

    def edited(value):
        if isinstance(value, str):
            return value if value in KEPT else hostile + value
        if isinstance(value, dict):
            return {
                key if key in KEPT else edited(key): edited(each) for key, each in value.items()
            }
        if isinstance(value, list | tuple):
            return tuple(map(edited, value))
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{f.name: edited(getattr(value, f.name)) for f in fields(value)})
        return value

    section = Section("x", "title", "note", (Finding("a", "b", None, "c", "FAIL"),))
    page = markdown(edited(replace(against, notes=("a note",), sections=(section,))))
    found = parsed(page)
    assert page.count("octocat") > 50
    assert not found.tags & {"b", "a", "code", "em"}
    assert not LINKED.search("".join(found.text))
    assert page.count("<details>") == page.count("</details>") > 3
    assert not [line for line in page.splitlines() if line.startswith("/")]
