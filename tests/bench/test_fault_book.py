"""The pages of faults are written from what the tests of faults did."""

import json

import pytest

from bench.fault_book import faults_page, peers_page, read_junit

PASSING = """
import pytest

@pytest.mark.fault("ID-1", "SINK-2")
@pytest.mark.peer("owner/tool#7", "it crashes")
def test_one():
    pass

@pytest.mark.fault("ID-1")
def test_two():
    assert {holds}

@pytest.mark.fault("KEEP-1")
def test_three():
    pytest.skip("no server here")
"""


@pytest.fixture
def tried(pytester):
    """What the marked tests did, where `test_two` holds or does not."""

    def run(holds):
        from pathlib import Path

        record = Path(__file__).parents[1] / "faults" / "conftest.py"
        pytester.makeconftest(record.read_text())
        pytester.makepyfile(test_faults=PASSING.format(holds=holds))
        pytester.makeini("[pytest]\nmarkers =\n    fault(x): a\n    peer(x, y): b\n")
        pytester.runpytest_inprocess("--junitxml=junit.xml")
        return read_junit((pytester.path / "junit.xml").read_text())

    return run


def test_what_came_of_a_test_is_read_with_its_marks(tried):
    one, two, three = tried(False)
    assert (one.outcome, two.outcome, three.outcome) == ("passed", "failed", "skipped")
    assert one.faults == ("ID-1", "SINK-2")
    assert one.peers == (("owner/tool#7", "it crashes"),)
    assert one.name == "test_faults.test_one"


def test_the_page_says_what_was_reproduced_and_what_passes_now(tried):
    page = faults_page(tried(False), tried(True), "abc")
    assert "| ID-1 | reproduced | passes | `test_faults.test_one`, `test_faults.test_two` |" in page
    assert "| SINK-2 | not reproduced | passes | `test_faults.test_one` |" in page
    assert "| KEEP-1 | not run | not run | `test_faults.test_three` |" in page
    row = next(line for line in page.splitlines() if line.startswith("| ID | "))
    assert row.endswith("| 1 | 1 | 1 |")


def test_a_fault_that_came_back_is_said(tried):
    page = faults_page(tried(False), tried(False), "abc")
    assert "| ID-1 | reproduced | **fails** |" in page


def test_public_faults_are_listed_with_their_result(tried):
    page = peers_page(tried(True))
    assert "| owner/tool#7 | it crashes | `test_faults.test_one` | passes |" in page
    assert json.dumps("owner/tool#7") not in page
