"""What a run of `training.synthesize` wrote, kept and rejected, and how it is told."""

import argparse
from collections import Counter
from dataclasses import dataclass, field

from models.registry import LocalEntry, read_entry
from training.synthesis.gathering import Outcome
from training.synthesis.seeds import Seed

RULES = "rules"
POOR = 0.5
"""Share of kept pairs below which the writer is called poor."""


@dataclass
class Tally:
    """What was written, kept and rejected so far."""

    seeds: list[Seed] = field(default_factory=list)
    kept: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    stop: str = ""

    def add(self, outcome: Outcome) -> None:
        """Count one seed."""
        if outcome.pairs:
            self.seeds.append(outcome.seed)
        self.kept.update(pair.kind for pair in outcome.pairs)
        self.rejected.update(outcome.rejected)
        self.stop = self.stop or outcome.stop

    @property
    def written(self) -> int:
        """Pairs written, and replies that held none."""
        return self.kept.total() + self.rejected.total()

    @property
    def share(self) -> float:
        """Kept of written, 0 where nothing was written."""
        return self.kept.total() / max(self.written, 1)

    def statistics(self) -> dict[str, float]:
        """The numbers of the table; `written` is the sum of `kept` and all `rejected`."""
        return {
            "written": self.written,
            **{f"rejected: {why}": n for why, n in sorted(self.rejected.items())},
            "kept": self.kept.total(),
            **{f"kept: {kind}": n for kind, n in sorted(self.kept.items())},
            "kept of written": round(self.share, 4),
            "contracts": len({seed.case.contract.digest for seed in self.seeds}),
            "categories": len({seed.case.category for seed in self.seeds}),
        }


def report(options: argparse.Namespace, tally: Tally) -> str:
    """The table of counts, and the lines that the user should know about."""
    rows = tally.statistics()
    width = max(map(len, rows))
    lines = [f"{name:<{width}}  {value:>7,}" for name, value in rows.items()]
    lines.append(f"{options.output}")
    if tally.stop:
        lines.append(f"stopped early ({tally.stop}); the same command with more goes on")
    elif tally.kept.total() < options.n:
        lines.append(
            f"{tally.kept.total():,} of --n {options.n:,}: every seed was used; raise --per-seed, "
            "or give more contracts"
        )
    if options.model != RULES:
        lines.append(_judged_writer(options, tally))
    lines.append(
        f"next: python -m training.data --dataset {options.dataset} --synthetic {options.output}"
    )
    return "\n".join(lines)


def _judged_writer(options: argparse.Namespace, tally: Tally) -> str:
    entry = read_entry(options.model, options.registry)
    embedded = isinstance(entry, LocalEntry) and entry.base.startswith("embedded:")
    said = f"model {options.model}: {tally.share:.0%} of what it wrote was kept"
    if embedded or tally.share < POOR:
        small = "the embedded model is too small to write well" if embedded else "that is poor"
        return f"{said}; {small}: give a larger model, or --model rules"
    return said
