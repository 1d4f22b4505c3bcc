import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from common.storable import storable
from fixtures.cases import Case, Contract, Span
from fixtures.datasets import load_dataset
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from reports.archive import as_written, write_report
from reports.page.__main__ import main
from reports.page.banner import decisive
from reports.page.html import render
from reports.report import Check, Finding, Section
from reports.views.proof import smallest_told
from tests.builders.report_data import GATE, written

HOSTILE = (
    "</script><script>alert(1)</script><!-- <script> {{ 7*7 }} {% raw %} ]]> "
    "& \u2028\x00\x1b\x85\r\n"
    " <img src=x onerror=alert(1)> \N{SCALES} \N{GRINNING FACE} end"
)


class Reader(HTMLParser):
    """Visible text, scripts by type, tags, and every attribute value."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.scripts: dict[str | None, str] = {}
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.inside: tuple[str, str | None] | None = None
        self.feed(page)
        self.close()
        self.words = " ".join(" ".join(self.text).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attributes]
        if tag in ("script", "style"):
            self.inside = (tag, dict(attributes).get("type"))

    def handle_endtag(self, tag):
        if self.inside and tag == self.inside[0]:
            self.inside = None

    def handle_data(self, data):
        if self.inside is None:
            self.text.append(data)
        elif self.inside[0] == "script":
            self.scripts[self.inside[1]] = self.scripts.get(self.inside[1], "") + data

    @property
    def data(self):
        return json.loads(self.scripts["application/json"])


def shown(case: Case) -> tuple[Passage, ...]:
    start = case.spans[0].start if case.spans else 0
    assert start is not None
    end = min(len(case.contract.text), start + 300)
    return (Passage(case.contract.id, start, end, case.contract.text[start:end]),)


def perfect(case: Case) -> Answer:
    text = case.spans[0].text if case.spans else "The contract does not say."
    return Answer(text, 100, 10, 0.5, passages=shown(case))


def wrong(case: Case) -> Answer:
    return Answer("Zebras.", 100, 2, 0.25, passages=())


def down(case: Case) -> Answer:
    return Answer("", error="HTTP 503: overloaded")


@pytest.fixture(scope="module")
def cases():
    sample = load_dataset("sample").cases
    contracts = list(dict.fromkeys(case.contract.id for case in sample))[:4]
    return [case for case in sample if case.contract.id in contracts]


@pytest.fixture(scope="module")
def two(cases):
    return written(cases, {"good": perfect, "bad": wrong})


@pytest.fixture(scope="module")
def page(two):
    return Reader(render(two).html)


def hostile_case() -> Case:
    contract = Contract(HOSTILE, f"before {HOSTILE} after")
    return Case("id", "hostile-case", contract, HOSTILE, HOSTILE, (Span(HOSTILE, 7),))


def test_opening_says_who_was_examined_and_what_was_concluded(page):
    assert "good passes all 2 checks." in page.words
    assert "bad fails token_f1 and is inconclusive on hit@5; 0 of 2 checks passed." in page.words
    for value in ("1,234", "56,789", "1 min 15 s", "3.0 GiB", "c0ffee", "packages.torch", "164"):
        assert value in page.words


def test_summary_shows_every_mean_with_its_interval_and_count(page, two):
    for group in two.summary:
        found = group.estimates["token_f1"]
        ends = f"[{found.low:.3f}, {found.high:.3f}]"
        assert f"{found.mean:.3f} {ends} {found.n}" in page.words
    reasons = [check.reason for verdict in two.verdicts for check in verdict.checks]
    assert len(reasons) == 4
    assert all(reason in page.words for reason in reasons)


def test_every_fact_stands_once_under_its_own_name(two):
    names = re.findall(r"<dt>([^<]*)", render(two).html)
    assert names
    assert [name for name in names if name.startswith("further")] == []


def test_every_chart_has_a_name_and_its_words_beside_it(page, two):
    labels = [
        value for tag, name, value in page.attributes if tag == "svg" and name == "aria-label"
    ]
    assert len(labels) == len(set(labels)) == page.tags.count("svg") >= 4
    assert page.words.count("The same in words") == len(labels)
    estimate = two.summary[0].estimates["token_f1"]
    ends = f"[{estimate.low:.3f}, {estimate.high:.3f}]"
    assert f"token_f1 (higher is better): good 1.000 {ends}, bad 0.000" in page.words
    assert "; floor 0.5" in page.words


def test_groups_count_misses_and_lead_to_their_cases(page, two):
    links = [value for tag, name, value in page.attributes if (tag, name) == ("a", "href")]
    assert "#category=Governing+Law&model=bad" in links
    assert len(links) == 8 + len(two.categories) + len(two.contracts) + len(two.cases)
    missed = sum(bool(result.missed) for result in two.results)
    assert missed and f"{missed} of 328" in page.words


def test_carries_every_case_and_nothing_from_elsewhere(page, two):
    assert [each["slug"] for each in page.data["cases"]] == [case.slug for case in two.cases]
    for result in two.results:
        at = page.data["models"].index(result.model)
        found = page.data["cases"][result.case]["results"][at]
        scores = dict(zip(page.data["metrics"], found["scores"], strict=True))
        assert {name: scores[name] for name in result.scores} == result.scores
        assert " ".join(result.answer.split()) in page.words
    outside = [
        value
        for _, name, value in page.attributes
        if name in ("src", "href", "action", "srcset")
        if not (value or "").startswith("#")
    ]
    assert outside == []
    assert "link" not in page.tags and "http:" not in page.scripts[None]


def test_several_candidates_stand_side_by_side_and_one_alone_does_not(page, two, cases):
    assert "The same in words Means with intervals. F1: good 1.000" in page.words
    assert "improvement in F1" in page.words
    assert "Beside good" in page.words and "bad -100 % -1.000" in page.words
    alone = Reader(render(written(cases[:41], {"good": perfect})).html)
    assert "Means with intervals" not in alone.words and "Side by side" not in alone.words


def test_hostile_contract_is_inert_and_comes_back_whole():
    case = hostile_case()
    report = written([case], {HOSTILE[:60]: lambda _: Answer(HOSTILE, finish_reason=HOSTILE)})
    html = render(report).html
    reader = Reader(html)
    assert reader.tags.count("script") == 2 and "img" not in reader.tags
    for text in (storable(HOSTILE), HOSTILE):
        assert reader.words.count(" ".join(text.split())) > 1
    assert "{{ 7*7 }}" in reader.words and "49" not in reader.words
    embedded = re.search(r'id="data">(.*?)</script>', html, re.S)[1]
    assert embedded.isascii() and not set(embedded) & set("<>&")


def test_unscored_says_so_with_its_reason_and_is_never_zero(cases):
    report = written(cases[:41], {"down": down})
    html = Reader(render(report).html)
    assert "token_f1" not in report.summary[0].estimates
    row = html.words.split("token_f1 ↑ higher is better", 1)[1].split("containment", 1)[0]
    assert "unscored" in row and "no answer: HTTP 503: overloaded" in row
    assert "INCONCLUSIVE" in row and "0.000" not in row
    assert "41 41 answers failed" not in html.words and "answers failed 41" in html.words


def test_one_contract_has_no_interval(cases):
    html = Reader(render(written(cases[:41], {"good": perfect})).html)
    assert "no interval: one contract" in html.words
    assert "None" not in html.words


def test_speed_is_that_of_the_calls_made(page, two):
    (good, _) = two.performance
    assert f"good 164 0.50 s 0.50 s {good.tokens_per_second:,.0f}" in page.words


def test_nothing_examined_is_a_page_too():
    html = Reader(render(written([], {})).html)
    for words in ("Nothing was examined", "nothing to summarise", "There are no categories."):
        assert words in html.words


def test_no_floors_is_no_pass(cases):
    html = Reader(
        render(written(cases[:5], {"good": perfect}, GATE.model_copy(update={"metrics": {}}))).html
    )
    assert "good was asked to show nothing." in html.words
    assert "PASS" not in html.words


def test_same_report_same_bytes(two):
    assert render(two).html == render(as_written(two)).html


def test_page_is_made_again_from_the_file(two, tmp_path, capsys):
    path = tmp_path / "report.json"
    write_report(two, path)
    assert main([str(path)]) == 0
    assert (tmp_path / "report.html").read_text() == render(two).html
    assert "report.html" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("{", "not JSON"),
        ("[]", "schema None"),
        ('{"schema": 1}', "no report"),
    ],
)
def test_a_file_that_is_no_report_is_one_line(content, said, tmp_path, capsys):
    path = tmp_path / "report.json"
    if content is not None:
        path.write_text(content)
    assert main([str(path)]) == 4
    error = capsys.readouterr().err
    assert error.startswith("ERROR: ") and said in error and error.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


def check(outcome, p_value=None, metric="token_f1", against="floor"):
    return Check(metric, against, outcome, f"{metric} {outcome} {p_value}", p_value=p_value)


@pytest.mark.parametrize(
    ("checks", "decided"),
    [
        ([], None),
        ([check("N/A")], None),
        ([check("PASS", 0.01), check("PASS", 0.04), check("PASS")], 1),
        ([check("PASS", 0.04), check("INCONCLUSIVE", 0.3), check("INCONCLUSIVE", 0.9)], 1),
        ([check("N/A"), check("INCONCLUSIVE"), check("PASS"), check("FAIL"), check("FAIL")], 3),
    ],
)
def test_the_banner_names_the_check_that_decided(checks, decided):
    assert decisive(checks) is (None if decided is None else checks[decided])


@pytest.mark.parametrize(
    ("outcome", "badge"),
    [("PASS", "✓ PASS"), ("FAIL", "✗ FAIL"), ("INCONCLUSIVE", "? INCONCLUSIVE"),
     ("N/A", "DOES NOT APPLY")],
)  # fmt: skip
def test_each_outcome_has_its_badge(two, outcome, badge):
    verdict = replace(two.verdicts[0], checks=(check(outcome, metric="laziness"),))
    words = Reader(render(replace(two, verdicts=(verdict,))).html).words
    assert f"laziness {badge} laziness {outcome} None" in words


def test_the_banner_says_what_may_be_done_why_and_how_fine_the_exam_is(page, two):
    assert (
        "good may go into service." in page.words and "bad may not go into service." in page.words
    )
    failed = next(each for each in two.verdicts[1].checks if each.outcome == "FAIL")
    assert f"Decided by {failed.reason} Smallest difference" in page.words
    told = smallest_told(two, two.verdicts[1])
    assert f"exam can tell {told.difference:.2g} in token_f1" in page.words


def test_a_plan_is_a_table_that_wraps(cases):
    plan = [
        "what it can prove:",
        "            cases  tells  shows",
        "  token_f1  3      0.2    the floor",
        "  hit@5     10            floor",
        "another note",
    ]
    report = replace(written(cases[:5], {"good": perfect}), notes=tuple(plan))
    html = Reader(render(report).html)
    assert "what it can prove: cases tells shows token_f1 3 0.2 the floor hit@5" in html.words
    rows = re.search(r'<table class="findings plan">(.*?)</table>', render(report).html, re.S)[1]
    cells = [re.findall(r"<t[hd]\b[^>]*>([^<]*)", row) for row in rows.split("</tr>")[:-1]]
    assert cells == [
        ["", "cases", "tells", "shows"],
        ["token_f1", "3", "0.2", "the floor"],
        ["hit@5", "10", "", "floor"],
    ]


def test_what_is_no_metric_stands_folded_behind_the_cases_unless_it_failed(sample):
    made = written(sample.cases[:4], {"one": lambda case: Answer("Zebras.", 9, 2, 0.5)})
    found = Finding("judge", "kappa", None, "", "PASS")
    sections = tuple(
        Section(f"s{outcome}", outcome, "", (found, replace(found, outcome=outcome)))
        for outcome in ("PASS", "INCONCLUSIVE", "FAIL")
    )
    html = render(replace(made, sections=sections)).html
    assert html.index('id="cases"') < html.index('id="measured"') < html.index('id="sPASS"')
    opened = re.findall(r'<details id="s(\w+)" class="measured"( open)?>', html)
    assert opened == [("PASS", ""), ("INCONCLUSIVE", ""), ("FAIL", " open")]
