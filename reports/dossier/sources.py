"""Where a pack's files are found: each as it lies, or as it was when the exam went by it."""

import hashlib
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from common.errors import UserError
from common.reading import ending
from common.redaction import redacted
from common.settings import validated
from models.identity.contents import moving_files
from models.local.entry import LocalEntry
from models.local.weights import base_folder
from models.promotion.admission.evidence import SEAL
from models.promotion.admission.policy import Policy
from models.promotion.ledger.entry import Entry
from models.promotion.record.file import FILE as RECORD_FILE
from models.promotion.record.file import read_lines
from models.promotion.record.line import Record
from models.promotion.refused import RefusedError
from models.promotion.signatures.lines import FOLDER as SIGNED_FOLDER
from models.promotion.signatures.lines import KEYS
from models.registry import left_folder, read_entry
from reports.dossier.earlier import as_it_was
from reports.dossier.layout import (
    CARD,
    GATE,
    MANIFEST,
    MODEL,
    PAGE,
    REPORT,
    REPORT_SEAL,
    SEALED,
    SIGNATURES,
)
from reports.report import Report


def exam_files(path: Path, record: Record) -> dict[str, bytes]:
    """The report, with its seal and its page."""
    wanted = record.report.sha256 if record.report else ""
    data = _read(path, "restore it, or name a copy with --report PATH")
    if hashlib.sha256(data).hexdigest() != wanted:
        raise RefusedError(
            f"{path} is not the report that promotion {record.number} stands on "
            f"({wanted[:12]}): it was edited or purged, or is another; name a copy with --report"
        )
    found = {REPORT: data, REPORT_SEAL: _read(path.with_name(SEAL), "restore it")}
    page = path.with_name(Path(PAGE).name)
    return {**found, PAGE: _read(page, "")} if page.is_file() else found


def gate_files(exam: Report, record: Record) -> dict[str, bytes]:
    """The gate file of the exam, and the files that it names, at the same places beside it."""
    facts = exam.header.gate
    path = Path(facts.file)
    data = as_it_was(path, lambda data: hashlib.sha256(data).hexdigest() == facts.sha256)
    if data is None:
        raise RefusedError(
            f"gate {path} is not what it was at the exam, and no commit holds it so "
            f"({facts.sha256[:12]}); restore it"
        )
    judge = tomllib.loads(data.decode("utf-8-sig")).get("judge", {})
    named = [judge[key] for key in ("rubric", "prompt") if isinstance(judge.get(key), str)]
    beside = {f"gate/{each}": _written(path.parent / each) for each in named}
    return {GATE: _checked(path, data), **beside}


def policy_file(path: Path, record: Record) -> bytes:
    """The policy, as it stood when the promotion was admitted by it.

    Raises:
        UserError: it holds what looks like a secret.
        RefusedError: neither the disk nor the repository's history has it.
    """

    def fits(data: bytes) -> bool:
        with suppress(ValueError, RecursionError, UserError):
            text = data.decode("utf-8-sig")
            said: Policy = validated(str(path), tomllib.loads(text), Policy)
            return said.identity == record.policy
        return False

    data = as_it_was(path, fits)
    if data is None:
        raise RefusedError(
            f"{path} does not say what promotion {record.number} stood on, and no commit does; "
            "restore it"
        )
    return _checked(path, data)


def record_lines(folder: Path, record: Record) -> bytes:
    """The record up to the promotion."""
    lines = _read(folder / RECORD_FILE, "").split(b"\n")[: record.number]
    return b"\n".join(lines) + b"\n"


def signature_files(folder: Path, record: Record) -> dict[str, bytes]:
    """What was signed of these lines, with the signatures, and the keys of those who approved."""
    signers = {line.signed_by for line in read_lines(folder)[: record.number]}
    keys = sorted((folder / SIGNED_FOLDER / KEYS).glob("*.pub"))
    found = sorted((folder / SIGNED_FOLDER).glob("[0-9]*.json*"))
    beside = {f"{SIGNATURES}/{KEYS}/{key.name}": key for key in keys if key.stem in signers}
    return {name: _read(key, "") for name, key in beside.items()} | {
        f"{SIGNATURES}/{path.name}": _read(path, "")
        for path in found
        if path.name.partition(".")[0].isdecimal()
        and int(path.name.partition(".")[0]) <= record.number
    }


def sealed_files(entries: Sequence[Entry], record: Record, runs: Path) -> dict[str, bytes]:
    """The reports of exams on sealed contracts that the promotion stood on."""
    return {
        f"{SEALED}/{run}/{name}": _read(runs / run / name, "restore it")
        for run in sorted(sealed_runs(entries, record))
        for name in ("report.json", SEAL)
    }


def sealed_runs(entries: Sequence[Entry], record: Record) -> dict[str, Entry]:
    """The last exam of what was promoted on each reserve of sealed contracts, by its run."""
    last = {
        each.begun.chosen.sealed: each
        for each in entries
        if each.begun.chosen.sealed
        and each.begun.when <= record.when
        and each.judged(record.identity) is not None
    }
    return {each.begun.run: each for each in last.values()}


def model_files(folder: Path) -> dict[str, bytes]:
    """Card and manifest, as far as there are any."""
    return {
        f"{MODEL}/{name}": _written(folder / name)
        for name in (CARD, MANIFEST)
        if (folder / name).is_file()
    }


def weights_folder(name: str, registry: Path) -> Path | None:
    """What training left of a model; where there was none, its local base."""
    entry = read_entry(name, registry)
    left = left_folder(entry)
    if left or not isinstance(entry, LocalEntry):
        return left
    return base_folder(entry.base, entry.revision)


def weight_files(folder: Path) -> dict[str, Path]:
    """The files of a model's folder that move its answers, and its card and manifest.

    Raises:
        UserError: a folder cannot be read, or an index leads out of it.
    """
    beside = {name: folder / name for name in (CARD, MANIFEST) if (folder / name).is_file()}
    return dict(sorted({**moving_files(folder), **beside}.items()))


def _written(path: Path) -> bytes:
    return _checked(path, _read(path, "restore it"))


def _checked(path: Path, data: bytes) -> bytes:
    """A file that a person wrote, which travels as it is or not at all.

    Raises:
        UserError: it holds what looks like a secret.
    """
    text = data.decode("utf-8", "surrogateescape")
    for number, line in enumerate(text.split("\n"), start=1):
        shown = redacted(line)
        if line != shown:
            raise UserError(
                f"{path}, line {number} holds what looks like a secret, and evidence holds files "
                f"as they are: take it out ({shown.strip()[:80]})"
            )
    return data


def _read(path: Path, mend: str) -> bytes:
    try:
        return ending(path).read_bytes()
    except OSError as error:
        advice = f"; {mend}" if mend else ""
        raise UserError(f"{path} cannot be read: {error.strerror}{advice}") from error
