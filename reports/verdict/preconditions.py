"""Checks that do not come from scores: is it the whole exam, and without many faults?"""

from collections import Counter
from collections.abc import Mapping, Sequence

from fixtures.retrieval.retrieval import Given
from fixtures.selection import Selection
from reports.report import Check, Exceptions


def partial_check(
    asked: int, selected: int, selection: Selection, passages: Given = "retrieved"
) -> list[Check]:
    """A verdict is of a whole exam: of all cases, as -k or a pick leaves none, and of retrieval."""
    if passages == "gold":
        reason = "--passages gold examines reading alone; leave it out for a verdict"
        return [Check("passages", "minimum", "INCONCLUSIVE", reason)]
    if asked < selected:
        reason = f"{asked} of {selected} cases were examined; leave out -k and run all of evals"
    elif selection.categories or selection.contracts:
        reason = "the cases were picked by --category or --contract; a verdict needs an exam of all"
    else:
        return []
    return [Check("cases", "minimum", "INCONCLUSIVE", reason)]


def count_faults(faults: Mapping[tuple[str, str], str]) -> tuple[Exceptions, ...]:
    """What a report keeps of them: how many cases of each model, and the most frequent.

    Args:
        faults: see `Run.faults`.
    """
    lines: dict[str, list[str]] = {}
    for (model, _), line in faults.items():
        lines.setdefault(model, []).append(line)
    return tuple(
        Exceptions(model, len(every), *Counter(every).most_common(1)[0])
        for model, every in lines.items()
    )


def fault_notes(exceptions: Sequence[Exceptions]) -> list[str]:
    """A line for each model, with the most frequent exception."""
    notes = []
    for each in exceptions:
        whom = f"cases of {each.model}" if each.model else "tasks beside the answers"
        often = f" ({each.times} times)" if each.times > 1 else ""
        notes.append(f"exceptions in {each.cases} {whom}, such as {each.example}{often}")
    return notes


def fault_checks(
    exceptions: Sequence[Exceptions], model: str, cases: int, attrition: float
) -> list[Check]:
    """An inconclusive check where too many cases of a model, or of all, had exceptions.

    Args:
        exceptions: of the exam.
        model: the candidate; what concerned all of them has none.
        cases: how many were examined.
        attrition: the share that may be lost.
    """
    return [
        Check(
            "exceptions",
            each.model,
            "INCONCLUSIVE",
            f"exceptions in {each.cases} of {cases} cases; {attrition:.1%} may be lost: "
            f"{each.example}",
        )
        for each in exceptions
        if each.model in ("", model) and each.cases > attrition * cases
    ]
