"""What went wrong with single cases and was nobody's mistake: counted, shown, and not too often."""

from collections import Counter
from collections.abc import Mapping

from bar_exam.reports.report import Check


def fault_notes(faults: Mapping[tuple[str, str], str]) -> list[str]:
    """A line for each model, with the most frequent exception.

    Args:
        faults: see `Run.faults`.
    """
    notes = []
    for model, lines in _by_model(faults).items():
        line, times = Counter(lines).most_common(1)[0]
        whom = f"cases of {model}" if model else "tasks beside the answers"
        often = f" ({times} times)" if times > 1 else ""
        notes.append(f"exceptions in {len(lines)} {whom}, such as {line}{often}")
    return notes


def fault_checks(
    faults: Mapping[tuple[str, str], str], cases: int, attrition: float
) -> list[Check]:
    """An inconclusive check for each model whose cases had too many exceptions.

    `against` is the model; what concerned all of them has none.

    Args:
        faults: see `Run.faults`.
        cases: how many were examined.
        attrition: the share that may be lost.
    """
    return [
        Check(
            "exceptions",
            model,
            "INCONCLUSIVE",
            f"exceptions in {len(lines)} of {cases} cases; {attrition:.1%} may be lost: {lines[0]}",
        )
        for model, lines in _by_model(faults).items()
        if len(lines) > attrition * cases
    ]


def _by_model(faults: Mapping[tuple[str, str], str]) -> dict[str, list[str]]:
    lines: dict[str, list[str]] = {}
    for (model, _), line in faults.items():
        lines.setdefault(model, []).append(line)
    return lines
