"""What a pack holds: every file that a promotion stands on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.identity import file_digest
from models.factory import open_models
from models.promotion.admission.refusals import check_recorded
from models.promotion.ledger.files import read_ledger
from models.promotion.place import Place
from models.promotion.record.file import read_records
from models.promotion.record.line import Record
from models.promotion.refused import RefusedError
from reports.archive import read_report
from reports.dossier.judges import judges_found
from reports.dossier.layout import (
    BILL,
    CHAIN,
    JUDGES,
    LEDGER,
    POLICY,
    REPORT,
    STATEMENT,
)
from reports.dossier.ledger_extract import extract
from reports.dossier.sbom import sbom
from reports.dossier.sources import (
    exam_files,
    gate_files,
    model_files,
    policy_file,
    record_lines,
    sealed_files,
    signature_files,
    weight_files,
    weights_folder,
)
from reports.dossier.statement import Stated, statement
from reports.report import Report


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes into a pack: the promotion, its files by name, and the folder of its weights."""

    record: Record
    files: Mapping[str, bytes]
    weights: Path | None


def contents(name: str, place: Place, report: Path | None = None) -> Contents:
    """The files of the last promotion of a model.

    Args:
        name: of the model.
        place: where record, registry, reports and ledger lie.
        report: report.json, where it does not lie among the reports.

    Raises:
        UserError: a file is missing or cannot be read, or one that a person wrote holds a secret.
        RefusedError: the model was never promoted, or a file is not what the promotion stood on.
    """
    records = read_records(place.folder)
    record = _promotion(name, records)
    if record.report is None or record.policy is None:
        raise RefusedError(
            f"promotion {record.number} of {name} is of an early release, whose lines name no "
            "policy: there is no evidence of it; the next promotion has it"
        )
    check_recorded(open_models([name], place.registry)[0], record)
    path = report or place.runs / record.report.id / "report.json"
    found = exam_files(path, record)
    entries = read_ledger(place.exams)
    folder = weights_folder(name, place.registry)
    weights = digests(weight_files(folder)) if folder else {}
    exam = read_report(path)
    files = {
        **found,
        **gate_files(exam, record),
        POLICY: policy_file(place.policy, record),
        CHAIN: record_lines(place.folder, record),
        **signature_files(place.folder, record),
        **extract(entries, record),
        **sealed_files(entries, record, place.runs),
        **(model_files(folder) if folder else {}),
        BILL: json.dumps(sbom(), indent=1, sort_keys=True).encode() + b"\n",
        JUDGES: judges_found(exam),
    }
    files[STATEMENT] = statement(stated(record, exam, _sums(files), weights))
    return Contents(record, files, folder)


def stated(
    record: Record, exam: Report, sums: Mapping[str, str], weights: Mapping[str, str]
) -> Stated:
    """What the statement of a pack is made of.

    Args:
        record: the promotion.
        exam: the report.
        sums: SHA-256 by name of the pack's files.
        weights: SHA-256 by name of the files that the model is loaded from.

    Raises:
        ValueError: the report has no verdict on the model.
    """
    verdict = next((each for each in exam.verdicts if each.model == record.model), None)
    if verdict is None:
        raise ValueError(f"it has no verdict on {record.model}")
    folders = ("gate/", f"{LEDGER}/")
    by = {
        name: each
        for name, each in sums.items()
        if name.startswith(folders) and not name.endswith(".sig")
    }
    configuration = {**by, POLICY: sums[POLICY], CHAIN: sums[CHAIN]}
    return Stated(record, verdict, configuration, sums[REPORT], weights)


def _sums(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def _promotion(name: str, records: Sequence[Record]) -> Record:
    for record in reversed(records):
        if record.kind == "promotion" and record.model == name:
            return record
    known = dict.fromkeys(each.model for each in records if each.kind == "promotion")
    raise RefusedError(
        f"{name} was never promoted, and evidence is of a promotion (known are "
        f"{', '.join(known) or 'none'}); type `python -m models.promote {name}`"
    )


def digests(files: Mapping[str, Path]) -> dict[str, str]:
    """SHA-256 of files, by name."""
    return {name: file_digest(path) for name, path in files.items()}
