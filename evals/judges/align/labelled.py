"""A team's labelled answers as pairs: rows that stand alone, or are of the cases of a data set."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from common.errors import UserError
from common.rows.columns import Row
from evals.judges.pairs import Pair
from evals.labels import Labelled, label_rows
from fixtures.cases import Case

LEAST, LEAST_CONTRACTS = 30, 5
STEP = 0.2
"""Two readers may be a step of the rubric apart; their mean counts."""

Key = tuple[str, str, tuple[str, ...], str]


def read_labelled(path: Path, cases: Sequence[Case], rubric: str) -> tuple[Pair, ...]:
    """The labelled answers of a file, each once, in its order.

    Args:
        path: of the file: see `evals.labels`. A row has `answer`, and `case_id`, or `contract`,
            `question` and `expected`, which is empty where the contract does not answer.
        cases: of the data set whose case ids the file has; empty where it stands alone.
        rubric: digest of the rules that the team scores by.

    Raises:
        UserError: a row is no labelled answer, goes by other rules, or contradicts one before it.
    """
    by_id = {case.id: case for case in cases}
    found: dict[Key, list[tuple[int, Pair]]] = {}
    mend = "give --rubric FILE, the rules that the scores go by"
    for given, row in label_rows(path, rubric, mend):
        pair = _pair(given, row, by_id, rubric)
        key = (pair.contract, pair.question, pair.expected, " ".join(pair.answer.split()))
        before = found.setdefault(key, [])
        for number, other in before:
            if abs(other.score - pair.score) > STEP + 1e-9:
                raise UserError(
                    f"{given.where}: {pair.score:g} for the answer that row {number} has "
                    f"{other.score:g} for; settle it, and keep one of the rows"
                )
        before.append((given.number, pair))
    return tuple(_mean([pair for _, pair in rows]) for rows in found.values())


def check_enough(path: Path, pairs: Sequence[Pair]) -> None:
    """Refuse what nobody can align by.

    Args:
        path: of the file, for the error.
        pairs: those that the reference judge scored, of questions that the contract answers.

    Raises:
        UserError: too few labels, too few contracts, or one score for everything.
    """
    contracts = len({pair.contract for pair in pairs})
    if len(pairs) < LEAST or contracts < LEAST_CONTRACTS:
        raise UserError(
            f"--labels {path}: {len(pairs)} labels of {contracts} contracts are too few to align "
            f"by; give {LEAST} or more of {LEAST_CONTRACTS} contracts or more, of questions that "
            "the contract answers"
        )
    if len({pair.score for pair in pairs}) == 1:
        raise UserError(
            f"--labels {path}: every label is {pairs[0].score:g}, which tells no good answer from "
            "a bad one; label answers of both kinds"
        )


def _pair(given: Row, row: Labelled, by_id: Mapping[str, Case], rubric: str) -> Pair:
    if not given.has("answer"):
        raise UserError(f"{given.where}: the column `answer` is missing, the text that was scored")
    case = by_id.get(row.case_id)
    if case is not None:
        contract, question, expected = case.contract.id, case.question, case.golds
    elif not (row.contract and row.question):
        raise UserError(
            f"{given.where}: no case {row.case_id[:80]!r} is known; give --dataset NAME, the data "
            "set that has it, or fill in `contract`, `question` and `expected`"
        )
    elif not given.has("expected"):
        raise UserError(
            f"{given.where}: the column `expected` is missing; write the gold text, or a list of "
            "them, and leave it empty where the contract does not answer"
        )
    else:
        contract, question, expected = row.contract, row.question, given.texts("expected")
    return Pair(
        contract=contract,
        category="",
        kind="labelled",
        question=question,
        expected=expected,
        answer=row.answer,
        score=row.score,
        system=row.model,
        origin="model",
        rubric=rubric,
    )


def _mean(pairs: Sequence[Pair]) -> Pair:
    score = sum(pair.score for pair in pairs) / len(pairs)
    return pairs[0].model_copy(update={"score": round(score, 6)})
