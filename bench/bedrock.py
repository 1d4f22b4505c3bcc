"""What a call of boto3 costs: chats on a scripted Bedrock with known latency."""

import asyncio
import json
import os
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from unittest.mock import patch

from bench.results import Finding, Row, at_most
from models.chat import Message
from models.factory import Chats
from tests.builders.fake_bedrock import fake_bedrock_process

LATENCY = 0.05
CONNECTIONS = 64
CLAUSE = "Neither party may assign this agreement without the other's written consent. "
SIGNED_IN = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "us-east-1",
}
ENTRY = """
kind = "bedrock"
model = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
endpoint_url = "{url}"
concurrency = {connections}
"""


@dataclass(frozen=True, slots=True)
class Timing:
    """One run: seconds, those of this process's processor, calls at once as the server counted."""

    seconds: float
    processor: float
    peak: int


def measure(folder: Path, repeats: int, calls: int = 2560) -> Finding:
    """Ask `calls` chats `repeats` times over, each time by a new process's server; medians."""
    timings = [_once(folder, calls) for _ in range(repeats)]
    limit = calls * LATENCY / CONNECTIONS
    seconds = median(timing.seconds for timing in timings)
    processor = median(timing.processor for timing in timings)
    peak = max(timing.peak for timing in timings)
    return Finding(
        f"{calls:,} chats on Bedrock at {LATENCY * 1000:.0f} ms",
        "A model of kind `bedrock` through boto3's Converse against a scripted server in a process "
        f"of its own, {CONNECTIONS} connections, prompts of about 4,000 characters; signing, "
        "botocore's validation and parsing, threads and the adaptive limit's slow start included; "
        f"medians of {repeats} runs. The limit is calls x latency / connections; processor seconds "
        "are this process's only.",
        [
            Row("the limit", f"{limit:.2f} s"),
            Row("all chats", f"{seconds:.2f} s ({_spread(timings)})"),
            at_most("all chats over the limit", seconds / limit, 1.5, " x"),
            Row("processor time a call", f"{processor / calls * 1000:.2f} ms"),
            Row(
                "calls at once, as the server counted",
                str(peak),
                str(CONNECTIONS),
                peak <= CONNECTIONS,
            ),
        ],
    )


def _spread(timings: Sequence[Timing]) -> str:
    seconds = [timing.seconds for timing in timings]
    return f"{min(seconds):.2f} to {max(seconds):.2f}"


def _once(folder: Path, calls: int) -> Timing:
    with fake_bedrock_process(LATENCY) as url, patch.dict(os.environ, SIGNED_IN):
        (folder / "haiku.toml").write_text(ENTRY.format(url=url, connections=CONNECTIONS))
        chat = Chats(folder).open("haiku")

        async def ask() -> tuple[float, float]:
            await chat.preflight()  # which opens the client
            begun, used = time.perf_counter(), time.process_time()
            asked = [
                [Message("system", "Answer."), Message("user", f"{CLAUSE * 50} ({number})?")]
                for number in range(calls)
            ]
            answers = await asyncio.gather(*(chat.chat(each) for each in asked))
            spent = time.perf_counter() - begun, time.process_time() - used
            await chat.close()
            failed = [answer.error for answer in answers if answer.error]
            if failed:
                raise RuntimeError(f"{len(failed)} calls failed: {failed[0]}")
            return spent

        seconds, processor = asyncio.run(ask())
        with urllib.request.urlopen(f"{url}/stats") as reply:
            peak = json.load(reply)["peak"]
    return Timing(seconds, processor, peak)
