"""`python -m bench.fault_book`: every fault's tests, on the code before and on this one.

The tests of `tests/faults` are marked with the faults that they reproduce, and with public faults
of other tools that they try here. They are run on a checkout of an earlier commit and on this
one, and what came of it is written into docs/faults.md and docs/peers.md.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from bench.sessions import ROOT
from common.command import Parser
from common.command import run as run_command

BEFORE = "c1adbca1afea"
TESTED = "c969181"
"""The last commit whose tests of faults name modules as the code before does."""

TESTS = ("tests/__init__.py", "tests/conftest.py", "tests/seams.py", "tests/faults")
KINDS: Mapping[str, str] = {
    "ID": "identity: something is left out, or something foreign is let in",
    "IN": "what stands in for something missing is something else",
    "GATE": "a guard that fails open",
    "TRUST": "trust in a file that anybody may change, and two pointers to one thing",
    "STAT": "degenerate statistics",
    "MET": "a metric that can be gamed, or calls the right answer wrong",
    "SINK": "text and numbers from outside that a sink cannot take",
    "ONE": "one case's exception takes down all",
    "RES": "a resource taken without a finally, and counters that say what did not happen",
    "REC": "reading recordings and data files",
    "SEC": "secrets",
    "ENV": "the environment changes behaviour",
    "AD": "adapters",
    "BASE": "local bases: configs, templates, code",
    "SRV": "what servers say",
    "SET": "settings without bounds",
    "PATH": "paths, URLs, messages",
    "PROV": "what a training was made of",
    "USE": "first use: what a newcomer stumbled over",
    "KEEP": "kept and paid once",
}
Outcome = Literal["passed", "failed", "skipped", "not run"]


@dataclass(frozen=True, slots=True)
class Tried:
    """One test: its name, what came of it, the faults it reproduces, the public faults it tries."""

    name: str
    outcome: Outcome
    faults: tuple[str, ...]
    peers: tuple[tuple[str, str], ...]


def read_junit(text: str) -> tuple[Tried, ...]:
    """The marked tests of a JUnit file as pytest writes it."""
    return tuple(
        Tried(
            f"{case.get('classname', '').rpartition('.')[2]}.{case.get('name')}",
            _outcome(case),
            tuple(value for key, value in _properties(case) if key == "fault"),
            tuple(
                (reference, behaviour)
                for key, value in _properties(case)
                if key == "peer"
                for reference, behaviour in [json.loads(value)]
            ),
        )
        for case in ElementTree.fromstring(text).iter("testcase")
    )


def _properties(case: ElementTree.Element) -> list[tuple[str, str]]:
    return [(each.get("name", ""), each.get("value", "")) for each in case.iter("property")]


def _outcome(case: ElementTree.Element) -> Outcome:
    if case.find("error") is not None or case.find("failure") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def run(tree: Path, ini: Sequence[str]) -> tuple[Tried, ...]:
    """What came of the tests of faults in a checkout."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "junit.xml"
        subprocess.run(
            [sys.executable, "-m", "pytest", "tests/faults", "-q", "-p", "no:cacheprovider",
             "--continue-on-collection-errors", f"--junitxml={written}",
             "-o", "junit_family=xunit1", *ini],
            cwd=tree, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return read_junit(written.read_text(encoding="utf-8"))


def run_before(commit: str, ini: Sequence[str]) -> tuple[Tried, ...]:
    """The same tests, by the names of that time, on a checkout of an earlier commit."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "before"
        git = ["git", "-C", str(ROOT)]
        subprocess.run([*git, "worktree", "add", "-q", "--detach", str(tree), commit], check=True)
        try:
            checkout = ["git", "-C", str(tree), "checkout", "-q", TESTED, "--", *TESTS]
            subprocess.run(checkout, check=True)
            return run(tree, ini)
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(tree)], check=True)


def faults_page(before: Sequence[Tried], now: Sequence[Tried], commit: str) -> str:
    """docs/faults.md: by kind, and fault by fault."""
    was, is_now = _by_fault(before), _by_fault(now)
    kinds = [
        f"| {prefix} | {KINDS[prefix]} | {len(members)} | "
        f"{sum('failed' in was[each] for each in members)} | "
        f"{sum(is_now[each] <= {'passed'} for each in members)} |"
        for prefix in KINDS
        if (members := [each for each in is_now if each.partition("-")[0] == prefix])
    ]
    rows = [
        f"| {fault} | {_said(was[fault], 'failed', 'reproduced', 'not reproduced')} | "
        f"{_said(is_now[fault], 'failed', '**fails**', 'passes')} | "
        f"{_functions(each for each in now if fault in each.faults)} |"
        for fault in sorted(is_now, key=_place)
    ]
    return "\n".join(
        [
            "# Faults that were found, and what keeps them from coming back",
            "",
            f"Written by `python -m bench.fault_book`; do not edit. The tests of `tests/faults` as "
            f"they stand, run on commit {commit} and on this one. The rule that holds for each "
            "kind, and the place that keeps it, are in "
            "[decisions/0008](decisions/0008-a-kind-of-fault-has-a-seam.md).",
            "",
            "| | kind | faults tried | reproduced before | pass now |",
            "| --- | --- | --- | --- | --- |",
            *kinds,
            "",
            "| fault | before | now | tests |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def peers_page(now: Sequence[Tried]) -> str:
    """docs/peers.md: public faults of other tools, as they are tried here."""
    tests: defaultdict[tuple[str, str], list[Tried]] = defaultdict(list)
    for each in now:
        for peer in each.peers:
            tests[peer].append(each)
    rows = [
        f"| {reference} | {behaviour} | {_functions(tried)} | "
        f"{_said({each.outcome for each in tried}, 'failed', '**fails**', 'passes')} |"
        for (reference, behaviour), tried in sorted(tests.items())
    ]
    return "\n".join(
        [
            "# Public faults of other tools, tried here",
            "",
            "Written by `python -m bench.fault_book`; do not edit. What is said of the other tool "
            "is what its public report says, of the version that it names.",
            "",
            "| public report | what happens there | how it is tried here | result here |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _functions(tried: Iterable[Tried]) -> str:
    """The test functions, each named once, whatever it was parametrized with."""
    names = dict.fromkeys(each.name.partition("[")[0] for each in tried)
    return ", ".join(f"`{name}`" for name in names)


def _by_fault(tried: Iterable[Tried]) -> defaultdict[str, set[Outcome]]:
    found: defaultdict[str, set[Outcome]] = defaultdict(set)
    for each in tried:
        for fault in each.faults:
            found[fault].add(each.outcome)
    return found


def _said(outcomes: set[Outcome], bad: Outcome, failed: str, passed: str) -> str:
    if bad in outcomes:
        return failed
    return passed if "passed" in outcomes else "not run"


def _place(fault: str) -> tuple[int, int]:
    prefix, _, number = fault.partition("-")
    return list(KINDS).index(prefix), int(number)


def main(argv: list[str] | None = None) -> int:
    """Write both pages; 1 when a fault is back."""
    parser = Parser(prog="python -m bench.fault_book", description=main.__doc__)
    parser.add_argument("--before", default=BEFORE, metavar="COMMIT", help="(%(default)s)")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", metavar="DIR", help="(docs)")
    return run_command(parser.parse_args, _write_pages, argv)


def _write_pages(options: argparse.Namespace) -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    markers = "\n".join(project["tool"]["pytest"]["ini_options"]["markers"])
    before = run_before(options.before, ["-o", f"markers={markers}"])
    now = run(ROOT, [])
    (options.docs / "faults.md").write_text(faults_page(before, now, options.before), "utf-8")
    (options.docs / "peers.md").write_text(peers_page(now), "utf-8")
    return 1 if any(each.outcome == "failed" for each in now) else 0


if __name__ == "__main__":
    sys.exit(main())
