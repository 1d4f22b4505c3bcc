"""What many candidates on the same contracts come to. Simulations, written to docs.

`python -m bench.streams` replaces its tables in docs/statistics.md. Every verdict is that of
`compare_means` and `decide`, as in an exam.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from common.command import Parser, run
from common.errors import UserError
from evals.gate import SHIPPED, read_gate
from reports.report import Check, Opponent, Verdict
from reports.statistics.estimates import cluster_error
from reports.statistics.paired import compare_means
from reports.verdict.decide import decide

if TYPE_CHECKING:
    import numpy as np

    from reports.statistics.estimates import Floats

PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"
BEGIN, END = "<!-- streams: begin -->", "<!-- streams: end -->"
METRIC = "abstention"
"""Right or wrong, as the simulated answers are."""

Rule = Literal["gate, new contracts", "gate, reused contracts", "sealed", "ladder", "ladder, blind"]


@dataclass(frozen=True, slots=True)
class Setting:
    """A champion that is right in `quality` of all questions, and the candidates after it.

    A candidate answers `discordance` of the questions otherwise; `correlation` is that of its gains
    and losses within a contract. `changes` are the true differences from the champion that it is
    made from, with their chances. Whoever made it has seen the champion's misses in development,
    and has taught it `taught` of them, which helps on no other contract.
    """

    contracts: int = 102
    sealed: int = 26
    cases: int = 20
    quality: float = 0.65
    discordance: float = 0.1
    correlation: float = 0.05
    candidates: int = 50
    changes: tuple[tuple[float, float], ...] = ((-0.05, 0.5), (0.0, 0.4), (0.02, 0.1))
    taught: float = 0.0
    openings: int = 10
    margin: float = 0.03
    alpha: float = 0.05


@dataclass(frozen=True, slots=True)
class Model:
    """True quality, and right or wrong on each question, shape (contracts, cases)."""

    name: str
    quality: float
    right: "Floats"


@dataclass(frozen=True, slots=True)
class Stream:
    """What one stream came to: promotions, by what they truly were, and where the service ended.

    `false` are promotions of candidates that are truly worse than the champion by more than the
    margin; `better` of those that are truly better, of `offered`.
    """

    promoted: int
    false: int
    better: int
    offered: int
    change: float
    openings: int


def changed(model: Model, difference: float, setting: Setting, draw: "np.random.Generator") -> Model:
    """Another model that truly differs so much; its gains and losses cluster by contract."""
    gained = (setting.discordance + difference) / 2
    shares = gained / (1 - model.quality), (setting.discordance - gained) / model.quality
    precision = 1 / setting.correlation - 1
    rows = model.right.shape[0]
    gain, loss = (
        draw.beta(share * precision, (1 - share) * precision, size=(rows, 1)) for share in shares
    )
    flips = draw.random(model.right.shape) < _where(model.right, loss, gain)
    right = abs(model.right - flips)
    return Model(f"after {model.name}", model.quality + difference, right)


def _where(right: "Floats", one: "Floats", other: "Floats") -> "Floats":
    return right * one + (1 - right) * other


def examined(
    candidate: Model, champion: Model, anchor: Model, rows: slice, setting: Setting
) -> Verdict:
    """The verdict on a candidate, on some of the contracts, against champion and anchor."""
    opponents = [Opponent("champion", champion.name, "")]
    if anchor is not champion:
        opponents.append(Opponent("anchor", anchor.name, ""))
    checks = []
    for opponent, other in zip(opponents, (champion, anchor), strict=False):
        first, second = candidate.right[rows], other.right[rows]
        clusters = [str(row) for row in range(len(first)) for _ in range(setting.cases)]
        found = compare_means(
            first.ravel().tolist(), second.ravel().tolist(), clusters, setting.margin, setting.alpha
        )
        checks.append(Check(METRIC, opponent.words, found.outcome, "", found.difference))
    return decide(candidate.name, checks, *opponents)


def first_model(setting: Setting, draw: "np.random.Generator") -> Model:
    """The first champion, whose chances differ by contract as its successors' do."""
    precision = 1 / setting.correlation - 1
    shape = setting.contracts, 1
    chance = draw.beta(setting.quality * precision, (1 - setting.quality) * precision, size=shape)
    right = draw.random((setting.contracts, setting.cases)) < chance
    return Model("the first", setting.quality, right.astype(float))


def taught(model: Model, rows: slice, share: float, draw: "np.random.Generator") -> Model:
    """The model, which has learnt by heart a share of what it missed on these contracts."""
    right = model.right.copy()
    learnt = draw.random(right[rows].shape) < share
    right[rows] = right[rows] + (1 - right[rows]) * learnt
    return replace(model, right=right)


def stream(rule: Rule, setting: Setting, seed: int) -> Stream:
    """One stream of candidates under a rule, each made from the champion of its time."""
    import numpy as np

    draw = np.random.default_rng(seed)
    champion = anchor = first_model(setting, draw)
    development = slice(0, setting.contracts - (setting.sealed if rule == "sealed" else 0))
    promoted = false = better = offered = openings = 0
    differences, chances = zip(*setting.changes, strict=True)
    for _ in range(setting.candidates):
        difference = float(draw.choice(differences, p=chances))
        offered += difference > 0
        candidate = changed(champion, difference, setting, draw)
        if rule != "ladder, blind":
            candidate = taught(candidate, development, setting.taught, draw)
        if rule == "gate, new contracts":  # of which nobody has seen a miss
            champion, anchor, candidate = renewed(champion, anchor, difference, setting, draw)
        if rule in ("ladder", "ladder, blind"):
            climbs = stands_out(candidate, champion, development)
            verdict = None
        else:
            verdict = examined(candidate, champion, anchor, development, setting)
            climbs = verdict.outcome == "PROMOTE"
        if climbs and rule == "sealed":
            if openings == setting.openings:
                break
            openings += 1
            reserve = slice(development.stop, setting.contracts)
            climbs = examined(candidate, champion, anchor, reserve, setting).outcome == "PROMOTE"
        if climbs:
            promoted += 1
            false += difference < -setting.margin
            better += difference > 0
            if verdict is None or verdict.improves_anchor:
                anchor = candidate
            champion = candidate
    return Stream(promoted, false, better, offered, champion.quality - setting.quality, openings)


def renewed(
    champion: Model, anchor: Model, difference: float, setting: Setting, draw: "np.random.Generator"
) -> tuple[Model, Model, Model]:
    """Champion, anchor and a candidate on contracts that nobody has seen."""
    first = replace(anchor, right=first_model(replace(setting, quality=anchor.quality), draw).right)
    now = first
    if champion is not anchor:
        now = changed(first, champion.quality - anchor.quality, setting, draw)
    return now, first, changed(now, difference, setting, draw)


def stands_out(candidate: Model, best: Model, rows: slice) -> bool:
    """The ladder without parameters: better than the best so far by more than one standard error.

    Blum and Hardt 2015, arXiv 1502.04585, section 3.2; the error is clustered by contract.
    """
    sums = (candidate.right - best.right)[rows].sum(axis=1)
    mean, error = cluster_error(sums, sums * 0 + candidate.right.shape[1])
    return float(mean) > float(error)


@dataclass(frozen=True, slots=True)
class Chain:
    """How far a chain of small losses fell: true loss of the service and of the anchor."""

    loss: float
    anchor: float
    promoted: int


def chain(setting: Setting, seed: int, *, reused: bool) -> Chain:
    """Candidates that are each truly a little worse than the champion that they are made from."""
    import numpy as np

    draw = np.random.default_rng(seed)
    ((difference, _),) = setting.changes
    champion = anchor = first_model(setting, draw)
    promoted = 0
    for _ in range(setting.candidates):
        if reused:
            candidate = changed(champion, difference, setting, draw)
        else:
            champion, anchor, candidate = renewed(champion, anchor, difference, setting, draw)
        verdict = examined(candidate, champion, anchor, slice(None), setting)
        if verdict.outcome == "PROMOTE":
            promoted += 1
            champion = candidate
            anchor = candidate if verdict.improves_anchor else anchor
    return Chain(setting.quality - champion.quality, setting.quality - anchor.quality, promoted)
