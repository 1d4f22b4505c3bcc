"""Is the candidate good enough to go into service? Exit 0 only for PROMOTE.

One test for every metric that gates, and one for the verdict as a whole, which also says what
belongs to no metric: the size of the exam, and whether the candidate was trained on it.
"""

import pytest


def test_metric(exam, verdict, metric, demand):
    if metric in exam.untrusted:
        pytest.skip(f"unscored: the judge of {metric} has not passed its own exam")
    for check in verdict.checks:
        if check.metric == metric:
            demand(check.outcome, "PASS", [check.reason])


def test_verdict(verdict, demand):
    demand(verdict.outcome, "PROMOTE", verdict.reasons or ["nothing was asked of it"])
