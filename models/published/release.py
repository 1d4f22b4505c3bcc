"""A model as it goes into a model registry outside: what it is, what its exam said, its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from models.factory import open_models
from models.identity.identities import promotion_identity
from models.promotion.admission.refusals import check_recorded
from models.promotion.record.line import Named, Record, Source
from models.registry import adapter_of, entry_path
from models.storage.candidate import candidate_files
from models.storage.index import Index
from models.storage.layout import ADAPTER, ENTRY


@dataclass(frozen=True, slots=True)
class Grounds:
    """The exam that speaks of a model.

    Attributes:
        verdict: of it, as in PROMOTE; "none" of a model that was not examined.
        report: None where there is none.
        metrics: estimates over all cases: the mean under the metric's name, and its interval under
            `NAME.low` and `NAME.high`.
    """

    verdict: str = "none"
    report: Source | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Release:
    """What is put there.

    Attributes:
        named: the model, by its name and by what a promotion pins.
        grounds: what its exam said.
        files: adapter, manifest, card and registry entry, by their names; of a model without files
            of its own (a server's) the entry alone.
        index: the same as digests.
    """

    named: Named
    grounds: Grounds
    files: Mapping[str, Path]
    index: Index

    @property
    def home(self) -> str:
        """The folder of the files that a loader wants, below all of them."""
        return ADAPTER if any(name.startswith(f"{ADAPTER}/") for name in self.files) else ""

    @property
    def facts(self) -> dict[str, str]:
        """What a version is found and checked by, as both registries keep it."""
        report = self.grounds.report
        return {
            "bar-exam-model": self.named.model,
            "bar-exam-identity": self.named.identity,
            "bar-exam-files": self.index.digest,
            "bar-exam-verdict": self.grounds.verdict,
            "bar-exam-report": report.sha256 if report else "none",
        }


IDENTITY, FILES = "bar-exam-identity", "bar-exam-files"


class RemoteRegistry(Protocol):
    """A model registry that follows the record."""

    @property
    def title(self) -> str:
        """What it is called in a line, with its address."""
        ...

    def hosts(self) -> tuple[str, ...]:
        """URLs of all that files and facts are sent to."""
        ...

    def find(self, identity: str) -> str | None:
        """The version of a model; None where it was never put there.

        Raises:
            UserError: it cannot be asked.
        """
        ...

    def put(self, release: Release) -> str:
        """Put a model there, unless it is there already; returns its version.

        Raises:
            UserError: other files are there under this identity, or it cannot be asked.
        """
        ...

    def point(self, champion: Named, left: Mapping[str, str]) -> list[str]:
        """Make it say who is in service; returns lines on what changed.

        Args:
            champion: who is; a version of it is there.
            left: whoever was and is no more: identity -> why.

        Raises:
            UserError: it cannot be asked.
        """
        ...


def grounds_of(estimates: Mapping[str, Any], verdict: str | None, report: Source | None) -> Grounds:
    """What an exam said, with its estimates as JSON has them; undecided ones are left out."""
    metrics = {}
    for name, estimate in estimates.items():
        for suffix, end in (("", "mean"), (".low", "low"), (".high", "high")):
            if estimate and isinstance(estimate.get(end), int | float):
                metrics[f"{name}{suffix}"] = float(estimate[end])
    return Grounds(verdict or "none", report, metrics)


def grounds_of_record(record: Record) -> Grounds:
    """What the exam said that put a model into service."""
    statistics = record.statistics or {"estimates": {}}
    return grounds_of(statistics["estimates"], record.verdict, record.report)


def release_of(
    name: str, registry: Path, work: Path, grounds: Grounds, record: Record | None = None
) -> Release:
    """A registered model as it is now; `work` is where its travelling entry is written.

    Args:
        name: of the model.
        registry: of its entry.
        work: a folder that outlives the release.
        grounds: what its exam said.
        record: the line that put it into service, if it must still be that.

    Raises:
        UserError: a file cannot be read, or is one that goes nowhere.
        RefusedError: it is not what was recorded.
    """
    model = open_models([name], registry)[0]
    if record:
        check_recorded(model, record)
    files = (
        candidate_files(name, registry, work)
        if adapter_of(name, registry)
        else {ENTRY: entry_path(name, registry)}
    )
    return Release(Named(name, promotion_identity(model)), grounds, files, Index.of(files))
