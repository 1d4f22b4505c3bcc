"""What commands left in an account: a list of this user's, written before a thing is made.

    $BAR_EXAM_STATE/left.jsonl     a line for each thing

A crash leaves a thing that is listed and perhaps never was, and none that is not listed.
"""

import os
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from common.clock import utc_now
from common.files import read_jsonl, write_jsonl
from common.identity import digest
from common.locks import locked
from common.paths import state_dir
from common.redaction import address, outward
from common.settings import validated
from common.storable import each_text
from models.egress import host_of

Kind = Literal["objects", "training job"]
MEND = "mend that, or name another folder in $BAR_EXAM_STATE: what is not listed is not made"


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
        when: it was listed.
    """

    kind: Kind
    place: str
    region: str
    server: str
    account: str
    by: str
    when: str = ""

    @property
    def identity(self) -> str:
        """What tells it from other things, whoever made it, and whenever."""
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
    with locked(list_path().with_suffix(".lock")):
        listed = read_left()
        if left.identity not in {each.identity for each in listed}:
            when = utc_now()
            _write([*listed, replace(left, when=when)])


def gone(left: Left) -> None:
    """Take a thing that is gone off the list.

    Raises:
        UserError: the list cannot be written.
    """
    with locked(list_path().with_suffix(".lock")):
        _write([each for each in read_left() if each.identity != left.identity])


def read_left() -> tuple[Left, ...]:
    """Everything on the list, oldest first.

    Raises:
        UserError: the list cannot be read, or a line is not of this release.
    """
    path = list_path()
    rows = read_jsonl(path) if path.is_file() else ()
    return tuple(validated(where, row, Left) for where, row in rows)


def _write(listed: Collection[Left]) -> None:
    """Through to the disk: the thing may cost money before the next line is written.

    Raises:
        UserError: it cannot be written.
    """
    path = list_path()
    write_jsonl(
        path, (each_text(asdict(each), outward) for each in listed), mend=MEND, private=True
    )
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
