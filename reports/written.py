"""Reports as they lie on disk, typed as far as comparing them needs: no data set, no models."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtures.errors import UserError
from fixtures.settings import nearest
from reports.page import read_report
from reports.statistics import Estimate

RUNS = Path("reports/runs")
LATEST = "latest"
CHUNK = 1 << 16
RUN_NAME = re.compile(r".+~[0-9]{1,6}")
"""A run by its model: the N-th before the last."""
RIGHT_OR_WRONG: Mapping[str, float] = {"abstention": 1.0, "laziness": 0.0}
"""Metrics that a case passes or misses without a pass mark in the gate file."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A case, by its names and its content's identity."""

    id: str
    slug: str
    identity: str
    contract: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What a model made of a case; a score that could not be computed is None."""

    case: Asked
    answer: str
    error: str | None
    scores: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Examined:
    """A model of the exam; role is candidate, baseline, champion or anchor.

    `identity` is of what moves its answers: two exams of one identity asked the same model.
    """

    name: str
    identity: str
    role: str


@dataclass(frozen=True)
class Exam:
    """One written report. `taken` and `estimates` are by model, then by case id or metric."""

    id: str
    command: str
    fingerprint: Mapping[str, Any]
    retriever: Mapping[str, Any]
    gate: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, str]]
    models: tuple[Examined, ...]
    cases: tuple[Asked, ...]
    taken: Mapping[str, Mapping[str, Taken]]
    estimates: Mapping[str, Mapping[str, Estimate]]

    @property
    def marks(self) -> dict[str, float]:
        """What a case must reach, by metric."""
        return {**self.gate.get("pass_marks", {}), **RIGHT_OR_WRONG}

    @property
    def gating(self) -> list[str]:
        """Metrics that gate."""
        return [
            name
            for name, entry in self.gate.get("metrics", {}).items()
            if entry.get("role") != "report"
        ]

    def lower_is_better(self, metric: str) -> bool:
        """Judges' metrics, which the table does not list, are better when higher."""
        return self.metrics.get(metric, {}).get("direction") == "lower"

    def passes(self, metric: str, score: float) -> bool:
        """Whether the score reaches the metric's mark.

        Raises:
            KeyError: it has none.
        """
        mark = self.marks[metric]
        return score <= mark if self.lower_is_better(metric) else score >= mark


@dataclass(frozen=True, slots=True)
class Matching:
    """Two sets of cases. `same` pairs ids of equal content; the others are slugs.

    A changed case has kept its id and not its content.
    """

    same: tuple[tuple[str, str], ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    def __str__(self) -> str:
        """The counts in words.

        >>> str(Matching((), ("a",), (), ("b", "c")))
        '1 added, 0 removed, 2 changed'
        """
        return (
            f"{len(self.added):,} added, {len(self.removed):,} removed, "
            f"{len(self.changed):,} changed"
        )


def match_cases(then: Sequence[Asked], now: Sequence[Asked]) -> Matching:
    """Match by id and content, then what was only renamed by content, in the order of `now`."""
    before = {case.id: case for case in then}
    kept = {c.id for c in now if c.id in before and before[c.id].identity == c.identity}
    renamed: dict[str, list[str]] = {}
    for case in then:
        if case.id not in kept:
            renamed.setdefault(case.identity, []).append(case.id)
    same: list[tuple[str, str]] = []
    fresh: list[Asked] = []
    for case in now:
        if case.id in kept:
            same.append((case.id, case.id))
        elif renamed.get(case.identity):
            same.append((renamed[case.identity].pop(0), case.id))
        else:
            fresh.append(case)
    gone = {id_ for ids in renamed.values() for id_ in ids}
    ids = {case.id for case in fresh}
    return Matching(
        same=tuple(same),
        added=tuple(case.slug for case in fresh if case.id not in gone),
        removed=tuple(c.slug for c in then if c.id in gone and c.id not in ids),
        changed=tuple(case.slug for case in fresh if case.id in gone),
    )


def answers_key(row: Mapping[str, Any]) -> str:
    """What a model's answers were kept under; early reports held it as its identity."""
    return str(row.get("answers") or row.get("identity", ""))


def exam_from(written: Mapping[str, Any]) -> Exam:
    """The exam that the value of report.json tells of.

    Raises:
        LookupError, TypeError, AttributeError, ValueError: it is no such value.
    """
    cases = tuple(
        Asked(row["id"], row["slug"], row["identity"], row["contract"]) for row in written["cases"]
    )
    taken: dict[str, dict[str, Taken]] = {group["model"]: {} for group in written["summary"]}
    for row in written["results"]:
        case = cases[row["case"]]
        scores = {name: _finite(score) for name, score in row["scores"].items()}
        taken[row["model"]][case.id] = Taken(case, row["answer"], row["error"], scores)
    return Exam(
        id=written["id"],
        command=written["command"],
        fingerprint=dict(written["fingerprint"]),
        retriever=dict(written["retriever"]),
        gate=dict(written["gate"]),
        metrics=dict(written["metrics"]),
        models=tuple(
            Examined(row["name"], answers_key(row), row.get("role", "candidate"))
            for row in written["models"]
        ),
        cases=cases,
        taken=taken,
        estimates={
            group["model"]: {name: Estimate(**each) for name, each in group["estimates"].items()}
            for group in written["summary"]
        },
    )


def _finite(score: float | None) -> float | None:
    if score is not None and not math.isfinite(score):
        raise ValueError(f"a score of {score}")
    return score


def read_exam(path: Path) -> Exam:
    """Read a report.json.

    Raises:
        UserError: it is missing, or no report of this version.
    """
    written = read_report(path)
    try:
        return exam_from(written)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{path} is no report ({error!r}); run the exam again") from error


def by_model(runs: Path) -> dict[str, list[Path]]:
    """The reports in which a model took part, newest first; those that cannot be read in none."""
    found: dict[str, list[Path]] = {}
    for path in newest_first(runs):
        try:
            names = [row["name"] for row in read_head(path)["models"]]
        except (OSError, LookupError, TypeError, ValueError):
            continue
        for name in dict.fromkeys(names):
            found.setdefault(name, []).append(path)
    return found


def run_names(runs: Path) -> dict[tuple[str, str], str]:
    """What each run is called by, for (run id, model): NAME is the last one, NAME~1 before it."""
    return {
        (path.parent.name, model): f"{model}~{back}" if back else model
        for model, paths in by_model(runs).items()
        for back, path in enumerate(paths)
    }


def named_model(run: str, runs: Path = RUNS) -> str | None:
    """The model of a run that is given as NAME or NAME~N; None where it is given otherwise."""
    model = run.rpartition("~")[0] if RUN_NAME.fullmatch(run) else run
    return None if _given(run, runs) or model not in by_model(runs) else model


def _given(run: str, runs: Path) -> Path | None:
    """The report that is named by its place."""
    named = runs.parent / LATEST if run == LATEST else runs / run
    for place in (Path(run), named):
        if place.is_file():
            return place
        if (place / "report.json").is_file():
            return place / "report.json"
    return None


def find_report(run: str, runs: Path = RUNS) -> Path:
    """The report.json of a run: its file, its folder, its id under `runs`, `latest`, or NAME~N.

    Raises:
        UserError: there is no such run.
    """
    if found := _given(run, runs):
        return found
    model, _, back = run.rpartition("~") if RUN_NAME.fullmatch(run) else (run, "", "")
    taken = by_model(runs)
    if model in taken:
        if int(back or 0) < len(taken[model]):
            return taken[model][int(back or 0)]
        raise UserError(
            f"no run {run}: {runs} holds {len(taken[model])} of {model}, the oldest is "
            f"{model}~{len(taken[model]) - 1}"
        )
    known = [path.parent.name for path in newest_first(runs)]
    hint = f"the newest there is {known[0]}" if known else "type `pytest evals` to make one"
    hint = nearest(model, [*taken, *known], otherwise=hint)
    raise UserError(f"no run {run}: no report.json there, nor under {runs}; {hint}")


def newest_first(runs: Path) -> list[Path]:
    """Every report.json of `runs`; the names of their folders begin with the time."""
    return sorted(runs.glob("*/report.json"), key=lambda path: path.parent.name, reverse=True)


def read_head(path: Path, last: str = "fingerprint") -> dict[str, Any]:
    """The values of a report up to that key: the few first kilobytes of what may be many.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no report as `record.write_json` writes it.
    """
    decode = json.JSONDecoder().raw_decode
    found: dict[str, Any] = {}
    text, place = "", 1
    with path.open(encoding="utf-8") as file:
        while last not in found:
            chunk = file.read(CHUNK)
            if not chunk:
                raise ValueError(f"{path} ends before {last}")
            text += chunk
            while last not in found:
                try:
                    key, colon = decode(text, place)
                    value, end = decode(text, colon + 1)
                except ValueError:
                    break
                if end == len(text):  # a number may go on in the next chunk
                    break
                found[key], place = value, end + 1
    return found
