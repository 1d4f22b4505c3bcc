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

from collections.abc import Sequence
from dataclasses import dataclass

POWERS = (0.1, 0.3, 0.5, 0.7)
"""K: small ones bet on p-values that are tiny, large ones on those that are smallish for long."""

HUGE = 1e300


@dataclass(frozen=True, slots=True)
class Look:
    """The detector after one look.

    Attributes:
        p: of the look, in (0, 1].
        evidence: R.
        since: the number of the look, from 0, at which the largest of the sum's martingales began:
            where the change most likely happened.
    """

    p: float
    evidence: float
    since: int


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


def detect(p_values: Sequence[float]) -> tuple[Look, ...]:
    """One detector after each look.

    Args:
        p_values: in order of time, independent where nothing drifts.

    Raises:
        ValueError: one is not in (0, 1].

    >>> [f"{look.evidence:.3g}" for look in detect([1.0, 0.001, 0.001, 0.001])]
    ['0.4', '34.3', '1.29e+03', '5.48e+04']
    """
    if not all(0 < p <= 1 for p in p_values):
        raise ValueError("a p-value is not in (0, 1]")
    looks: list[Look] = []
    sums, paths, since = [0.0] * len(POWERS), [0.0] * len(POWERS), [0] * len(POWERS)
    for number, p in enumerate(p_values):
        for place, power in enumerate(POWERS):
            factor = power * p ** (power - 1)
            if paths[place] <= 1:
                paths[place], since[place] = 1.0, number
            paths[place] = min(paths[place] * factor, HUGE)
            sums[place] = min((sums[place] + 1) * factor, HUGE)
        best = max(range(len(POWERS)), key=paths.__getitem__)
        looks.append(Look(p, sum(sums) / len(sums), since[best]))
    return tuple(looks)
