"""What the rules say of an answer; a rule that raises says nothing of it."""

from collections.abc import Callable, Sequence
from functools import partial

from evals.isolation import attempted
from evals.metrics.table import score
from evals.results import Score
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from models.chat import Answer


def scored(
    rules: Sequence[str],
    case: Case,
    answer: Answer,
    seen: tuple[Passage, ...],
    note: Callable[[str], None],
) -> dict[str, Score]:
    """Every rule's score by its name; `note` is told of each rule that raised."""

    def failed(name: str, line: str) -> dict[str, Score]:
        note(line)
        return {name: Score(None, line)}

    def one_by_one(line: str) -> dict[str, Score]:
        found: dict[str, Score] = {}
        for name in rules:
            found |= attempted(partial(score, case, answer, (name,), seen), partial(failed, name))
        return found

    return attempted(partial(score, case, answer, rules, seen), one_by_one)
