"""Stop asking once the verdict is certain: looks at parts of the contracts, alpha spent on each.

A contract's answers come together, contracts come in a frozen random order, and a look judges what
is known by the rules of the whole exam at a stricter level. Its intervals are repeated confidence
intervals: they hold at all looks together (Jennison and Turnbull 1989). Its means are those of a
stopped exam, which on average lie a little further from the margin than the truth.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.statistics.estimates import Estimate

if TYPE_CHECKING:
    from reports.statistics.clusters import Floats


SHARES = (0.25, 0.5, 0.75, 1.0)
FEWEST_CONTRACTS = 10
"""Below which no look but the last ends an exam."""


@dataclass(frozen=True, slots=True)
class Plan:
    """When to look, and how strictly; three tuples of one entry a look.

    `contracts` are those that a look adds, `fractions` the part of the exam that is then known,
    and `levels` the risk of each bound at that look.
    """

    contracts: tuple[tuple[str, ...], ...]
    fractions: tuple[float, ...]
    levels: tuple[float, ...]


def plan_looks(
    contracts: Sequence[str],
    alpha: float = 0.05,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> Plan:
    """Order the contracts and divide the risk.

    The order is that of SHA-256 over seed and name, so it is the same in every run, and a
    contract that is added moves no other before or behind another.

    Args:
        contracts: names; repeated ones count once.
        alpha: risk of each bound over all looks.
        shares: parts of the contracts that are known at each look, rising to 1.
        seed: of the order.

    Raises:
        ValueError: no contracts, or shares that do not rise to 1.

    >>> plan = plan_looks([f"contract {number}" for number in range(100)])
    >>> [len(part) for part in plan.contracts], [round(level, 3) for level in plan.levels]
    ([25, 25, 25, 25], [0.0, 0.006, 0.022, 0.043])
    """
    from scipy import stats

    names = sorted(set(contracts), key=lambda name: _rank(name, seed))
    if not names or not shares or shares[-1] != 1 or not _rises(shares):
        raise ValueError("looks need contracts, and shares that rise to 1")
    ends = sorted({math.ceil(round(len(names) * share, 9)) for share in shares})
    fractions = tuple(end / len(names) for end in ends)
    levels = tuple(float(stats.norm.sf(bound)) for bound in boundaries(fractions, alpha))
    parts = tuple(tuple(names[begin:end]) for begin, end in zip([0, *ends[:-1]], ends, strict=True))
    return Plan(parts, fractions, levels)


def settled(verdicts: Iterable[str], estimates: Iterable[Estimate]) -> bool:
    """Whether asking may end at a look: every verdict is certain, and rests on contracts enough.

    Verdicts and estimates are those of this look alone, at its level: one that was certain at an
    earlier look and is no longer counts for nothing. With fewer than `FEWEST_CONTRACTS` contracts
    nothing ends before the last look, since t is not to be trusted there.

    Args:
        verdicts: on each candidate; any but INCONCLUSIVE is certain.
        estimates: of all that was checked.

    >>> shown = Estimate(0.01, 0.001, 0.02, 400, 40)
    >>> settled(["PROMOTE"], [shown]), settled(["PROMOTE", "INCONCLUSIVE"], [shown, shown])
    (True, False)
    """
    few = any(estimate.clusters < FEWEST_CONTRACTS for estimate in estimates)
    return not few and "INCONCLUSIVE" not in verdicts


def spent(fraction: float, alpha: float = 0.05) -> float:
    """Risk spent when a fraction of the exam is known, as O'Brien and Fleming would.

    2 - 2 * Phi(z(1 - alpha / 2) / sqrt(fraction)) (Lan and DeMets 1983, Biometrika 70, alpha_1).

    >>> [round(spent(fraction), 4) for fraction in (0.25, 0.5, 0.75, 1.0)]
    [0.0001, 0.0056, 0.0236, 0.05]
    """
    from scipy import stats

    return float(2 * stats.norm.sf(stats.norm.isf(alpha / 2) / fraction**0.5))


def boundaries(fractions: Sequence[float], alpha: float = 0.05) -> tuple[float, ...]:
    """One-sided z that a look must exceed so that the risk over all looks is what is spent.

    With B(t) = z * sqrt(t) a Brownian motion at the fractions t, the density of B among exams not
    yet stopped is carried from look to look by Gauss-Legendre quadrature (Armitage, McPherson and
    Rowe 1969), and each bound is solved for. For alpha 0.025 and four equal looks: 4.333, 2.963,
    2.359, 2.014.

    Args:
        fractions: rising, in 0..1.
        alpha: risk at fraction 1.

    Returns:
        Shape (looks,).

    Raises:
        ValueError: fractions do not rise within 0..1, or alpha is not in 0..0.5.

    >>> [round(bound, 3) for bound in boundaries([0.25, 0.5, 0.75, 1.0], alpha=0.025)]
    [4.333, 2.963, 2.359, 2.014]
    """
    import numpy as np
    from scipy import stats
    from scipy.optimize import brentq

    if not 0 < alpha < 0.5:
        raise ValueError(f"a risk of {alpha} is not between 0 and 0.5")
    if not len(fractions) or not _rises(fractions) or fractions[-1] > 1:
        raise ValueError("fractions rise within 0..1")
    nodes, weights = np.polynomial.legendre.leggauss(200)
    at, mass = np.zeros(1), np.ones(1)  # B(0) = 0 with certainty
    before, risk = 0.0, 0.0
    bounds = []
    for fraction in fractions:
        step = (fraction - before) ** 0.5
        due = spent(fraction, alpha)
        end = float(brentq(_excess, -10, 40, args=(at, mass, step, due - risk), xtol=1e-12))
        bounds.append(end / fraction**0.5)
        lowest = -9 * fraction**0.5
        half = (end - lowest) / 2
        reached = lowest + half * (nodes + 1)
        density = stats.norm.pdf((reached[:, np.newaxis] - at) / step) / step @ mass
        at, mass, before, risk = reached, half * weights * density, fraction, due
    return tuple(bounds)


def _excess(end: float, at: "Floats", mass: "Floats", step: float, wanted: float) -> float:
    """Probability that B ends above `end`, beyond what is wanted."""
    from scipy import stats

    return float(mass @ stats.norm.sf((end - at) / step)) - wanted


def _rank(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()


def _rises(fractions: Sequence[float]) -> bool:
    return all(one < other for one, other in zip([0.0, *fractions], fractions, strict=False))
