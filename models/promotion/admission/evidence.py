"""What a promotion stands on: one candidate, as one report has it.

`reports/` reads reports and computes their verdicts again; the door hands both in as `Reading`.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fixtures.sealing import Seal
from models.promotion.admission.demands import ExamFacts
from models.promotion.record.line import (
    Code,
    Data,
    Named,
    Source,
)

SEAL = "report.sha256"


def seal_of(data: bytes) -> str:
    """What an exam notes of its report in `report.sha256`, as `sha256sum -c` reads it."""
    return seal_line(hashlib.sha256(data).hexdigest())


def seal_line(sha256: str) -> str:
    """The same of a report's digest."""
    return f"{sha256}  report.json\n"


@dataclass(frozen=True, slots=True)
class GateFile:
    """The gate: its content's identity, the SHA-256 of the file's bytes, and where it lay."""

    identity: str
    sha256: str
    file: Path


@dataclass(frozen=True, slots=True)
class ReportedVerdict:
    """What the exam concluded of one candidate; `checks` are as JSON has them.

    `champion` and `anchor` are whom it was compared with; None without a champion, and an anchor
    of None is the champion. `tries` is the number of candidates that share the risk against it.
    """

    model: str
    outcome: Literal["PROMOTE", "PASS", "REJECT", "INCONCLUSIVE"]
    reasons: tuple[str, ...]
    checks: tuple[Mapping[str, Any], ...]
    champion: Named | None
    anchor: Named | None
    improves_anchor: bool
    tries: int


@dataclass(frozen=True, slots=True)
class ExamEvidence:
    """One candidate, as one report has it.

    `estimates` are those of all its cases, by metric, as JSON has them; `sealed` says whether
    these are the bytes that the exam noted when it ended.
    `selection` says what of the data was asked, how passages were found, who judged, and how many
    candidates shared the exam: whatever a person chose before looking, or after. `facts` are the
    same for the policy to judge, and `cases_from` is what --dataset loads the data set by.
    `seals` are those under which contracts of the data set are kept, once it was read.
    """

    path: Path
    source: Source
    sealed: bool
    identity: str
    verdict: ReportedVerdict
    estimates: Mapping[str, Any]
    code: Code
    dataset: Data
    gate: GateFile
    selection: Mapping[str, Any]
    facts: ExamFacts
    cases_from: str
    seals: tuple[Seal, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """How reports are read.

    Attributes:
        find: the last exam of a model, of its name, what is promoted of it, the folder of runs,
            and the report that was asked for, if one was.
        judge: the same evidence with its verdict computed again, by the registry; raises
            RefusedError where the report says otherwise.
        opened: what a report on sealed contracts says of a model, by the gate file of the exam it
            goes with; raises RefusedError where its verdict does not follow from its numbers.
    """

    find: Callable[[str, str, Path, Path | None], ExamEvidence]
    judge: Callable[[ExamEvidence, Path], ExamEvidence]
    opened: Callable[[Path, str, Path], ExamEvidence]
