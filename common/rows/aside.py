"""Lines of a source that are no rows: set aside, counted, and never silently dropped.

FOLDER/aside/NAME-1a2b3c4d.jsonl     of one source: line, what is wrong with it, and its text
"""

import json
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from common.files import private_file, replacing
from common.identity import digest
from common.redaction import outward
from common.rows.streaming import Line

FOLDER = "aside"
LISTED = 10
"""Bad rows that a terminal shows; the file aside has all."""

_NO_NAME = re.compile(r"[^0-9A-Za-z]+")


def aside_of(folder: Path, source: str) -> Path:
    """Where the bad rows of a source lie.

    >>> aside_of(Path("kept"), "s3://b/may 1.jsonl").name
    'may_1-701907a1.jsonl'
    """
    stem = _NO_NAME.sub("_", Path(source).stem)[:50]
    return folder / FOLDER / f"{stem}-{digest(source)[:8]}.jsonl"


class Aside:
    """The file of the rows that were none, written whole where there are any.

    One that an earlier reading of the same source left is replaced, or goes.
    """

    def __init__(self, path: Path, source: str) -> None:
        self.path, self.count, self.first = path, 0, tuple[str, ...]()
        self._source, self._open = source, ExitStack()
        self._file: TextIO | None = None

    def add(self, line: Line, fault: str) -> None:
        """Set one aside."""
        if self._file is None:
            draft = self._open.enter_context(replacing(self.path, private=True))
            opened = private_file(draft).open("w", encoding="utf-8")
            self._file = self._open.enter_context(opened)
        said = {"line": line.number, "fault": outward(fault), "row": outward(line.text)}
        self._file.write(json.dumps(said, ensure_ascii=False) + "\n")
        self.count += 1
        if self.count <= LISTED:
            self.first += (f"{self._source}, line {line.number}: {outward(fault)}",)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)
        if not self.count and error[0] is None:
            self.path.unlink(missing_ok=True)
