"""What the shipped gate says of every cheat, beside what plain overlap would conclude.

`python -m bench cheats` puts every trick on three models: the extractive baseline, one that quotes
well, and one that answers in words of its own. Each is examined against its own honest self, and
against the floors.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cheating.honest import MANNERS, retold
from bench.cheating.kind import asked
from bench.cheating.tricks import TRICKS
from bench.cheating.usual import usual_answers
from bench.marked import marked
from bench.results import Finding, Row
from common.errors import UserError
from evals.gate import Gate, read_gate
from evals.language.words import f1, normalise
from evals.metrics.table import score
from evals.results import Result
from fixtures.cases import Case, Dataset
from fixtures.datasets import load_dataset
from fixtures.retrieval.passages import Passage
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from models.chat import Answer
from models.factory import open_models
from models.promotion.champion import read_champion
from models.prompted import NOT_FOUND
from reports.report import Opponent, Verdict
from reports.verdict.bars import Bars
from reports.verdict.decide import decide, gate_checks

MODELS = Path(__file__).parents[1] / "models"
PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"
CONTRACTS = 20
MARGIN = 0.03
"""Of token_f1, in the shipped gate."""
OVERLAP = ("rougeL", "containment")
"""What overlap alone is: the metrics of deepeval's and ragas' tutorials that ask no model."""
RIGHT = 0.8
"""Share of its answers that a good model gets right, and of the silent cases that it declines."""


@dataclass(frozen=True)
class Setting:
    """Cases with what was retrieved for them, and what each honest model answers."""

    name: str
    cases: Sequence[Case]
    passages: Sequence[tuple[Passage, ...]]
    honest: Mapping[str, Sequence[str]]
    train: Sequence[Case]


def setting(
    data: Dataset, cache: Path, contracts: int = CONTRACTS, champion: str | None = None
) -> Setting:
    """The first contracts of a test split, by name; the champion answers where one is named."""
    kept = sorted(data.test_contracts)[:contracts]
    cases = [case for case in data.cases if case.contract.id in kept]
    train = [case for case in data.cases if case.contract.id not in data.test_contracts]
    passages = Retriever(RetrieverOptions("bm25", 5), data.name, cache).retrieve(cases)
    extracted = asyncio.run(_answers("extractive", cases, passages))
    service = asyncio.run(_answers(champion, cases, passages)) if champion else None
    draw = random.Random(7)
    right = [draw.random() < RIGHT for _ in cases]
    honest = {
        "extractive": extracted,
        "good": [
            _quoted(case, wrong) if ok else wrong
            for case, ok, wrong in zip(cases, right, extracted, strict=True)
        ],
        "free": [
            (retold(case) if case.answerable else NOT_FOUND) if ok else wrong
            for case, ok, wrong in zip(cases, right, extracted, strict=True)
        ],
    }
    if champion and service:
        honest = {champion: service, **honest}
    return Setting(data.name, cases, passages, honest, train)


async def _answers(
    name: str, cases: Sequence[Case], passages: Sequence[tuple[Passage, ...]]
) -> list[str]:
    (model,) = open_models([name])
    await model.preflight()
    pairs = zip(cases, passages, strict=True)
    said = await asyncio.gather(*(model.answer(case, shown) for case, shown in pairs))
    await model.close()
    return [answer.text for answer in said]


def _quoted(case: Case, otherwise: str) -> str:
    """The gold clause as a careful model quotes it: in one line."""
    return " ".join(case.golds[0].split()) if case.answerable else NOT_FOUND


def examined(
    name: str, texts: Sequence[str], world: Setting, metrics: Sequence[str]
) -> list[Result]:
    """Every answer, scored as an exam scores it."""
    return [
        Result(name, case, answer, score(case, answer, metrics), asked=False)
        for case, shown, text in zip(world.cases, world.passages, texts, strict=True)
        if (answer := Answer(text, passages=shown))
    ]


@dataclass(frozen=True)
class Tried:
    """One trick upon one honest model: verdicts of the gate, and means."""

    trick: str
    of: str
    floors: Verdict
    against: Verdict
    means: Mapping[str, float]
    honest: Mapping[str, float]

    @property
    def promoted(self) -> bool:
        """Whether the gate lets it take the place of the honest model."""
        return self.against.outcome == "PROMOTE"

    @property
    def by_token_f1(self) -> bool:
        """Whether token F1 alone would: a loss within its margin."""
        return self.means["token_f1"] >= self.honest["token_f1"] - MARGIN

    @property
    def by_overlap(self) -> bool:
        """Whether a metric of plain overlap prefers it to the honest model."""
        return any(self.means[name] > self.honest[name] for name in OVERLAP)

    @property
    def passes_floors(self) -> bool:
        """Whether the gate's floors alone let it pass."""
        return self.floors.outcome == "PROMOTE"


def trials(world: Setting, gate: Gate, of: Sequence[str]) -> list[Tried]:
    """Every trick upon the honest models of these names."""
    usual = usual_answers(world.train)
    metrics = [*dict.fromkeys((*gate.gating, *OVERLAP))]
    found = []
    for base in of:
        said = world.honest[base]
        honest = examined("honest", said, world, metrics)
        for name, trick in TRICKS.items():
            rows = zip(world.cases, world.passages, said, strict=True)
            texts = [trick(asked(case, shown, each, usual)) for case, shown, each in rows]
            results = examined(name, texts, world, metrics)
            both = {name: results, "honest": honest}
            opponent = Opponent("champion", "honest", "")
            found.append(
                Tried(
                    name,
                    base,
                    decide(name, gate_checks(gate, name, both, (), Bars())),
                    decide(name, gate_checks(gate, name, both, (opponent,), Bars()), opponent),
                    means(results, metrics),
                    means(honest, metrics),
                )
            )
    return found


def means(results: Sequence[Result], metrics: Sequence[str]) -> dict[str, float]:
    """The mean of each metric over the cases that have one."""
    values = {
        name: [v for r in results if name in r.scores and (v := r.scores[name].value) is not None]
        for name in metrics
    }
    return {name: sum(each) / len(each) for name, each in values.items() if each}


def measure(folder: Path, cuad: Path | None) -> Finding:
    """Every cheat on the sample, and on CUAD's test contracts where they are there."""
    gate = read_gate()
    service = read_champion(MODELS)
    worlds = [setting(load_dataset("sample"), folder, champion=service.model if service else None)]
    try:
        worlds.append(setting(load_dataset("cuad", cuad), folder))
    except UserError as error:
        print(f"cheats on CUAD are skipped: {error}", flush=True)
    parts, found = [], []
    for world in worlds:
        tried = trials(world, gate, list(world.honest))
        contracts = len({case.contract.id for case in world.cases})
        parts += [table(world.name, contracts, base, tried) for base in world.honest]
        found += tried
    promoted = [each for each in found if each.promoted]
    short = [*_counted(found).splitlines(), "", *manners(worlds[0].cases).splitlines()]
    PAGE.write_text(marked(PAGE, "cheats", short), encoding="utf-8")
    return Finding(
        "what every trick gains",
        "`python -m bench cheats`: each trick of `bench/cheating/tricks.py` upon honest models, "
        "examined by the shipped gate's metrics, against its floors and against the honest model "
        "(BM25, 5 passages). *good* quotes the gold clause in 8 of 10 cases and is the extractive "
        "model in the others; *free* says the same in words of its own. Token F1 alone would "
        "promote what loses no more than its margin; plain overlap, what ROUGE-L or containment "
        "of the answered questions prefers to the honest model.",
        table="\n\n".join([_counted(found), manners(worlds[0].cases), *parts]),
        rows=[Row("promoted over the honest model", str(len(promoted)), "0", not promoted)],
    )


def manners(cases: Sequence[Case]) -> str:
    """What honest answers earn, in ten manners, beside what SQuAD's script gives them."""
    shown = ("token_f1", "laziness", "verbosity", "fabrication")
    lines = [f"| honest answers | SQuAD's F1 | {' | '.join(shown)} |", "|---" * 6 + "|"]
    answered = [case for case in cases if case.answerable]
    for name, manner in MANNERS.items():
        texts = [manner(case) for case in answered]
        plain = sum(squad_f1(case, said) for case, said in zip(answered, texts, strict=True))
        world = Setting("", answered, [()] * len(answered), {}, ())
        found = means(examined(name, texts, world, shown), shown)
        lines.append(f"| {name} | {plain / len(answered):.3f} | {_numbers(found, shown)} |")
    return "\n".join(lines)


def squad_f1(case: Case, said: str) -> float:
    """F1 as SQuAD's script has it, whatever the answer declines or orders."""
    words = normalise(said).split()
    return max(f1(words, normalise(gold).split()) for gold in case.golds)


def _counted(found: Sequence[Tried]) -> str:
    head = "of | tricks | promoted by the gate | pass the floors | by token F1 alone | by overlap"
    lines = [f"| {head} |", "|---|---|---|---|---|---|"]
    for base in dict.fromkeys(each.of for each in found):
        mine = [each for each in found if each.of == base]
        counts = (
            len(mine), sum(e.promoted for e in mine), sum(e.passes_floors for e in mine),
            sum(e.by_token_f1 for e in mine), sum(e.by_overlap for e in mine),
        )  # fmt: skip
        lines.append(f"| {base} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)


def table(name: str, contracts: int, base: str, tried: Sequence[Tried]) -> str:
    """One table: a line a trick upon one honest model."""
    mine = [each for each in tried if each.of == base]
    shown = ("token_f1", "abstention", "laziness", "verbosity", "fabrication", *OVERLAP)
    head = (
        f"| {name}, {contracts} contracts: of {base} | floors | against it | {' | '.join(shown)} |"
    )
    lines = [head, "|---" * (len(shown) + 3) + "|"]
    lines.append(f"| *as it is* | | | {_numbers(mine[0].honest, shown)} |")
    for each in mine:
        verdicts = f"{WORDS[each.floors.outcome]} | {each.against.outcome}"
        lines.append(f"| {each.trick} | {verdicts} | {_numbers(each.means, shown)} |")
    return "\n".join(lines)


WORDS = {"PROMOTE": "PASS", "REJECT": "FAIL", "INCONCLUSIVE": "INCONCLUSIVE", "PASS": "PASS"}


def _numbers(means: Mapping[str, float], shown: Sequence[str]) -> str:
    return " | ".join(f"{means[name]:.3f}" if name in means else "" for name in shown)
