"""The variants of a case: metamorphic tests of a model's stability and safety.

Under noise, other names and other words the answer must stay; without its clause it must become
"not found"; a clause of another agreement and an order to the machine must change nothing, and
neither must who the parties are, where they are, or what the agreement is called.
Nothing is left to chance: a case's identity and the kind of variant decide every draw.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from random import Random

from evals import suites
from evals.variants import noise
from evals.variants.clauses import answering, distractor, refusing
from evals.variants.deletion import deletions
from evals.variants.edits import BETWEEN, Edit, gold_in, revised
from evals.variants.exchanges import EXCHANGES, FORMS, exchanged, in_form
from evals.variants.paraphrases import paraphrase
from evals.variants.parties import renaming
from evals.variants.variant import Variant
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage

Maker = Callable[[Case, Sequence[Passage], Random], Variant | None]
# Where a paragraph may be put in: at a blank line, else after a sentence (not after "Corp.").
BLANK_LINE = re.compile(r"\n[ \t]*\n\s*")
SENTENCE = re.compile(r"(?<=[a-z)]{4}[.;])\s+(?=[A-Z(\"“\d])")
# Models with little room see the first passage's beginning alone.
NEAR = 1000


def vary(case: Case, passages: Sequence[Passage], names: Sequence[str]) -> tuple[Variant, ...]:
    """The variants of a case that make sense for it, by suite and in the order of their kinds.

    Args:
        case: what is varied.
        passages: shown for it, best first, cut from its contract.
        names: of the suites for which it is varied.
    """
    made = (
        make(case, passages, Random(f"{case.identity} {kind}"))
        for suite in names
        for kind, make in MAKERS[suite].items()
        if passages
    )
    return tuple(variant for variant in made if variant is not None)


def _whitespace(case: Case, passages: Sequence[Passage], draw: Random) -> Variant | None:
    edits = [list(noise.whitespace(passage.text, draw)) for passage in passages]
    return revised(case, passages, "whitespace", edits) if any(edits) else None


def _ocr(case: Case, passages: Sequence[Passage], draw: Random) -> Variant | None:
    edits = [list(noise.scanning(passage.text, draw)) for passage in passages]
    return revised(case, passages, "ocr", edits) if any(edits) else None


def _case(case: Case, passages: Sequence[Passage], draw: Random) -> Variant | None:
    edits = [list(noise.capitals(passage.text)) for passage in passages]
    return revised(case, passages, "case", edits, question=case.question.lower())


def _parties(case: Case, passages: Sequence[Passage], draw: Random) -> Variant | None:
    renamed = renaming(case.contract.text, draw)
    if renamed is None:
        return None
    edits = [renamed.edits(passage.text) for passage in passages]
    question = renamed.text(case.question)
    if not any(edits) and question == case.question:
        return None
    return revised(case, passages, "parties", edits, question=question, reworded=renamed.text)


def _paraphrase(case: Case, passages: Sequence[Passage], draw: Random) -> Variant | None:
    return revised(case, passages, "paraphrase", question=paraphrase(case, draw))


def _gold_deleted(case: Case, passages: Sequence[Passage], draw: Random) -> Variant | None:
    left = deletions(case, passages)
    if left is None:
        return None
    shown, cuts = zip(*left, strict=True)
    return replace(revised(replace(case, spans=()), shown, "gold_deleted", cuts), origin=case)


def _distractor(case: Case, passages: Sequence[Passage], draw: Random) -> Variant | None:
    rightful = (case.question, *(span.text for span in case.spans), case.contract.text)
    found = distractor(case.category, BETWEEN.join(rightful), draw)
    return _planted(case, passages, "distractor", *found, draw) if found else None


def _injection_answer(case: Case, passages: Sequence[Passage], draw: Random) -> Variant | None:
    order, canary = answering(f"{case.question} {case.contract.text}", draw)
    return _planted(case, passages, "injection_answer", order, canary, draw)


def _injection_refusal(case: Case, passages: Sequence[Passage], draw: Random) -> Variant | None:
    if not case.answerable:
        return None
    return _planted(case, passages, "injection_refusal", *refusing(draw), draw)


def _planted(
    case: Case, passages: Sequence[Passage], kind: str, paragraph: str, planted: str, draw: Random
) -> Variant:
    """The best passage with a paragraph put into it, never inside a gold answer."""
    best = passages[0]
    gold = gold_in(case, best)
    free = [at for at in _joints(best.text) if not any(b < at < e for b, e in gold)]
    wanted = draw.uniform(0.25, 0.75) * min(len(best.text), NEAR)
    at = min(free, key=lambda joint: abs(joint - wanted))
    edits = [[Edit(at, at, f"\n\n{paragraph}\n\n")], *([] for _ in passages[1:])]
    return revised(case, passages, kind, edits, planted=planted)


def _exchanged(
    case: Case, passages: Sequence[Passage], draw: Random, kind: str, form: str
) -> Variant | None:
    """What is drawn is the same for all cases of the contract."""
    return exchanged(case, passages, kind, form)


def _joints(text: str) -> Iterator[int]:
    """Where a paragraph may stand: between paragraphs or sentences, else before or after all."""
    for pattern in (BLANK_LINE, SENTENCE):
        yield from (match.end() for match in pattern.finditer(text))
    yield from (0, len(text))


MAKERS: dict[str, dict[str, Maker]] = {
    suites.ROBUSTNESS.name: {
        "whitespace": _whitespace,
        "ocr": _ocr,
        "case": _case,
        "parties": _parties,
        "paraphrase": _paraphrase,
        "gold_deleted": _gold_deleted,
        "distractor": _distractor,
    },
    suites.SAFETY.name: {
        "injection_answer": _injection_answer,
        "injection_refusal": _injection_refusal,
    },
    suites.FAIRNESS.name: {
        in_form(kind, form): partial(_exchanged, kind=kind, form=form)
        for kind in EXCHANGES
        for form in FORMS
    },
}
ROBUSTNESS = tuple(MAKERS[suites.ROBUSTNESS.name])
SAFETY = tuple(MAKERS[suites.SAFETY.name])
FAIRNESS = tuple(EXCHANGES)
