"""report.json: the one writer and the one reader, and which report a person means.

The file's first line is a report's `Overview`, the rest follows: JSON has no line ends within its
strings, so the first one ends what can be read without the cases.
"""

import contextlib
import functools
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError

from common.errors import UserError
from common.files import FREE, write_whole
from common.reading import ending
from common.redaction import outward, redacted
from common.settings import nearest
from common.storable import each_text
from reports.report import GateFacts, Header, ModelFacts, Overview, Report, ReportedTurn

SCHEMA = 1
AGAIN = f"{FREE}, and type the same command: every answer is kept in the store"
"""What to do where a file of a report cannot be written."""

OF_CONTRACTS = ("passages", "cases")
"""What stays as it is but for secrets: JSON can carry it, and offsets count its characters."""

_Shape = TypeVar("_Shape")


def write_report(report: Report, path: Path) -> Report:
    """Write report.json, whole or not at all, and give the report as its readers have it.

    Its texts can be stored and shown, and hold no secret.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    written = _outward_members(report)
    first = {"schema": SCHEMA, **{key: written[key] for key in OVERVIEW}}
    rest = {key: value for key, value in written.items() if key not in first}
    text = f"{_dumped(first)[:-1]},\n{_dumped(rest)[1:]}"
    write_whole(path, text, mend=AGAIN, private=True)
    return _read(Report, written)


def as_written(report: Report) -> Report:
    """The report as its readers will have it."""
    return _read(Report, _outward_members(report))


def _outward_members(report: Report) -> dict[str, Any]:
    """The members of report.json; no text of them holds a secret or what a sink refuses.

    Each text is searched once: most are keys and names, the same in every result.
    """
    once = {change: functools.cache(change) for change in (redacted, outward)}
    return {
        key: each_text(value, once[redacted if key in OF_CONTRACTS else outward])
        for key, value in members(report).items()
    }


def retold(report: Report, told: Callable[[str], str]) -> Report:
    """The report with every text of it, keys too, as a function tells it.

    Raises:
        ValueError: told so, it is no report.
    """
    return _read(Report, each_text(members(report), told))


def members(report: Report) -> dict[str, Any]:
    """The report as JSON-able values, laid out as in the file."""
    found: dict[str, Any] = _adapter(Report).dump_python(report, mode="json")
    header = found.pop("header")
    beside = {"gate": _beside(header["gate"]), "models": list(map(_beside, header["models"]))}
    return {"schema": SCHEMA, **header, **beside, **found}


def _beside(facts: dict[str, Any]) -> dict[str, Any]:
    return {**{key: facts[key] for key in facts if key != "further"}, **facts["further"]}


def _gathered(shape: type, facts: Any) -> Any:
    """The opposite: what the shape does not name is `further`."""
    if not isinstance(facts, dict):
        return facts
    known = {each.name for each in fields(shape)} - {"further"}
    further = {key: value for key, value in facts.items() if key not in known}
    return {**{key: facts[key] for key in facts if key in known}, "further": further}


def _read(shape: Callable[..., _Shape], written: Mapping[str, Any]) -> _Shape:
    """A report, or its overview, from the members of report.json.

    Raises:
        ValueError: they are not such members.
    """
    models = written.get("models")
    header = {**written, "gate": _gathered(GateFacts, written.get("gate"))}
    if isinstance(models, list):
        header["models"] = [_gathered(ModelFacts, each) for each in models]
    found: _Shape = _adapter(shape).validate_python({**written, "header": header})
    return found


@functools.cache
def _adapter(shape: type) -> TypeAdapter[Any]:
    """Costs 50 ms to make."""
    return TypeAdapter(shape)


def _members_of(shape: type) -> list[str]:
    names = [each.name for each in fields(shape) if each.name != "header"]
    return [each.name for each in fields(Header)] + names


OVERVIEW = _members_of(Overview)
"""The members of report.json that stand on its first line."""


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def read_report(path: Path) -> Report:
    """Read a report.json.

    Raises:
        UserError: it is missing, or no report of this version.
    """
    report = _from_file(path, Report)
    lost = [
        row
        for row in report.results
        for passages in (row.passages, *(each.passages for each in row.further))
        if not _is_within(row.case, passages, report)
    ]
    if lost:
        raise _no_report(path, f"results: no case {lost[0].case}, or no passage of it")
    if not _is_whole(report):
        raise _no_report(path, "turns: they name what the file does not have")
    return report


def _is_whole(report: Report) -> bool:
    """Whether every turn of every chat is there, and every text that it is made of."""
    literal = [part for turn in report.turns for part in turn.parts if isinstance(part, int)]
    if max(literal, default=-1) >= len(report.texts):
        return False
    needs = [_needs(turn) for turn in report.turns]
    for row in report.results:
        has = {"passage": len(row.passages), "gold": len(report.cases[row.case].expected)}
        for each in row.conversations:
            if not all(0 <= turn < len(needs) for turn in each.turns):
                return False
            if any(needs[turn][of] > has[of] for turn in each.turns for of in has):
                return False
    return True


def _needs(turn: ReportedTurn) -> dict[str, int]:
    """How many passages and gold answers a result has at least that this turn is of."""
    needs = {"passage": 0, "gold": 0}
    for part in turn.parts:
        of, _, number = part.partition(" ") if isinstance(part, str) else ("", "", "")
        if number:
            needs[of] = max(needs[of], int(number) + 1)
    return needs


def _is_within(case: int, passages: Iterable[int], report: Report) -> bool:
    return 0 <= case < len(report.cases) and all(
        0 <= number < len(report.passages) for number in passages
    )


def read_overview(path: Path) -> Overview:
    """Read a report.json as far as its cases.

    Of a report by an earlier release, which is all on one line, the whole file is read.

    Raises:
        UserError: it is missing, or no report of this version.
    """
    return _from_file(path, Overview)


def _from_file(path: Path, shape: Callable[..., _Shape]) -> _Shape:
    try:
        written = _parsed(path, whole=shape is Report)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give a report.json") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON ({error}); run the exam again") from error
    schema = written.get("schema") if isinstance(written, dict) else None
    if schema != SCHEMA:
        raise UserError(f"{path} has schema {schema}, this reads {SCHEMA}; run the exam again")
    try:
        return _read(shape, written)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"] if part != "header")
        raise _no_report(path, f"{where}: {first['msg'].lower()}") from error


def _parsed(path: Path, *, whole: bool) -> Any:
    with ending(path).open("rb") as file:
        first = file.readline()
        if not whole and first.endswith(b",\n"):
            with contextlib.suppress(ValueError):
                written = _values(first[:-2] + b"}")
                if written.keys() >= {*OVERVIEW}:
                    return written
        return _values(first + file.read())


def _values(text: bytes) -> Any:
    return json.loads(text, parse_constant=_no_number, parse_float=_finite)


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _no_report(path: Path, why: str) -> UserError:
    return UserError(f"{path} is no report ({why}); run the exam again")


RUNS = Path("reports/runs")
LATEST = "latest"
RUN_NAME = re.compile(r".+~[0-9]{1,6}")
"""A run by its model: the N-th before the last."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A report on disk; `overview` is None where it cannot be read."""

    path: Path
    overview: Overview | None


def newest_first(runs: Path) -> list[Path]:
    """Every report.json of `runs`; the names of their folders begin with the time."""
    return sorted(runs.glob("*/report.json"), key=lambda path: path.parent.name, reverse=True)


def kept_reports(runs: Path) -> Iterator[Kept]:
    """Every report of `runs`, newest first, without its cases; each is read when it is needed."""
    return (Kept(path, _overview(path)) for path in newest_first(runs))


def _overview(path: Path) -> Overview | None:
    with contextlib.suppress(UserError):
        return read_overview(path)
    return None


def by_model(kept: Iterable[Kept]) -> dict[str, list[Path]]:
    """The reports in which a model took part, newest first; those that cannot be read in none."""
    found: dict[str, list[Path]] = {}
    for each in kept:
        models = each.overview.header.models if each.overview else ()
        for name in dict.fromkeys(model.name for model in models):
            found.setdefault(name, []).append(each.path)
    return found


def run_names(kept: Iterable[Kept]) -> dict[tuple[str, str], str]:
    """What each run is called by, for (run id, model): NAME is the last one, NAME~1 before it."""
    return {
        (path.parent.name, model): f"{model}~{back}" if back else model
        for model, paths in by_model(kept).items()
        for back, path in enumerate(paths)
    }


def named_model(run: str, runs: Path = RUNS) -> str | None:
    """The model of a run that is given as NAME or NAME~N; None where it is given otherwise."""
    model = run.rpartition("~")[0] if RUN_NAME.fullmatch(run) else run
    return None if _given(run, runs) or model not in by_model(kept_reports(runs)) else model


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
        UserError: there is no such run, or a later report cannot be read, which may be the one.
    """
    if found := _given(run, runs):
        return found
    model, _, back = run.rpartition("~") if RUN_NAME.fullmatch(run) else (run, "", "")
    kept = list(kept_reports(runs))
    examined = by_model(kept)
    if model in examined:
        if int(back or 0) < len(examined[model]):
            chosen = examined[model][int(back or 0)]
            for later in itertools.takewhile(lambda each: each.path != chosen, kept):
                if later.overview is None:
                    read_overview(later.path)
            return chosen
        raise UserError(
            f"no run {run}: {runs} holds {len(examined[model])} of {model}, the oldest is "
            f"{model}~{len(examined[model]) - 1}"
        )
    known = [path.parent.name for path in newest_first(runs)]
    hint = f"the newest there is {known[0]}" if known else "type `pytest evals` to make one"
    hint = nearest(model, [*examined, *known], otherwise=hint)
    raise UserError(f"no run {run}: no report.json there, nor under {runs}; {hint}")
