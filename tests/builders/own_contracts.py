"""A data set of one's own contracts with open questions and drafts, for the desk."""

import json
from pathlib import Path

from fixtures.cases import Span
from fixtures.contracts.collection import read_collection
from fixtures.contracts.drafts import Draft, add_drafts

TEXT = (
    "LEASE\r\n\r\nThis lease runs for two years. \U0001d4d0 The rent is $900 & due monthly.\n\n"
    "The rent is <b>raised</b> once. The law of Nevada governs."
)
RENT, TERM, LAW, RAISE = "Lease__Rent", "Lease__Term", "Lease__Law", "Lease__Raise"
ASKED = {RENT: "What is the rent?", TERM: "How long?", LAW: "Which law?", RAISE: "When raised?"}


def span(text: str) -> Span:
    """Where the text first stands in the contract."""
    return Span(text, TEXT.index(text))


def collection(path: Path) -> Path:
    """Four open questions: drafts that name a place, name none, and say that there is none."""
    paragraph = {
        "context": TEXT,
        "places": [[0, 1, 1], [TEXT.index("This"), 1, 2], [TEXT.index("The rent is <b>"), 2, 1]],
        "qas": [],
        "open": [{"id": name, "question": question} for name, question in ASKED.items()],
    }
    path.write_text(json.dumps({"data": [{"title": "Lease", "paragraphs": [paragraph]}]}))
    digest = read_collection(path).open[0].contract.digest

    def draft(case: str, answer: str, *spans: Span, absent: bool = False) -> Draft:
        return Draft(case, "Lease", digest, "zeta-champion", answer, spans, absent, "2026-01-01")

    add_drafts(path, [
        draft(RENT, "The rent is $900", span("The rent is $900")),
        draft(TERM, "Five years"),
        draft(LAW, "Not found.", absent=True),
    ])  # fmt: skip
    return path
