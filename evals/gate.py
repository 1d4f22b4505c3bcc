"""The gate file, typed: what an exam must show."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from evals.metrics.table import METRICS
from fixtures.errors import UserError
from fixtures.settings import read_toml

SHIPPED = Path(__file__).parent / "gate.toml"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PassMarks(_Table):
    """Below these values a case is missed."""

    token_f1: float = Field(default=0.5, ge=0, le=1)
    grounded_quote: float = Field(default=1.0, ge=0, le=1)
    hit_at_5: float = Field(default=1.0, ge=0, le=1, alias="hit@5")


class MetricGate(_Table):
    """What one metric must show; `floor` is the worst mean that is tolerated."""

    role: Literal["guard", "report"] = "report"
    floor: float | None = None


class Performance(_Table):
    """Budgets of the run in seconds, tokens per second and GiB; no budget lets all pass."""

    p95_latency: float = Field(default=float("inf"), gt=0)
    tokens_per_second: float = Field(default=0.0, ge=0)
    peak_memory: float = Field(default=float("inf"), gt=0)


class Gate(_Table):
    """The whole file."""

    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    attrition: float = Field(default=0.02, ge=0, le=1)
    pass_marks: PassMarks = PassMarks()
    metrics: dict[str, MetricGate] = {}
    performance: Performance = Performance()

    @property
    def guards(self) -> dict[str, float]:
        """Floors of the metrics that gate."""
        return {
            name: gate.floor
            for name, gate in self.metrics.items()
            if gate.role == "guard" and gate.floor is not None
        }


def read_gate(path: Path = SHIPPED) -> Gate:
    """Read a gate file.

    Raises:
        UserError: it is missing or malformed, or names a metric that does not exist.
    """
    gate: Gate = read_toml(path, Gate)
    for name, entry in gate.metrics.items():
        if name not in METRICS:
            raise UserError(f"{path}: no metric {name!r}; known are {', '.join(METRICS)}")
        if entry.role == "guard" and entry.floor is None:
            raise UserError(f"{path}: metrics.{name} is a guard without a floor; give one")
    return gate
