"""Where the things of a promotion lie, and the options that tell a command."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.command import Parser
from models.promotion.admission.policy import policy_path
from models.promotion.ledger.files import ledger_beside
from models.promotion.record.file import SHIPPED
from models.registry import SHIPPED as SHIPPED_REGISTRY

RUNS = Path("reports/runs")


@dataclass(frozen=True, slots=True)
class Place:
    """Where things lie: the record and `champion.toml`, the registry, the reports, the ledger.

    Policy and seals lie beside the registry, where exams look for them, wherever the record is; so
    does the ledger without a folder.
    """

    folder: Path = SHIPPED
    registry: Path = SHIPPED_REGISTRY
    runs: Path = RUNS
    ledger: Path | None = None

    @property
    def exams(self) -> Path:
        """Where every exam is noted."""
        return self.ledger or ledger_beside(self.registry)

    @property
    def policy(self) -> Path:
        """The policy in force: the one that exams of this registry go by."""
        return policy_path(self.registry)

    @property
    def typed(self) -> str:
        """What a line that a message tells to type has behind it, to mean this registry."""
        where = f" --registry {shlex.quote(str(self.registry))}"
        return where if self.registry != SHIPPED_REGISTRY else ""


def add_place(parser: Parser, *, ledger: bool = True) -> None:
    """Let a command be told its place; without `ledger` it reads none."""
    add = parser.add_argument
    add("--registry", type=Path, default=SHIPPED_REGISTRY, metavar="DIR", help="NAME.toml files")
    add("--runs", type=Path, default=RUNS, metavar="DIR", help="folder of reports")
    if ledger:
        noted = "where exams are noted (beside the registry)"
        add("--ledger", type=Path, metavar="DIR", help=noted)
    lies = "where the record lies, and not the policy (beside the registry)"
    add("--folder", type=Path, metavar="DIR", help=lies)


def take_place(given: dict[str, Any]) -> Place:
    """The place of a command line; its options are taken out of what was given.

    >>> given = {"registry": Path("r/registry"), "runs": RUNS, "folder": None, "name": "dpo-x"}
    >>> take_place(given).folder, given
    (PosixPath('r'), {'name': 'dpo-x'})
    """
    folder, registry = given.pop("folder"), given.pop("registry")
    return Place(folder or registry.parent, registry, given.pop("runs"), given.pop("ledger", None))
