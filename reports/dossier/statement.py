"""What an exam found, as tools of software supply chains read it: an in-toto test result.

In-toto Statement v1 with the predicate test-result v0.1 (github.com/in-toto/attestation,
spec/predicates/test-result.md). Its subjects are the report and the weights that were examined; a
test is a check of the gate.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from common.reading import parse_json
from models.promotion.record.line import Record
from reports.dossier.layout import REPORT
from reports.report import Check, Verdict

STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
WEIGHTS = "weights/"
"""What the names of weights begin with; they do not lie in the pack."""

RESULTS = {"PASS": "passedTests", "INCONCLUSIVE": "warnedTests", "FAIL": "failedTests"}
"""The list that a check of each outcome stands in; one that does not apply stands in none."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What a statement is made of.

    Attributes:
        record: the promotion.
        verdict: of the report.
        configuration: SHA-256 by name of the files of the pack that the exam went by.
        report: SHA-256 of report.json.
        weights: SHA-256 by name of the files that the model is loaded from.
    """

    record: Record
    verdict: Verdict
    configuration: Mapping[str, str]
    report: str
    weights: Mapping[str, str]


def statement(stated: Stated) -> bytes:
    """The statement, as JSON with its keys in order."""
    subjects = {REPORT: stated.report, **{f"{WEIGHTS}{n}": d for n, d in stated.weights.items()}}
    value = {
        "_type": STATEMENT,
        "subject": [_resource(name, subjects[name]) for name in sorted(subjects)],
        "predicateType": TEST_RESULT,
        "predicate": {
            "result": result(stated.record),
            "configuration": list(_configuration(stated)),
            **_tests(stated.verdict),
        },
    }
    return json.dumps(value, sort_keys=True, indent=1).encode() + b"\n"


def result(record: Record) -> str:
    """PASSED, or WARNED where a person promoted over broken lines, or without approvals."""
    glass = record.approval.break_glass if record.approval else None
    plain = record.verdict == "PROMOTE" and record.override is None and glass is None
    return "PASSED" if plain else "WARNED"


def weights_of(where: str, data: bytes) -> dict[str, str]:
    """SHA-256 by name of the weights that a statement is about.

    Raises:
        UserError: it is no JSON.
        ValueError: it names no subjects by SHA-256.
    """
    value = parse_json(where, data.decode())
    try:
        subjects = {str(each["name"]): str(each["digest"]["sha256"]) for each in value["subject"]}
    except (LookupError, TypeError) as error:
        raise ValueError("it names no subjects by SHA-256") from error
    return {
        name.removeprefix(WEIGHTS): digest
        for name, digest in subjects.items()
        if name.startswith(WEIGHTS)
    }


def check_name(check: Check) -> str:
    """What a check is called there, as in "token_f1 against champion sft"."""
    return f"{check.metric} against {check.against}"


def _tests(verdict: Verdict) -> dict[str, list[str]]:
    return {
        listed: [check_name(check) for check in verdict.checks if check.outcome == outcome]
        for outcome, listed in RESULTS.items()
    }


def _configuration(stated: Stated) -> Iterator[dict[str, Any]]:
    """What the exam went by: files of the pack, the data set, the code."""
    for name, digest in sorted(stated.configuration.items()):
        yield _resource(name, digest)
    if data := stated.record.dataset:
        yield {"name": f"dataset {data.name}", "digest": {"barExamDataset": data.identity}}
    commit = (stated.record.code.commit if stated.record.code else None) or ""
    if re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", commit):
        yield {"name": "code", "digest": {"gitCommit": commit}}


def _resource(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}
