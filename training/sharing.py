"""Rows whose prompts begin alike, in one sequence: what they share is computed once.

Several questions about one passage, or two replies to one question, differ only at their ends. A
bundle is a tree laid flat: the common beginning, then each row's own rest. A rest sees the
beginning and itself, at the positions that it would have alone, so that every logit is what it
would be in a row of its own (Cai et al. 2024, arXiv 2401.10774, verify several continuations by
such a mask; here they are trained on).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

Row = dict[str, list[int]]
WHOLE = 0
"""The branch of the common beginning; the rests are counted from 1."""


def bundles(rows: Sequence[Row], most_tokens: int) -> list[Row]:
    """Rows of `input_ids` and `labels`, joined where they share more than they differ.

    Args:
        rows: token ids, and labels of equal length that are -100 wherever nothing is trained on.
        most_tokens: of a bundle; a row that is longer stays alone.

    Returns:
        Rows with `position_ids` and `branches` beside; every row is in exactly one of them.
    """
    ordered = sorted(rows, key=lambda row: row["input_ids"])
    return [_joined(group, shared) for group, shared in _groups(ordered, most_tokens)]


def _groups(ordered: Sequence[Row], most_tokens: int) -> Iterator[tuple[list[Row], int]]:
    """(rows, tokens that all of them share): neighbours in the order of their tokens."""
    group: list[Row] = []
    shared = size = 0
    for row in ordered:
        alike = min(_alike(group[0], row), shared) if group else 0
        longer = size + len(row["input_ids"]) - alike + len(group) * max(0, shared - alike)
        if group and longer <= most_tokens and 2 * alike > len(row["input_ids"]):
            group.append(row)
            shared, size = alike, longer
            continue
        if group:
            yield group, shared
        group, size = [row], len(row["input_ids"])
        shared = _prompt(row)
    if group:
        yield group, shared


def _prompt(row: Row) -> int:
    """Tokens before the first that is trained on, but for one, which predicts it."""
    first = next((place for place, label in enumerate(row["labels"]) if label != -100), 0)
    return max(0, first - 1)


def _alike(one: Row, other: Row) -> int:
    """Tokens that both prompts begin with."""
    most = min(_prompt(one), _prompt(other))
    pairs = zip(one["input_ids"][:most], other["input_ids"][:most], strict=True)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), most)


def _joined(group: Sequence[Row], shared: int) -> Row:
    if len(group) == 1:
        shared = 0
    first = group[0]
    joined: Row = {
        "input_ids": first["input_ids"][:shared],
        "labels": [-100] * shared,
        "position_ids": list(range(shared)),
        "branches": [WHOLE] * shared,
    }
    for number, row in enumerate(group, start=1):
        rest = row["input_ids"][shared:]
        joined["input_ids"] = joined["input_ids"] + rest
        joined["labels"] = joined["labels"] + row["labels"][shared:]
        joined["position_ids"] = [*joined["position_ids"], *range(shared, shared + len(rest))]
        joined["branches"] = joined["branches"] + [number] * len(rest)
    return joined


def collate(rows: Iterable[Row], pad: int) -> dict[str, Any]:
    """A batch of bundles: ids, labels and positions (rows, length), and who sees whom.

    `attention_mask` is boolean, (rows, 1, length, length): a token sees what stands before it in
    its own branch and in the common beginning. Padding on the right sees itself alone, and nobody
    sees it.
    """
    import torch

    listed = list(rows)
    longest = max(len(row["input_ids"]) for row in listed)

    def padded(name: str, filler: int) -> Any:
        return torch.tensor([row[name] + [filler] * (longest - len(row[name])) for row in listed])

    branches = padded("branches", -1)
    before = torch.ones(longest, longest, dtype=torch.bool).tril()
    seen, seeing = branches[:, None, :], branches[:, :, None]
    allowed = before & ((seen == WHOLE) | (seen == seeing)) & (seen >= 0)
    allowed |= torch.eye(longest, dtype=torch.bool)
    return {
        "input_ids": padded("input_ids", pad),
        "labels": padded("labels", -100),
        "position_ids": padded("position_ids", 0),
        "attention_mask": allowed[:, None],
    }
