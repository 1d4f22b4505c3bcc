"""A loop in the world of known qualities: its rows and trainings are stood in for, its exams real.

A training of real weights takes minutes; here it copies the answers of a model of the world, whose
true verdict is known. The exam, the ledger and the promotion are the product's own.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from models.promotion.record.people import ACTORS
from tests.builders.world import World

DRIVER = """
import sys
import training.loop.rounds, training.loop.steps, training.loop.triggers
from training.loop.__main__ import main

own = training.loop.steps.module_command
stand_in, stood_in = sys.argv[1], sys.argv[2].split(",")

def command(module, arguments):
    if module in stood_in:
        return [sys.executable, stand_in, module, *arguments]
    return own(module, arguments)

for each in (training.loop.steps, training.loop.triggers, training.loop.rounds):
    each.module_command = command
sys.exit(main(sys.argv[3:]))
"""

STAND_IN = """
import json, os, pathlib, shutil, sys, time

here = pathlib.Path(__file__).parent
module, *words = sys.argv[1:]
with open(here / "steps.log", "a") as log:
    log.write(json.dumps({"module": module, "words": words, "time": time.time()}) + "\\n")
said = json.loads((here / "said.json").read_text())
if module == said.get("slow") and not (here / "quick").exists():
    (here / "working").write_text(str(os.getpid()))
    time.sleep(said.get("seconds", 60))
settings = dict(word.split("=", 1) for at, word in enumerate(words) if words[at - 1] == "--set")
if "--output" in words:
    output = pathlib.Path(words[words.index("--output") + 1])
    output.parent.mkdir(parents=True, exist_ok=True)
    for suffix in (".jsonl", ".meta.json", ".validation.jsonl"):
        output.with_suffix(suffix).write_text("{}\\n")
elif settings:
    models = here / "world" / "models"
    (models / "adapters" / settings["name"]).mkdir(parents=True, exist_ok=True)
    (models / "adapters" / settings["name"] / "weights").write_text(said["model"])
    source = models / "registry" / (said["model"] + ".toml")
    shutil.copy(source, models / "registry" / (settings["name"] + ".toml"))
if module == "reports.drift" and not said.get("crashes"):
    print("{}")
if module == "models.approve":
    print(json.dumps({"conditions": said.get("conditions", [])}))
sys.exit(said.get(module, 0))
"""

CLOCK = """
import time

now, calendar = time.time, time.gmtime
time.time = lambda: now() + {seconds}
time.gmtime = lambda *when: calendar(*(when or [time.time()]))
"""
"""A module that every process of this Python begins with: another day."""

STOOD_IN = "training.data,training.synthesize,training.sft,training.preferences,training.dpo"


class LoopWorld:
    """A loop.toml beside a copy of the world, and what is typed there."""

    def __init__(self, world: World, folder: Path, checkout: Path):
        self.folder = folder
        self.world = world.copied(folder / "world", checkout)
        policy = self.world.models / "policy.toml"
        names = "".join(f'"t-r{n}" = "generated answers"\n' for n in range(1, 9))
        policy.write_text(policy.read_text() + names)
        (folder / "driver.py").write_text(DRIVER)
        (folder / "stand_in.py").write_text(STAND_IN)
        (folder / "recipe.yaml").write_text("name: t\ndata: rows.jsonl\n")
        self.says(model="better")
        self.writes()

    def writes(self, start: str = "days = 30", more: str = "", approval: bool = False) -> None:
        """Write its loop.toml."""
        world = self.world.folder
        self.policy.write_text(
            f'name = "t"\ndataset = "{world / "contracts"}"\n'
            f'registry = "{self.world.registry}"\nruns = "{self.world.runs}"\n'
            f'store = "{world / "store.sqlite"}"\napproval = {json.dumps(approval)}\n'
            f'[start]\npause = 0\n{start}\n[sft]\nrecipe = "{self.folder / "recipe.yaml"}"\n'
            "[examine]\narguments = ["
            f'"--gate={self.world.gate}", "--retriever=bm25", "--judge=none", '
            f'"-p", "no:cacheprovider"]\n{more}\n'
        )

    @property
    def policy(self) -> Path:
        return self.folder / "loop.toml"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def says(self, **said) -> None:
        """What the stand-ins do: `model` whose answers are copied, exit codes by module, `slow`."""
        (self.folder / "said.json").write_text(json.dumps(said))

    def words(self, *words: str, also: str = "") -> list[str]:
        """The words of `python -m training.loop ...` with stand-ins."""
        stood_in = f"{STOOD_IN},{also}" if also else STOOD_IN
        command, *rest = words
        places = [str(self.policy), "--state", str(self.state)]
        driver, stand_in = self.folder / "driver.py", self.folder / "stand_in.py"
        given = (
            [command, rest[0], *places, *rest[1:]]
            if command == "lineage"
            else [command, *places, *rest]
        )
        return [sys.executable, str(driver), str(stand_in), stood_in, *given]

    def typed(
        self, *words: str, also: str = "", by: str = "", days: float = 0
    ) -> subprocess.CompletedProcess[str]:
        """`python -m training.loop ...`, to its end; `by` and `days` as in `door`."""
        return self._ended(self.words(*words, also=also), by, days)

    def door(
        self, module: str, *words: str, by: str = "", days: float = 0
    ) -> subprocess.CompletedProcess[str]:
        """`python -m MODULE ...` of this registry, in a job of `by`, `days` from now."""
        places = ("--registry", str(self.world.registry), "--runs", str(self.world.runs))
        return self._ended([sys.executable, "-m", module, *words, *places], by, days)

    def _ended(self, line: list[str], by: str, days: float) -> subprocess.CompletedProcess[str]:
        clock = self.folder / "clock"
        clock.mkdir(exist_ok=True)
        (clock / "sitecustomize.py").write_text(CLOCK.format(seconds=days * 86_400))
        environment = {k: v for k, v in self.environment.items() if k not in ACTORS}
        environment |= {"PYTHONPATH": f"{clock}:{self.world.checkout}"} if days else {}
        environment |= {ACTORS[0]: by} if by else {}
        return subprocess.run(
            line, cwd=self.world.checkout, capture_output=True, text=True, timeout=300,
            env=environment,
        )  # fmt: skip

    def begun(self, *words: str) -> subprocess.Popen[str]:
        """The same, begun."""
        return subprocess.Popen(
            self.words(*words), cwd=self.world.checkout, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(self.world.checkout)}

    @property
    def steps(self) -> list[dict]:
        """What stand-ins were asked, in their order."""
        log = self.folder / "steps.log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def status(self) -> dict:
        """`status --json`."""
        return json.loads(self.typed("status", "--json").stdout)

    @property
    def champion(self) -> str:
        path = self.world.models / "champion.toml"
        return path.read_text().split('"')[1] if path.exists() else ""

    def end_stand_in(self) -> None:
        """Kill the stand-in that is at work."""
        os.kill(int((self.folder / "working").read_text()), signal.SIGKILL)
