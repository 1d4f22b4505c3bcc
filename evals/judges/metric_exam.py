"""Embedded metrics that are not correctness take exams of their own: is what was said made up?

What they are asked to tell apart is known by how it was made. `planted` are true and false answers
from gold sentences of the sample's test contracts (`planted.py`), on which nothing was chosen;
`quotations` are such sentences in quotation marks: whole, one word exchanged, and of another
contract; `own words` are labelled answers of contracts that are held out: right ones, and wrong in
a number, party or negation, with the contract's gold texts as the passages shown; `passages` are
labelled sets of passages that an expected answer can be derived from, and those that it cannot
(`derivable.py`). Of a metric of `--judge` every judge takes the exam.
"""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from evals.judges.derivable import Derivable, read_derivable
from evals.judges.embedded.selfcheck import SelfCheck
from evals.judges.embedded.sentences import claims
from evals.judges.judge import Judge, Panel, Submission
from evals.judges.judge_exam import spread
from evals.judges.pairs import Pair, read_pairs
from evals.judges.planted import FALSE, SHOWN, TRUE, Planted, plant
from evals.metrics.table import METRICS
from evals.results import Score
from fixtures.cases import Case
from fixtures.datasets import load_dataset
from fixtures.retrieval.passages import Passage
from models.chat import Answer

FACTS = 80
"""Facts that are told and made up, spread over the contracts."""

MATERIALS = {
    "claim_support": ("planted", "own words"),
    "grounded_quote": ("quotations",),
    "selfcheck_ngram": ("planted",),
    "selfcheck_embedding": ("planted",),
    "sufficiency": ("passages",),
}
"""The metrics that take such an exam, and in what."""

RIGHT = frozenset({"right", "exact", "paraphrase", "date_or_number_format"})
WRONG = frozenset({
    "wrong_value", "wrong_law", "wrong_party", "contradiction", "wrong_number", "wrong_date",
    "negation_flipped",
})  # fmt: skip
"""Kinds of labelled answers that say what the gold text says, and that say otherwise."""


@dataclass(frozen=True, slots=True)
class Statement:
    """An answer of which it is known whether it was made up.

    Statements of one `fact`, of a contract, are compared with each other. `samples` are what its
    author says other times.
    """

    material: str
    kind: str
    contract: str
    fact: str
    made_up: bool
    case: Case
    answer: Answer
    samples: tuple[str, ...] = ()


@dataclass
class MetricExam:
    """One metric's exam. `take` fills the trials; the reports room draws the conclusions.

    `judge` scores, where no rule does.
    """

    metric: str
    judge: Judge | None
    statements: Sequence[Statement]
    trials: list[tuple[Statement, Score]] = field(default_factory=list)

    @property
    def measures(self) -> dict[str, str]:
        """What its findings are called, by material: of one of several judges with its name."""
        named = self.judge is not None and METRICS[self.metric].by == "judge"
        name = f" ({self.judge.name})" if self.judge and named else ""
        return {material: f"{material}{name}" for material in MATERIALS[self.metric]}

    @property
    def most_calls(self) -> int:
        """Calls that it makes where nothing of it is remembered; none of an embedded judge."""
        asks = getattr(self.judge, "chat", None) is not None
        return getattr(self.judge, "samples", 1) * len(self.statements) if asks else 0

    async def take(self, panel: Panel) -> None:
        """Have every statement scored."""
        scores = await asyncio.gather(*(self._score(panel, each) for each in self.statements))
        self.trials = list(zip(self.statements, scores, strict=True))

    async def _score(self, panel: Panel, each: Statement) -> Score:
        if rule := METRICS[self.metric].rule:
            return rule(each.case, each.answer)
        assert self.judge is not None
        if isinstance(self.judge, SelfCheck):
            return await self.judge.compared(claims(each.answer.text), each.samples, panel.calls)
        return await panel.score(self.judge, Submission(each.case, each.answer))

    async def close(self) -> None:
        """Nothing is held open: the judge closes with the exam's own."""


def metric_exams(metrics: Collection[str], judges: Sequence[Judge]) -> list[MetricExam]:
    """The exams of those of these metrics that take one; `judges` score them."""
    by_metric: dict[str, list[Judge]] = {}
    for judge in judges:
        by_metric.setdefault(judge.metric, []).append(judge)
    examined = [metric for metric in MATERIALS if metric in metrics]
    statements = list(_statements()) if examined else []
    return [
        MetricExam(
            metric, judge, [each for each in statements if each.material in MATERIALS[metric]]
        )
        for metric in examined
        for judge in by_metric.get(metric, [None])
    ]


def _statements() -> Iterator[Statement]:
    data = load_dataset("sample")
    tested = [case for case in data.cases if case.contract.id in data.test_contracts]
    by_fact = groupby(plant(tested), lambda each: (each.case.id, each.text_of_fact))
    for fact, group in spread([(":".join(fact), list(group)) for fact, group in by_fact], FACTS):
        yield from _planted(fact, group)
    yield from _own_words([pair for pair in read_pairs() if pair.held_out and pair.expected])
    yield from _passages([each for each in read_derivable() if each.held_out])


def _passages(labelled: Sequence[Derivable]) -> Iterator[Statement]:
    """Sets of passages for one question, with the answer and without."""
    for each in labelled:
        yield Statement(
            "passages", each.kind, each.contract, each.case.id, not each.derivable, each.case,
            Answer("", passages=each.shown),
        )  # fmt: skip


def _planted(fact: str, group: Sequence[Planted]) -> Iterator[Statement]:
    """One true and one false answer on a fact, the ways taking turns; and its quotations."""
    turn = sum(map(ord, fact))
    true, false = ([each for each in group if each.kind in kinds] for kinds in (TRUE, FALSE))
    for each in (true[turn % len(true)], *([false[turn % len(false)]] if false else ())):
        yield _statement("planted", each.kind, fact, each, each.text)
    whole = group[0].text_of_fact
    other = next((each.text for each in group if each.kind == "elsewhere"), None)
    quotations = {"whole": whole, "altered": _altered(whole, turn), "absent": other}
    for kind, text in quotations.items():
        if text:
            yield _statement("quotations", kind, fact, group[0], f'The contract says: "{text}"')


def _statement(material: str, kind: str, fact: str, each: Planted, text: str) -> Statement:
    made_up = each.made_up if material == "planted" else kind != "whole"
    answer = Answer(text, passages=each.passages)
    return Statement(
        material, kind, each.case.contract.id, fact, made_up, each.case, answer, each.samples
    )


def _altered(sentence: str, turn: int) -> str:
    """The sentence with one of its longer words exchanged for another of them."""
    words = sentence.split()
    long = [place for place, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    places = [p for p in long if words[p].lower() != words[long[0]].lower()]
    if not places:
        return ""
    words[places[turn % len(places)]] = words[long[0]]
    return " ".join(words)


def _own_words(pairs: Sequence[Pair]) -> Iterator[Statement]:
    """Right and wrong labelled answers to the same questions."""
    golds: dict[str, dict[str, None]] = {}
    for pair in pairs:
        golds.setdefault(pair.contract, {}).update(dict.fromkeys(pair.expected))
    right = [pair for pair in pairs if pair.kind in RIGHT and pair.score == 1]
    wrong = [pair for pair in pairs if pair.kind in WRONG and pair.score <= 0.2]
    both = {pair.case.id for pair in right} & {pair.case.id for pair in wrong}
    for pair in (pair for pair in (*right, *wrong) if pair.case.id in both):
        others = [text for text in golds[pair.contract] if text not in pair.expected]
        texts = [*pair.expected, *others][:SHOWN]
        passages = tuple(Passage(f"{n}", 0, len(text), text) for n, text in enumerate(texts))
        yield Statement(
            "own words", pair.kind, pair.contract, pair.case.id,
            pair.kind in WRONG, pair.case,
            Answer(pair.answer, passages=passages),
        )  # fmt: skip
