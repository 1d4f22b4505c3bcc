"""The page of results: one section a benchmark, each with what it was measured on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TITLE = "# Benchmark results"
INTRODUCTION = (
    "Written by `python -m bench`; do not edit. A section keeps what it says until its benchmark "
    "is run again. Ratios are of numbers of one run on one machine."
)
PACKAGES = ("pytest", "torch", "transformers", "trl", "peft", "openai", "dspy", "chromadb", "bm25s")


@dataclass(frozen=True, slots=True)
class Row:
    """One number: what, how much, and where there is one its target and whether it is met."""

    what: str
    measured: str
    target: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a benchmark found: a title, how it was measured, and its rows or a table of its own."""

    title: str
    setting: str
    rows: Sequence[Row] = ()
    table: str = ""

    @property
    def missed(self) -> list[Row]:
        """Rows whose target is not met."""
        return [row for row in self.rows if row.met is False]


def at_most(what: str, value: float, limit: float, unit: str = "") -> Row:
    """A row whose value must not exceed `limit`.

    >>> at_most("10k to 20k", 2.1, 2.3, " x")
    Row(what='10k to 20k', measured='2.10 x', target='at most 2.30 x', met=True)
    """
    return Row(what, f"{value:.2f}{unit}", f"at most {limit:.2f}{unit}", value <= limit)


def section(name: str, finding: Finding, provenance: Mapping[str, Any]) -> str:
    """A finding as markdown under `## name: title`."""
    table = finding.table or "\n".join(
        [
            "| what | measured | target | met |",
            "|---|---|---|---|",
            *(
                f"| {row.what} | {row.measured} | {row.target} | {_met(row)} |"
                for row in finding.rows
            ),
        ]
    )
    parts = [f"## {name}: {finding.title}", finding.setting, table.strip(), origin(provenance)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _met(row: Row) -> str:
    return {True: "yes", False: "**no**", None: ""}[row.met]


def origin(provenance: Mapping[str, Any]) -> str:
    """Commit, machine and versions in one line, without a date: the commit has one."""
    commit = str(provenance["commit"] or "unknown")[:12]
    changed = " with uncommitted changes" if provenance["dirty"] else ""
    packages = provenance["packages"]
    versions = [f"{name} {packages[name]}" for name in PACKAGES if name in packages]
    return (
        f"*Commit {commit}{changed}; {provenance['cores']} cores ({provenance['processor']}), "
        f"{provenance['memory_gib']} GiB, {provenance['platform']}; "
        f"Python {provenance['python']}, {', '.join(versions)}; {provenance['threads']} threads.*"
    )


def read_sections(page: str) -> dict[str, str]:
    """The sections of a page by name; text outside of them is left out."""
    _, *parts = f"\n{page}".split("\n## ")
    sections = {part.partition(":")[0]: f"## {part.strip()}\n" for part in parts}
    return {name: text for name, text in sections.items() if name.isidentifier()}


def page(sections: Mapping[str, str], order: Sequence[str]) -> str:
    """The page, its sections in `order`; names not in it are left out."""
    present = [sections[name] for name in order if name in sections]
    return "\n".join([f"{TITLE}\n\n{INTRODUCTION}\n", *present])
