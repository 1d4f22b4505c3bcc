"""The charts of a report: every number of theirs is the report's, whatever the report is like."""

import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from evals.metrics.table import METRICS
from evals.stages import ANSWERABLE
from reports.archive import as_written
from reports.charts.calibration import curves
from reports.charts.charts import charts_of
from reports.charts.differences import MOST
from reports.charts.distributions import spreads
from reports.charts.funnel import funnels
from reports.charts.usage import usage
from reports.examination.opening import blanked
from reports.page.html import render
from reports.sections.judge_curve import curve_section
from reports.views.wording import format_interval, format_value
from tests.builders.chart_data import examined, loss, shares
from tests.reports.test_labels_section import taken

HOSTILE = '</svg><script>alert("1")</script>\x00\x1b[31m $x^{2$ \u202e 契約 ' + "w" * 200


def every(report):
    """The charts of a page, in its order."""
    found = charts_of(report)
    each = (getattr(found, name) for name in found.__dataclass_fields__)
    return [one for part in each for one in (part if isinstance(part, tuple) else (part,))]


def priced(random):
    return {"confidence": -random.random(), "cost": Decimal("0.0004")}


def unscored(case, random):
    return dict.fromkeys(("token_f1", "laziness") if case.answerable else ("abstention",))


def mixed(case, random):
    """Metrics of every unit, whether they are of the case or not."""
    return {
        name: random.random() * (1 if not metric.unit else 3000)
        for name, metric in METRICS.items()
        if metric.is_of(case)
    }


@pytest.fixture(scope="module")
def two():
    at = {stage: 3 + place for place, stage in enumerate(ANSWERABLE)}
    return examined(
        {"new": shares(0.4), "old": shares(0.7)},
        champion="old",
        contracts=30,
        answer=priced,
        sections=(loss({"new": at}),),
    )


def test_metrics_say_every_mean_floor_and_margin(two):
    lines = charts_of(two).metrics.alternative.split("\n")
    new, old = two.summary
    for metric in new.estimates:
        (line,) = [each for each in lines if each.startswith(f"{metric} (")]
        unit = two.unit_of(metric)
        for group in (new, old):
            found = group.estimates.get(metric)
            value = format_value(found.mean, unit) if found else ""
            said = f"{value} {format_interval(found, unit)}" if found else "no value"
            assert f"{group.model} {said}" in line
    (line,) = [each for each in lines if each.startswith("token_f1 (")]
    worst = old.estimates["token_f1"].mean - 0.03
    assert line.endswith(f"; floor 0.25; margin 0.03 from old, to {worst:.3f}")
    (line,) = [each for each in lines if each.startswith("laziness (lower")]
    assert line.endswith(f"to {old.estimates['laziness'].mean + 0.05:.3f}")


def test_checks_are_drawn_so_that_right_is_better(two):
    (chart,) = charts_of(two).checks
    checks = {c.metric: c for c in two.verdicts[0].checks if c.against == "champion old"}
    f1, lazy = checks["token_f1"], checks["laziness"]
    assert f"token_f1: {f1.estimate:+.3f}, asked for -0.03 or more: FAIL" in chart.alternative
    assert lazy.estimate.mean > 0  # more of it, which is worse
    assert f"laziness: {-lazy.estimate:+.3f}, asked for -0.05 or more: FAIL" in chart.alternative


@pytest.mark.parametrize("kind", ["categories", "contracts"])
def test_forests_say_what_stands_out_and_how_many_are_left_out(two, kind):
    (chart,) = getattr(charts_of(two), kind)
    rows = two.differences if kind == "categories" else two.contract_differences
    names = {row.category if kind == "categories" else row.contract: row for row in rows}
    lines = chart.alternative.split("\n")
    assert len(lines) == min(len(rows), MOST) and len(rows) == (4 if kind == "categories" else 30)
    for line in lines:
        name, rest = line.split(": ", 1)
        row = names[name]
        star = " *" if row.q_value <= 0.05 else ""
        assert rest == f"{row.estimate:+.3f}, n {row.estimate.n}, q = {row.q_value:.2g}{star}"
    out = sum(row.q_value <= 0.05 for row in rows)
    assert chart.note.startswith(f"{out} of {len(rows)} {kind} stand out (*)")
    assert (f"{len(rows) - MOST} are not drawn" in chart.note) == (len(rows) > MOST)
    assert out == chart.alternative.count("*") or kind == "contracts"


def test_the_few_contracts_that_differ_are_drawn():
    good = shares(0.9)

    def planted(case, random):
        found = dict(good(case, random))
        lost = case.contract.id in ("Contract 7", "Contract 41") and "token_f1" in found
        return {**found, "token_f1": 0.0} if lost else found

    report = examined({"new": planted, "old": good}, champion="old", contracts=60, questions=36)
    assert len(report.contract_differences) == 60
    (chart,) = charts_of(report).contracts
    stands = [line.split(":")[0] for line in chart.alternative.split("\n") if line.endswith("*")]
    assert set(stands) == {"Contract 7", "Contract 41"}
    assert "36 are not drawn: none of them stands out" in chart.note
    assert len(chart.svg) < 25_000


def test_what_is_left_out_is_smaller_than_what_is_drawn():
    report = examined({"new": shares(0.5), "old": shares(0.6)}, champion="old", contracts=60)
    (chart,) = charts_of(report).contracts
    drawn = {line.split(":")[0] for line in chart.alternative.split("\n")}
    rest = [r for r in report.contract_differences if r.contract not in drawn]
    shown = [r for r in report.contract_differences if r.contract in drawn]
    assert not any(r.q_value <= 0.05 for r in rest) or all(r.q_value <= 0.05 for r in shown)
    most = max(abs(r.estimate.mean) for r in rest)
    assert f"none differs by more than {most:.3f}" in chart.note


def test_the_funnel_loses_at_each_step_what_the_report_counts(two):
    (found,) = funnels(two)
    counts = {step.name: (round(step.came), round(step.lost)) for step in found.steps}
    right, not_retrieved, not_shown, refused, unread, wrong = range(3, 9)
    assert counts == {
        "in the contract": (33, 0),
        "retrieved": (33 - not_retrieved, not_retrieved),
        "shown": (29 - not_shown, not_shown),
        "answered": (24 - refused, refused),
        "right": (right, unread + wrong),
    }
    chart = charts_of(two).funnel
    assert "new: 33 with a gold answer in the contract → 29 retrieved (4 lost, 12% of those" in (
        chart.alternative
    )
    assert "15 lost, 83% of those before: 7 not read, 8 wrongly answered" in chart.alternative
    assert "2 more have no answer or no score" in chart.alternative


def test_spreads_are_of_every_score(two):
    (found,) = [each for each in spreads(two) if each.metric == "token_f1"]
    scores = [r.scores["token_f1"] for r in two.results if "token_f1" in r.scores]
    assert sum(found.cases) == len(scores)
    ones = [
        r.scores["token_f1"] for r in two.results if r.model == "new" and "token_f1" in r.scores
    ]
    assert found.shares[0][9] == sum(score >= 0.9 for score in ones) / len(ones)
    assert sum(found.shares[0]) == pytest.approx(1)
    assert "laziness" not in {each.metric for each in spreads(two)}  # of 0 and 1 the mean says all


def test_curves_hold_every_answer_once(two):
    for curve in curves(two):
        of_model = [r for r in two.results if r.model == curve.name]
        assert sum(point.found.n for point in curve.bins) == len(of_model)
        right = sum(point.found.mean * point.found.n for point in curve.bins)
        marks = [r.scores.get("token_f1", r.scores.get("abstention")) >= 0.5 for r in of_model]
        assert right == pytest.approx(sum(marks))
        assert len(curve.bins) == 10
        assert [p.given for p in curve.bins] == sorted(p.given for p in curve.bins)


def test_usage_is_of_this_run_and_of_known_costs(two):
    new, old = usage(two)
    assert (new.calls, old.calls, old.median) == (180, 0, None)
    assert new.cost == Decimal("0.0004") and new.known == 180
    chart = charts_of(two).usage
    assert "old: not asked in this run; $0.40 for 1,000 answers" in chart.alternative


ODD = {
    "one model": lambda: examined({"new": shares(0.5)}),
    "one contract": lambda: examined(
        {"new": shares(0.5), "old": shares(0.6)}, champion="old", contracts=1, answer=priced
    ),
    "one case": lambda: examined(
        {"new": shares(0.5), "old": shares(0.6)}, champion="old", contracts=1, questions=1
    ),
    "all unscored": lambda: examined({"new": unscored, "old": unscored}, champion="old"),
    "nothing": lambda: examined({}),
    "all the same": lambda: examined(
        {"new": lambda c, r: {"token_f1": 0.5}, "old": lambda c, r: {"token_f1": 0.5}},
        champion="old",
        answer=lambda _: {"confidence": 0.0, "cost": Decimal(0)},
    ),
    "mixed units": lambda: examined({"new": mixed, "old": mixed}, champion="old", answer=priced),
    "many models": lambda: examined(
        {f"model {n}": shares(n / 9) for n in range(8)}, champion="model 0", answer=priced
    ),
    "sealed": lambda: as_written(
        blanked(sealed(examined({"new": shares(0.5), "old": shares(0.6)}, champion="old")), ())
    ),
    "hostile": lambda: examined({HOSTILE: shares(0.5), "old": shares(0.6)}, champion="old"),
}


def sealed(report):
    dataset = replace(report.header.dataset, sealed=True)
    return replace(report, header=replace(report.header, dataset=dataset))


@pytest.mark.parametrize("name", ODD)
def test_odd_reports_have_right_charts_or_a_sentence(name):
    report = ODD[name]()
    charts = every(report)
    assert charts == every(report)
    ids: Counter[str] = Counter()
    for chart in charts:
        assert chart.title and chart.alternative and "nan" not in chart.alternative.lower().split()
        if not chart.svg:
            assert chart.alternative.endswith(".")
            continue
        root = ElementTree.fromstring(chart.svg)
        ElementTree.fromstring(chart.alone)
        tags = {each.tag.split("}")[1] for each in root.iter()}
        assert tags <= {"svg", "path", "text", "use", "defs", "g"}
        numbers = " ".join(
            each.get(key, "") for each in root.iter() for key in ("d", "x", "y", "transform")
        )
        assert not re.search("nan|inf", numbers)
        own = {each.get("id") for each in root.iter()} - {None}
        ids.update(own)
        assert {each.get("href")[1:] for each in root.iter() if each.get("href")} <= own
        assert len(chart.svg) < 80_000
    assert all(count == 1 for count in ids.values())
    assert len({chart.title for chart in charts}) == len(charts)


def test_a_hostile_name_is_text_in_the_page_of_its_charts():
    page = render(ODD["hostile"]()).html
    assert page.count("<script") == 2 and "<script>alert" not in page
    assert (
        "\x00" not in page
        and "\x1b" not in page
        and "\u202e" not in "".join(re.findall("<svg.*?</svg>", page, re.S))
    )


def test_sealed_contracts_are_in_no_chart():
    charts = charts_of(ODD["sealed"]())
    assert charts.metrics.svg and charts.checks[0].svg
    for chart in (charts.funnel, *charts.categories, *charts.contracts, charts.distributions,
                  charts.calibration):  # fmt: skip
        assert not chart.svg and "sealed" in chart.alternative
    assert "Contract " not in " ".join(
        chart.svg + chart.alternative for chart in every(ODD["sealed"]())
    )


def test_a_judge_is_drawn_beside_people():
    exam = taken(sensitive=0.9, lenient=0.1)
    section = curve_section([exam], (), (), 0.05)
    chart = charts_of(examined({"new": shares(0.5)}, sections=(section,))).judges
    assert chart.svg and chart.alternative.startswith("served. Judge → people: 0.10 → 0.10 [")
    assert "] of 200, 0.90 → 0.90 [" in chart.alternative


def test_without_a_champion_the_margin_is_held_against_the_baseline(two):
    models = tuple(
        replace(each, role="baseline") if each.role == "champion" else each
        for each in two.header.models
    )
    against = replace(two, header=replace(two.header, models=models))
    assert charts_of(against).metrics == charts_of(two).metrics
    alone = replace(two, header=replace(two.header, models=models[:1]))
    assert "margin" not in charts_of(alone).metrics.alternative
