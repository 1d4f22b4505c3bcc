"""Seeds: answered questions of the train split, each with the part of its contract around it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import UserError
from fixtures.cases import Case, Contract, Dataset, Span
from fixtures.retrieval.passages import Passage
from training.data.material import training_material

AROUND = 500
"""Characters of the contract shown before and after a gold answer."""


@dataclass(frozen=True, slots=True)
class Seed:
    """A gold answer to start from; `context` is a passage of the contract that holds it."""

    case: Case
    span: Span
    context: Passage

    @property
    def start(self) -> int:
        """Offset of the gold answer in the contract."""
        assert self.span.start is not None
        return self.span.start


def draw_seeds(dataset: Dataset, seed: int) -> tuple[Seed, ...]:
    """Every gold answer of the contracts that may be trained on, in an order that `seed` draws.

    The order goes round the categories, and comes to the second gold answer of a case when every
    case had its first, so that the first few are as mixed as all.

    Raises:
        UserError: the data set has no train split, or nothing in it is answered.
    """
    cases = training_material([dataset]).cases
    chance = random.Random(seed)
    rounds: dict[tuple[int, str], list[tuple[Case, Span]]] = {}
    for case in cases:
        spans = [span for span in case.spans if span.start is not None and span.text.strip()]
        chance.shuffle(spans)
        for turn, span in enumerate(spans):
            rounds.setdefault((turn, case.category), []).append((case, span))
    for drawn in rounds.values():
        chance.shuffle(drawn)
    places = [
        (turn, place, category, case, span)
        for (turn, category), drawn in rounds.items()
        for place, (case, span) in enumerate(drawn)
    ]
    if not places:
        raise UserError(
            f"--dataset {dataset.name}: no question of its train split has an answer to start "
            "from; give a data set with answers"
        )
    places.sort(key=lambda each: each[:3])
    return tuple(Seed(case, span, context_of(case.contract, span)) for *_, case, span in places)


def context_of(contract: Contract, span: Span, around: int = AROUND) -> Passage:
    """The span with up to `around` characters on both sides, cut between words."""
    assert span.start is not None
    begin, end = max(0, span.start - around), min(len(contract.text), _end(span) + around)
    while 0 < begin < span.start and not contract.text[begin - 1].isspace():
        begin += 1
    while _end(span) < end < len(contract.text) and not contract.text[end].isspace():
        end -= 1
    return Passage(contract.id, begin, end, contract.text[begin:end])


def _end(span: Span) -> int:
    return (span.start or 0) + len(span.text)


def used_cases(seeds: Sequence[Seed]) -> tuple[Case, ...]:
    """The cases of the seeds, each once, by identity."""
    cases = {seed.case.identity: seed.case for seed in seeds}
    return tuple(cases[identity] for identity in sorted(cases))
