"""Stop asking once the verdict is certain: looks at parts of the contracts, alpha spent on each.

A contract's answers come together, contracts come in a frozen random order, and a look compares
the same cluster-robust t with a stricter level than the whole exam would.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bar_exam.reports.statistics.bootstrap import shown_mean
from bar_exam.reports.statistics.estimates import Estimate, cluster_mean
from bar_exam.reports.statistics.paired import Outcome, judge

if TYPE_CHECKING:
    from bar_exam.reports.statistics.estimates import Floats


SHARES = (0.25, 0.5, 0.75, 1.0)
FEWEST_CONTRACTS = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """When to look, and how strictly; three tuples of one entry a look.

    `contracts` are those that a look adds, `fractions` the part of the exam that is then known,
    and `levels` the risk of each bound at that look.
    """

    contracts: tuple[tuple[str, ...], ...]
    fractions: tuple[float, ...]
    levels: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What one look concludes.

    The bounds of `difference` are those of a repeated confidence interval: they hold at all looks
    together (Jennison and Turnbull 1989). Its mean is that of a stopped exam, which on average
    lies a little further from the margin than the truth. `settled` ends the asking.
    """

    number: int
    fraction: float
    difference: Estimate
    outcome: Outcome
    settled: bool


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


def look(
    plan: Plan,
    number: int,
    differences: Sequence[float],
    clusters: Sequence[str],
    margin: float,
) -> Look:
    """Judge what is known at a look, both ways: shown to be no worse, or shown to be worse.

    t is mapped to z by its p-value, which is the same as taking the t bound at the look's level;
    each direction spends its own alpha. An early look at fewer than 10 contracts, or at
    differences without spread, settles nothing: t is not to be trusted there. The last look
    follows the small-exam rule of `shown_mean`. A guard once PASS stays so at later looks; an
    exam of several guards is settled when all have passed or one has failed.

    Args:
        plan: of the exam.
        number: of the look, from 0.
        differences: shape (n,), d of every case known so far.
        clusters: shape (n,), the contract of each.
        margin: the loss that is tolerated.

    Raises:
        ValueError: as `cluster_mean`.
    """
    level, last = plan.levels[number], number == len(plan.levels) - 1
    if last:
        difference = shown_mean(differences, clusters, level)
        return Look(number, plan.fractions[number], difference, judge(difference, margin), True)
    difference = cluster_mean(differences, clusters, level)
    outcome = judge(difference, margin)
    if difference.clusters < FEWEST_CONTRACTS or difference.low == difference.high:
        outcome = "INCONCLUSIVE"
    settled = outcome != "INCONCLUSIVE"
    return Look(number, plan.fractions[number], difference, outcome, settled)


def spent(fraction: float, alpha: float = 0.05) -> float:
    """Risk spent when a fraction of the exam is known, as O'Brien and Fleming would.

    2 - 2 * Phi(z(1 - alpha / 2) / sqrt(fraction)) (Lan and DeMets 1983, Biometrika 70, alpha_1).
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
