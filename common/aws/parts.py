"""How a file is cut where it goes to S3 or comes from there."""

from collections.abc import Iterator

PART = 8 << 20
"""Bytes of a part: eight at once are what a transfer takes of memory, whatever the file's size."""

MOST_PARTS = 10_000
"""Of an object, by S3."""


def part_size(size: int) -> int:
    """The bytes of every part but the last, for a file of so many bytes.

    >>> part_size(1) == PART, part_size(10_001 * PART) // PART
    (True, 2)
    """
    return PART * -(-size // (PART * MOST_PARTS)) or PART


def ranges(size: int) -> Iterator[tuple[int, int, int]]:
    """(number from 1, offset, bytes) of each part; an empty file has one, of no bytes.

    >>> list(ranges(PART + 2)) == [(1, 0, PART), (2, PART, 2)]
    True
    """
    part = part_size(size)
    for number in range(max(1, -(-size // part))):
        yield number + 1, number * part, min(part, size - number * part)
