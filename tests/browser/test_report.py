"""report.html as its readers meet it."""

import pytest

from fixtures.datasets import load_dataset
from models.chat import Answer
from reports.archive import write_report
from reports.page.__main__ import main as make_page
from tests.builders.report_data import written


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    cases = load_dataset("sample").cases[:82]
    path = tmp_path_factory.mktemp("run") / "report.json"
    answers = {
        "good": lambda case: Answer(case.spans[0].text if case.spans else "Not stated."),
        "bad": lambda case: Answer("Zebras."),
    }
    write_report(written(cases, answers), path)
    assert make_page([str(path)]) == 0
    return path.parent


def test_no_rule_of_wcag_is_broken(folder, open_page, violations):
    for dark in (False, True):
        page = open_page(folder / "report.html", dark=dark)
        assert violations(page) == []


def test_it_is_kept_as_it_looks(folder, open_page, photographed):
    pictures = photographed(open_page(folder / "report.html"), "report")
    assert len(pictures) == 6 and all(picture.stat().st_size > 10_000 for picture in pictures)


def test_the_same_page_is_served(folder, open_page, served):
    page = open_page(served(folder))
    assert page.locator("h1").inner_text() == "good and bad"
