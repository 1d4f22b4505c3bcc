"""What a second, unchanged exam costs: no call, and how long."""

from pathlib import Path

from bench.results import Finding, Row
from bench.sessions import Exam, examine


def measure(folder: Path) -> Finding:
    """Examine the sample with the extractive model, twice over one store."""
    first = examine(folder, "--model", "extractive")
    second = examine(folder, "--model", "extractive")
    return Finding(
        "a second, unchanged exam",
        "`pytest evals --model extractive` on the sample's test split, twice over one store, wall "
        "clock of the whole process, once each. The embedded model's second exam is in the section "
        "`embedded`.",
        [exam_row("first exam", first), exam_row("second exam", second), no_calls(second)],
    )


def exam_row(what: str, exam: Exam) -> Row:
    """Wall clock, run phase and calls of an exam."""
    return Row(
        f"{what}, {exam.session.items:,} tests",
        f"{exam.session.seconds:.1f} s, of which the run phase {exam.run_seconds:.1f} s; "
        f"{exam.calls} calls",
    )


def no_calls(second: Exam) -> Row:
    """A second exam's calls, of which there must be none."""
    return Row("calls of the second exam", str(second.calls), "0", second.calls == 0)
