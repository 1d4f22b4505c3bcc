"""How often each retriever finds the clause: hit@1, hit@5, recall@5, MRR, and its price."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from common.command import Parser, run
from common.paths import cache_dir
from fixtures.cases import Case
from fixtures.datasets import load_dataset
from fixtures.retrieval.passages import Passage
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions

# Deep enough to rank every passage, so that MRR is not cut off.
ALL = 100_000
ROWS = {
    "dense": RetrieverOptions("dense", k=ALL),
    "bm25": RetrieverOptions("bm25", k=ALL),
    "hybrid without prior": RetrieverOptions("hybrid", k=ALL, prior=False),
    "hybrid with prior": RetrieverOptions("hybrid", k=ALL),
}


def table(cases: Sequence[Case], cache: Path, dataset: str = "cuad") -> str:
    """Markdown table over the cases whose gold answers have a place in the contract.

    A passage hits when a gold answer starts in it. Milliseconds per question are those of a
    second run: the index is built and the embedder loaded.

    Args:
        cases: of one data set; those without located gold answers are left out.
        cache: folder of the passage index, filled where needed.
        dataset: the name under which the index is kept.
    """
    asked = [case for case in cases if _starts(case)]
    lines = [
        "| retriever | hit@1 | hit@5 | recall@5 | MRR | ms per question |",
        "|---|---|---|---|---|---|",
    ]
    for name, options in ROWS.items():
        retriever = Retriever(options, dataset, cache)
        retriever.retrieve(asked)
        begin = time.perf_counter()
        found = retriever.retrieve(asked)
        milliseconds = (time.perf_counter() - begin) / len(asked) * 1000
        rows = [_measures(case, ranked) for case, ranked in zip(asked, found, strict=True)]
        means = " | ".join(f"{fmean(column):.3f}" for column in zip(*rows, strict=True))
        lines.append(f"| {name} | {means} | {milliseconds:.1f} |")
    return "\n".join(lines) + "\n"


def _starts(case: Case) -> list[int]:
    return [span.start for span in case.spans if span.start is not None]


def _measures(case: Case, ranked: Sequence[Passage]) -> tuple[float, float, float, float]:
    """hit@1, hit@5, recall@5 and reciprocal rank of one case."""
    # By the rank, from 0, of the first passage that holds it, for each gold answer.
    ranks = [
        next(rank for rank, passage in enumerate(ranked) if passage.start <= start < passage.end)
        for start in _starts(case)
    ]
    best = min(ranks)
    return float(best < 1), float(best < 5), fmean(rank < 5 for rank in ranks), 1 / (best + 1)


def main(argv: list[str] | None = None) -> int:
    """Print the table of a data set's test split."""
    parser = Parser(prog="python -m bench.retrieval", description=main.__doc__)
    parser.add_argument("--dataset", default="cuad", help="cuad, sample, or a path (cuad)")
    parser.add_argument("--cuad-dir", type=Path, help="folder that holds CUAD_v1.json")
    parser.add_argument("--cache-dir", type=Path, help="where the passage index is kept")
    return run(parser.parse_args, _print, argv)


def _print(options: argparse.Namespace) -> None:
    data = load_dataset(options.dataset, options.cuad_dir)
    cases = [case for case in data.cases if case.contract.id in data.test_contracts]
    print(table(cases, options.cache_dir or cache_dir(), data.name), end="")


if __name__ == "__main__":
    sys.exit(main())
