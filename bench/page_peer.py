"""The viewer of inspect_ai on the same answers as a page, in an environment of its own."""

import json
import math
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from common.local_server import HERE, listen, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from reports.report import Report

PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
LISTED = "/[1-9][0-9,]* rows/.test(document.body?.innerText) && performance.now()"
PATIENCE = 60
"""Seconds after which a viewer that lists nothing is given up."""

WRITE = """
import json, sys
from inspect_ai.log import (EvalConfig, EvalDataset, EvalLog, EvalPlan, EvalResults, EvalSample,
                            EvalSpec, EvalStats, write_eval_log)
from inspect_ai.model import ChatMessageUser, ModelOutput
from inspect_ai.scorer import Score

for model, rows in json.load(sys.stdin).items():
    spec = EvalSpec(created="2026-01-01T00:00:00+00:00", task="contracts", model=f"none/{model}",
                    dataset=EvalDataset(name="sample", samples=len(rows)), config=EvalConfig())
    samples = [
        EvalSample(id=row["id"], epoch=1, input=row["prompt"], target=row["expected"],
                   messages=[ChatMessageUser(content=row["prompt"])],
                   output=ModelOutput.from_content(model, row["answer"]),
                   scores={n: Score(value=v) for n, v in row["scores"].items() if v is not None})
        for row in rows
    ]
    log = EvalLog(status="success", eval=spec, plan=EvalPlan(), results=EvalResults(
        total_samples=len(rows), completed_samples=len(rows)), stats=EvalStats(), samples=samples)
    write_eval_log(log, f"{sys.argv[1]}/{model}.eval")
"""


@dataclass(frozen=True, slots=True)
class Viewed:
    """Of the viewer: bytes of its bundle, milliseconds until it is seen, and lists the samples."""

    cases: int
    bundle: int
    paint: float
    listed: float


def viewed(opened: "Browser", python: Path, report: "Report", folder: Path) -> Viewed:
    """Bundle the answers of a report, and open the first model's.

    Args:
        opened: a browser.
        python: of an environment that has inspect_ai.
        report: whose answers.
        folder: that does not exist yet.
    """
    logs, bundle = folder / "logs", folder / "bundle"
    logs.mkdir(parents=True)
    subprocess.run(
        [python, "-c", WRITE, logs], input=json.dumps(_rows(report)), text=True, check=True
    )
    inspect = python.with_name("inspect")
    subprocess.run(
        [inspect, "view", "bundle", "--log-dir", logs, "--output-dir", bundle],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    found = []
    with _served(bundle) as address:
        log = f"{address}#/logs/{report.summary[0].model}.eval"
        for _ in range(3):
            context = opened.new_context()
            tab = context.new_page()
            tab.goto(log, wait_until="commit")
            until = time.monotonic() + PATIENCE
            while not (listed := tab.evaluate(LISTED)) and time.monotonic() < until:
                time.sleep(0.05)
            found.append((tab.evaluate(PAINT), listed or math.inf))
            context.close()
    size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    paints, listed = zip(*found, strict=True)
    return Viewed(len(report.cases), size, statistics.median(paints), statistics.median(listed))


def _rows(report: "Report") -> dict[str, list[dict[str, object]]]:
    """By model; the prompt has the passages, as the page has."""
    rows: dict[str, list[dict[str, object]]] = {}
    for result in report.results:
        case = report.cases[result.case]
        passages = "\n\n".join(report.passages[number].text for number in result.passages)
        row: dict[str, object] = {
            "id": case.slug,
            "prompt": f"{passages}\n\n{case.question}",
            "expected": [span.text for span in case.expected] or [""],
            "answer": result.answer,
            "scores": dict(result.scores),
        }
        rows.setdefault(result.model, []).append(row)
    return rows


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """A server that gives parts of files, by which the viewer reads logs."""
    from fastapi.staticfiles import StaticFiles

    listening = listen(0)
    application = StaticFiles(directory=folder, html=True)
    threading.Thread(target=serve, args=(application, listening), daemon=True).start()
    yield f"http://{HERE}:{listening.getsockname()[1]}/"
