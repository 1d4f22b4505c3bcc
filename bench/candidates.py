"""Streams of simulated candidates on the same contracts, each made from the champion of its time.

Every verdict follows from `interval`, `risk` and `decide`, as in an exam.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reports.report import Check, Opponent, Verdict
from reports.statistics.clusters import Sums
from reports.statistics.estimates import Estimate
from reports.statistics.intervals import interval
from reports.verdict.decide import decide, risk

if TYPE_CHECKING:
    import numpy as np

    from reports.statistics.clusters import Floats

METRIC = "abstention"
"""Right or wrong, as the simulated answers are."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How a stream is judged.

    `new`: each candidate on contracts that nobody has seen. `shared`: candidates share the risk
    against the anchor. `sealed`: a reserve has to be passed too. `ladder`: by `stands_out`, not by
    the gate. `blind`: whoever makes the candidates sees scores alone, and no misses.
    """

    words: str
    new: bool = False
    shared: bool = True
    sealed: bool = False
    ladder: bool = False
    blind: bool = False


FULL_RISK = Rule("the gate, on the same contracts", shared=False)
SHARED = Rule("the same, candidates share the anchor's risk")
SEALED = Rule("the same, and sealed contracts", sealed=True)
RULES = (
    Rule("the gate, on new contracts each time", new=True, shared=False),
    FULL_RISK,
    SHARED,
    SEALED,
    Rule("a ladder, misses seen", ladder=True),
    Rule("a ladder, scores alone seen", ladder=True, blind=True),
)


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
    taught: float = 0.1
    openings: int = 10
    margin: float = 0.03
    alpha: float = 0.05


CHAIN = Setting(changes=((-0.01, 1.0),), candidates=30, taught=0.0)


@dataclass(frozen=True, slots=True)
class Model:
    """True quality, and right or wrong on each question, shape (contracts, cases)."""

    quality: float
    right: "Floats"


@dataclass(frozen=True, slots=True)
class Stream:
    """What one stream came to: promotions, by what they truly were, and where the service ended.

    `false` are promotions of candidates that are truly worse than the champion by more than the
    margin; `better` of those that are truly better, of `offered`. `change` is that of the true
    quality in service.
    """

    promoted: int
    false: int
    better: int
    offered: int
    change: float


def first_model(setting: Setting, draw: "np.random.Generator") -> Model:
    """The first champion, whose chances differ by contract as its successors' do."""
    precision = 1 / setting.correlation - 1
    shape = setting.contracts, 1
    chance = draw.beta(setting.quality * precision, (1 - setting.quality) * precision, size=shape)
    right = draw.random((setting.contracts, setting.cases)) < chance
    return Model(setting.quality, right.astype(float))


def changed(
    model: Model, difference: float, setting: Setting, draw: "np.random.Generator"
) -> Model:
    """Another model that truly differs so much; its gains and losses cluster by contract."""
    gained = (setting.discordance + difference) / 2
    shares = gained / (1 - model.quality), (setting.discordance - gained) / model.quality
    precision, rows = 1 / setting.correlation - 1, len(model.right)
    gain, loss = (
        draw.beta(share * precision, (1 - share) * precision, size=(rows, 1)) for share in shares
    )
    flips = draw.random(model.right.shape) < model.right * loss + (1 - model.right) * gain
    return Model(model.quality + difference, abs(model.right - flips))


def taught(model: Model, rows: slice, share: float, draw: "np.random.Generator") -> Model:
    """The model, which has learnt by heart a share of what it missed on these contracts."""
    right = model.right.copy()
    learnt = draw.random(right[rows].shape) < share
    right[rows] = right[rows] + (1 - right[rows]) * learnt
    return replace(model, right=right)


def renewed(
    champion: Model, anchor: Model, setting: Setting, draw: "np.random.Generator"
) -> tuple[Model, Model]:
    """Champion and anchor on contracts that nobody has seen."""
    first = first_model(replace(setting, quality=anchor.quality), draw)
    if champion is anchor:
        return first, first
    return changed(first, champion.quality - anchor.quality, setting, draw), first


def difference(candidate: "Floats", other: "Floats", alpha: float) -> Estimate:
    """The mean difference of two models with its interval; the first rises by more.

    Args:
        candidate: shape (contracts, cases), right or wrong.
        other: the same of the other model.
        alpha: risk of each bound.
    """
    import numpy as np

    gained = np.maximum(candidate - other, 0.0).sum(axis=1)
    lost = np.maximum(other - candidate, 0.0).sum(axis=1)
    sizes = np.full(len(gained), float(candidate.shape[1]))
    return interval(Sums(sizes, gained, gained, lost, lost), "difference", alpha)


def examined(
    candidate: Model, champion: Model, anchor: Model, rows: slice, setting: Setting, tries: int
) -> Verdict:
    """The verdict on a candidate, on some of the contracts, against champion and anchor.

    `tries` counts the candidates that share the anchor's risk, this one too.
    """
    opponents = [Opponent("champion", "now", "", tries=tries if anchor is champion else 1)]
    if anchor is not champion:
        opponents.append(Opponent("anchor", "best", "", tries=tries))
    checks = []
    for opponent, other in zip(opponents, (champion, anchor), strict=False):
        alpha = risk(setting.alpha, opponent)
        found = difference(candidate.right[rows], other.right[rows], alpha)
        checks.append(Check(METRIC, opponent.words, found.against(-setting.margin), "", found))
    return decide("candidate", checks, *opponents)


def stands_out(candidate: Model, best: Model, rows: slice) -> bool:
    """The ladder without parameters: better than the best so far by more than one standard error.

    Blum and Hardt 2015, arXiv 1502.04585, section 3.2; the error is clustered by contract.
    """
    sums = (candidate.right - best.right)[rows].sum(axis=1)
    residuals, count = sums - sums.mean(), len(sums)
    return float(sums.sum()) > float((count / (count - 1) * (residuals**2).sum()) ** 0.5)


def stream(rule: Rule, setting: Setting, seed: int) -> Stream:
    """One stream of candidates under a rule, each made from the champion of its time."""
    import numpy as np

    draw = np.random.default_rng(seed)
    champion = anchor = first_model(setting, draw)
    reserve = slice(setting.contracts - (setting.sealed if rule.sealed else 0), None)
    seen = slice(0, reserve.start)
    differences, chances = zip(*setting.changes, strict=True)
    promoted = false = better = offered = openings = 0
    for tries in range(1, setting.candidates + 1):
        change = float(draw.choice(differences, p=chances))
        offered += change > 0
        if rule.new:
            champion, anchor = renewed(champion, anchor, setting, draw)
        candidate = changed(champion, change, setting, draw)
        if not rule.new and not rule.blind:
            candidate = taught(candidate, seen, setting.taught, draw)
        if rule.ladder:
            passed = moves = stands_out(candidate, champion, seen)
        else:
            held = tries if rule.shared else 1
            verdict = examined(candidate, champion, anchor, seen, setting, held)
            passed, moves = verdict.outcome == "PROMOTE", verdict.improves_anchor
        if passed and rule.sealed:
            if openings == setting.openings:
                break
            openings += 1
            verdict = examined(candidate, champion, anchor, reserve, setting, openings)
            passed = verdict.outcome == "PROMOTE"
        if passed:
            promoted += 1
            false += change < -setting.margin
            better += change > 0
            champion = candidate
            if moves:
                anchor = candidate
    return Stream(promoted, false, better, offered, champion.quality - setting.quality)


def equal_passes(tries: int, setting: Setting, repeats: int) -> float:
    """How often a candidate that is as good as the anchor passes as the k-th of `tries`."""
    import numpy as np

    passed = 0
    for seed in range(repeats):
        draw = np.random.default_rng(seed)
        anchor = first_model(setting, draw)
        candidate = changed(anchor, 0.0, setting, draw)
        verdict = examined(candidate, anchor, anchor, slice(None), setting, tries)
        passed += verdict.outcome == "PROMOTE"
    return passed / repeats
