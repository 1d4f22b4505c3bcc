"""The world of `python -m fixtures.world`, written once and copied for whoever changes it."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from fixtures.world.__main__ import SEED, Options, exam_words, write
from tests.conftest import ROOT

CONTRACTS = 200


class World:
    """A world in a folder, and what is typed there.

    `checkout` is where the product's code lies: the `checkout` fixture where something is to be
    promoted, since a promotion asks for code that a commit holds.
    """

    def __init__(self, folder: Path, checkout: Path = ROOT):
        self.folder = folder
        self.checkout = checkout
        self.models = folder / "models"
        self.registry = self.models / "registry"
        self.gate = folder / "gate.toml"
        self.runs = folder / "runs"

    @classmethod
    def written(cls, folder: Path, contracts: int = CONTRACTS, seed: int = SEED) -> "World":
        """A new one."""
        write(Options(folder, contracts, seed))
        return cls(folder)

    def copied(self, folder: Path, checkout: Path = ROOT) -> "World":
        """The same in a folder that does not exist yet."""
        shutil.copytree(self.folder, folder)
        (folder / "exam.args").write_text("".join(f"{word}\n" for word in exam_words(folder)))
        return World(folder, checkout)

    @property
    def truth(self):
        """What is true of each model, by name."""
        return tomllib.loads((self.folder / "world.toml").read_text())["models"]

    @property
    def report(self):
        """The report of the last whole exam."""
        return json.loads((self.folder / "latest" / "report.json").read_text())

    def examine(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`pytest evals @exam.args ...`."""
        args = f"@{self.folder / 'exam.args'}"
        return self.run("pytest", "evals", args, "-q", "-p", "no:cacheprovider", *words)

    def promote(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`python -m models.promote ...` of this world's registry and runs."""
        return self.run("models.promote", *words, "--registry", str(self.registry),
                        "--runs", str(self.runs))  # fmt: skip

    def run(self, module: str, *words: str) -> subprocess.CompletedProcess[str]:
        """`python -m MODULE ...` in the checkout."""
        return subprocess.run(
            [sys.executable, "-m", module, *words], cwd=self.checkout, capture_output=True,
            text=True, timeout=600,
        )  # fmt: skip
