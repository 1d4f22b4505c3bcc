"""`loop.toml`: what starts a round, what a round does, what it may cost, and who must approve."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from common.errors import UserError
from common.paths import STORE
from common.project import find_project
from common.settings import read_toml
from models.registry import NAME
from models.registry import SHIPPED as SHIPPED_REGISTRY

_STRICT = ConfigDict(extra="forbid")
Count = Annotated[int, Field(strict=True, ge=1, le=10**9)]
Amount = Annotated[float, Field(gt=0, lt=math.inf)]
Where = Literal["here", "sagemaker"]


@dataclass(frozen=True, slots=True)
class Start:
    """What starts a round; None and nothing listed ask for nothing.

    Attributes:
        drift: the arguments of `python -m reports.drift`, which looks for a shift.
        feedback: rows of feedback that no round has seen yet.
        contracts: contracts of the train split that no round has seen yet.
        days: since the last round began.
        pause: days after the last round began before which nothing starts another.
    """

    __pydantic_config__ = _STRICT

    drift: tuple[str, ...] | None = None
    feedback: Count | None = None
    contracts: Count | None = None
    days: Amount | None = None
    pause: Annotated[float, Field(ge=0, lt=math.inf)] = 1.0


@dataclass(frozen=True, slots=True)
class Synthesis:
    """How many questions are written, by whom they are judged, and further arguments."""

    __pydantic_config__ = _STRICT

    n: Count
    judge: str = "reference"
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Making:
    """Further arguments of a command that makes rows, or examines."""

    __pydantic_config__ = _STRICT

    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Training:
    """One training.

    Attributes:
        recipe: its file.
        method: the command: `training.METHOD`.
        settings: KEY=VALUE on top of the recipe; name, data, validation and the adapter to start
            from are the round's.
        start: of SFT, from the base anew or from the adapter of the champion, if it is one.
        where: here, or as a SageMaker job.
        arguments: further ones, of `training.sagemaker` where it is a job.
    """

    __pydantic_config__ = _STRICT

    recipe: Path
    method: Literal["sft", "dpo", "orpo"] = "sft"
    settings: tuple[str, ...] = ()
    start: Literal["base", "champion"] = "base"
    where: Where = "here"
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preferences:
    """Who scores drawn answers, whether people's feedback is used, and further arguments."""

    __pydantic_config__ = _STRICT

    judges: tuple[str, ...] = ("reference",)
    feedback: bool = True
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Examination:
    """Further arguments of the exam, and whether sealed contracts are opened behind it."""

    __pydantic_config__ = _STRICT

    arguments: tuple[str, ...] = ()
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Budget:
    """What one round may cost; None is no bound.

    Attributes:
        hours: that its steps work.
        calls: of models and judges, as the store keeps them.
        dollars: as the store has what they cost.
        candidates: of this loop that may meet the sealed contracts, all rounds together.
    """

    __pydantic_config__ = _STRICT

    hours: Amount | None = None
    calls: Count | None = None
    dollars: Amount | None = None
    candidates: Count | None = None


@dataclass(frozen=True, slots=True)
class LoopPolicy:
    """A whole loop.toml.

    Attributes:
        name: what candidates are called: the third round's is NAME-r3.
        dataset: as `--dataset` takes it.
        start: what starts a round.
        feedback: files of JSON lines, or folders of them.
        synthesize, sft, align: left out where a round does not do it.
        approval: whether a round waits until `models.approve` says that it may be promoted.
        registry: where the models are; without it that of the repository.
        runs: folder of the reports; without it the exam's own.
        store: of the answers kept.
    """

    __pydantic_config__ = _STRICT

    name: Annotated[str, Field(pattern=NAME, max_length=60)]
    dataset: str
    start: Start
    feedback: tuple[Path, ...] = ()
    synthesize: Synthesis | None = None
    data: Making = field(default_factory=Making)
    sft: Training | None = None
    preferences: Preferences = field(default_factory=Preferences)
    align: Training | None = None
    examine: Examination = field(default_factory=Examination)
    budget: Budget = field(default_factory=Budget)
    approval: bool = True
    registry: Path = SHIPPED_REGISTRY
    runs: Path | None = None
    store: str = STORE

    @property
    def models(self) -> Path:
        """Where record, champion and policy of promotions lie, and beside them the adapters."""
        return self.registry.parent

    @property
    def places(self) -> tuple[str, ...]:
        """The option that says where the registry is, of whatever command takes it."""
        return () if self.registry == SHIPPED_REGISTRY else ("--registry", str(self.registry))

    @property
    def reports(self) -> tuple[str, ...]:
        """The option that says where the reports are, of whatever command takes it."""
        return ("--runs", str(self.runs)) if self.runs else ()

    @property
    def kept(self) -> tuple[str, ...]:
        """The option that says where answers are kept, of whatever command takes it."""
        return () if self.store == STORE else ("--store", self.store)

    def candidate(self, number: int) -> str:
        """What the model of a round is called."""
        return f"{self.name}-r{number}"


def read_policy(path: Path) -> LoopPolicy:
    """The policy of a file.

    Raises:
        UserError: it is not there or cannot be read, an unknown key (the nearest is named), an
            impossible value, or a round that trains nothing.
    """
    if not path.exists():
        raise UserError(
            f"{path} is not there: it says what starts a round and what a round does; write it "
            "like that of docs/loop.md, or name another FILE"
        )
    policy: LoopPolicy = read_toml(path, LoopPolicy)
    if policy.sft is None and policy.align is None:
        raise UserError(f"{path}: a round trains nothing; add [sft] or [align]")
    if policy.sft and policy.sft.method != "sft":
        raise UserError(f"{path}: sft.method: {policy.sft.method!r} belongs into [align]")
    if policy.align and policy.align.method == "sft":
        raise UserError(f'{path}: align.method is missing; write method = "dpo" or "orpo"')
    if policy.align and policy.align.start != "base":
        raise UserError(
            f"{path}: align.start: DPO starts from the adapter of [sft], ORPO from the base; leave "
            "it out, or write it in [sft]"
        )
    start = policy.start
    if start.feedback and not policy.feedback:
        raise UserError(f"{path}: start.feedback counts rows, and `feedback` names no file of them")
    placed = _placed(policy)
    _check_jobs(path, placed)
    return placed


def no_policy() -> LoopPolicy:
    """Where things lie without one: for what asks nothing else."""
    return _placed(LoopPolicy(name="loop", dataset="", start=Start()))


def _placed(policy: LoopPolicy) -> LoopPolicy:
    ours = find_project().places.get("registry")
    if policy.registry == SHIPPED_REGISTRY and ours:
        return replace(policy, registry=Path(ours))
    return policy


def _check_jobs(path: Path, policy: LoopPolicy) -> None:
    """Refuse a job whose adapter would be installed where the round does not look for it."""
    here = Path("models/registry")
    for name, training in (("sft", policy.sft), ("align", policy.align)):
        is_job = training is not None and training.where == "sagemaker"
        if is_job and policy.registry.resolve() != here.resolve():
            raise UserError(
                f"{path}: {name}.where: a SageMaker job installs what it trains in {here}, and "
                f'`registry` is {policy.registry}; leave `registry` out, or write where = "here"'
            )
