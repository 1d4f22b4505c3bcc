"""`python -m models.serve` as it is typed, and who asks it."""

import http.client
import json
import os
import re
import select
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field

from common.identity import file_digest
from models.manifest import Manifest, write_manifest
from tests.conftest import ROOT

STARTS_IN = 90.0


@dataclass
class Asked:
    """A service that runs: its process, its port, and what it said on stderr once it ended."""

    process: subprocess.Popen
    port: int
    said: str = field(default="")

    @property
    def url(self):
        """Where OpenAI's clients find it."""
        return f"http://127.0.0.1:{self.port}/v1"

    def send(self, method, path, body=None, **headers):
        """(status, headers, body as JSON where it is some)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        kind = {"Content-Type": "application/json"} if data is not None else {}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, data, kind | given)
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        return reply.status, reply.headers, json.loads(text) if text[:1] in "{[" else text

    def chat(self, question, model="champion", **more):
        """A question as OpenAI's protocol has it."""
        turns = [{"role": "user", "content": question}]
        return self.send(
            "POST", "/v1/chat/completions", {"model": model, "messages": turns, **more}
        )

    def question(self, question, passages, **more):
        """A question on passages of a contract."""
        return self.send(
            "POST", "/v1/answers", {"question": question, "passages": passages, **more}
        )

    def health(self):
        """What it tells an orchestrator."""
        return self.send("GET", "/health")[2]

    def end(self, how=signal.SIGTERM):
        """End it; its exit code."""
        self.process.send_signal(how)
        self.said = self.process.communicate(timeout=60)[1]
        return self.process.returncode


def typed(place, served, *options):
    """The command line."""
    return [
        sys.executable, "-m", "models.serve", "--port", "0", "--watch", "0.05",
        "--folder", str(place.folder), "--registry", str(place.registry),
        "--served", str(served), *options,
    ]  # fmt: skip


@contextmanager
def in_service(place, served, *options, **variables):
    """Run it until the block ends."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    with subprocess.Popen(
        typed(place, served, *options), cwd=ROOT, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert select.select([process.stdout], [], [], STARTS_IN)[0]
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(process.communicate()[1])
            yield Asked(process, int(re.search(r":(\d+)/v1", line)[1]))
        finally:
            if process.poll() is None:
                process.kill()


def local_entry(place, name, base, adapter, max_tokens=8):
    """An entry of weights on this machine, whose adapter saw nothing of any contract."""
    manifest = file_digest(write_manifest(adapter, Manifest(contracts=(), cases=())))
    (place.registry / f"{name}.toml").write_text(
        f'kind = "local"\nbase = "{base}"\nadapter = "{adapter}"\ndtype = "float32"\n'
        f'manifest = "{manifest}"\nstatus = "candidate"\n\n[decoding]\nmax_tokens = {max_tokens}\n'
    )
