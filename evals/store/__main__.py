"""`python -m evals.store purge --contract TITLE`: one contract, erased wherever it is kept.

Without `--yes` nothing is changed: what would go is counted. What a killed purge left, the same
line finishes; the data set comes last, since it says what the contract's words are.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from common.command import Parser, run
from common.errors import UserError
from common.paths import REVIEWS, STORE, cache_dir
from common.redaction import redacted
from common.rows.aside import FOLDER as ASIDE
from common.rows.columns import SUFFIXES
from common.rows.parquet import SUFFIX
from evals.store import database, files, index
from evals.store.elsewhere import advice, elsewhere
from evals.store.search import search
from evals.store.wanted import Wanted, unknown_title, wanted_of
from fixtures.cases import Dataset
from fixtures.contracts.collection import remove
from fixtures.contracts.drafts import drafts_path, read_drafts, remove_drafts_of
from fixtures.imports.imported import imported_dataset
from fixtures.layout import FILES, is_titled, read_layout
from fixtures.retrieval.chroma import EmbeddedChroma
from fixtures.served import FOLDER as SERVED
from fixtures.served import INDEX as SERVED_INDEX
from fixtures.served import writing
from models.egress import Egress
from models.registry import SHIPPED
from models.retrieval.opening import open_server
from reports import erased
from reports.archive import RUNS, newest_first, read_report
from reports.drift import vectors as embedded
from reports.feedback.kept import FILE, FOLDER

CACHE = Path(".pytest_cache")
AGAIN = "stopped; the same line goes on where this one stopped"


@dataclass(frozen=True, slots=True)
class Step:
    """One place: what it is called, how much of the contract it holds, and how that goes."""

    place: str
    unit: str
    count: int
    erase: Callable[[], object]


def main(argv: list[str] | None = None) -> int:
    """Erase one contract, list what lies elsewhere, and search for it; 1 where some is left."""
    return run(_parser().parse_args, _purge, argv, stopped=AGAIN)


def _parser() -> Parser:
    parser = Parser(prog="python -m evals.store", description=main.__doc__)
    commands = parser.add_subparsers(required=True, metavar="purge")
    purge = commands.add_parser("purge", help="erase one contract", description=main.__doc__)
    add = purge.add_argument
    add("--contract", required=True, metavar="TITLE", help="as its data set calls it")
    add("--dataset", type=Path, action="append", default=[], metavar="PATH",
        help="file or folder that holds it; may be repeated")  # fmt: skip
    add("--labels", type=Path, action="append", default=[], metavar="FILE",
        help=".csv or .jsonl with rows about it; may be repeated")  # fmt: skip
    add("--store", default=STORE, metavar="URL", help=f"({STORE})")
    add("--runs", type=Path, default=RUNS, metavar="DIR", help=f"folder of runs ({RUNS})")
    add("--kept", type=Path, default=FOLDER, metavar="DIR", help=f"feedback ({FOLDER})")
    add("--served", type=Path, default=SERVED, metavar="DIR", help=f"requests served ({SERVED})")
    add("--index", metavar="URL", help="a Chroma server that holds passages too")
    add("--registry", type=Path, default=SHIPPED, metavar="DIR", help="whose adapters are searched")
    add("--unmarked", action="store_true",
        help="erase answers and scores too of which nobody noted the contract")  # fmt: skip
    add("--yes", action="store_true", help="erase; without it what would go is shown")
    return parser


def _purge(given: argparse.Namespace) -> int:
    datasets = [_dataset(path) for path in given.dataset]
    shown = _reported(given.runs)
    if doubt := unknown_title(given.contract, datasets, shown):
        print(f"note: {doubt}", file=sys.stderr)
    wanted = wanted_of(given.contract, datasets, shown)
    steps = [step for step in _steps(given, wanted) if step.count]
    for step in steps:
        print(f"{step.count:>8,} {step.unit} in {step.place}")
    if not given.yes:
        print(f"nothing was changed; to erase it in {len(steps)} places, add --yes")
        return 0
    for step in steps:
        step.erase()
    return _prove(given, wanted)


def _dataset(path: Path) -> Dataset:
    """Sealed contracts are among its cases."""
    if not path.exists():
        raise UserError(f"--dataset {path}: no such file or folder; name what holds the contract")
    if path.suffix.lower() in SUFFIXES:
        return imported_dataset("recorded", path)
    return read_layout(path.stem, path)


def _reported(runs: Path) -> dict[str, set[str]]:
    """What was shown of every contract of a report, by title; of some that is nothing."""
    shown: dict[str, set[str]] = {}
    for path in newest_first(runs):
        try:
            report = read_report(path)
        except UserError as error:
            print(f"not looked into: {error}", file=sys.stderr)
            continue
        for case in report.cases:
            shown.setdefault(case.contract, set())
        for passage in report.passages:
            shown.setdefault(passage.contract, set()).add(passage.text)
    return shown


def _steps(given: argparse.Namespace, wanted: Wanted) -> Iterator[Step]:
    """The places in order: what says which words are the contract's comes last."""
    yield from _of_databases(given, wanted)
    for chroma in _indexes():
        held = index.look(chroma, wanted)
        place = f"the index {chroma.place}, which goes whole: it is built again where it is needed"
        yield Step(place, "files", held, partial(index.erase, chroma))
    if given.index:
        server = open_server(given.index, Egress(given.registry, ()))
        vectors = index.look_at(server, wanted)
        erase = partial(index.erase_at, server, wanted)
        yield Step(f"the index {server.place}", "vectors", vectors, erase)
    place = f"{embedded.FOLDER / embedded.FILE}, which goes whole: it is made again"
    yield Step(place, "files", embedded.held(), embedded.erase)
    yield from _of_served(given.served, wanted)
    aside = sorted((given.kept / ASIDE).glob("*.jsonl"))
    rows = [each for each in given.dataset if each.suffix.lower() in SUFFIXES]
    for path in (*given.labels, *aside):
        yield _of_rows(path, wanted)
    for path in erased.holding(given.runs, wanted):
        yield Step(str(path.parent), "report that holds it", 1, partial(erased.erase, path, wanted))
    for path in rows:
        yield _of_rows(path, wanted)
    for path in (each for given_ in given.dataset for each in _layouts(given_)):
        yield from _of_layout(path, wanted.title)


def _indexes() -> tuple[EmbeddedChroma, ...]:
    """That of trainings, that of exams, and that of the service."""
    return tuple(EmbeddedChroma(cache_dir() / name) for name in (".", "passages", SERVED_INDEX))


def _of_databases(given: argparse.Namespace, wanted: Wanted) -> Iterator[Step]:
    own = [given.store] if "://" in given.store or Path(given.store).is_file() else []
    beside = [
        path for path in (given.kept / FILE, *sorted(REVIEWS.glob("*.sqlite"))) if path.is_file()
    ]
    for url in (*own, *map(str, beside)):
        found = database.look(url, wanted)
        count = found.count + (found.unmarked if given.unmarked else 0)
        erase = partial(database.erase, url, wanted, unmarked=given.unmarked)
        yield Step(redacted(url), "rows", count, erase)
        if found.unmarked and not given.unmarked:
            print(
                f"note: {found.unmarked:,} rows of {redacted(url)} do not say which contract they "
                "are about (of a judge's own exam, or of an earlier release): those that quote it "
                "are counted, and --unmarked erases all"
            )


def _of_rows(path: Path, wanted: Wanted) -> Step:
    return Step(str(path), "rows", files.look(path, wanted), partial(files.erase, path, wanted))


def _of_served(folder: Path, wanted: Wanted) -> Iterator[Step]:
    """Requests that were served, and lines of theirs that were set aside.

    Who serves meanwhile waits, and then adds to the file that was written anew.
    """
    suffixes = (*SUFFIXES, SUFFIX)
    every = (path for each in (folder, folder / ASIDE) for path in sorted(each.glob("*")))
    for path in (each for each in every if each.name.lower().endswith(suffixes)):
        yield Step(
            str(path), "rows", files.look(path, wanted), partial(_erase, path, folder, wanted)
        )


def _erase(path: Path, folder: Path, wanted: Wanted) -> None:
    with writing(folder):
        files.erase(path, wanted)


def _layouts(given: Path) -> list[Path]:
    if given.suffix.lower() in SUFFIXES:
        return []
    every = [given / name for name in FILES] if given.is_dir() else [given]
    return [path for path in every if path.is_file()]


def _of_layout(path: Path, title: str) -> Iterator[Step]:
    data = read_layout(path.stem, path)
    cases = sum(is_titled(each.contract.id, title) for each in (*data.cases, *data.open))
    beside = read_drafts(path)
    drafts = sum(is_titled(each.contract, title) for each in beside)
    yield Step(str(drafts_path(path)), "drafts", drafts, partial(remove_drafts_of, path, title))
    yield Step(str(path), "questions", cases, partial(remove, path, title))


def _prove(given: argparse.Namespace, wanted: Wanted) -> int:
    """Search everything that was or may be written to; 1 where something of it is found."""
    own = [Path(given.store).parent] if "://" not in given.store else []
    roots = [*given.dataset, *given.labels, *own, given.runs, given.kept, given.served]
    roots += [
        Path(".exam"),
        CACHE,
        *(Path(each.place) for each in _indexes()),
        given.registry.parent,
    ]
    found = search([root for root in roots if root.exists()], wanted)
    print(f"searched {found.files:,} files, {found.size / 1e6:,.1f} MB")
    for trace in found.traces:
        print(f"left: {trace.place}: {trace.what}; {advice(trace.place)}")
    for path in found.unread:
        print(f"not searched: {path}")
    print(*elsewhere(given.contract, given.store, given.index), sep="\n")
    if found.traces or found.unread:
        return 1
    print(f"nothing of {given.contract} was found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
