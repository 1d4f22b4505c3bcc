"""`--max-cost` as a user types it: one line without a price, a limit that a kill does not lift."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from evals.calls.payments import paid_before
from evals.calls.store import Store
from tests.builders.fake_server import fake_server

ROOT = Path(__file__).parents[2]
PRICE = "price = { input = 100, output = 200 }\n"


def registry(folder, url, price=PRICE):
    folder.mkdir(exist_ok=True)
    (folder / "served.toml").write_text(
        f'kind = "endpoint"\nbase_url = "{url}"\nmodel = "served"\nconcurrency = 4\n{price}'
    )


def started(tmp_path, *args):
    line = [
        sys.executable, "-m", "pytest", str(ROOT / "evals"), "-q", "-p", "no:cacheprovider",
        "--model", "served", "--registry", str(tmp_path / "registry"), "--retriever", "bm25",
        "--judge", "none", "--store", str(tmp_path / "store.sqlite"),
        "--runs", str(tmp_path / "runs"), *args,
    ]  # fmt: skip
    return subprocess.Popen(
        line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def typed(tmp_path, *args):
    process = started(tmp_path, *args)
    return process.communicate(timeout=120)[0], process.returncode


def last_report(tmp_path):
    newest = max(tmp_path.glob("runs/*/report.json"), key=lambda path: path.stat().st_mtime)
    return json.loads(newest.read_text())


@pytest.mark.parametrize("words", [["--max-cost", "5"], ["--max-cost", "5", "--judge", "served"]])
def test_a_model_without_a_price_is_one_line_before_anything_is_asked(tmp_path, words):
    with fake_server() as server:
        registry(tmp_path / "registry", server.url, price="")
        output, code = typed(tmp_path, *words)
        assert (code, server.calls) == (4, 0), output
    lines = [line for line in output.splitlines() if line.startswith("ERROR")]
    assert len(lines) == 1 and "model served has no price; add [price]" in lines[0], output
    assert "Traceback" not in output


@pytest.mark.parametrize("value", ["-1", "much", "nan", "inf", "1e13", "0.0000001", ""])
def test_a_limit_is_in_dollars(tmp_path, value):
    registry(tmp_path / "registry", "http://127.0.0.1:9/v1")
    output, code = typed(tmp_path, f"--max-cost={value}")
    assert code == 4 and f"--max-cost {value}: give US dollars" in output, output


def test_zero_asks_nobody_who_is_paid(tmp_path):
    with fake_server() as server:
        registry(tmp_path / "registry", server.url)
        output, code = typed(tmp_path, "--limit", "6", "--max-cost", "0")
        assert (code, server.calls) == (1, 0), output
    assert {r["error"] for r in last_report(tmp_path)["results"]} == {
        "not asked: --max-cost 0 reached"
    }


def test_an_exam_that_is_killed_again_and_again_never_costs_more_than_its_limit(tmp_path):
    """The server knows what was spent; the store, of calls under way, what they may have cost."""
    with fake_server(reply=lambda messages: "Not found.", latency=0.05) as server:
        registry(tmp_path / "registry", server.url)
        limit = ("--max-cost", "5")
        for kill in (12, 24):
            process = started(tmp_path, *limit)
            deadline = time.monotonic() + 60
            while server.calls < kill and time.monotonic() < deadline:
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGKILL)
            process.communicate(timeout=30)
        before = server.calls
        output, code = typed(tmp_path, *limit)
        assert code == 1 and server.calls > before, output
        asked = server.calls
        output, _ = typed(tmp_path, *limit)
        assert server.calls == asked, "nothing was left to spend"
        billed = sum(map(cost_of, server.requests))
    assert len(server.requests) == server.calls
    assert 2 < billed <= 5
    with sqlite3.connect(tmp_path / "store.sqlite") as disk:
        (exam,) = disk.execute("select distinct exam from payments").fetchone()
    store = Store(str(tmp_path / "store.sqlite"))
    assert billed <= paid_before(store, exam) <= 5
    store.close()
    spending = last_report(tmp_path)["spending"]
    assert Decimal(spending["cost"]) == 0 and Decimal(spending["paid_before"]) >= billed


def cost_of(request):
    """What the server bills: it counts words."""
    words = sum(len(message["content"].split()) for message in request["messages"])
    return (words * Decimal(100) + 2 * Decimal(200)).scaleb(-6)


def embedding(tmp_path, url, price="[price]\ninput = 2.5\n"):
    (tmp_path / "embedders").mkdir(exist_ok=True)
    (tmp_path / "embedders" / "small.toml").write_text(
        f'kind = "endpoint"\nbase_url = "{url}"\nmodel = "small"\n{price}'
    )
    return ("--retriever", "dense", "--embedder", "small", "--limit", "8")


def test_an_embedder_is_paid_by_its_own_price_and_within_the_limit(tmp_path, monkeypatch):
    monkeypatch.setenv("BAR_EXAM_CACHE", str(tmp_path / "cache"))
    with fake_server() as server:
        registry(tmp_path / "registry", server.url, "price = { input = 0, output = 0 }\n")
        output, code = typed(tmp_path, *embedding(tmp_path, server.url, ""), "--max-cost", "5")
        assert code == 4 and "embedder small has no price" in output, output
        words = embedding(tmp_path, server.url)
        output, code = typed(tmp_path, *words, "--max-cost", "0")
        assert (code, server.calls, list(server.requests)) == (1, 0, []), output
        errors = {result["error"] for result in last_report(tmp_path)["results"]}
        assert errors == {"not asked: --max-cost 0 reached"}
        output, _ = typed(tmp_path, *words, "--max-cost", "5")
        texts = [text for body in server.requests for text in body.get("input", ())]
    assert texts, output
    read = sum(len(text.split()) for text in texts)
    spending = last_report(tmp_path)["spending"]
    assert Decimal(spending["embedding"]) == Decimal(spending["cost"]) == read * Decimal("2.5e-6")
    assert all(result["error"] is None for result in last_report(tmp_path)["results"])


def test_workers_share_one_limit(tmp_path):
    with fake_server(reply=lambda messages: "Not found.") as server:
        registry(tmp_path / "registry", server.url)
        output, code = typed(tmp_path, "--max-cost", "1.5", "-n", "2")
        assert code == 1 and 2 < server.calls < 40, output
        billed = sum(map(cost_of, server.requests))
    assert billed <= Decimal("1.5")
    assert Decimal(last_report(tmp_path)["spending"]["cost"]) == billed


def test_looks_share_one_limit(tmp_path):
    with fake_server(reply=lambda messages: "Not found.") as server:
        registry(tmp_path / "registry", server.url)
        (tmp_path / "registry" / "echo.toml").write_text('kind = "echo"\n')
        output, _ = typed(
            tmp_path, "--max-cost", "2", "--sequential", "--baseline", "echo", "--limit", "60"
        )
        billed = sum(map(cost_of, server.requests))
    assert 0 < billed <= 2, output
