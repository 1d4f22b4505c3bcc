"""What time it is, as everything here writes it down."""

import time


def utc_now() -> str:
    """The time in UTC, in seconds, as ISO 8601 has it: `2026-01-31T12:00:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
