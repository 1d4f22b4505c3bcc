"""Cases that the same model passes in one run and misses in another."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.identity import digest
from reports.archive import Exam, answers_key, newest_first, read_exam, read_head

CONDITIONS = ("retriever", "prompt", "metrics", "judges")


@dataclass(frozen=True, slots=True)
class Flaky:
    """A case of one model that was missed in `missed` of the `runs` that examined it alike."""

    model: str
    slug: str
    missed: int
    runs: int


@dataclass(frozen=True, slots=True)
class Flakiness:
    """What the reports still on disk tell; `repeated` counts cases with more than one run."""

    cases: tuple[Flaky, ...]
    repeated: int
    unreadable: int


def find_flaky(runs: Path) -> Flakiness:
    """Look for the same model and case, under the same retriever, prompt, metrics and marks.

    Whether a case is missed follows from its scores and the marks, not from the tests that were
    selected; one without any score counts in no run.
    """
    heads = list(_heads(runs))
    repeats = Counter(key for _, keys in heads for key in keys)
    missed: Counter[tuple[str, str]] = Counter()
    taken: Counter[tuple[str, str]] = Counter()
    names: dict[tuple[str, str], tuple[str, str]] = {}
    unreadable = sum(not keys for _, keys in heads)
    for path, keys in heads:
        if not any(repeats[key] > 1 for key in keys):
            continue
        try:
            exam = read_exam(path)
        except UserError:
            unreadable += 1
            continue
        for key, outcome in _outcomes(exam).items():
            taken[key] += 1
            missed[key] += outcome.missed
            names[key] = outcome.model, outcome.slug
    found = [
        Flaky(*names[key], missed[key], count)
        for key, count in taken.items()
        if 0 < missed[key] < count
    ]
    return Flakiness(
        cases=tuple(sorted(found, key=lambda each: (each.model, each.slug))),
        repeated=sum(count > 1 for count in taken.values()),
        unreadable=unreadable,
    )


def _heads(runs: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each report, oldest first, with a key a model; none where it cannot be read."""
    for path in reversed(newest_first(runs)):
        try:
            head = read_head(path)
            models = {answers_key(row) for row in head["models"]}
            yield path, [_key(each, head["fingerprint"], head["gate"]) for each in models]
        except (OSError, LookupError, TypeError, AttributeError, ValueError):
            yield path, []


def _key(identity: str, fingerprint: Mapping[str, Any], gate: Mapping[str, Any]) -> str:
    conditions = [fingerprint[each] for each in CONDITIONS]
    return digest(identity, conditions, gate["pass_marks"])


def _outcomes(exam: Exam) -> dict[tuple[str, str], Flaky]:
    """Each case that has a score with a mark, as one run of it; equal cases are one."""
    found = {}
    for model in exam.models:
        key = _key(model.identity, exam.fingerprint, exam.gate)
        for row in exam.taken.get(model.name, {}).values():
            passed = [
                exam.passes(metric, score)
                for metric in exam.marks
                if (score := row.scores.get(metric)) is not None
            ]
            if passed and row.error is None:
                missed = not all(passed)
                found[key, row.case.identity] = Flaky(model.name, row.case.slug, missed, 1)
    return found
