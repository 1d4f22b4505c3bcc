"""docs/metrics.md is written from the metrics table."""

from evals.metrics.catalogue import PAGE, catalogue
from evals.metrics.table import METRICS


def test_the_page_is_what_the_table_says():
    assert PAGE.read_text(encoding="utf-8") == catalogue()


def test_every_metric_has_a_row():
    rows = [line for line in catalogue().splitlines() if line.startswith("| `")]
    assert len(rows) == len(METRICS) > 40
    assert all(row.count(" | ") == 7 for row in rows)
