"""`python -m bench`: measure, and write what was found into bench/results.md."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import (
    alignment,
    bedrock,
    cheats,
    collection,
    drift,
    embedded,
    endpoint,
    faults,
    frameworks,
    gate,
    hallucination,
    house,
    judges,
    kills,
    labels,
    pages,
    passages,
    programs,
    recorded,
    retrieval,
    serving,
    statistics,
    training,
    unsure,
    warm,
)
from bench.results import Finding, page, read_sections, section
from bench.sessions import threads
from common.command import Parser, choice, run
from common.errors import UserError
from common.paths import cache_dir
from common.provenance import provenance
from fixtures.datasets import load_dataset

RESULTS = Path(__file__).parent / "results.md"
Benchmark = Callable[[Path, argparse.Namespace], Finding]


def _retrieval(options: argparse.Namespace) -> Finding:
    data = load_dataset("cuad", options.cuad_dir)
    cases = [case for case in data.cases if case.contract.id in data.test_contracts]
    return Finding(
        "how often the clause is found, on CUAD",
        f"`python -m bench.retrieval`: the answered questions among the {len(cases):,} of the "
        "test split's contracts. Priors are fitted on the train split, where it was chosen too "
        "that the graph puts in a passage after every three. Differences have 90 % intervals over "
        "contracts.",
        table=retrieval.table(cases, cache_dir(), data.name),
    )


BENCHMARKS: dict[str, Benchmark] = {
    "endpoint": lambda folder, options: endpoint.measure(folder, options.repeats),
    "bedrock": lambda folder, options: bedrock.measure(folder, options.repeats),
    "kills": lambda folder, options: kills.measure(folder, options.kills),
    "faults": lambda folder, options: faults.measure(folder),
    "recorded": lambda folder, options: recorded.measure(
        folder, (options.cases, 2 * options.cases)
    ),
    "warm": lambda folder, options: warm.measure(folder),
    "collect": lambda folder, options: collection.measure(folder, options.repeats),
    "gate": lambda folder, options: gate.measure(),
    "cheats": lambda folder, options: cheats.measure(folder, options.cuad_dir),
    "judges": lambda folder, options: judges.measure(folder),
    "frameworks": lambda folder, options: frameworks.measure(folder),
    "align": lambda folder, options: alignment.measure(folder),
    "hallucination": lambda folder, options: hallucination.measure(folder),
    "training": lambda folder, options: training.measure(folder, smoke=options.smoke),
    "embedded": lambda folder, options: embedded.measure(folder, options.limit or None),
    "passages": lambda folder, options: passages.measure(folder),
    "pages": lambda folder, options: pages.measure(folder, options.inspect),
    "programs": lambda folder, options: programs.measure(folder, options.repeats),
    "serving": lambda folder, options: serving.measure(folder),
    "labels": lambda folder, options: labels.measure(),
    "unsure": lambda folder, options: unsure.measure(),
    "statistics": lambda folder, options: statistics.measure(),
    "drift": lambda folder, options: drift.measure(options.months, options.services),
    "house": lambda folder, options: house.measure(),
    "retrieval": lambda folder, options: _retrieval(options),
}
OF_CUAD = ("cheats", "retrieval")
"""Those that need CUAD, which is not shipped."""


def main(argv: list[str] | None = None) -> int:
    """Run the benchmarks named, or all; 1 when a target is missed, 4 for a user's mistake."""
    known = f"of {', '.join(BENCHMARKS)} (all)"
    parser = Parser(prog="python -m bench", description=main.__doc__)
    add = parser.add_argument
    add("names", nargs="*", type=choice(*BENCHMARKS), metavar="NAME", help=known)
    add(
        "--repeats",
        type=int,
        default=5,
        metavar="N",
        help="of those that take medians (5)",
    )
    add("--kills", type=int, default=20, metavar="N", help="of kills (20)")
    add("--months", type=int, default=200, metavar="N", help="drift: without any (200)")
    add("--services", type=int, default=40, metavar="N", help="drift: of each shift (40)")
    add("--cases", type=int, default=10_000, metavar="N", help="recorded: N and twice N (10000)")
    add("--limit", type=int, default=16, metavar="N", help="embedded: cases; 0 takes all (16)")
    add(
        "--smoke", action="store_true", help="training: try the GPU's script, small, on this device"
    )
    add("--inspect", type=Path, metavar="PYTHON", help="pages: of an environment with inspect_ai")
    add("--cuad-dir", type=Path, help="cheats, retrieval: folder of CUAD_v1.json ($CUAD_DIR)")
    add("--output", type=Path, default=RESULTS, metavar="FILE", help="(bench/results.md)")
    return run(parser.parse_args, _measure, argv)


def _measure(options: argparse.Namespace) -> int:
    numbers = (options.repeats, options.cases, options.kills, options.months, options.services)
    if min(numbers) < 1 or options.limit < 0:
        raise UserError("a number is too small; see `python -m bench --help`")
    if options.smoke and options.names != ["training"]:
        raise UserError("--smoke tries the script of `python -m bench training --smoke` alone")
    origin = {**provenance(), "threads": threads()}
    missed = 0
    for name in options.names or BENCHMARKS:
        try:
            with tempfile.TemporaryDirectory() as folder:
                finding = BENCHMARKS[name](Path(folder), options)
        except UserError as error:
            if name not in OF_CUAD or name in options.names:
                raise UserError(f"{name}: {error}") from error
            print(f"{name} is skipped: {error}\n", flush=True)
            continue
        text = section(name, finding, origin)
        print(text, flush=True)
        if not options.smoke:  # a try is no result
            write_section(options.output, name, text)
        missed += len(finding.missed)
    return 1 if missed else 0


def write_section(output: Path, name: str, text: str) -> None:
    """Put one section into the page of results; the others stay as they are."""
    sections = read_sections(output.read_text(encoding="utf-8")) if output.is_file() else {}
    written = page({**sections, name: text}, list(BENCHMARKS))
    output.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
