"""Sections that a text names by their numbers."""

import re

SECTION = re.compile(
    r"\b(?:sections?|sec\.|clauses?|articles?|art\.|paragraphs?|§)\s*([0-9]+(?:\.[0-9]+)*)"
    r"|\b([0-9]+\.[0-9]+(?:\.[0-9]+)*)\b",
    re.IGNORECASE,
)


def sections(text: str) -> set[str]:
    """Their numbers."""
    return {one or two for one, two in SECTION.findall(text)}
