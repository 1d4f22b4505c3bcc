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
from reports.statistics.paired import compare_means
from reports.verdict.decide import decide, risk

if TYPE_CHECKING:
    import numpy as np

    from reports.statistics.clusters import Floats

PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"
BEGIN, END = "<!-- streams: begin -->", "<!-- streams: end -->"
METRIC = "abstention"
"""Right or wrong, as the simulated answers are."""

Rule = Literal["new", "full risk", "shared risk", "sealed", "ladder", "blind ladder"]
RULES: dict[Rule, str] = {
    "new": "the gate, on new contracts each time",
    "full risk": "the gate, on the same contracts",
    "shared risk": "the same, candidates share the anchor's risk",
    "sealed": "the same, and sealed contracts",
    "ladder": "a ladder, misses seen",
    "blind ladder": "a ladder, scores alone seen",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """A champion that is right in `quality` of all questions, and the candidates after it.

    A candidate answers `discordance` of the questions otherwise; `correlation` is that of its gains
    and losses within a contract. `changes` are the true differences from the champion that it is
    made from, with their chances; `shared` says whether candidates share the risk against the
    anchor. Whoever made it has seen the champion's misses in development, and has taught it
    `taught` of them, which helps on no other contract.
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
    shared: bool = True


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


def changed(
    model: Model, difference: float, setting: Setting, draw: "np.random.Generator"
) -> Model:
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
    candidate: Model, champion: Model, anchor: Model, rows: slice, setting: Setting, tries: int
) -> Verdict:
    """The verdict on a candidate, on some of the contracts, against champion and anchor.

    `tries` counts the candidates that these contracts have held against the anchor, this one too.
    """
    held = tries if setting.shared else 1
    opponents = [Opponent("champion", champion.name, "", tries=held if anchor is champion else 1)]
    if anchor is not champion:
        opponents.append(Opponent("anchor", anchor.name, "", tries=held))
    checks = []
    for opponent, other in zip(opponents, (champion, anchor), strict=False):
        first, second = candidate.right[rows], other.right[rows]
        clusters = [str(row) for row in range(len(first)) for _ in range(setting.cases)]
        alpha = risk(setting.alpha, opponent)
        found = compare_means(
            first.ravel().tolist(), second.ravel().tolist(), clusters, setting.margin, alpha
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
    setting = replace(setting, shared=rule not in ("new", "full risk"))
    champion = anchor = first_model(setting, draw)
    held = slice(setting.contracts - (setting.sealed if rule == "sealed" else 0), None)
    seen = slice(0, held.start)
    promoted = false = better = offered = openings = tries = 0
    differences, chances = zip(*setting.changes, strict=True)
    for _ in range(setting.candidates):
        difference = float(draw.choice(differences, p=chances))
        offered += difference > 0
        tries += 1
        if rule == "new":  # nobody has seen what is missed on them
            champion, anchor, candidate = renewed(champion, anchor, difference, setting, draw)
        else:
            candidate = changed(champion, difference, setting, draw)
            share = 0.0 if rule == "blind ladder" else setting.taught
            candidate = taught(candidate, seen, share, draw)
        if rule in ("ladder", "blind ladder"):
            passed = moves = stands_out(candidate, champion, seen)
        else:
            verdict = examined(candidate, champion, anchor, seen, setting, tries)
            passed, moves = verdict.outcome == "PROMOTE", verdict.improves_anchor
        if passed and rule == "sealed":
            if openings == setting.openings:
                break
            openings += 1
            verdict = examined(candidate, champion, anchor, held, setting, openings)
            passed, moves = verdict.outcome == "PROMOTE", moves and verdict.improves_anchor
        if passed:
            promoted += 1
            false += difference < -setting.margin
            better += difference > 0
            champion = candidate
            if moves:
                anchor, tries = candidate, 0
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
    residuals, count = sums - sums.mean(), len(sums)
    return float(sums.sum()) > float((count / (count - 1) * (residuals**2).sum()) ** 0.5)


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
    tries = 0
    for _ in range(setting.candidates):
        tries += 1
        if reused:
            candidate = changed(champion, difference, setting, draw)
        else:
            champion, anchor, candidate = renewed(champion, anchor, difference, setting, draw)
        verdict = examined(candidate, champion, anchor, slice(None), setting, tries)
        if verdict.outcome == "PROMOTE":
            promoted += 1
            champion = candidate
            if verdict.improves_anchor:
                anchor, tries = candidate, 0
    return Chain(setting.quality - champion.quality, setting.quality - anchor.quality, promoted)


def equal_passes(tries: int, setting: Setting, repeats: int) -> float:
    """How often a candidate that is as good as the anchor passes as the so-manieth."""
    import numpy as np

    passed = 0
    for seed in range(repeats):
        draw = np.random.default_rng(seed)
        anchor = first_model(setting, draw)
        candidate = changed(anchor, 0.0, setting, draw)
        verdict = examined(candidate, anchor, anchor, slice(None), setting, tries)
        passed += verdict.outcome == "PROMOTE"
    return passed / repeats


def tables(repeats: int) -> Iterator[str]:
    """The page's tables."""
    gate = read_gate(SHIPPED)
    setting = Setting(margin=gate.metrics["token_f1"].margin or 0.0, alpha=gate.alpha)
    yield from _stream_table(setting, repeats)
    yield from _chain_table(replace(setting, changes=((-0.01, 1.0),), candidates=30), repeats)
    yield from _cost_table(setting, repeats)


def _stream_table(setting: Setting, repeats: int) -> Iterator[str]:
    import numpy as np

    yield (
        f"Streams of {setting.candidates} candidates, {repeats} a row; {setting.contracts} "
        f"contracts x {setting.cases}, of which {setting.sealed} are sealed where some are."
    )
    yield ""
    yield (
        "| rule | promoted | too bad | better, of those offered | true quality gained, mean "
        "and worst 5 % |"
    )
    yield "|---|---|---|---|---|"
    for rule, words in RULES.items():
        found = [stream(rule, setting, seed) for seed in range(repeats)]
        gained = [each.change for each in found]
        better, offered = sum(each.better for each in found), sum(each.offered for each in found)
        yield _row(
            words,
            f"{np.mean([each.promoted for each in found]):.1f}",
            f"{np.mean([each.false for each in found]):.2f}",
            f"{better / offered:.0%}",
            f"{100 * np.mean(gained):+.1f}, {100 * np.quantile(gained, 0.05):+.1f} points",
        )
    yield ""


def _chain_table(setting: Setting, repeats: int) -> Iterator[str]:
    import numpy as np

    yield (
        f"Chains of {setting.candidates} candidates, each truly 1 point worse than the champion; "
        f"margin {100 * setting.margin:.0f} points ({repeats} a row)."
    )
    yield ""
    yield (
        "| contracts | risk against the anchor | true loss, mean | 95 of 100 lose at most | more "
        "than a margin |"
    )
    yield "|---|---|---|---|---|"
    for reused in (True, False):
        for shared in (False, True):
            own = replace(setting, shared=shared)
            losses = [chain(own, seed, reused=reused).loss for seed in range(repeats)]
            yield _row(
                "the same" if reused else "new each time",
                "shared" if shared else "full for each",
                f"{100 * np.mean(losses):.1f} points",
                f"{100 * np.quantile(losses, 0.95):.1f} points",
                f"{np.mean(np.array(losses) > setting.margin + 1e-9):.1%}",
            )
    yield ""


def _cost_table(setting: Setting, repeats: int) -> Iterator[str]:
    numbers = (1, 2, 5, 10, 20, 50)
    yield f"What that costs: how often an equal candidate passes as the k-th ({repeats} exams)."
    yield ""
    yield _row("contracts", *map(str, numbers))
    yield _row(*["---"] * (1 + len(numbers)))
    for cases in (20, 41):
        own = replace(setting, cases=cases)
        shares = [f"{equal_passes(number, own, repeats):.0%}" for number in numbers]
        yield _row(f"{setting.contracts} x {cases}", *shares)
    yield ""


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main(argv: list[str] | None = None) -> int:
    """Simulate, print, and write the page."""
    parser = Parser(prog="python -m bench.streams", description=__doc__)
    parser.add_argument("--repeats", type=int, default=200, help="streams a row")
    parser.add_argument("--page", type=Path, default=PAGE, help="whose tables are replaced")
    return run(parser.parse_args, _simulate, argv)


def _simulate(options: argparse.Namespace) -> None:
    text = options.page.read_text(encoding="utf-8") if options.page.is_file() else ""
    if BEGIN not in text or END not in text:
        raise UserError(f"{options.page} has no lines {BEGIN} and {END}; restore it")
    lines = []
    for line in tables(options.repeats):
        print(line, flush=True)
        lines.append(line)
    before, _, rest = options.page.read_text(encoding="utf-8").partition(BEGIN)
    body = "\n".join([BEGIN, "", *lines, END])
    options.page.write_text(before + body + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
