"""Is the candidate good enough to go into service? Exit 0 only for PROMOTE, or PASS.

One test for every metric that gates, and one for the verdict as a whole, which also says what
belongs to no metric: the size of the exam, and whether the candidate was trained on it.
"""

import pytest


def test_metric(verdict, metric, demand):
    checks = [check for check in verdict.checks if check.metric == metric]
    applying = [check for check in checks if check.outcome != "N/A"]
    if not applying:
        pytest.skip(checks[0].reason if checks else f"{metric} is held against nothing here")
    for check in applying:
        demand(check.outcome, "PASS", [check.reason])


def test_verdict(verdict, demand):
    good = "PASS" if verdict.outcome == "PASS" else "PROMOTE"
    outcomes = [check.outcome for check in verdict.checks if check.outcome != "N/A"]
    unmet = len(outcomes) - outcomes.count("PASS")
    demand(verdict.outcome, good, [f"{unmet} of {len(outcomes)} checks did not pass"])
