"""How often each retriever finds the clause: hit@1, 3 and 5, recall@5, MRR, and its price."""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from common.command import Parser, run
from common.paths import cache_dir
from fixtures.cases import Case
from fixtures.datasets import load_dataset
from fixtures.retrieval.passages import Passage
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from reports.statistics.paired import compare_means

# Deep enough to rank every passage, so that MRR is not cut off.
ALL = 100_000
ROWS = {
    "dense": RetrieverOptions("dense", k=ALL),
    "bm25": RetrieverOptions("bm25", k=ALL),
    "hybrid without prior": RetrieverOptions("hybrid", k=ALL, prior=False),
    "hybrid with prior": RetrieverOptions("hybrid", k=ALL),
    "graph without prior": RetrieverOptions("graph", k=ALL, prior=False),
    "graph with prior": RetrieverOptions("graph", k=ALL),
}
PAIRS = (
    ("graph without prior", "hybrid without prior"),
    ("graph with prior", "hybrid with prior"),
    ("hybrid without prior", "bm25"),
)
"""Whose difference is told with its interval."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How well one retriever did on each case: a passage hits when a gold answer starts in it."""

    hit1: tuple[float, ...]
    hit3: tuple[float, ...]
    hit5: tuple[float, ...]
    recall5: tuple[float, ...]
    reciprocal_rank: tuple[float, ...]
    milliseconds: float


def located(cases: Sequence[Case]) -> list[Case]:
    """The cases whose gold answers have a place in the contract."""
    return [case for case in cases if _starts(case)]


def measure(cases: Sequence[Case], cache: Path, dataset: str = "cuad") -> dict[str, Measured]:
    """Every retriever on cases with a located gold answer.

    Milliseconds per question are those of a second run: the index is built and the embedder loaded.

    Args:
        cases: of one data set.
        cache: folder of the passage index, filled where needed.
        dataset: the name under which the index is kept.
    """
    found = {}
    for name, options in ROWS.items():
        retriever = Retriever(options, dataset, cache)
        retriever.retrieve(cases)
        begin = time.perf_counter()
        ranked = retriever.retrieve(cases)
        milliseconds = (time.perf_counter() - begin) / len(cases) * 1000
        rows = [_measures(case, each) for case, each in zip(cases, ranked, strict=True)]
        hit1, hit3, hit5, recall5, reciprocal = zip(*rows, strict=True)
        found[name] = Measured(hit1, hit3, hit5, recall5, reciprocal, milliseconds)
    return found


def table(cases: Sequence[Case], cache: Path, dataset: str = "cuad") -> str:
    """Markdown: the retrievers, the differences that matter, and hit@5 by category.

    Args:
        cases: of one data set; those without located gold answers are left out.
        cache: folder of the passage index, filled where needed.
        dataset: the name under which the index is kept.
    """
    asked = located(cases)
    found = measure(asked, cache, dataset)
    parts = (_retrievers(found), _differences(asked, found), _categories(asked, found))
    return "\n\n".join(parts) + "\n"


def _retrievers(found: Mapping[str, Measured]) -> str:
    lines = [
        "| retriever | hit@1 | hit@3 | hit@5 | recall@5 | MRR | ms per question |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, each in found.items():
        columns = (each.hit1, each.hit3, each.hit5, each.recall5, each.reciprocal_rank)
        means = " | ".join(f"{fmean(column):.3f}" for column in columns)
        lines.append(f"| {name} | {means} | {each.milliseconds:.1f} |")
    return "\n".join(lines)


def _differences(cases: Sequence[Case], found: Mapping[str, Measured]) -> str:
    """Differences of paired hits with 90 % intervals over contracts."""
    contracts = [case.contract.id for case in cases]
    lines = ["| difference | hit@3 | hit@5 |", "|---|---|---|"]
    for one, other in PAIRS:
        pairs = ((found[one].hit3, found[other].hit3), (found[one].hit5, found[other].hit5))
        told = " | ".join(f"{compare_means(a, b, contracts).difference:+.3f}" for a, b in pairs)
        lines.append(f"| {one}, less {other} | {told} |")
    return "\n".join(lines)


def _categories(cases: Sequence[Case], found: Mapping[str, Measured]) -> str:
    lines = [
        f"| hit@5 by category | cases | {' | '.join(found)} |",
        f"|---|---|{'---|' * len(found)}",
    ]
    for category in sorted({case.category for case in cases}):
        rows = [number for number, case in enumerate(cases) if case.category == category]
        means = " | ".join(f"{fmean(each.hit5[n] for n in rows):.2f}" for each in found.values())
        lines.append(f"| {category} | {len(rows)} | {means} |")
    return "\n".join(lines)


def _starts(case: Case) -> list[int]:
    return [span.start for span in case.spans if span.start is not None]


def _measures(case: Case, ranked: Sequence[Passage]) -> tuple[float, float, float, float, float]:
    """hit@1, hit@3, hit@5, recall@5 and reciprocal rank of one case."""
    # By the rank, from 0, of the first passage that holds it, for each gold answer.
    ranks = [
        next(rank for rank, passage in enumerate(ranked) if passage.start <= start < passage.end)
        for start in _starts(case)
    ]
    best = min(ranks)
    recall = fmean(rank < 5 for rank in ranks)
    return float(best < 1), float(best < 3), float(best < 5), recall, 1 / (best + 1)


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
