"""The table of where answers are lost: a row a stage, and nothing that was not found."""

from bench.passages import table
from evals.stages import ANSWERABLE, UNANSWERABLE
from reports.report import Finding, Section
from reports.statistics.estimates import Estimate


def test_every_stage_has_a_row_and_what_does_not_apply_is_no_zero():
    share = Finding("a", "answerable: not read", Estimate(0.25, 0.1, 0.5, 40, 4))
    none = Finding("a", "answerable: right", None, "does not apply")
    section = Section("loss", "", "", (share, none))
    head, _, *rows = table({("a", "retrieved"): section, ("b", "gold"): section})
    assert head == "| stage | a, retrieved | b, gold |"
    assert len(rows) == len(ANSWERABLE) + len(UNANSWERABLE)
    assert "| answerable: not read | 0.250 [0.100, 0.500] | - |" in rows
    assert "| answerable: right | none | - |" in rows
    assert "| unanswerable: rightly refused | - | - |" in rows
