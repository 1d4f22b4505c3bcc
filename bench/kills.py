"""What a killed exam loses: SIGKILL at random points, and the same line again."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.results import Finding, Row
from bench.sessions import ROOT
from tests.builders.fake_server import FakeServer, fake_server

CASES = 400
CONNECTIONS = 64
LATENCY = (0.02, 0.05)
PREFLIGHT = "Hello"


@dataclass
class Kill:
    """One exam that was killed and typed again.

    `in_flight` are the prompts that were at the server when the process died, `again` those that
    the second exam asked once more, `lost` answers that its report lacks; `equal` says whether
    that report is the report of an exam that nobody killed.
    """

    asked: int
    in_flight: int
    again: int
    lost: int
    equal: bool


def measure(folder: Path, kills: int) -> Finding:
    """Kill and resume `kills` exams of 400 cases in `folder`."""
    draw, seen = random.Random(7), Seen()
    with fake_server(seen.reply, lambda: draw.uniform(*LATENCY), seen.note) as server:
        seen.server = server
        whole = read_exam(start_exam(folder / "whole", server).wait(), folder / "whole")
        found = [_killed(folder / str(n), server, seen, draw, whole) for n in range(kills)]
    again, asked = [kill.again for kill in found], [kill.asked for kill in found]
    flight, lost = [kill.in_flight for kill in found], sum(kill.lost for kill in found)
    equal = sum(kill.equal for kill in found)
    return Finding(
        f"{kills} kills of an exam of {CASES} cases",
        "`pytest evals` against an OpenAI-compatible fake server that takes "
        f"{LATENCY[0] * 1000:.0f} to {LATENCY[1] * 1000:.0f} ms, {CONNECTIONS} connections; "
        "SIGKILL after a random number of calls, then the same line again. Asked twice are the "
        "prompts that the second exam sends and the first had sent; the server was at work on some "
        "of them at the kill, and of the others the reply was on its way to the disk.",
        [
            Row("prompts sent before the kill", f"{min(asked)} to {max(asked)}"),
            Row("answers lost", str(lost), "0", lost == 0),
            Row(
                "reports equal to that of an exam that nobody killed",
                f"{equal} of {kills}",
                str(kills),
                equal == kills,
            ),
            Row("at the server, median and most", f"{median(flight):.0f}, {max(flight)}"),
            Row(
                "asked twice, median and most",
                f"{median(again):.0f}, {max(again)}",
                f"at most {CONNECTIONS}",
                max(again) <= CONNECTIONS,
            ),
        ],
    )


@dataclass
class Seen:
    """The prompts that the server was sent, as often as it was."""

    server: FakeServer | None = None
    prompts: Counter[str] = field(default_factory=Counter)

    def note(self, call: int) -> None:
        """Count a prompt as it arrives; this takes the place of a fault, and is none."""
        assert self.server is not None
        prompt = self.server.requests[-1]["messages"][-1]["content"]
        self.prompts[prompt] += prompt != PREFLIGHT

    def reply(self, messages: list[dict[str, str]]) -> str:
        """An answer that depends on the prompt, so that exchanged answers would show."""
        return f"The agreement says so in its {len(messages[-1]['content']) % 37} parts."


def _killed(folder: Path, server: FakeServer, seen: Seen, draw: random.Random, whole: Any) -> Kill:
    seen.prompts.clear()
    first, before = start_exam(folder, server), server.calls
    goal = before + draw.randrange(CONNECTIONS, CASES - CONNECTIONS)
    while server.calls < goal and first.poll() is None:
        time.sleep(0.001)
    in_flight = server.active
    first.send_signal(signal.SIGKILL)
    first.wait()
    time.sleep(0.5)  # what was sent has arrived, and the second exam's prompts are its own
    asked = seen.prompts.copy()
    seen.prompts.clear()
    report = read_exam(start_exam(folder, server).wait(), folder)
    lost = sum(row["error"] is not None for row in report["results"])
    again = sum((asked & seen.prompts).values())
    return Kill(sum(asked.values()), in_flight, again, lost, _told(report) == _told(whole))


def _told(report: Any) -> list[Any]:
    """What a report says of the answers; times and who asked are of the run."""
    return [
        [row["case"], row["answer"], row["error"], row["passages"], row["scores"].get("token_f1")]
        for row in report["results"]
    ]


def start_exam(folder: Path, server: FakeServer, entry: str = "") -> subprocess.Popen[bytes]:
    """The exam of 400 cases in a process of its own; `entry` is added to the registry file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "served.toml").write_text(
        f'kind = "endpoint"\nbase_url = "{server.url}"\nmodel = "m"\nconcurrency = {CONNECTIONS}\n'
        + entry
    )
    command = [
        sys.executable, "-m", "pytest", "evals", "-q", "-p", "no:cacheprovider",
        f"--registry={folder}", "--model=served", "--retriever=bm25", "--judge=none",
        "--split=all", f"--limit={CASES}", f"--store={folder / 'store.sqlite'}",
        f"--runs={folder / 'runs'}",
    ]  # fmt: skip
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), **quiet)


def read_exam(status: int, folder: Path) -> Any:
    """The report of an exam that has ended.

    Raises:
        RuntimeError: it did not come to its end.
    """
    if status > 1:
        raise RuntimeError(f"the exam in {folder} ended with {status}")
    return json.loads((folder / "latest" / "report.json").read_bytes())
