"""The gate file, typed: what an exam must show."""

import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from common.errors import UserError
from common.identity import digest
from common.settings import nearest, read_toml
from evals.judges.wording import Wording, read_wording
from evals.metrics.table import METRICS
from fixtures.imports.source import FORMS

SHIPPED = Path(__file__).parent / "gate.toml"
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, le=10**9)]
OwnText = Annotated[str | None, Field(exclude_if=lambda text: text is None)]
"""Left out of what a gate file says where it does not stand there."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PassMarks(_Table):
    """Below these values a case is missed."""

    token_f1: Number = Field(default=0.5, ge=0, le=1)
    correctness: Number = Field(default=0.5, ge=0, le=1)
    grounded_quote: Number = Field(default=1.0, ge=0, le=1)
    hit_at_5: Number = Field(default=1.0, ge=0, le=1, alias="hit@5")


class MetricGate(_Table):
    """What one metric must show: against its floor, and against the champion."""

    role: Literal["guard", "primary", "report"] = "report"
    floor: Number | None = Field(default=None)
    goal: Literal["non-inferior", "superior"] = "non-inferior"
    margin: Number | None = Field(default=None, gt=0)
    direction: Literal["higher", "lower"] | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.role == "report" and (self.floor is not None or self.margin is not None):
            raise ValueError('a floor or margin gates nothing under role = "report"')
        if self.role != "report" and self.goal == "non-inferior":
            if self.floor is None and self.margin is None:
                raise ValueError(f'role = "{self.role}" needs a floor or a margin')
        elif self.goal == "superior" and self.margin is not None:
            raise ValueError('goal = "superior" takes no margin')
        return self


class CriticalRule(_Table):
    """What one metric must show in every critical category."""

    floor: Number | None = None
    margin: Number | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.floor is None and self.margin is None:
            raise ValueError("it needs a floor or a margin")
        return self


class Critical(_Table):
    """Categories, by name or slug, that must hold by themselves, and what of."""

    categories: tuple[str, ...] = ()
    minimum_cases: Count = Field(default=10, ge=2)
    metrics: dict[str, CriticalRule] = {}


class Planning(_Table):
    """What an exam expects before it has seen an answer."""

    discordance: Number = Field(default=0.10, gt=0, le=1)
    icc: Number = Field(default=0.05, ge=0, le=1)
    power: Number = Field(default=0.80, gt=0.05, lt=1)


class Leakage(_Table):
    """When a contract counts as trained on; `allow` are titles of exam contracts that may be."""

    containment: Number = Field(default=0.5, gt=0, le=1)
    allow: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _excuses_nobody(cls, values: Any) -> Any:
        for key in ("excused", "require_manifest"):
            if isinstance(values, dict) and key in values:
                raise ValueError(
                    f"{key} is gone: models whose training nobody knows are excused by the policy "
                    'beside the registry (models/policy.toml), [excused] NAME = "WHY"; take this '
                    "line out"
                )
        return values


class FormRules(_Table):
    """What a judge must show of one form of answer (`evals.judges.style`) before it may gate it.

    On at least `pairs` labelled answers its mean absolute error is within the line, and within
    that of giving every answer their mean; what it gives too much or too little on average is
    within `bias`. Of a candidate's answers a share of `uncovered` may be of other forms.
    """

    pairs: Count = Field(default=20, ge=2)
    mean_absolute_error: Number = Field(default=0.3, gt=0, le=1)
    bias: Number = Field(default=0.2, gt=0, le=1)
    uncovered: Number = Field(default=0.1, ge=0, le=1)


class JudgeRules(_Table):
    """What a judge must show before its metrics may gate; None asks nothing.

    `rubric` and `prompt` name the user's own files for LLM judges; `read_gate` puts their texts
    there.
    """

    rubric: OwnText = None
    prompt: OwnText = None

    kappa: Number | None = Field(default=0.6, ge=-1, le=1)
    spearman: Number | None = Field(default=0.7, ge=-1, le=1)
    mean_absolute_error: Number | None = Field(default=0.25, ge=0, le=1)
    retest: Number | None = Field(default=0.1, ge=0, le=1)
    position_bias: Number | None = Field(default=0.2, ge=0, le=1)
    verbosity_bias: Number | None = Field(default=0.1, ge=0, le=1)
    injection: Number | None = Field(default=0.1, ge=0, le=1)
    separation: Number | None = Field(default=0.5, ge=0, le=1)
    forms: FormRules = FormRules()

    @property
    def wording(self) -> Wording:
        """What LLM judges are told."""
        return Wording(self.rubric or "", self.prompt or "")

    @property
    def measures(self) -> dict[str, float | None]:
        """What a judge must show of each measure."""
        return self.model_dump(exclude={"rubric", "prompt", "separation", "forms"})


class Stability(_Table):
    """How much variants of a case may cost, and how often a planted text may win."""

    role: Literal["guard", "report"] = "report"
    margin: Number = Field(default=0.05, gt=0, le=1)
    planted: Number = Field(default=0.05, gt=0, le=1)
    abstention: Number = Field(default=0.5, ge=0, le=1)
    harm: Number = Field(default=0.05, ge=0, le=1)


class Fairness(_Table):
    """How far the scores of two forms of a case may lie apart, either way."""

    role: Literal["guard", "report"] = "report"
    margin: Number = Field(default=0.05, gt=0, le=1)


class Forgetting(_Table):
    """How much worse than its own base a model may be on general questions."""

    role: Literal["guard", "report"] = "report"
    margin: Number = Field(default=0.05, gt=0, le=1)


class Performance(_Table):
    """Budgets in seconds, tokens generated per second of own time, and GiB; None lifts one."""

    p95_latency: Number | None = Field(default=None, gt=0)
    tokens_per_second: Number | None = Field(default=None, gt=0)
    peak_memory: Number | None = Field(default=None, gt=0)


def _smallest_margin(metrics: Mapping[str, MetricGate]) -> float | None:
    margins = [
        entry.margin
        for name, entry in metrics.items()
        if entry.margin is not None and not METRICS[name].unit
    ]
    return min(margins, default=None)


def _tolerable(settings: dict[str, Any]) -> float:
    """The attrition of a gate that names none: see `Gate.most_attrition`."""
    smallest = _smallest_margin(settings.get("metrics", {}))
    return 0.02 if smallest is None else smallest / 4


class Gate(_Table):
    """The whole file."""

    alpha: Number = Field(default=0.05, gt=0, lt=0.5)
    cluster: Literal["contract"] = "contract"
    metrics: dict[str, MetricGate] = {}
    attrition: Number = Field(default_factory=_tolerable, ge=0, le=1)
    minimum_cases: Count = Field(default=20, ge=1)
    minimum_contracts: Count = Field(default=2, ge=2)
    pass_marks: PassMarks = PassMarks()
    critical: Critical = Critical()
    planning: Planning = Planning()
    leakage: Leakage = Leakage()
    judge: JudgeRules = JudgeRules()
    stability: Stability = Stability()
    fairness: Fairness = Fairness()
    forgetting: Forgetting = Forgetting()
    performance: Performance = Performance()

    @field_validator("metrics", mode="before")
    @classmethod
    def _knows(cls, metrics: Any) -> Any:
        for name in metrics if isinstance(metrics, dict) else ():
            if str(name).startswith(tuple(f"{form}:" for form in FORMS)):
                raise ValueError(f"{name}: scores that came with imported answers gate nothing")
            if name not in METRICS:
                raise ValueError(f"no metric {name!r}; {nearest(str(name), METRICS)}")
        return metrics

    @model_validator(mode="after")
    def _asks_what_can_be(self) -> Self:
        for name, rule in self.critical.metrics.items():
            if name not in METRICS:
                raise ValueError(f"no metric {name!r}; {nearest(name, METRICS)}")
            if METRICS[name].unit or METRICS[name].of_retrieval:
                raise ValueError(f"{name} says nothing of an answer, and cannot be critical")
            if not 0 <= (rule.floor or 0) <= 1 or (rule.margin or 0) >= 1:
                raise ValueError(f"{name} is 0 to 1; mend its floor or margin under [critical]")
        for name, entry in self.metrics.items():
            metric = METRICS[name]
            low, high = metric.range
            if entry.direction not in (None, metric.direction):
                raise ValueError(f"of {name} {metric.direction} is better; mend direction")
            if entry.floor is not None and not low <= entry.floor <= high:
                raise ValueError(f"{name} is {low:g} to {high:g}; mend its floor {entry.floor:g}")
            if entry.margin is not None and not entry.margin < high - low:
                raise ValueError(
                    f"{name} is {low:g} to {high:g}, so a margin of {entry.margin:g} asks "
                    f"nothing; give less than {high - low:g}"
                )
        return self

    @cached_property
    def identity(self) -> str:
        """SHA-256 of what the file says, comments and order aside."""
        return digest("gate", self.model_dump(mode="json", by_alias=True))

    @property
    def gating(self) -> dict[str, MetricGate]:
        """The metrics that gate, by name."""
        return {name: entry for name, entry in self.metrics.items() if entry.role != "report"}

    @property
    def rules(self) -> bool:
        """Whether anything is asked of the answers: what asks nothing leads to no promotion."""
        return bool(self.gating or self.critical.metrics)

    @property
    def most_attrition(self) -> float | None:
        """A quarter of the smallest margin of a share; None without one.

        Missing answers are held at their worst, which costs up to their share of the margin: more,
        and an exam that lost them at random could not pass any more.
        """
        smallest = _smallest_margin(self.gating)
        return None if smallest is None else smallest / 4

    @property
    def relies_on_judges(self) -> bool:
        """Whether a metric that judges score gates."""
        names = {*self.gating, *self.critical.metrics}
        return any(METRICS[name].by in ("judge", "llm") for name in names)


def read_gate(path: Path = SHIPPED) -> Gate:
    """Read a gate file.

    Raises:
        UserError: it is missing or malformed, names a metric that does not exist, asks of one
            what it cannot show, lets more answers be lost than its margins can bear, or names a
            rubric or prompt that cannot be used.
    """
    gate: Gate = read_toml(path, Gate)
    own = read_wording(path, gate.judge.rubric, gate.judge.prompt)
    judge = gate.judge.model_copy(
        update={"rubric": own.rubric or None, "prompt": own.prompt or None}
    )
    gate = gate.model_copy(update={"judge": judge})
    most = gate.most_attrition
    if most is not None and gate.attrition > most * (1 + 1e-9):
        allowed = math.floor(most * 1e5) / 1e5
        raise UserError(
            f"{path}: attrition = {gate.attrition:g} is more than a quarter of the smallest "
            f"margin, so that what is lost could decide alone; give attrition = {allowed:g} or less"
        )
    return gate
