"""MLflow's own server on loopback, with SQLite, where it is installed."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from tests.conftest import ROOT

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
OWN = ROOT / ".venv" / "mlflow" / "bin" / "mlflow"
"""Where `.ci/run` puts it: its server's requirements are not those of this product."""


@contextlib.contextmanager
def mlflow_server(folder):
    """The URL of a server that keeps its things in a folder; where there is none, skips."""
    program = str(OWN) if OWN.exists() else shutil.which("mlflow")
    if program is None:
        pytest.skip("mlflow is not installed: python3 -m venv .venv/mlflow; see .ci/run")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                program, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
                "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
                "--artifacts-destination", str(folder / "artifacts"),
            ],
            stdout=log, stderr=log, start_new_session=True,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **QUIET},
        )  # fmt: skip
    try:
        _wait(f"{url}/health", server, folder / "log")
        yield url
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait(url, server, log):
    until = time.monotonic() + 180
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.2)
    raise AssertionError(f"the MLflow server did not start: {log.read_text()[-2000:]}")
