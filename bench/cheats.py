"""What the shipped gate says of every cheat, beside what plain overlap would conclude.

`python -m bench cheats` puts every trick on three models: the extractive baseline, one that quotes
well, and one that answers in words of its own. Each is examined against its own honest self, and
against the floors alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.cheating.honest import MANNERS
from bench.cheating.trials import (
    AS_IT_IS,
    OVERLAP,
    Setting,
    Tried,
    examined,
    means,
    setting,
    trials,
    without_critical,
)
from bench.marked import marked
from bench.results import Finding, Row
from evals.gate import read_gate
from evals.language.words import f1, normalise
from fixtures.cases import Case
from fixtures.datasets import load_dataset

PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"
CONTRACTS = 30
"""Of CUAD's test split, by name: enough for the gate to promote the honest model over itself."""
DECISIONS = ("PROMOTE", "REJECT", "INCONCLUSIVE")
GUARDS = ("token_f1", "laziness", "verbosity", "fabrication")
SHOWN = ("token_f1", "abstention", *GUARDS[1:], *OVERLAP)


def measure(folder: Path, cuad: Path | None) -> Finding:
    """Every cheat, on test contracts of CUAD: the sample has too few to promote anybody.

    Raises:
        UserError: CUAD is not there.
    """
    world = setting(load_dataset("cuad", cuad), folder, CONTRACTS)
    tried = trials(world, without_critical(read_gate()), list(world.honest))
    found = [(world, base, [one for one in tried if one.of == base]) for base in world.honest]
    promoted = [one for one in tried if one.against == "PROMOTE" and one.trick != AS_IT_IS]
    short = [*counts(found), "", *named(found), "", *manners(world.cases)]
    PAGE.write_text(marked(PAGE, "cheats", short), encoding="utf-8")
    return Finding(
        "what every trick gains",
        "`python -m bench cheats`: each trick of `bench/cheating/tricks.py` upon honest models, "
        "examined by the shipped gate's metrics, against its floors and against the honest model "
        "(BM25, 5 passages), without critical categories, which so few contracts leave "
        "inconclusive whoever is examined. *good* quotes the gold clause in 8 of 10 cases and is "
        "the extractive model in the others; *free* says the same in words of its own. Metrics: "
        "means. Counts stand in `docs/statistics.md`.",
        table="\n\n".join("\n".join(table(*one)) for one in found),
        rows=[Row("promoted over the honest model", str(len(promoted)), "0", not promoted)],
    )


Counted = Sequence[tuple[Setting, str, Sequence[Tried]]]


def counts(found: Counted) -> Iterator[str]:
    """How many tricks upon each honest model come through, by rule; and it itself, as it is."""
    heads = [f"over it: {name}" for name in DECISIONS]
    heads += [f"over the floors alone: {name}" for name in DECISIONS]
    heads += ["token F1 alone promotes", "plain overlap prefers"]
    yield f"| tricks upon | it itself | tricks | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 3) + "|"
    for world, base, (itself, *tried) in found:
        numbers = [sum(each.against == name for each in tried) for name in DECISIONS]
        numbers += [sum(each.floors == name for each in tried) for name in DECISIONS]
        numbers += [sum(each.by_token_f1 for each in tried), sum(e.by_overlap for e in tried)]
        cells = [_where(world, base), itself.against, len(tried), *numbers]
        yield f"| {' | '.join(map(str, cells))} |"


def _where(world: Setting, base: str) -> str:
    contracts = len({case.contract.id for case in world.cases})
    return f"{base}, {world.name}, {contracts} contracts"


def named(found: Counted) -> Iterator[str]:
    """Which tricks come through, or are not refused."""
    rules: Mapping[str, Callable[[Tried], bool]] = {
        "promoted over the honest model": lambda each: each.against == "PROMOTE",
        "inconclusive against it": lambda each: each.against == "INCONCLUSIVE",
        "above the floors, where there is no champion": lambda each: each.floors == "PROMOTE",
    }
    for said, rule in rules.items():
        for world, base, (_, *tried) in found:
            if names := [f"`{each.trick}`" for each in tried if rule(each)]:
                yield f"- {said} ({base}, {world.name}): {', '.join(names)}"


def manners(cases: Sequence[Case]) -> Iterator[str]:
    """What honest answers earn, in ten manners, beside what SQuAD's script gives them."""
    yield f"| honest answers | SQuAD's F1 | {' | '.join(GUARDS)} |"
    yield "|---" * (len(GUARDS) + 2) + "|"
    answered = [case for case in cases if case.answerable]
    world = Setting("", answered, [()] * len(answered), {}, ())
    for name, manner in MANNERS.items():
        texts = [manner(case) for case in answered]
        plain = sum(squad_f1(case, said) for case, said in zip(answered, texts, strict=True))
        found = means(examined(name, texts, world, GUARDS, {}))
        yield f"| {name} | {plain / len(answered):.3f} | {_numbers(found, GUARDS)} |"


def squad_f1(case: Case, said: str) -> float:
    """F1 as SQuAD's script has it, whatever the answer declines or orders."""
    words = normalise(said).split()
    return max(f1(words, normalise(gold).split()) for gold in case.golds)


def table(world: Setting, base: str, tried: Sequence[Tried]) -> Iterator[str]:
    """A line a trick upon one honest model, with what fails against it."""
    yield f"| upon {_where(world, base)} | floors | against it | fails | {' | '.join(SHOWN)} |"
    yield "|---" * (len(SHOWN) + 4) + "|"
    for each in tried:
        verdicts = f"{each.floors} | {each.against} | {', '.join(sorted(each.failed))}"
        yield f"| {each.trick} | {verdicts} | {_numbers(each.means, SHOWN)} |"


def _numbers(means: Mapping[str, float], shown: Sequence[str]) -> str:
    return " | ".join(f"{means[name]:.3f}" if name in means else "" for name in shown)
