"""Estimates that respect the unit of independence: the contract, not the question."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE", "N/A"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over `n` cases of `clusters` contracts, with its interval.

    `low` and `high` are None with fewer than two contracts: nothing is known of the spread.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    clusters: int

    def __format__(self, spec: str) -> str:
        """`mean [low, high]`, each number by `spec`; the mean alone where there is no interval.

        What rounds to nothing has no sign of less than nothing.

        >>> loss = Estimate(-0.01, -0.025, 0.005, 400, 40)
        >>> f"{loss}", f"{loss:+.2f}", f"{Estimate(0.5, None, None, 9, 1)}"
        ('-0.010 [-0.025, 0.005]', '-0.01 [-0.03, +0.01]', '0.500')
        >>> f"{-Estimate(0.0, -0.5, 0.0001, 9, 2):+.3f}"
        '+0.000 [+0.000, +0.500]'
        """
        spec = re.sub("z?(?=[,.])", "z", spec or ".3f", count=1)
        if self.low is None or self.high is None:
            return format(self.mean, spec)
        return f"{self.mean:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    def __str__(self) -> str:
        """As `__format__` without a specification.

        >>> str(Estimate(0.5, 0.4, 0.6, 100, 10))
        '0.500 [0.400, 0.600]'
        """
        return format(self)

    def __neg__(self) -> "Estimate":
        """The estimate of the opposite: of baseline minus candidate, of a loss instead of a gain.

        >>> -Estimate(0.25, -0.125, 0.5, 40, 4)
        Estimate(mean=-0.25, low=-0.5, high=0.125, n=40, clusters=4)
        """
        low = None if self.high is None else -self.high
        high = None if self.low is None else -self.low
        return replace(self, mean=-self.mean, low=low, high=high)

    def against(self, line: float, better: Literal["higher", "lower"] = "higher") -> Outcome:
        """PASS where the whole interval keeps to the line, FAIL where none of it does.

        Of a floor, a ceiling, and a margin alike: that no more than a margin is lost asks of the
        difference to reach -margin. The line itself keeps to it: a floor may be just reached, a
        loss of just the margin is tolerated. A claim that excludes the line, such as to be better
        than nothing, is the FAIL of its opposite, "at most nothing". INCONCLUSIVE are intervals
        on both sides of the line, and estimates that have none.

        Args:
            line: to reach, or not to exceed.
            better: which values keep to the line: higher ones or lower ones.

        >>> shown = Estimate(0.9, 0.85, 0.95, 400, 40)
        >>> shown.against(0.85), shown.against(0.9), shown.against(0.5, "lower")
        ('PASS', 'INCONCLUSIVE', 'FAIL')
        """
        if self.low is None or self.high is None:
            return "INCONCLUSIVE"
        low, high = self.low - line, self.high - line
        if better == "lower":
            low, high = -high, -low
        if low >= 0:
            return "PASS"
        return "FAIL" if high < 0 else "INCONCLUSIVE"


def paired_differences(candidate: Sequence[float], baseline: Sequence[float]) -> list[float]:
    """Candidate minus baseline, case by case.

    Raises:
        ValueError: the lengths differ.

    >>> paired_differences([1, 0, 1], [0, 0, 1])
    [1.0, 0.0, 0.0]
    """
    if len(candidate) != len(baseline):
        raise ValueError(f"{len(candidate)} candidate values, but {len(baseline)} of the baseline")
    return [float(one) - float(other) for one, other in zip(candidate, baseline, strict=True)]


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values adjusted so that the risk of any false finding is kept (Holm 1979).

    Raises:
        ValueError: one is not in 0..1.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    return _adjusted(p_values, "holm")


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values adjusted so that the share of false findings is kept (Benjamini, Hochberg 1995).

    Raises:
        ValueError: one is not in 0..1.

    >>> [round(q, 3) for q in benjamini_hochberg([0.01, 0.04, 0.03])]
    [0.03, 0.04, 0.04]
    """
    return _adjusted(p_values, "fdr_bh")


def _adjusted(p_values: Sequence[float], method: str) -> tuple[float, ...]:
    from statsmodels.stats.multitest import multipletests

    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError("a p-value is not in 0..1")
    if not p_values:
        return ()
    return tuple(float(p) for p in multipletests(p_values, method=method)[1])
