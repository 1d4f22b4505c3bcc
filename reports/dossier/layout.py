"""What a pack's files are called."""

from models.manifest import FILE as MANIFEST_FILE
from models.promotion.admission.evidence import SEAL
from models.promotion.record.file import FILE as RECORD_FILE
from models.promotion.signatures.lines import FOLDER as SIGNED_FOLDER

SUMS = "SHA256SUMS"
SUMS_SIGNED = "SHA256SUMS.dsse.json"
STATEMENT = "statement.json"
STATEMENT_SIGNED = "statement.dsse.json"
BILL = "sbom.cdx.json"

GATE = "gate/gate.toml"
POLICY = "policy.toml"

EXAM = "exam"
REPORT = f"{EXAM}/report.json"
REPORT_SEAL = f"{EXAM}/{SEAL}"
PAGE = f"{EXAM}/report.html"
JUDGES = f"{EXAM}/judges.json"
SEALED = f"{EXAM}/sealed"
"""A folder a run, on contracts that are kept for promotions."""

RECORD = "record"
CHAIN = f"{RECORD}/{RECORD_FILE}"
SIGNATURES = f"{RECORD}/{SIGNED_FOLDER}"
LEDGER = "ledger"

CARD = "README.md"
MANIFEST = MANIFEST_FILE
MODEL = "model"
"""The folder of card and manifest, under the names that they have beside the weights."""
