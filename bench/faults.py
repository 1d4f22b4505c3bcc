"""What an exam makes of a server that fails often, and in every way."""

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.kills import CASES, CONNECTIONS, LATENCY, read_exam, start_exam
from bench.results import Finding, Row
from tests.builders.fake_server import Fault, fake_server

ENTRY = "timeout = 1.0\n"
OVERLOADED = json.dumps({"error": {"message": "overloaded", "code": 429}})
MIXED = {
    "status 500": (0.05, Fault(status=500)),
    "status 429 with Retry-After": (0.05, Fault(status=429, headers={"retry-after": "0.1"})),
    "status 503": (0.04, Fault(status=503)),
    "an error under status 200": (0.03, Fault(body=OVERLOADED)),
    "no JSON under status 200": (0.03, Fault(body="<html>gateway</html>")),
    "status 400": (0.03, Fault(status=400)),
    "cut connection": (0.05, Fault(drop=True)),
    "no reply in time": (0.02, Fault(hang=True)),
}


@dataclass
class Failing:
    """Draws what happens to each call, and counts it. The first, the preflight, succeeds."""

    draw: random.Random
    happened: Counter[str] = field(default_factory=Counter)

    def __call__(self, call: int) -> Fault | None:
        """The fault of a call, if it has one."""
        at = self.draw.random() if call else 1.0
        for name, (share, fault) in MIXED.items():
            at -= share
            if at < 0:
                self.happened[name] += 1
                return fault
        return None


def measure(folder: Path) -> Finding:
    """One exam of 400 cases without faults, one with them, and the same line again without."""
    draw = random.Random(11)
    with fake_server(latency=lambda: draw.uniform(*LATENCY)) as server:
        calm = read_exam(start_exam(folder / "calm", server, ENTRY).wait(), folder / "calm")
        before, failing = server.calls, Failing(random.Random(13))
        server.faults = lambda call: failing(call - before)
        place = folder / "faults"
        rough = read_exam(start_exam(place, server, ENTRY).wait(), place)
        calls, server.faults = server.calls - before, ()
        again = read_exam(start_exam(place, server, ENTRY).wait(), place)
    rows, happened = rough["results"], failing.happened
    failed = [row["error"] for row in rows if row["error"] is not None]
    share = happened.total() / calls
    accounted = len(rows) == CASES and all(failed)
    return Finding(
        f"{share:.0%} of the calls of an exam of {CASES} cases fail",
        "`pytest evals` against an OpenAI-compatible fake server that takes "
        f"{LATENCY[0] * 1000:.0f} to {LATENCY[1] * 1000:.0f} ms, {CONNECTIONS} connections, a "
        f"time-out of 1 s. Of {calls} calls: {_listed(happened)}.",
        [
            Row("answered", str(CASES - len(failed))),
            Row("without an answer, each with its reason", f"{len(failed)} ({_reasons(failed)})"),
            Row("accounted for", str(len(rows)), str(CASES), accounted),
            Row("answered when the same line is typed again", *_complete(again)),
            Row("run phase without faults", f"{calm['spending']['seconds']:.1f} s"),
            Row("run phase with faults", f"{rough['spending']['seconds']:.1f} s"),
        ],
    )


def _complete(report: Any) -> tuple[str, str, bool]:
    answered = sum(row["error"] is None for row in report["results"])
    return str(answered), str(CASES), answered == CASES


def _listed(happened: Counter[str]) -> str:
    return ", ".join(f"{times} {name}" for name, times in happened.most_common())


def _reasons(failed: list[str]) -> str:
    kinds = Counter(" ".join(error.split()[:2]).rstrip(":") for error in failed)
    return ", ".join(f"{times} {kind}" for kind, times in kinds.most_common()) or "none"
