"""The house in numbers, before it was redesigned and now: how much, how deep, how often, how fast.

Everything is read off the source by `ast`. An import counts wherever it stands, in functions and
under TYPE_CHECKING too: a circle that is hidden there is a circle.
"""

import ast
import io
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.results import Finding
from bench.sessions import ROOT

BEFORE = "c969181"
"""The last commit before the house was redesigned."""

ROOMS = ("common", "fixtures", "models", "evals", "reports", "training")
BLOCK = 6
LONG = 40
Graph = Mapping[str, frozenset[str]]
Ring = frozenset[str]


@dataclass(frozen=True, slots=True)
class House:
    """What was read off one tree.

    Attributes:
        modules: those that hold code, suites left out.
        fullest: the folder with most of them side by side, and how many.
        floors: by room, the longest chain of its modules of which each imports the next; a circle
            is one floor.
        circles: groups of modules that import each other in a ring.
        repeated: blocks of six lines of code that stand more than once. A statement is a line,
            however it is written; docstrings and imports are none.
        functions: all of them.
        long: those of more than forty lines.
    """

    modules: int
    fullest: tuple[str, int]
    floors: Mapping[str, int]
    circles: tuple[Ring, ...]
    repeated: int
    functions: int
    long: int


def survey(tree: Path) -> House:
    """Read the rooms of one tree."""
    modules = read_modules(tree)
    graph = {name: imports(name, module, modules) for name, module in modules.items()}
    rings = rings_of(graph)
    lengths = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for module in modules.values()
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    folders = Counter(name.rpartition(".")[0] for name in modules)
    return House(
        modules=len(modules),
        fullest=folders.most_common(1)[0],
        floors={room: floors(graph, rings, room) for room in ROOMS if (tree / room).is_dir()},
        circles=tuple(sorted({ring for ring in rings.values() if len(ring) > 1}, key=sorted)),
        repeated=repeated(modules),
        functions=len(lengths),
        long=sum(length > LONG for length in lengths),
    )


def read_modules(tree: Path) -> dict[str, ast.Module]:
    """The modules with code by dotted name; suites are none."""
    found = {}
    for room in ROOMS:
        for path in sorted((tree / room).rglob("*.py")):
            module = ast.parse(path.read_bytes())
            if module.body and not path.name.startswith("test_"):
                found[".".join(path.relative_to(tree).with_suffix("").parts)] = module
    return found


def imports(name: str, module: ast.Module, known: Mapping[str, ast.Module]) -> frozenset[str]:
    """The known modules that one imports, wherever in it."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found) & known.keys() - {name}


def rings_of(graph: Graph) -> dict[str, Ring]:
    """By module, those that it imports and that import it, over however many others; itself too."""
    reached = {name: _reached(graph, name) for name in graph}
    return {
        name: frozenset({name, *(each for each in reached[name] if name in reached[each])})
        for name in graph
    }


def _reached(graph: Graph, name: str) -> set[str]:
    found: set[str] = set()
    left = [name]
    while left:
        new = graph[left.pop()] - found
        found |= new
        left += new
    return found


def floors(graph: Graph, rings: Mapping[str, Ring], room: str) -> int:
    """The longest chain of imports within a room."""

    @cache
    def height(ring: Ring) -> int:
        below = {rings[each] for name in ring for each in graph[name] if each in inside} - {ring}
        return 1 + max(map(height, below), default=0)

    inside = {name for name in graph if name.split(".")[0] == room}
    return max((height(rings[name]) for name in inside), default=0)


def repeated(modules: Mapping[str, ast.Module]) -> int:
    """How many different blocks of six lines stand in more than one place."""
    seen: Counter[tuple[str, ...]] = Counter()
    for module in modules.values():
        lines = ast.unparse(_Bare().visit(module)).splitlines()
        seen.update(tuple(lines[at : at + BLOCK]) for at in range(len(lines) - BLOCK + 1))
    return sum(count > 1 for count in seen.values())


class _Bare(ast.NodeTransformer):
    """Takes imports, and texts that stand alone, out of the tree that it visits."""

    def visit_Import(self, node: ast.Import) -> None:
        pass

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        pass

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node


def commands(tree: Path) -> Iterator[str]:
    """What is typed behind `python -m`."""
    for name, module in read_modules(tree).items():
        mains = any(isinstance(n, ast.If) and "__main__" in ast.dump(n.test) for n in module.body)
        if mains or name.endswith(".__main__"):
            yield name.removesuffix(".__main__")


def opening(tree: Path, command: str, repeats: int = 3) -> float | None:
    """Seconds until `--help` of a command is printed, the best of some; None where it has none."""

    def once() -> float | None:
        words = [sys.executable, "-m", command, "--help"]
        begun = time.perf_counter()
        done = subprocess.run(words, cwd=tree, capture_output=True, check=False)
        return time.perf_counter() - begun if done.returncode == 0 else None

    return min((taken for _ in range(repeats) if (taken := once()) is not None), default=None)


def unpack(commit: str, folder: Path) -> None:
    """Write the tree of a commit into a folder."""
    archive = ["git", "-C", str(ROOT), "archive", "--format=tar", commit]
    packed = subprocess.run(archive, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as members:
        members.extractall(folder, filter="data")


def measure() -> Finding:
    """The tree of the commit before the redesign, and this one."""
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder)
        unpack(BEFORE, before)
        typed = sorted({*commands(before), *commands(ROOT)})
        seconds = {each: (opening(before, each), opening(ROOT, each)) for each in typed}
        return Finding(
            "the house before and after it was redesigned",
            f"Read off the rooms of commit {BEFORE} and of this one; suites and tests are left "
            "out. An import counts wherever it stands, a circle is one floor. Seconds are of "
            "`python -m COMMAND --help` as a process, the best of three.",
            table=table(survey(before), survey(ROOT), seconds),
        )


def table(
    before: House, now: House, seconds: Mapping[str, tuple[float | None, float | None]]
) -> str:
    """Both, side by side."""
    rows = [
        ("modules", *(str(house.modules) for house in (before, now))),
        ("fullest folder", *("{}: {}".format(*house.fullest) for house in (before, now))),
        *(
            (f"floors of `{room}/`", *(str(house.floors.get(room, "")) for house in (before, now)))
            for room in ROOMS
        ),
        ("circles of imports", *(str(len(house.circles)) for house in (before, now))),
        (f"blocks of {BLOCK} lines twice", *(str(house.repeated) for house in (before, now))),
        ("functions", *(str(house.functions) for house in (before, now))),
        (f"of more than {LONG} lines", *(str(house.long) for house in (before, now))),
        *(
            (f"`python -m {name} --help`", *(f"{each:.2f} s" if each else "" for each in both))
            for name, both in seconds.items()
        ),
    ]
    head = ["| what | before | now |", "|---|---|---|"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])
