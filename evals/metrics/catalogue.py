"""`python -m evals.metrics.catalogue`: write docs/metrics.md from the metrics table."""

import sys
from collections.abc import Iterator

from common.command import Parser, run
from common.paths import ROOT
from evals.metrics import cuad
from evals.metrics.table import METRICS, Metric

PAGE = ROOT / "docs" / "metrics.md"
RANGES = {
    "": "0..1",
    "s": "seconds",
    "tokens": "count",
    "ppl": "1 or more",
    "$/1,000": "US dollars for 1,000 answers",
}
BY = {
    "rule": "rule",
    "judge": "judges of `--judge`",
    "llm": "chat models of `--judge`",
    "embedded": "embedded",
}
OPENING = """# Metrics

Written by `python -m evals.metrics.catalogue` from `evals/metrics/table.py`.

A metric marked * is asked for by `--metric NAME` (or a pattern: `--metric 'ragas:*'`), by a line in
the gate file, or by a suite that looks it up; the others are always there. Calls are those of one
case and one judge; what was asked before is not asked again. Where a metric cannot be computed the
case is unscored, with the reason: neither zero nor dropped. ↓: lower is better.

An answer that says "not found" and answers all the same, or says both yes and no, is a hedge: no
abstention where the contract does not answer, and worth nothing where it does
(`evals/language/declining.py`, for every metric, judge and reward). What is nearly a gold answer
declines nothing, nor does "No." where the question wants yes or no. An answer that tells its grader
what to do is worth nothing in any likeness to a gold answer (`evals/language/orders.py`), and what
cannot be seen of a text is in none of them (`common/visible.py`). `bench/cheating/tricks.py` tries
what else might be paid for nothing. Numbers are compared by value in whatever form, sections by their number. Passages
are those that the model was shown, or would be where it was not asked; answers recorded without a
`context` name none, and have no grounding score. A recorded data set holds what was shown of its
contracts, not the contracts: `fabrication` does not apply to it.
"""
CLOSING = """## Scores of a whole exam

They stand in the report's section of that name; `python -m evals.cuad` computes CUAD's from files
of predictions.

| score | what it sees | range | calls | source |
| --- | --- | --- | --- | --- |
| CUAD AUPR, precision at 80 % and 90 % recall | gold, answer, confidence | 0..1 | none | Hendrycks et al. 2021 |
| ContractEval F1, F2, laziness ↓ | gold, answer | 0..1 | none | ContractEval 2025 |
| calibration error ↓, Brier ↓, AUROC, area under risk and coverage ↓ | gold, answer, confidence | 0..1 | none | Naeini 2015; Brier 1950; Geifman and El-Yaniv 2017 |
| preference (`--pairwise`) | question, gold, two answers | -1..1 | 2 | Zheng et al. 2023 |
| correctness with people's labels (`--labels`), and its paired differences | labels, judges' scores | 0..1, -1..1 | none | Angelopoulos et al. 2023 |
| share of right answers, corrected by the judge's errors | judges' scores, labels or the judges' exam | 0..1 | none | Rogan and Gladen 1978; Lee et al. 2025 |

The confidence of a local model is the mean log-probability of its answer's tokens, as a
probability. A model without one has an operating point instead of a curve.
"""


def catalogue() -> str:
    """The page.

    >>> "| `mrr` | answerable | 1 / rank of the first passage" in catalogue()
    True
    """
    table = "\n".join(_table())
    quirks = (cuad.__doc__ or "").partition("\n")[2].strip()
    return f"{OPENING}\n{table}\n\n{CLOSING}\n### CUAD's script, and what is corrected\n\n```text\n{quirks}\n```\n"


def _table() -> Iterator[str]:
    yield "| metric | of | what it says | what it sees | range | scored by | calls | source |"
    yield "|" + " --- |" * 8
    for metric in METRICS.values():
        yield f"| {' | '.join(_cells(metric))} |"


def _cells(metric: Metric) -> tuple[str, ...]:
    return (
        f"`{metric.name}`{'' if metric.asked == 'always' else ' *'}",
        metric.of,
        metric.summary,
        metric.sees,
        f"{RANGES[metric.unit]}{' ↓' if metric.direction == 'lower' else ''}",
        BY[metric.by],
        metric.calls or "none",
        metric.source or "ours",
    )


def main(argv: list[str] | None = None) -> int:
    """Write docs/metrics.md."""
    parser = Parser(prog="python -m evals.metrics.catalogue", description=__doc__)
    return run(parser.parse_args, _write, argv)


def _write(_: object) -> None:
    PAGE.write_text(catalogue(), encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    sys.exit(main())
