"""What a purge does not reach: said, with what to do about it."""

import shlex
import subprocess
from collections.abc import Iterator

from common.redaction import redacted
from models.storage.left import read_left

GIT_SECONDS = 60
ADVICE = (
    ("manifest.json", "that adapter was trained on it: train another, and remove this one"),
    ("/ledger/", "the ledger of exams is evidence, and committed"),
    ("promotions.jsonl", "the promotion record is evidence, and committed"),
    ("/training/", "made of the data set: make it again, without the contract"),
    ("/.pytest_cache/", "type `pytest --cache-clear`"),
)


def advice(place: str) -> str:
    """What to do about a file that still holds something.

    >>> advice("/home/me/models/adapters/dpo-x/manifest.json")
    'that adapter was trained on it: train another, and remove this one'
    """
    return next((words for part, words in ADVICE if part in place), "remove it yourself")


def elsewhere(title: str, store: str, index: str | None) -> Iterator[str]:
    """Lines about what no search of these folders finds.

    Raises:
        UserError: the list of what lies in an AWS account cannot be read.
    """
    for left in read_left():
        yield f"elsewhere, perhaps: {left.place}, by {left.by}; type `python -m models.clean`"
    if "://" in store:
        yield f"elsewhere: journal and backups of {redacted(store)}"
    if index:
        yield f"elsewhere: the files of {redacted(index)}; type `chroma vacuum` where they lie"
    if commits := _commits(title):
        line = shlex.join(["git", "log", "--all", "-S", title])
        yield f"elsewhere: {commits} of this repository wrote or removed the title; `{line}`"
    yield (
        "elsewhere: backups of these folders, files that you had written to other places "
        "(--journal, --output), copies that people took, servers that were asked"
    )


def _commits(title: str) -> str:
    line = ["git", "log", "--all", "--format=%h", f"-S{title}"]
    try:
        done = subprocess.run(
            line, capture_output=True, text=True, timeout=GIT_SECONDS, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return "perhaps commits"
    found = done.stdout.split()
    return f"commit {found[0]}" if len(found) == 1 else f"{len(found)} commits" if found else ""
