"""What a candidate that travels is made of: packed by these names, and unpacked by them."""

ADAPTER = "adapter"
ENTRY = "entry.toml"

REPORTS = "reports"
"""Beside a candidate, where it lies in S3: the reports of its exams."""
