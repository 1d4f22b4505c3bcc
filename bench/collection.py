"""What `pytest evals --collect-only` costs beside bare pytest."""

from pathlib import Path
from statistics import median

from bench.results import Finding, Row, at_most
from bench.sessions import ROOT, run_empty, run_pytest


def measure(folder: Path, repeats: int) -> Finding:
    """Collect the sample's tests and as many empty ones in turn; medians of `repeats`."""
    ours, bare, items = [], [], 0
    for _ in range(repeats):
        session = run_pytest(ROOT, folder, "evals", "--collect-only", "-q")
        items = session.items
        ours.append(session.seconds)
        bare.append(run_empty(folder, items, "--collect-only", "-q").seconds)
    return Finding(
        "collecting the sample",
        "`pytest evals --collect-only -q` against bare pytest collecting as many empty "
        f"parametrized tests, wall clock of the whole process, in turn, medians of {repeats}.",
        [
            Row(f"the sample, {items:,} tests", f"{median(ours):.2f} s"),
            Row(f"bare pytest, {items:,} empty tests", f"{median(bare):.2f} s"),
            at_most("more than bare pytest", median(ours) - median(bare), 1.5, " s"),
        ],
    )
