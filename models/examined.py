"""What a promotion needs of the `report.json` that the exam wrote. It crosses by file alone."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from fixtures.errors import UserError
from models.record import Code, Data, Named, RefusedError, Source


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Model(_Table):
    name: str
    identity: str

    @property
    def named(self) -> Named:
        return Named(self.name, self.identity)


class Verdict(_Table):
    """What the exam concluded of one candidate.

    `champion` and `anchor` are whom it was compared with; None without a champion, and an anchor
    of None is the champion.
    """

    model: str
    outcome: Literal["PROMOTE", "REJECT", "INCONCLUSIVE"]
    reasons: tuple[str, ...]
    checks: tuple[dict[str, Any], ...]
    champion: _Model | None
    anchor: _Model | None
    improves_anchor: bool


class GateFile(_Table):
    """The gate: its content's identity, the SHA-256 of the file's bytes, and where it lay."""

    identity: str
    sha256: str
    file: Path


class _Group(_Table):
    model: str
    name: str
    cases: int
    estimates: dict[str, dict[str, Any]]


class _Report(_Table):
    id: str
    provenance: Code
    dataset: Data
    models: tuple[_Model, ...]
    gate: GateFile
    summary: tuple[_Group, ...]
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Examined:
    """One candidate, as one report has it; `estimates` are those of all its cases, by metric.

    `selection` says what of the data was asked, how passages were found, who judged, and how many
    candidates shared the exam: whatever a person chose before looking, or after.
    """

    path: Path
    source: Source
    identity: str
    verdict: Verdict
    estimates: dict[str, dict[str, Any]]
    code: Code
    dataset: Data
    gate: GateFile
    selection: dict[str, Any]


def find_examined(name: str, runs: Path, report: Path | None = None) -> Examined:
    """The last exam of a model: `report`, else the latest, else the newest of `runs` that has it.

    Raises:
        UserError: a report cannot be read.
        RefusedError: none examined this model, or the one that did concluded nothing.
    """
    for path in [report] if report else _reports(runs):
        data, written = _load(path)
        if name in _examined_names(written):
            return _read(path, data, written, name)
    where = report or runs
    raise RefusedError(f"{where}: {name} was not examined; type `{_examine(name)}`")


def _reports(runs: Path) -> list[Path]:
    """`latest` beside the runs, then the runs, whose names begin with their time, newest first."""
    latest = runs.parent / "latest" / "report.json"
    newest = sorted(runs.glob("*/report.json"), key=lambda path: path.parent.name, reverse=True)
    return [latest, *newest] if latest.is_file() else newest


def _load(path: Path) -> tuple[bytes, Any]:
    try:
        data = path.read_bytes()
        return data, json.loads(data, parse_constant=_no_number)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; name a report.json") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no report ({error}); run the exam again") from error


def _no_number(value: str) -> NoReturn:
    raise ValueError(f"{value} is no number")


def _examined_names(written: Any) -> set[str]:
    try:
        return {model["name"] for model in written["models"]}
    except (LookupError, TypeError):
        return set()


def _read(path: Path, data: bytes, written: Any, name: str) -> Examined:
    try:
        report: _Report = TypeAdapter(_Report).validate_python(written)
        verdicts = {verdict.model: verdict for verdict in report.verdicts}
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{path} is not a report to promote from ({where}: {first['msg'].lower()}); "
            f"type `{_examine(name)}`"
        ) from error
    if name not in verdicts:
        raise RefusedError(
            f"{path} has {name}, but no verdict on it (it was the baseline, or the exam was "
            f"interrupted); type `{_examine(name)}`"
        )
    estimates = [g.estimates for g in report.summary if (g.model, g.name) == (name, "all")]
    return Examined(
        path=path,
        source=Source(report.id, hashlib.sha256(data).hexdigest()),
        identity=next(model.identity for model in report.models if model.name == name),
        verdict=verdicts[name],
        estimates=estimates[0] if estimates else {},
        code=report.provenance,
        dataset=report.dataset,
        gate=report.gate,
        selection=_selection(written),
    )


def _selection(written: Any) -> dict[str, Any]:
    """The facts of an exam that somebody chose; a report without them has none."""
    data, fingerprint = written.get("dataset", {}), written.get("fingerprint", {})
    chosen = ("limit", "balanced", "categories", "contracts", "left_out")
    counted = ("examined_cases", "examined_contracts")
    return {
        "data": {key: data[key] for key in (*chosen, *counted) if key in data},
        "retriever": written.get("retriever", {}),
        "judges": fingerprint.get("judges", []),
        "candidates": len(written.get("verdicts", [])),
    }


def _examine(name: str) -> str:
    return f"pytest evals --model {name} --baseline champion"
