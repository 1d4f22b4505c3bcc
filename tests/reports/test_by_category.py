"""Where a candidate differs, corrected for the number of categories."""

import dataclasses

from evals.gate import Gate, MetricGate
from evals.results import Score
from reports.archive import read_report, write_report
from reports.listing import joined
from reports.verdict.categories import category_differences, format_differences
from reports.verdict.conclude import conclude
from tests.reports.test_verdict import CHAMPION, HEADER, SPENDING, results

GATE = Gate(metrics={"exact_match": MetricGate(role="primary", margin=0.05)})


def spread(rows, categories=20):
    """The same results over many categories, question by question."""
    return [
        dataclasses.replace(
            row,
            case=dataclasses.replace(
                row.case, category=f"cat {int(row.case.id.split('/')[1]) % categories}"
            ),
        )
        for row in rows
    ]


def test_a_planted_loss_in_one_category_is_found_and_no_other():
    champion = spread(results("champion", 0.9, questions=40))
    candidate = [
        dataclasses.replace(row, model="new", scores={"exact_match": Score(0.0)})
        if row.case.category == "cat 3"
        else dataclasses.replace(row, model="new")
        for row in champion
    ]
    found = category_differences(GATE, candidate, champion, CHAMPION)
    assert len(found) == 20
    lines = format_differences(found)
    assert len(lines) == 1
    assert lines[0].startswith("cat 3: exact_match of new -0.8")


def test_chance_alone_is_seldom_reported():
    champion = spread(results("champion", 0.7, questions=40, seed=1))
    candidate = spread(results("new", 0.7, questions=40, seed=2))
    assert len(format_differences(category_differences(GATE, candidate, champion, CHAMPION))) <= 1


def test_a_category_of_one_contract_is_left_out():
    rows = spread(results("champion", 0.7, contracts=1))
    assert category_differences(GATE, rows, rows, CHAMPION) == []


def test_report_json_gives_the_whole_report_back(tmp_path):
    rows = spread([*results("new", 0.9), *results("champion", 0.2)])
    report = conclude(HEADER, rows, SPENDING, GATE, opponents=(CHAMPION,), notes=("a note",))
    assert write_report(report, tmp_path / "report.json") == report
    again = read_report(tmp_path / "report.json")
    assert again == report
    assert joined(again, [row.case for row in rows]) == tuple(rows)


def test_few_contracts_show_nothing_beyond_chance():
    champion = spread(results("champion", 0.9, contracts=4, questions=40))
    candidate = [
        dataclasses.replace(row, model="new", scores={"exact_match": Score(0.0)})
        for row in champion
    ]
    assert format_differences(category_differences(GATE, candidate, champion, CHAMPION)) == ()
