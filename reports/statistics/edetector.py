"""Looking every day: an e-detector, whose false alarms are counted in looks between them.

A look's p-value p becomes the bet e(p) = K * p ** (K - 1), whose mean is at most 1 where p is
uniform or larger (Vovk and Wang 2021, E-values: calibration, combination and applications). The
Shiryaev-Roberts sum

    R = (R of the look before + 1) * e(p)

adds a martingale that begins at each look; the evidence is its mean over a few K, since nobody
knows how large a shift will be. Without drift, and with p-values that are independent, evidence
minus the number of looks is a supermartingale (Shin, Ramdas, Rinaldo 2024, E-detectors, arXiv
2203.03532; with ranks of exchangeable units: Vovk et al. 2021, Retrain or not retrain, arXiv
2102.10439). So it reaches a threshold A within T looks with a chance of T / A at most (Doob), and
one of S detectors does with S * T / A, however they depend on each other. `threshold` is that A by
which

    P(any alarm within T looks) <= T / (2 * apart),

whose sum over T is a mean of `apart` looks or more before the first. Where something beside them
ever alarms with a chance of `once`, 1 - once - S * T / A adds up to (1 - once) ** 2 * A / (2 * S).
"""

from dataclasses import dataclass

POWERS = (0.1, 0.3, 0.5, 0.7)
"""K: small ones bet on p-values that are tiny, large ones on those that are smallish for long."""

HUGE = 1e300


@dataclass(frozen=True, slots=True)
class Look:
    """The detector after one look.

    Attributes:
        p: of the look, in (0, 1].
        number: of the look, from 0.
        sums: R for each of `POWERS`.
        paths: the largest of each sum's martingales.
        begun: the look at which that began.
    """

    p: float
    number: int
    sums: tuple[float, ...]
    paths: tuple[float, ...]
    begun: tuple[int, ...]

    @property
    def evidence(self) -> float:
        """The mean of the sums."""
        return sum(self.sums) / len(self.sums)

    @property
    def since(self) -> int:
        """The look at which the largest martingale of all began: where the change likely was."""
        return self.begun[max(range(len(POWERS)), key=self.paths.__getitem__)]


def threshold(apart: float, detectors: int, once: float = 0.0) -> float:
    """The evidence at which one of several detectors alarms.

    Args:
        apart: looks before the first false alarm of any, on average, at least.
        detectors: how many there are.
        once: chance that something beside them ever alarms falsely.

    >>> threshold(365, 12), round(threshold(365, 12, 0.02))
    (8760.0, 9121)
    """
    return 2.0 * apart * detectors / (1 - once) ** 2


def step(before: Look | None, p: float) -> Look:
    """The detector after one more look.

    Args:
        before: the look before; None of the first.
        p: of the look, independent of those before where nothing drifts.

    Raises:
        ValueError: it is not in (0, 1].

    >>> look = None
    >>> for p in (1.0, 0.001, 0.001, 0.001):
    ...     look = step(look, p)
    >>> f"{look.evidence:.3g}", look.since
    ('5.48e+04', 1)
    """
    if not 0 < p <= 1:
        raise ValueError("a p-value is not in (0, 1]")
    none = (0.0,) * len(POWERS)
    number = before.number + 1 if before else 0
    sums, paths = (before.sums, before.paths) if before else (none, none)
    begun = before.begun if before else (0,) * len(POWERS)
    factors = [power * p ** (power - 1) for power in POWERS]
    return Look(
        p,
        number,
        tuple(min((each + 1) * by, HUGE) for each, by in zip(sums, factors, strict=True)),
        tuple(min(max(each, 1.0) * by, HUGE) for each, by in zip(paths, factors, strict=True)),
        tuple(number if each <= 1 else start for each, start in zip(paths, begun, strict=True)),
    )
