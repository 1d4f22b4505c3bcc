"""pytest sessions in processes of their own, timed: exams, and empty ones to compare them with."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError

ROOT = Path(__file__).parents[1]
WITHOUT_PLUGINS = (
    "-p",
    "no:deepeval",
    "-p",
    "no:langsmith_plugin",
    "-p",
    "no:anyio",
    "-p",
    "no:asyncio",
)
COLLECTED = re.compile(r"collected (\d+) items?|(\d+) tests? collected")
EMPTY_TEST = """\
import pytest


@pytest.mark.parametrize("number", range({items}))
def test_nothing(number):
    pass
"""


@dataclass(frozen=True, slots=True)
class Session:
    """One pytest process: wall-clock seconds from start to exit, and the tests collected."""

    seconds: float
    items: int


@dataclass(frozen=True, slots=True)
class Exam:
    """An exam's session, and the `spending` of its report."""

    session: Session
    calls: int
    tokens_in: int
    tokens_out: int
    run_seconds: float


def threads() -> int:
    """$OMP_NUM_THREADS, else all cores."""
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def examine(folder: Path, *arguments: str, cache: Path | None = None) -> Exam:
    """Run `pytest evals` with its store, reports and pytest cache in `folder`.

    `cache` takes the place of $BAR_EXAM_CACHE.

    Raises:
        UserError: pytest did not get as far as a report.
    """
    # With a space, pytest takes the path for a test's and loads the conftest.py files above it.
    kept = [f"--store={folder / 'store.sqlite'}", f"--runs={folder / 'runs'}"]
    environment = {"BAR_EXAM_LEDGER": str(folder / "ledger")}
    environment |= {"BAR_EXAM_CACHE": str(cache)} if cache else {}
    session = run_pytest(ROOT, folder, "evals", *arguments, *kept, environment=environment)
    report = json.loads((folder / "latest" / "report.json").read_bytes())
    spent: dict[str, Any] = report["spending"]
    return Exam(session, spent["calls"], spent["tokens_in"], spent["tokens_out"], spent["seconds"])


def run_empty(folder: Path, items: int, *arguments: str) -> Session:
    """Run bare pytest on `items` parametrized tests that do nothing, our plugins left out too."""
    place = folder / "empty"
    place.mkdir(parents=True, exist_ok=True)
    (place / "pytest.ini").write_text("[pytest]\n")
    (place / "test_nothing.py").write_text(EMPTY_TEST.format(items=items))
    return run_pytest(place, folder, *WITHOUT_PLUGINS, *arguments)


def run_pytest(
    root: Path, folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> Session:
    """Run pytest in `root`; its cache lies in `folder`. Failing tests are no error here.

    Raises:
        UserError: it ended otherwise than after its tests (exit code above 1).
    """
    command = [sys.executable, "-m", "pytest", "-o", f"cache_dir={folder / 'cache'}", *arguments]
    variables = {"OMP_NUM_THREADS": str(threads()), **os.environ, **(environment or {})}
    begun = time.perf_counter()
    done = subprocess.run(
        command, cwd=root, env=variables, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - begun
    collected = COLLECTED.search(done.stdout)
    if done.returncode > 1 or not collected:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise UserError(f"`pytest {' '.join(arguments)}` ended with {done.returncode}: {last}")
    return Session(seconds, int(collected[1] or collected[2]))
