"""What of a pack follows from its other files: statement, card, manifest, judges, software."""

import re
from collections.abc import Mapping
from pathlib import Path

from common.identity import file_digest
from common.reading import parse_json
from models.identity.contents import adapter_digest, weights_digest
from models.promotion.record.line import Record
from reports.dossier.contents import digests, stated
from reports.dossier.judges import judges_found
from reports.dossier.layout import (
    BILL,
    CARD,
    CHAIN,
    JUDGES,
    LEDGER,
    MANIFEST,
    MODEL,
    PAGE,
    POLICY,
    REPORT,
    REPORT_SEAL,
    SEALED,
    SIGNATURES,
    STATEMENT,
    STATEMENT_SIGNED,
    SUMS,
    SUMS_SIGNED,
)
from reports.dossier.pack import Pack
from reports.dossier.sbom import listed_versions, other_versions
from reports.dossier.statement import statement, weights_of
from reports.report import Report

KNOWN = re.compile(
    "|".join(
        (
            *map(re.escape, (SUMS, SUMS_SIGNED, STATEMENT, STATEMENT_SIGNED, BILL, POLICY, CHAIN)),
            *map(re.escape, (REPORT, REPORT_SEAL, PAGE, JUDGES)),
            *(re.escape(f"{MODEL}/{name}") for name in (CARD, MANIFEST)),
            rf"{SEALED}/[^/]+/report\.(json|sha256)",
            rf"{SIGNATURES}/([0-9]+\.json(\.sig)?|keys/[0-9a-f]+\.pub)",
            rf"{LEDGER}/[^/]+\.json(\.sig)?",
            r"gate/.+",
        )
    )
)
"""Files that checks read; what else lies in `gate/` is in the statement."""


def check_known(pack: Pack) -> None:
    """Refuse a file that no pack holds: it would travel as if somebody had looked at it.

    Raises:
        RefusedError: there is one.
    """
    for name in pack.names:
        if not KNOWN.fullmatch(name):
            raise pack.wrong(f"{name} is no file of a pack")


def check_statement(pack: Pack, record: Record, report: Report) -> Mapping[str, str]:
    """The weights that the statement is about, by name, once it says what the other files say.

    Raises:
        UserError: it is no JSON.
        ValueError: it names nothing.
        RefusedError: it says otherwise.
    """
    data = pack.read(STATEMENT)
    weights = weights_of(STATEMENT, data)
    sums = digests({name: pack.folder / name for name in pack.names})
    if statement(stated(record, report, sums, weights)) != data:
        raise pack.wrong(f"{STATEMENT} does not say what the other files say")
    return weights


def check_model(pack: Pack, record: Record, weights: Mapping[str, str]) -> list[str]:
    """The names of card and manifest, which must be those that were examined.

    Raises:
        RefusedError: one is missing or another.
    """
    for name in (CARD, MANIFEST):
        place = f"{MODEL}/{name}"
        found = pack.digest(place) if place in pack.names else None
        if found != weights.get(name):
            raise pack.wrong(f"{place} is not the one that {STATEMENT} names")
    if weights and record.manifest != weights.get(MANIFEST):
        raise pack.wrong(f"{MODEL}/{MANIFEST} is not the one of {CHAIN}, line {record.number}")
    return [name for name in (CARD, MANIFEST) if name in weights]


def check_judges(pack: Pack, report: Report) -> None:
    """Refuse findings of judges' exams that are not the report's.

    Raises:
        RefusedError: they are not.
    """
    if pack.read(JUDGES) != judges_found(report):
        raise pack.wrong(f"{JUDGES} is not what the report says of the judges' exams")


def check_bill(pack: Pack, report: Report) -> tuple[int, list[str]]:
    """How many components the bill lists, and which the exam noted in another version.

    Raises:
        UserError: it is no JSON.
        RefusedError: it is no bill of materials.
    """
    bill = parse_json(BILL, pack.read(BILL).decode("utf-8", "replace"))
    packages = report.header.provenance.get("packages")
    try:
        number = len(listed_versions(bill))
        return number, other_versions(bill, packages if isinstance(packages, dict) else {})
    except ValueError as error:
        raise pack.wrong(f"{BILL}: {error}") from error


def check_weights(pack: Pack, folder_files: Mapping[str, Path], weights: Mapping[str, str]) -> None:
    """Hold a folder's files against the statement.

    Args:
        pack: that is checked.
        folder_files: paths by name, of what moves answers there.
        weights: SHA-256 by name, as the statement has them.

    Raises:
        RefusedError: a file is missing, another, or of which the statement does not know.
    """
    for name in sorted(weights.keys() | folder_files.keys()):
        path = folder_files.get(name)
        if path is None:
            raise pack.wrong(f"the folder has no {name}, which {STATEMENT} names")
        if file_digest(path) != weights.get(name):
            raise pack.wrong(f"{path} is not what {STATEMENT} names")


def check_parts(pack: Pack, record: Record, folder: Path) -> None:
    """Hold a folder against the digests of the record, which stood before there was a statement.

    Raises:
        UserError: a file cannot be read.
        RefusedError: it is not what was promoted.
    """
    parts = record.parts
    of_adapter = parts.adapter is not None
    wanted = parts.adapter if of_adapter else parts.base
    found = adapter_digest(folder) if of_adapter else weights_digest(folder)
    if found != wanted:
        raise pack.wrong(f"{folder} is not what {CHAIN}, line {record.number} promoted")
