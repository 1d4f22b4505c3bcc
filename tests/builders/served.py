"""`transformers serve` on loopback: a real server of a real model, as a user would start it."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STARTS_IN = 240.0
"""Seconds; on an idle machine it takes 8."""
STOPS_IN = 5.0


@dataclass(frozen=True, slots=True)
class Served:
    """Where the server listens, and the only model that it serves: others get status 400."""

    url: str
    model: str

    def entry(self, **settings: object) -> str:
        """A registry file that names the server."""
        fixed = {"kind": "endpoint", "base_url": self.url, "model": self.model}
        # strings and numbers are written alike in JSON and TOML
        return "".join(
            f"{key} = {json.dumps(value)}\n" for key, value in (fixed | settings).items()
        )


@contextmanager
def served(model: Path, folder: Path, longest_reply: float | None = None) -> Iterator[Served]:
    """Serve a model's folder on one thread of the processor until the context is left.

    Args:
        model: folder of weights, configuration and tokenizer.
        folder: empty; takes the server's log, and links to the model with a `generation_config`
            of its own where `longest_reply` is given.
        longest_reply: seconds after which the server ends a reply, whatever `max_tokens` says.

    Raises:
        RuntimeError: it did not start; the message ends with its log.
    """
    if longest_reply is not None:
        model = _hurried(model, folder / "model", longest_reply)
    port = _free_port()
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [Path(sys.executable).with_name("transformers"), "serve", model, "--host",
               "127.0.0.1", "--port", str(port), "--device", "cpu"]  # fmt: skip
    log = folder / "serve.log"
    with log.open("wb") as out, subprocess.Popen(
        command, stdout=out, stderr=subprocess.STDOUT, env=environment
    ) as process:  # fmt: skip
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", process, log)
            yield Served(f"http://127.0.0.1:{port}/v1", str(model))
        finally:
            _stop(process)


def _hurried(model: Path, copy: Path, seconds: float) -> Path:
    """The same model, whose replies end after so many seconds."""
    copy.mkdir()
    for file in model.iterdir():
        if file.name != "generation_config.json":
            (copy / file.name).symlink_to(file)
    settings = json.loads((model / "generation_config.json").read_text())
    (copy / "generation_config.json").write_text(json.dumps({**settings, "max_time": seconds}))
    return copy


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTS_IN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"transformers serve did not start: {log.read_text()[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOPS_IN)
    except subprocess.TimeoutExpired:
        process.kill()
