"""Whether an archive is the same files to every program that unpacks it.

A ZIP file lists its members at its end, and each has a head of its own. Programs that read from the
front, or look for another end, find other files where these disagree or something lies between.
"""

import os
import struct
import zipfile
from pathlib import Path

_HEAD = struct.Struct("<4s2x2H4x3I2H")
"""Of a member: its mark, flags, method, CRC, two sizes, lengths of name and further fields."""

_MEMBER, _END = b"PK\3\4", b"PK\5\6"
_LAST = 22
"""Bytes of an end without a comment."""

HARMLESS = 0x806
"""Flags that change no bytes: how hard it was packed, and that names are UTF-8."""

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Others unpack more at once than was asked for."""


def is_plain(file: Path, archive: zipfile.ZipFile) -> bool:
    """Whether it has its members one after the other, their list, its end, and nothing else.

    Args:
        file: where the archive lies.
        archive: the same, opened.

    Raises:
        struct.error: it was cut short.
        OSError: it cannot be read.
    """
    place = 0
    with file.open("rb") as data:
        for each in sorted(archive.infolist(), key=lambda each: each.header_offset):
            data.seek(place)
            mark, flags, method, *sizes, name, further = _HEAD.unpack(data.read(_HEAD.size))
            same = (each.flag_bits, each.compress_type) == (flags, method)
            told = [each.CRC, each.compress_size, each.file_size] == sizes
            known = method in METHODS and not flags & ~HARMLESS
            if (each.header_offset, mark) != (place, _MEMBER) or not (same and told and known):
                return False
            place += _HEAD.size + name + further + each.compress_size
        data.seek(-_LAST, os.SEEK_END)
        return place == archive.start_dir and data.read(len(_END)) == _END
