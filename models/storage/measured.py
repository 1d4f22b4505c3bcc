"""A file as S3 has it: cut into parts, each with its digests, so that what is there can be told."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.aws.parts import part_size


@dataclass(frozen=True, slots=True)
class Measured:
    """A file: its size and SHA-256, the bytes of a part, and SHA-256 and MD5 of each part in order.

    MD5 is what servers that know no checksums say of a part; it decides only whether a part is sent
    again, and never whether a file is whole.
    """

    size: int
    sha256: str
    part: int
    sha256s: tuple[bytes, ...]
    md5s: tuple[bytes, ...]

    def checksum(self, number: int) -> str:
        """SHA-256 of a part, counted from 1, as S3 writes it."""
        return _text(self.sha256s[number - 1])

    def is_part(self, number: int, said: Mapping[str, Any]) -> bool:
        """Whether what a server says of a part that it holds is this one."""
        if "ChecksumSHA256" in said:
            return bool(said["ChecksumSHA256"] == self.checksum(number))
        return bool(said["ETag"].strip('"') == self.md5s[number - 1].hex())

    def is_object(self, said: Mapping[str, Any]) -> bool:
        """Whether what a server says of an object is this file, sent whole or in these parts."""
        if said["ContentLength"] != self.size:
            return False
        if checksum := said.get("ChecksumSHA256"):
            whole = base64.b64encode(bytes.fromhex(self.sha256)).decode()
            parts = _text(hashlib.sha256(b"".join(self.sha256s)).digest())
            return checksum.partition("-")[0] in (whole, parts)
        joined = hashlib.md5(b"".join(self.md5s), usedforsecurity=False).hexdigest()
        known = (self.md5s[0].hex(), f"{joined}-{len(self.md5s)}")
        return said["ETag"].strip('"') in known[len(self.md5s) > 1 :]


def measure(file: Path) -> Measured:
    """Read a file once, in the memory of one part.

    Raises:
        OSError: it cannot be read.
    """
    size = file.stat().st_size
    part = part_size(size)
    whole = hashlib.sha256()
    sha256s, md5s, total = list[bytes](), list[bytes](), 0
    with file.open("rb") as opened:
        while (content := opened.read(part)) or not sha256s:
            whole.update(content)
            sha256s.append(hashlib.sha256(content).digest())
            md5s.append(hashlib.md5(content, usedforsecurity=False).digest())
            total += len(content)
    return Measured(total, whole.hexdigest(), part, tuple(sha256s), tuple(md5s))


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
