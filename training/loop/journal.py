"""The journal: one file a round, replaced whole whenever something is known that was not before.

`.exam/loop/0003/round.json` says why the round began, what each step was given and left, by
SHA-256, and how it ended. What it says of a step holds while every digest still does.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from common.errors import UserError
from common.files import write_whole
from common.identity import digest, file_digest
from common.reading import file_text, parse_json
from common.settings import validated
from models.promotion.admission.policy import FILE as PROMOTIONS
from models.promotion.admission.policy import read_policy
from models.promotion.champion import FILE as CHAMPION
from models.promotion.champion import read_champion

STATE = Path(".exam/loop")
FILE = "round.json"
_STRICT = ConfigDict(extra="forbid")
Count = Annotated[int, Field(ge=0, lt=10**12)]
Amount = Annotated[float, Field(ge=0, lt=1e12)]
Time = Annotated[float, Field(ge=0, lt=253_402_300_800)]
"""Seconds since 1970, up to the year 9999."""


@dataclass(frozen=True, slots=True)
class Made:
    """What is known of one step.

    Attributes:
        key: digest of its line, the files that it was given, the data set and the code.
        line: as it is typed.
        began: UTC, its first attempt.
        attempts: how often it was begun.
        seconds: that it worked, all attempts together.
        calls, dollars: what it cost, as the store tells.
        before: calls and dollars in the store when it first began.
        carried: dollars that it had cost when its line or what it takes was another.
        code: its exit code; None while it works, or was killed.
        takes, leaves: SHA-256 of files and folders, by their paths.
        exams: of the candidate that the ledger knew when it first began.
        said: what a step that judges said: PROMOTE, REJECT or INCONCLUSIVE.
    """

    __pydantic_config__ = _STRICT

    key: str
    line: str
    began: str
    attempts: Count = 1
    seconds: Amount = 0.0
    calls: Count = 0
    dollars: Amount = 0.0
    before: tuple[int, float] = (0, 0.0)
    carried: float = 0.0
    code: int | None = None
    takes: Mapping[str, str] = field(default_factory=dict)
    leaves: Mapping[str, str] = field(default_factory=dict)
    exams: tuple[str, ...] = ()
    said: str = ""


@dataclass(frozen=True, slots=True)
class Round:
    """One round.

    Attributes:
        number: 1 for the first.
        began: seconds since 1970.
        why: what started it, a sentence each.
        candidate: the model that it makes.
        policy: SHA-256 of loop.toml when it began.
        dataset: identity of the data set then.
        contracts, feedback: digests of what there was to see then.
        refused: rows of feedback about contracts of exams.
        champion: the adapter that was in service then; empty where there was none.
        steps: by name.
        ended: seconds since 1970; None while it is open.
        outcome: PROMOTED, REJECT, INCONCLUSIVE, REFUSED, BUDGET or ABANDONED.
        reason: of the outcome, one line.
    """

    __pydantic_config__ = _STRICT

    number: Count
    began: Time
    why: tuple[str, ...]
    candidate: str
    policy: str
    dataset: str
    contracts: tuple[str, ...] = ()
    feedback: tuple[str, ...] = ()
    refused: Count = 0
    champion: str = ""
    steps: Mapping[str, Made] = field(default_factory=dict)
    ended: Time | None = None
    outcome: str = ""
    reason: str = ""

    def with_step(self, name: str, made: Made) -> "Round":
        """The round with what is known of a step now."""
        return replace(self, steps={**self.steps, name: made})

    @property
    def spent(self) -> tuple[float, int, float]:
        """Hours, calls and dollars of all steps."""
        every = self.steps.values()
        hours = sum(each.seconds for each in every) / 3600
        return hours, sum(each.calls for each in every), sum(each.dollars for each in every)


def folder_of(number: int, state: Path = STATE) -> Path:
    """Where what belongs to a round lies.

    >>> folder_of(3).as_posix()
    '.exam/loop/0003'
    """
    return state / f"{number:04}"


def write_round(round_: Round, state: Path = STATE) -> Path:
    """Write what is known of a round through to the disk, whole or not at all.

    Raises:
        UserError: it cannot be written; what stood there stands there.
    """
    path = folder_of(round_.number, state) / FILE
    text = json.dumps(asdict(round_), indent=1, allow_nan=False)
    write_whole(path, text + "\n", private=True)
    return path


def read_rounds(state: Path = STATE) -> tuple[Round, ...]:
    """Every round, the first one first; none where there is no folder.

    Raises:
        UserError: a file cannot be read, or is no journal.
    """
    paths = sorted(state.glob(f"[0-9][0-9][0-9][0-9]/{FILE}"))
    return tuple(_round(path) for path in paths)


def _round(path: Path) -> Round:
    mend = f"restore it, or remove {path.parent} if the round may be forgotten"
    try:
        found: Round = validated(str(path), parse_json(str(path), file_text(path)), Round)
    except UserError as error:
        raise UserError(f"{error}; {mend}") from error
    if f"{found.number:04}" != path.parent.name:
        raise UserError(f"{path} is of round {found.number}, and lies elsewhere; {mend}")
    return found


def state_of(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder and their names; "" where there is none.

    Of `champion.toml` it is of who is in service, and of `policy.toml` of what it asks: an approval
    changes the one, a comment the other, and neither changes what an exam was.
    """
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file())
        return digest([(each.relative_to(path).as_posix(), file_digest(each)) for each in files])
    if path.name == CHAMPION and (champion := read_champion(path.parent)):
        return digest("champion", champion.model, champion.identity)
    if path.name == PROMOTIONS and (policy := read_policy(path)):
        return policy.identity
    return file_digest(path) if path.is_file() else ""


def states(paths: Iterable[Path]) -> dict[str, str]:
    """The same of several, by path."""
    return {str(path): state_of(path) for path in paths}


def holds(recorded: Mapping[str, str]) -> bool:
    """Whether everything recorded is there and is what it was."""
    return all(said and state_of(Path(path)) == said for path, said in recorded.items())


def as_json(round_: Round) -> dict[str, Any]:
    """What `status --json` says of a round: all but the digests of what it has seen."""
    said = asdict(round_)
    return {key: said[key] for key in said if key not in ("contracts", "feedback")}
