"""What many candidates on the same contracts come to: `python -m bench.streams`.

Replaces its tables in docs/statistics.md.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.candidates import CHAIN, FULL_RISK, RULES, SHARED, Setting, equal_passes, stream
from bench.marked import marked
from common.command import Parser, run
from evals.gate import SHIPPED, read_gate

PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"


def tables(repeats: int) -> Iterator[str]:
    """The page's tables."""
    gate = read_gate(SHIPPED)
    margin = gate.metrics["token_f1"].margin or 0.0
    shipped = Setting(margin=margin, alpha=gate.alpha)
    yield from _stream_table(shipped, repeats)
    yield ""
    yield from _chain_table(replace(CHAIN, margin=margin, alpha=gate.alpha), repeats)
    yield ""
    yield from _cost_table(shipped, repeats)


def _stream_table(setting: Setting, repeats: int) -> Iterator[str]:
    import numpy as np

    yield (
        f"Streams of {setting.candidates} candidates, {repeats} a row; {setting.contracts} "
        f"contracts x {setting.cases}, of which {setting.sealed} are sealed where some are."
    )
    yield ""
    gains = "true quality gained, mean and worst 5 %"
    yield _row("rule", "promoted", "too bad", "better, of those offered", gains)
    yield _row(*["---"] * 5)
    for rule in RULES:
        found = [stream(rule, setting, seed) for seed in range(repeats)]
        gained = [100 * each.change for each in found]
        better = sum(each.better for each in found) / sum(each.offered for each in found)
        yield _row(
            rule.words,
            f"{np.mean([each.promoted for each in found]):.1f}",
            f"{np.mean([each.false for each in found]):.2f}",
            f"{better:.0%}",
            f"{np.mean(gained):+.1f}, {np.quantile(gained, 0.05):+.1f} points",
        )


def _chain_table(setting: Setting, repeats: int) -> Iterator[str]:
    import numpy as np

    margin = 100 * setting.margin
    yield (
        f"Chains of {setting.candidates} candidates, each truly 1 point worse than the champion; "
        f"margin {margin:.0f} points ({repeats} a row)."
    )
    yield ""
    heads = "true loss, mean", "95 of 100 lose at most", "more than a margin"
    yield _row("contracts", "risk against the anchor", *heads)
    yield _row(*["---"] * 5)
    for rule in (FULL_RISK, SHARED, replace(FULL_RISK, new=True), replace(SHARED, new=True)):
        losses = np.array([-100 * stream(rule, setting, seed).change for seed in range(repeats)])
        yield _row(
            "new each time" if rule.new else "the same",
            "shared" if rule.shared else "full for each",
            f"{losses.mean():.1f} points",
            f"{np.quantile(losses, 0.95):.1f} points",
            f"{(losses > margin + 1e-7).mean():.1%}",
        )


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


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main(argv: list[str] | None = None) -> int:
    """Simulate, and write the page."""
    parser = Parser(prog="python -m bench.streams", description=__doc__)
    parser.add_argument("--repeats", type=int, default=200, help="streams a row")
    parser.add_argument("--page", type=Path, default=PAGE, help="whose tables are replaced")
    return run(parser.parse_args, _simulate, argv)


def _simulate(options: argparse.Namespace) -> None:
    marked(options.page, "streams", ())
    text = marked(options.page, "streams", tables(options.repeats))
    options.page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
