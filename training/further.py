"""More questions about passages that stand in the data already.

A model that sees one question of a passage can learn which questions are answered at all, without
reading. Of several questions about one passage some are answered there and some are not. They cost
little where `bundle_tokens` computes their passage once.
"""

from collections.abc import Sequence

from fixtures.cases import Case
from fixtures.passages import Passage
from training.building import Builder, stands_in, touches
from training.examples import Example, Kind

Asked = tuple[Case, tuple[Passage, ...]]


def further_questions(
    asked: Sequence[Asked], cases: Sequence[Case], builder: Builder, most: int
) -> list[Example]:
    """Other cases of the same contracts, shown the passages that a case was shown.

    Of each set of passages at most `most` questions that it answers, and as many that it does not,
    one at least; chance decides which. A question whose answer an edge cuts off is neither.

    Args:
        asked: cases that are examples already, with what was retrieved for them.
        cases: all that may be asked.
        builder: makes the examples, and has the chance.
        most: of either sort, for one set of passages.
    """
    of_contract: dict[str, list[Case]] = {}
    for case in cases:
        of_contract.setdefault(case.contract.digest, []).append(case)
    taken: dict[tuple[Passage, ...], list[Case]] = {}
    for case, passages in asked:
        taken.setdefault(builder.model.prompt(case, passages)[1], []).append(case)
    rows: list[Example] = []
    for shown, known in taken.items():
        others = [case for case in of_contract[known[0].contract.digest] if case not in known]
        builder.chance.shuffle(others)
        rows += _questions(others, shown, builder, most)
    return rows


def _questions(
    others: Sequence[Case], shown: Sequence[Passage], builder: Builder, most: int
) -> list[Example]:
    answered = [case for case in others if any(stands_in(span, shown) for span in case.spans)]
    silent = [
        case for case in others if not any(touches(s, each) for s in case.spans for each in shown)
    ]
    rows = [builder.answered(case, shown) for case in answered[:most]]
    for case in silent[: max(1, min(most, len(answered)))]:
        kind: Kind = "hard negative" if case.answerable else "unanswerable"
        rows.append(builder.declined(case, shown, kind))
    return [row for row in rows if row is not None]
