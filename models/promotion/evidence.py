"""What a promotion needs of the `report.json` that the exam wrote. It crosses by file alone."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from common.errors import UserError
from models.promotion.record import Code, Data, Named, RefusedError, Source

SEAL = "report.sha256"


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Model(_Table):
    name: str
    identity: str

    @property
    def named(self) -> Named:
        return Named(self.name, self.identity)


class ReportedInterval(_Table):
    """A mean, or a difference of means, with its bounds where two contracts or more give them."""

    mean: float
    low: float | None
    high: float | None


class ReportedCheck(_Table):
    """One thing that had to hold; `against` is `floor`, an opponent, or what it is about."""

    model_config = ConfigDict(frozen=True, extra="allow")

    metric: str
    against: str
    outcome: Literal["PASS", "FAIL", "INCONCLUSIVE", "N/A"]
    estimate: dict[str, Any] | None = None

    @property
    def interval(self) -> ReportedInterval | None:
        """Its estimate."""
        return ReportedInterval.model_validate(self.estimate) if self.estimate else None


class ReportedVerdict(_Table):
    """What the exam concluded of one candidate.

    `champion` and `anchor` are whom it was compared with; None without a champion, and an anchor
    of None is the champion.
    """

    model: str
    outcome: Literal["PROMOTE", "PASS", "REJECT", "INCONCLUSIVE"]
    reasons: tuple[str, ...]
    checks: tuple[ReportedCheck, ...]
    champion: _Model | None
    anchor: _Model | None
    improves_anchor: bool


class GateFile(_Table):
    """The gate: its content's identity, the SHA-256 of the file's bytes, and where it lay."""

    identity: str
    sha256: str
    file: Path


class _Metric(_Table):
    direction: Literal["higher", "lower"] = "higher"
    of_retrieval: bool = False


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
    metrics: dict[str, _Metric] = {}
    summary: tuple[_Group, ...]
    verdicts: tuple[ReportedVerdict, ...]


@dataclass(frozen=True, slots=True)
class ExamEvidence:
    """One candidate, as one report has it.

    `estimates` are those of all its cases, by metric; `lower` names the metrics of which less is
    better, `of_retrieval` those that may not apply to a kind of model or exam; `sealed` says
    whether these are the bytes that the exam noted when it ended.
    `selection` says what of the data was asked, how passages were found, who judged, and how many
    candidates shared the exam: whatever a person chose before looking, or after.
    """

    path: Path
    source: Source
    sealed: bool
    identity: str
    verdict: ReportedVerdict
    estimates: dict[str, dict[str, Any]]
    lower: frozenset[str]
    of_retrieval: frozenset[str]
    code: Code
    dataset: Data
    gate: GateFile
    selection: dict[str, Any]


def seal_of(data: bytes) -> str:
    """What an exam notes of its report in `report.sha256`, as `sha256sum -c` reads it."""
    return f"{hashlib.sha256(data).hexdigest()}  report.json\n"


def find_evidence(name: str, identity: str, runs: Path, report: Path | None = None) -> ExamEvidence:
    """The last exam of a model: the newest of `runs` that judged it.

    A run of a part of an exam (`-k`, `--missed`, one suite) is passed over, whatever it says: no
    part can promote, and none takes back what a whole exam showed.

    Args:
        name: of the model.
        identity: what is promoted of it: it may have been examined under another name.
        runs: folder of runs; their names begin with their time.
        report: another report. None of `runs` may be newer, of this model and this data set.

    Raises:
        UserError: a report cannot be read.
        RefusedError: none examined this model, the one that did concluded nothing, or a newer one
            concluded otherwise.
    """
    exam = _read(report, *_load(report), name) if report else _last(name, runs)
    folder = exam.path.resolve().parent
    if folder.parent == runs.resolve() and folder.name != exam.source.id:
        raise RefusedError(
            f"{exam.path} says that it is run {exam.source.id}, in the folder of {folder.name}: it "
            f"was moved or edited; type `{_examine(name)}`"
        )
    for newer in _newest_first(runs):
        if newer.parent.name <= exam.source.id:
            break
        _check_newer(newer, exam, name, identity)
    return exam


def _last(name: str, runs: Path) -> ExamEvidence:
    for path in _newest_first(runs):
        data, written = _load(path)
        if name in _judged(written) and not _is_part(written):
            return _read(path, data, written, name)
    raise RefusedError(
        f"{runs}: {name} was not examined; type `{_examine(name)}` (a part of an exam is none)"
    )


def _newest_first(runs: Path) -> list[Path]:
    """The reports of runs, whose folders' names begin with their time."""
    return sorted(runs.glob("*/report.json"), key=lambda path: path.parent.name, reverse=True)


def _check_newer(newer: Path, exam: ExamEvidence, name: str, identity: str) -> None:
    """Refuse an exam after which the same model was examined on the same data, to another end."""
    written = _load(newer)[1]
    judged = {} if _is_part(written) else _judged(written)
    data = written["dataset"] if judged else {}
    if (data.get("name"), data.get("split")) != (exam.dataset.name, exam.dataset.split):
        return
    if name in judged:
        raise RefusedError(
            f"{exam.path} is not the last exam of {name} on {exam.dataset.name}: {newer} is; "
            f"leave out --report, or type `{_examine(name)}`"
        )
    for other, (known, outcome) in judged.items():
        if known == identity and outcome != "PROMOTE":
            raise RefusedError(
                f"{newer} is newer, and says {outcome} of the same model under the name {other}; "
                f"type `{_examine(name)}`"
            )


def _judged(written: Any) -> dict[str, tuple[str, str]]:
    """Identity and outcome of each model that a report judged, or was to judge, by name."""
    try:
        _ = written["dataset"]["name"]
        outcomes = {row["model"]: row["outcome"] for row in written.get("verdicts", ())}
        return {
            row["name"]: (row["identity"], outcomes.get(row["name"], "nothing"))
            for row in written["models"]
            if row["name"] in outcomes or row.get("role", "candidate") == "candidate"
        }
    except (LookupError, TypeError, AttributeError):
        return {}


def _is_part(written: Any) -> bool:
    """Whether a report says that it holds a part of an exam alone, which concludes nothing."""
    return isinstance(written, dict) and written.get("part") is True


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


def _read(path: Path, data: bytes, written: Any, name: str) -> ExamEvidence:
    if name not in _judged(written):
        raise RefusedError(f"{path}: {name} was not examined; type `{_examine(name)}`")
    try:
        report: _Report = TypeAdapter(_Report).validate_python(written)
        names = [model.name for model in report.models]
        verdicts = {verdict.model: verdict for verdict in report.verdicts}
        if len(verdicts) < len(report.verdicts) or len(set(names)) < len(names):
            raise UserError(f"{path} judges a model twice; type `{_examine(name)}`")
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
    return ExamEvidence(
        path=path,
        source=Source(report.id, hashlib.sha256(data).hexdigest()),
        sealed=_is_sealed(path, data),
        identity=next(model.identity for model in report.models if model.name == name),
        verdict=verdicts[name],
        estimates=estimates[0] if estimates else {},
        lower=frozenset(key for key, each in report.metrics.items() if each.direction == "lower"),
        of_retrieval=frozenset(key for key, each in report.metrics.items() if each.of_retrieval),
        code=report.provenance,
        dataset=report.dataset,
        gate=report.gate,
        selection=_selection(written),
    )


def _is_sealed(path: Path, data: bytes) -> bool:
    try:
        return path.with_name(SEAL).read_text(encoding="utf-8") == seal_of(data)
    except (OSError, UnicodeDecodeError):
        return False


def _selection(written: Any) -> dict[str, Any]:
    """The facts of an exam that somebody chose; a report without them has none."""
    data, fingerprint = written["dataset"], written.get("fingerprint")
    chosen = ("limit", "balanced", "categories", "contracts", "left_out")
    counted = ("examined_cases", "examined_contracts")
    return {
        "data": {key: data[key] for key in (*chosen, *counted) if key in data},
        "retriever": written.get("retriever", {}),
        "judges": fingerprint.get("judges", []) if isinstance(fingerprint, dict) else [],
        "candidates": len(written.get("verdicts", [])),
    }


def _examine(name: str) -> str:
    return f"pytest evals --model {name} --baseline champion"
