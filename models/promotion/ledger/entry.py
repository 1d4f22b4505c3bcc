"""What the ledger says of one exam: what was tried, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict

from models.promotion.record.line import Data, Named
from models.promotion.record.people import Person

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that was judged: what is promoted of it, how it was trained, and from what.

    `family` is the method that its manifest names; `parents` are the adapter it was continued
    from and its base, as far as manifest and entry say.
    """

    __pydantic_config__ = _STRICT

    name: str
    identity: str
    family: str | None = None
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """What of a data set was asked.

    `part` says that tests or cases were left out by choice; `sealed` is the reserve that was
    opened, as its seal's digest.
    """

    __pydantic_config__ = _STRICT

    limit: int | None
    balanced: bool
    categories: tuple[str, ...]
    contracts: tuple[str, ...]
    left_out: tuple[str, ...]
    part: bool
    sealed: str | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """What is tried: the first line.

    `texts` are the contracts that are asked about, each as the first digits of its text's SHA-256;
    early entries do not say them. `before` holds SHA-256 by the name of a file. `who` typed it;
    entries of earlier releases do not say.
    """

    __pydantic_config__ = _STRICT

    run: str
    when: str
    candidates: tuple[Candidate, ...]
    opponents: tuple[Named, ...]
    dataset: Data
    chosen: Chosen
    cases: int
    contracts: int
    gate: str
    retriever: str
    judges: tuple[str, ...]
    policy: str | None = None
    texts: tuple[str, ...] = ()
    before: Mapping[str, str] | None = None
    who: Person | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """One check of a verdict, with the p-value of what it had to refute."""

    __pydantic_config__ = _STRICT

    metric: str
    against: str
    outcome: str
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Said:
    """The verdict on one candidate; `answers` is a digest over what it answered."""

    __pydantic_config__ = _STRICT

    model: str
    outcome: str
    checks: tuple[Settled, ...]
    answers: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of it: the second line. `report` is the SHA-256 of report.json."""

    __pydantic_config__ = _STRICT

    when: str
    report: str
    alpha: float
    verdicts: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One file. `ended` is None of an exam that did not end; `cut` where a crash cut its end."""

    path: Path
    begun: Begun
    ended: Ended | None
    cut: bool
    first: str
    state: str

    @property
    def name(self) -> str:
        """Of the file, without its suffix."""
        return self.path.stem

    def judged(self, identity: str) -> str | None:
        """The outcome for whoever has this identity; "unfinished" without one, None if absent."""
        names = {each.name for each in self.begun.candidates if each.identity == identity}
        if not names:
            return None
        said = self.ended.verdicts if self.ended else ()
        return next((each.outcome for each in said if each.model in names), "unfinished")
