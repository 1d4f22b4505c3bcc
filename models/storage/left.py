"""What commands left in an account: a list of this user's, written before a thing is made.

    $BAR_EXAM_STATE/left.jsonl     a line for each thing, and a line when it is gone

A crash leaves a thing that is listed and perhaps never was, and none that is not listed.
"""

import contextlib
import errno
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from common.errors import UserError
from common.files import private_opener
from common.identity import digest
from common.locks import locked
from common.paths import state_dir
from common.redaction import address, outward
from common.storable import each_text
from models.egress import host_of

Kind = Literal["objects", "training job"]


@dataclass(frozen=True, slots=True)
class Left:
    """One thing in an account.

    Attributes:
        kind: of it.
        place: an address in S3, all below it where it ends in `/`; or a name.
        region: where it is.
        server: its address, where that is not AWS.
        account: whose it is; empty where nobody said, as of buckets, whose names are unique.
        by: what made it, for people.
    """

    kind: Kind
    place: str
    region: str
    server: str
    account: str
    by: str

    @property
    def identity(self) -> str:
        """What tells it from other things, whoever made it."""
        return digest(self.kind, self.place, self.region, self.server, self.account)


def server_of(client: Any) -> str:
    """Where a client asks, without credentials; empty for AWS."""
    url: str = client.meta.endpoint_url
    aws = host_of(url).endswith((".amazonaws.com", ".amazonaws.com.cn"))
    return "" if aws else address(url).bare


def list_path() -> Path:
    """The file of the list."""
    return state_dir() / "left.jsonl"


def notes(client: Any, by: str) -> Callable[[str], None]:
    """A function that lists an address in S3 which something is about to be put to."""
    region, server = client.meta.region_name, server_of(client)
    return lambda place: note(Left("objects", place, region, server, "", by))


def note(left: Left) -> None:
    """List a thing that is about to be made, if it is not listed already.

    Raises:
        UserError: the list cannot be written; so nothing may be made.
    """
    with _held() as path:
        if left.identity not in _read(path):
            when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            _append(path, {"left": asdict(left), "when": when})


def gone(left: Left) -> None:
    """Take a thing that is gone off the list.

    Raises:
        UserError: the list cannot be written.
    """
    with _held() as path:
        _append(path, {"gone": left.identity})


def read_left() -> list[tuple[str, Left]]:
    """(when, what) of everything on the list, oldest first.

    Raises:
        UserError: the list cannot be read.
    """
    return list(_read(list_path()).values())


def _read(path: Path) -> dict[str, tuple[str, Left]]:
    """By identity. A line that a crash cut short was about a thing that was not made."""
    try:
        text = path.read_text("utf-8", "replace") if path.is_file() else ""
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; mend its permissions") from error
    found: dict[str, tuple[str, Left]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        try:
            if "gone" in value:
                found.pop(value["gone"], None)
                continue
            left = Left(**value["left"])
            if left.kind not in get_args(Kind):
                raise ValueError(left.kind)
            found.setdefault(left.identity, (value["when"], left))
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}, line {number} is not what this release wrote; mend or remove that line"
            ) from error
    return found


@contextlib.contextmanager
def _held() -> Iterator[Path]:
    path = list_path()
    with locked(path.with_suffix(".lock")):
        yield path


def _append(path: Path, line: dict[str, Any]) -> None:
    """Through to the disk, in one write.

    Raises:
        UserError: it cannot be written.
    """
    text = json.dumps(each_text(line, outward)) + "\n"
    try:
        file = private_opener(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            end = os.lseek(file, 0, os.SEEK_END)
            whole = not end or os.pread(file, 1, end - 1) == b"\n"
            content = (text if whole else f"\n{text}").encode()
            if os.write(file, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise UserError(
            f"{path}, the list of what commands leave in your account, cannot be written: "
            f"{error.strerror}; mend that, or name another folder in $BAR_EXAM_STATE"
        ) from error
