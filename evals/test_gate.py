"""Is the candidate good enough to go into service? Exit 0 only for PROMOTE.

One test for every metric that gates, and one for the verdict as a whole, which also says what
belongs to no metric: the size of the exam, and whether the candidate was trained on it.
"""

import pytest


@pytest.fixture
def demand(exam):
    """Assert that an outcome is good; an inconclusive one as --inconclusive says."""

    def check(outcome, good, reasons):
        if outcome == "INCONCLUSIVE" and exam.options.inconclusive == "skip":
            pytest.skip(f"inconclusive: {'; '.join(reasons)}")
        if outcome == "INCONCLUSIVE" and exam.options.inconclusive == "pass":
            return
        assert outcome == good, "; ".join(reasons)

    return check


def test_metric(verdict, metric, demand):
    for check in verdict.checks:
        if check.metric == metric:
            demand(check.outcome, "PASS", [check.reason])


def test_verdict(verdict, demand):
    demand(verdict.outcome, "PROMOTE", verdict.reasons or ["nothing was asked of it"])
