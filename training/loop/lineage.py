"""What a model comes of, as a graph, read from manifests, ledger, record and journal."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from models.manifest import read_manifest
from models.promotion.ledger.files import ledger_beside, read_ledger
from models.promotion.record.file import read_lines
from models.promotion.record.statement import Statement
from models.registry import adapter_of, is_registered, read_entry
from training.loop.done import table
from training.loop.journal import Round, read_rounds
from training.loop.rounds import Loop

SHORT = 12
"""Digits of a digest that are shown."""


@dataclass(frozen=True, slots=True)
class Node:
    """One thing, what it is, and what it comes of or was said of it."""

    kind: str
    label: str
    of: tuple["Node", ...] = ()

    @property
    def line(self) -> str:
        """As it stands in the tree."""
        return f"{self.kind}: {self.label}"


def lineage(loop: Loop, model: str) -> Node:
    """The graph of a model of the registry.

    Raises:
        UserError: there is no such model, or a manifest, the ledger or the record cannot be read.
        RefusedError: ledger or record was tampered with.
    """
    read_entry(model, loop.policy.registry, "lineage")
    return _adapter(loop, model, read_rounds(loop.state), frozenset())


def _adapter(loop: Loop, model: str, rounds: Sequence[Round], above: frozenset[str]) -> Node:
    folder = adapter_of(model, loop.policy.registry)
    manifest = read_manifest(folder) if folder else None
    facts: Mapping[str, Any] = manifest.model_dump() if manifest else {}
    of = [*_round(rounds, model), *_judged(loop, model)]
    if manifest:
        of += _rows(facts, len(manifest.contracts), rounds, model)
    start, base = table(facts.get("start")).get("name"), table(facts.get("base"))
    if start:
        of.append(_start(loop, str(start), rounds, above | {model}))
    elif base:
        of.append(Node("base", f"{base.get('name')} {_short(base.get('weights'))}"))
    method = f" by {facts['method']}" if facts.get("method") else ""
    if folder and manifest is None:
        method = f", whose manifest is gone from {folder}"
    return Node("adapter" if folder else "model", f"{model}{method}", tuple(of))


def _start(loop: Loop, model: str, rounds: Sequence[Round], above: frozenset[str]) -> Node:
    """The adapter that another one started from, if that can be."""
    if model in above:
        return Node("adapter", f"{model}, which its own manifest makes a start of itself")
    if not is_registered(model, loop.policy.registry):
        return Node("adapter", f"{model}, which is no longer in the registry")
    return _adapter(loop, model, rounds, above)


def _round(rounds: Sequence[Round], model: str) -> Iterator[Node]:
    for each in rounds:
        if model in (each.candidate, f"{each.candidate}-sft"):
            day = datetime.fromtimestamp(each.began, UTC).date()
            outcome = each.outcome or "open"
            yield Node("round", f"{each.number} of {day}, {outcome}: {'; '.join(each.why)}")


def _judged(loop: Loop, model: str) -> Iterator[Node]:
    for entry in read_ledger(ledger_beside(loop.policy.registry)):
        begun = entry.begun
        if model not in {each.name for each in begun.candidates}:
            continue
        said = entry.ended.verdicts if entry.ended else ()
        outcome = next((each.outcome for each in said if each.model == model), "unfinished")
        sealed = ", sealed" if begun.chosen.sealed else ""
        against = ", ".join(each.model for each in begun.opponents) or "nobody"
        label = f"{begun.run} on {begun.dataset.name}{sealed}, against {against}: {outcome}"
        yield Node("exam", label)
    for line in read_lines(loop.policy.models):
        if line.model == model:
            who = line.by if isinstance(line, Statement) else line.who
            label = f"{line.when} by {who}, line {line.number} {_short(line.hash)}"
            yield Node(line.kind, label)


def _rows(
    facts: Mapping[str, Any], contracts: int, rounds: Sequence[Round], model: str
) -> Iterator[Node]:
    data = table(facts.get("data"))
    if not data:
        return
    path = str(table(facts.get("recipe")).get("data", "rows"))
    people = table(data.get("statistics")).get("pairs from human")
    of = [Node("contracts", f"{contracts} of {data.get('dataset')} {_short(data.get('identity'))}")]
    if isinstance(people, int | float) and people:
        of.append(Node("feedback", f"{people:,.0f} pairs from people"))
    for each in rounds:
        if model == each.candidate and each.refused:
            of.append(Node("refused", f"{each.refused:,} rows of feedback about exams' contracts"))
    of += _files(path, rounds)
    yield Node("rows", f"{path} {_short(data.get('rows'))}", tuple(of))


def _files(path: str, rounds: Sequence[Round]) -> Iterator[Node]:
    """What the step that wrote a file of rows was given, as the journal has it."""
    for each in rounds:
        for made in each.steps.values():
            if path in made.leaves:
                for taken, state in made.takes.items():
                    yield Node("made of", f"{taken} {_short(state)}")


def _short(value: Any) -> str:
    return str(value or "")[:SHORT]


def tree(node: Node) -> Iterator[str]:
    """The graph as lines of text.

    >>> list(tree(Node("a", "x", (Node("b", "y", (Node("c", "z"),)), Node("d", "w")))))
    ['a: x', '├─ b: y', '│  └─ c: z', '└─ d: w']
    """
    yield node.line
    for at, child in enumerate(node.of, start=1):
        first, rest = ("└─ ", "   ") if at == len(node.of) else ("├─ ", "│  ")
        for number, line in enumerate(tree(child)):
            yield f"{rest if number else first}{line}"


def mermaid(node: Node) -> Iterator[str]:
    """The graph as Mermaid draws it: an arrow from what something comes of.

    >>> list(mermaid(Node("a", "x", (Node("b", 'y "z"'),))))
    ['flowchart LR', '  n0["a: x"]', '  n1["b: y #quot;z#quot;"]', '  n1 --> n0']
    """
    yield "flowchart LR"
    waiting: list[tuple[Node, int | None]] = [(node, None)]
    number = 0
    while waiting:
        each, above = waiting.pop(0)
        yield f'  n{number}["{_quoted(each.line)}"]'
        if above is not None:
            yield f"  n{number} --> n{above}"
        waiting += [(child, number) for child in each.of]
        number += 1


def _quoted(text: str) -> str:
    """What Mermaid would read as its own signs, as it writes them."""
    return re.sub(r'["#<>\[\]`]', lambda found: _ENTITIES[found[0]], text)


_ENTITIES = {
    '"': "#quot;", "#": "#35;", "<": "#lt;", ">": "#gt;", "[": "#91;", "]": "#93;", "`": "#96;",
}  # fmt: skip
