"""What the models of an exam are asked: the cases, each repeat, and the variants of cases."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from evals.calls.calls import answer_key
from evals.calls.rankings import Ranked
from evals.exam.faults import Faults
from evals.exam.shown import offered, with_gold
from evals.isolation import attempted
from evals.plan import Plan
from evals.repeats import draws
from evals.variants.variant import Variant
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import Model

Place = tuple[str, str, int]
"""Model, case and repeat, by which a result is found."""


@dataclass(frozen=True, slots=True)
class Request:
    """One model on one case, or on a variant of one, with the passages that it is offered.

    Of a model that draws its answers, `model` draws those of one `repeat`.
    """

    model: Model
    case: Case
    passages: tuple[Passage, ...]
    variant: Variant | None = None
    repeat: int = 0

    @property
    def name(self) -> Place:
        """What its result is found by."""
        return self.model.name, self.case.id, self.repeat

    @property
    def key(self) -> str:
        """What its answer is kept under."""
        return answer_key(self.model, self.case, self.passages)


@dataclass
class Requests:
    """Makes the requests of a plan; what raises meanwhile is noted in `faults`."""

    plan: Plan
    faults: Faults

    @cached_property
    def draws(self) -> dict[str, tuple[Model, ...]]:
        """Every model by its name, once a repeat."""
        return {each.name: draws(each, self.plan.repeats) for each in self.plan.models}

    @property
    def askings(self) -> list[tuple[Model, int]]:
        """Every model, once a repeat, with the number of the repeat."""
        every = [enumerate(self.draws[model.name]) for model in self.plan.models]
        return [(draw, repeat) for numbered in every for repeat, draw in numbered]

    def of(self, model: Model, ranked: Sequence[Ranked], repeat: int = 0) -> list[Request]:
        """What the model is asked: the cases, and once what they are varied to."""
        ranked = [self._given(model, each) for each in ranked]
        asked = [
            Request(model, each.case, offered(model, each.passages), repeat=repeat)
            for each in ranked
        ]
        # Records read no changed passages.
        for each in ranked if not (model.free or repeat) else ():
            asked += [
                Request(model, variant.case, offered(model, variant.passages), variant)
                for variant in self._variants(each)
            ]
        return asked

    def _given(self, model: Model, ranked: Ranked) -> Ranked:
        """What the model is given in place of a ranking, where that is not examined."""
        chunker = self.plan.gold
        if chunker is None:
            return ranked
        mixing = partial(with_gold, model, ranked.case, ranked.passages, chunker)
        note = self.faults.noting(model.name, ranked.case.id)
        passages = attempted(mixing, note)
        return ranked if passages is None else replace(ranked, passages=passages)

    def _variants(self, ranked: Ranked) -> Sequence[Variant]:
        note = self.faults.noting("", ranked.case.id)
        return attempted(partial(self.plan.vary, ranked.case, ranked.passages), note) or ()
