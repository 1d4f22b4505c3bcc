"""The page of a report: how large, how long until it is there, how long a search takes."""

import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.page_peer import PAINT, PATIENCE, Viewed, viewed
from bench.results import Finding
from common.errors import UserError
from fixtures.cases import Case
from fixtures.datasets import load_dataset
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from reports.page.html import write_page
from tests.builders.report_data import enlarged, written

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from reports.report import Report

SIZES = (500, 5_000, 20_000)
PEER = (
    " inspect's viewer: `inspect view bundle` of the same answers, its address opened with the "
    "first model's log; listed is when it says how many samples there are."
)
WORDS = ("liability", "zebras", "governed by", "thirty days", "assignment")
CHROMIUM = "/usr/bin/chromium"
SEARCH = """word => new Promise(done => {
  const field = document.querySelector('[name=q]');
  const count = document.getElementById('count');
  const started = performance.now();
  new MutationObserver((_, observer) => {
    observer.disconnect();
    requestAnimationFrame(() => done(performance.now() - started));
  }).observe(count, { childList: true });
  field.value = word;
  field.dispatchEvent(new Event('input', { bubbles: true }));
})"""


@dataclass(frozen=True, slots=True)
class Opened:
    """Milliseconds until something is seen, and until all cases can be searched."""

    paint: float
    ready: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A page of so many cases; bytes, seconds and milliseconds."""

    cases: int
    page: int
    beside: int
    made: float
    as_file: Opened
    served: Opened
    first_search: float
    search: float
    sort: float


def measure(folder: Path, inspect: Path | None = None) -> Finding:
    """Pages of two models' answers to the embedded cases, repeated.

    Args:
        folder: to work in.
        inspect: the Python of an environment that has inspect_ai, for its viewer.
    """
    report = report_of_two()
    with browser() as opened:
        rows = [_measured(opened, enlarged(report, size), folder / str(size)) for size in SIZES]
        peers = [
            viewed(opened, inspect, enlarged(report, size), folder / f"inspect-{size}")
            for size in SIZES[:2]
            if inspect
        ]
    return Finding(
        "the page of a report, by cases",
        "Two models, five passages of 800 characters a case, the embedded cases again and again "
        "under contracts of their own. Made: from the report in memory to files, once. Painted: "
        "first contentful paint in headless chromium from an empty cache, medians of 3; ready: "
        "until every case is read, which as a file are those of the page alone. A search is from "
        "the last key to the result, of which 120 ms wait for the next key; medians over "
        f"{len(WORDS)} words, the first apart: it gathers what is searched. Targets: a page of "
        "8 MB and a paint within 1,000 ms at 20,000 cases, made within 10 s at 5,000."
        + (PEER if inspect else ""),
        table="\n\n".join(filter(None, [_table(rows), _peers(peers)])),
    )


def _table(rows: Sequence[Measured]) -> str:
    lines = [
        "| cases | report.html | cases.json | made | painted, file / served "
        "| ready, file / served | first search | search | sort |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = (
            f"{row.cases:,}",
            f"{row.page / 1e6:.1f} MB",
            f"{row.beside / 1e6:.1f} MB" if row.beside else "none",
            f"{row.made:.1f} s",
            f"{row.as_file.paint:,.0f} / {row.served.paint:,.0f} ms",
            f"{row.as_file.ready:,.0f} / {row.served.ready:,.0f} ms",
            f"{row.first_search:,.0f} ms",
            f"{row.search:,.0f} ms",
            f"{row.sort:,.0f} ms",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _peers(rows: Sequence[Viewed]) -> str:
    if not rows:
        return ""
    lines = ["| cases | inspect's bundle | painted | listed |", "|---|---|---|---|"]
    for row in rows:
        never = math.isinf(row.listed)
        listed = f"not within {PATIENCE} s" if never else f"{row.listed:,.0f} ms"
        size = f"{row.bundle / 1e6:.1f} MB"
        lines.append(f"| {row.cases:,} | {size} | {row.paint:,.0f} ms | {listed} |")
    return "\n".join(lines)


def report_of_two() -> "Report":
    """Two models on the embedded cases: one says what is right, one does in three of four."""

    def right(case: Case) -> Answer:
        text = case.spans[0].text if case.spans else "The contract does not say."
        whole = case.contract.text
        starts = range(0, min(len(whole), 4_000), 800)
        passages = tuple(
            Passage(case.contract.id, at, at + 800, whole[at : at + 800]) for at in starts
        )
        return Answer(text, 1_000, 20, 0.5, passages=passages)

    def worse(case: Case) -> Answer:
        return right(case) if len(case.question) % 4 else replace(right(case), text="Zebras.")

    return written(load_dataset("sample").cases, {"right": right, "worse": worse})


@contextmanager
def browser() -> Iterator["Browser"]:
    """Debian's chromium, headless."""
    if not Path(CHROMIUM).is_file():
        raise UserError(f"pages: no {CHROMIUM}; apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


def _measured(opened: "Browser", report: "Report", folder: Path) -> Measured:
    folder.mkdir()
    (folder / "report.json").touch()  # what a run is known by
    started = time.perf_counter()
    page = write_page(report, folder)
    made = time.perf_counter() - started
    beside = folder / "cases.json"
    with serving("reports.serve", folder) as address:
        whole = f"All {len(report.cases):,} cases"
        all_here = partial(_wait_for, whole if beside.exists() else "")
        served = median_opened(opened, address, all_here)
        tab = opened.new_page()
        tab.goto(address)
        all_here(tab)
        first, *others = [tab.evaluate(SEARCH, word) for word in WORDS]
        tab.evaluate(SEARCH, "")
        sort = tab.evaluate(SEARCH.replace("[name=q]", "[name=sort]"), "metric:token_f1")
        tab.close()
    return Measured(
        len(report.cases),
        page.stat().st_size,
        beside.stat().st_size if beside.exists() else 0,
        made,
        median_opened(opened, f"file://{page}", partial(_wait_for, "")),
        served,
        first,
        statistics.median(others),
        sort,
    )


def _wait_for(text: str, tab: "Page") -> None:
    tab.wait_for_function(
        "text => document.getElementById('count')?.textContent && (!text || "
        "document.getElementById('others').textContent.includes(text))",
        arg=text,
        timeout=120_000,
    )


def median_opened(opened: "Browser", address: str, ready: Callable[["Page"], Any]) -> Opened:
    """Medians of three openings, each in a new profile."""
    found = []
    for _ in range(3):
        context = opened.new_context()
        tab = context.new_page()
        tab.goto(address, wait_until="commit")
        ready(tab)
        at = tab.evaluate("performance.now()")
        tab.wait_for_function(f"{PAINT} !== undefined")
        found.append(Opened(tab.evaluate(PAINT), at))
        context.close()
    return Opened(
        statistics.median(each.paint for each in found),
        statistics.median(each.ready for each in found),
    )


@contextmanager
def serving(*words: object) -> Iterator[str]:
    """The address that a command of ours prints, while it serves."""
    line = [sys.executable, "-m", *map(str, words)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield next(word for word in process.stdout.readline().split() if "http:" in word)
        finally:
            process.terminate()
