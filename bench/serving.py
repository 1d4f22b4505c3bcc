"""The champion in service: requests a second, and how long each takes, by how many ask at once."""

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median, quantiles

from bench.results import Finding, Row
from bench.sessions import ROOT
from common.errors import UserError
from fixtures.datasets import load_dataset
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from fixtures.served import read_served

CLIENTS = (1, 4, 8)
ROUNDS = 5
"""Of all levels one after the other, so that whatever else the machine does falls on each."""

REQUESTS = 16
"""Of a level in a round, by clients that ask again as soon as they are answered."""

Body = dict[str, object]


@dataclass(frozen=True, slots=True)
class Level:
    """So many clients: requests a second, and seconds of each request."""

    clients: int
    rate: float
    seconds: tuple[float, ...]


def measure(folder: Path) -> Finding:
    """The shipped champion, on this machine."""
    bodies = questions(folder / "index")
    with served(folder / "served") as port:
        ask(port, bodies[0])  # weights are read by the first
        rounds = [[level(port, bodies, each) for each in CLIENTS] for _ in range(ROUNDS)]
    logged = sum(1 for _ in read_served([folder / "served"], folder))
    answered = 1 + ROUNDS * REQUESTS * len(CLIENTS)
    levels = [together(every) for every in zip(*rounds, strict=True)]
    rows = [*rows_of(levels), Row("answers that stand in the log", f"{logged} of {answered}")]
    return Finding(
        "the champion in service, by clients at once",
        f"`python -m bench serving`: {ROUNDS * REQUESTS} questions a level, of the sample, each "
        "with its best passage, in rounds of all levels, sent to `python -m models.serve` by "
        "clients that ask again when they are answered; each is logged before it is answered.",
        rows,
    )


def rows_of(levels: Sequence[Level]) -> Iterator[Row]:
    """Each level, and what several at once gain over one at a time."""
    one = levels[0]
    for each in levels:
        name = "1 client" if each.clients == 1 else f"{each.clients} clients"
        late = quantiles(each.seconds, n=20)[-1]
        yield Row(
            f"{name}: requests a second; a request, median and 95 %",
            f"{each.rate:.2f}; {median(each.seconds):.2f} s, {late:.2f} s",
        )
        if each is not one:
            times = median(each.seconds) / median(one.seconds)
            yield Row(
                f"{name} against one: requests a second; median of a request",
                f"{each.rate / one.rate:.2f} x; {times:.2f} x",
            )


def questions(index: Path) -> list[Body]:
    """Questions of the sample with the passage that answers best."""
    cases = list(islice(load_dataset("sample").cases, REQUESTS))
    found = Retriever(RetrieverOptions(kind="bm25", k=1), "bench", index).retrieve(cases)
    return [
        {"question": case.question, "passages": [each.text for each in passages]}
        for case, passages in zip(cases, found, strict=True)
    ]


def together(rounds: Sequence[Level]) -> Level:
    """One level over all rounds."""
    spent = sum(len(each.seconds) / each.rate for each in rounds)
    seconds = tuple(each for level in rounds for each in level.seconds)
    return Level(rounds[0].clients, len(seconds) / spent, seconds)


def level(port: int, bodies: Sequence[Body], clients: int) -> Level:
    """Ask them all by so many clients."""
    asked = list(islice(cycle(bodies), REQUESTS))
    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        seconds = tuple(pool.map(lambda body: ask(port, body), asked))
    return Level(clients, len(asked) / (time.perf_counter() - began), seconds)


def ask(port: int, body: Body) -> float:
    """Seconds of one request.

    Raises:
        UserError: it was not answered, or not logged.
    """
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    kind = {"Content-Type": "application/json"}
    connection.request("POST", "/v1/answers", json.dumps(body), kind)
    reply = connection.getresponse()
    said = reply.read().decode()
    connection.close()
    if reply.status != 200 or reply.headers["x-served-log"] != "written":
        raise UserError(f"the service did not answer: {reply.status} {said}")
    return time.perf_counter() - began


@contextmanager
def served(log: Path) -> Iterator[int]:
    """The port of a service of the shipped champion.

    Raises:
        UserError: it did not begin.
    """
    line = [sys.executable, "-m", "models.serve", "--port", "0", "--served", str(log)]
    with subprocess.Popen(
        line, cwd=ROOT, env={**os.environ}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            found = re.search(r":(\d+)/v1", process.stdout.readline())
            if not found:
                raise UserError("python -m models.serve did not begin; type it to see why")
            yield int(found[1])
        finally:
            process.terminate()
