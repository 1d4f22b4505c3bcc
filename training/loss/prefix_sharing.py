"""Rows whose prompts begin alike, in one sequence: what they share is computed once.

Several questions about one passage, or two replies to one question, differ only at their ends. A
bundle is a tree laid flat: the common beginning, then each row's own rest. A rest sees the
beginning and itself, at the positions that it would have alone, so that every logit is what it
would be in a row of its own (Cai et al. 2024, arXiv 2401.10774, verify several continuations by
such a mask; here they are trained on).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
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
    return [_joined([rows[place] for place in group], n) for group, n in _groups(rows, most_tokens)]


@dataclass(frozen=True)
class Together:
    """A batch of rows as bundles, and where each of its positions stands in them.

    Attributes:
        inputs: of the model, as `collate` makes them, without labels.
        labels: of the bundles, (bundles, longest).
        bundle: whose position it is, by row and position, (rows, length - 1).
        place: its position in the bundle, of the same shape.
        given: whether it is one, and no padding.
    """

    inputs: dict[str, Any]
    labels: Any
    bundle: Any
    place: Any
    given: Any

    def apart(self, values: Any) -> Any:
        """Values of (bundles, longest - 1) as those of the batch, (rows, length - 1)."""
        return values[self.bundle, self.place].masked_fill(~self.given, 0)


def together(ids: Any, mask: Any, labels: Any, dtype: Any) -> Together | None:
    """The rows of a padded batch as bundles; None where no two of them begin alike.

    Args:
        ids: (rows, length), padded on either side.
        mask: 1 where a token is, of the same shape.
        labels: of the same shape, -100 where nothing is asked.
        dtype: torch's, that the model computes in.
    """
    import torch

    kept = [row.nonzero().flatten() for row in mask]
    rows = [
        {"input_ids": ids[n, place].tolist(), "labels": labels[n, place].tolist()}
        for n, place in enumerate(kept)
    ]
    groups = list(_groups(rows, ids.numel()))
    if len(groups) == len(rows):
        return None
    joined = [_joined([rows[n] for n in group], shared) for group, shared in groups]
    batch = collate(joined, pad=0, dtype=dtype)
    bundle, place = torch.zeros(2, *ids[:, 1:].shape, dtype=torch.long)
    for number, (group, shared) in enumerate(groups):
        end = shared
        for row in group:
            rest = len(rows[row]["input_ids"]) - shared
            stands = torch.cat([torch.arange(shared), torch.arange(end, end + rest)])
            end += rest
            bundle[row, kept[row][:-1]] = number
            place[row, kept[row][:-1]] = stands[:-1]
    own = batch.pop("labels")
    return Together(batch, own, bundle, place, mask[:, 1:].bool() & mask[:, :-1].bool())


def _groups(rows: Sequence[Row], most_tokens: int) -> Iterator[tuple[list[int], int]]:
    """(places of rows, tokens that all of them share): neighbours in the order of their tokens."""
    group: list[int] = []
    shared = size = 0
    for place in sorted(range(len(rows)), key=lambda each: rows[each]["input_ids"]):
        row = rows[place]
        length = len(row["input_ids"])
        alike = min(_alike(rows[group[0]], row), shared) if group else 0
        longer = size + length - alike + (len(group) - 1) * (shared - alike)
        if group and longer <= most_tokens and 2 * alike > length:
            group.append(place)
            shared, size = alike, longer
            continue
        if group:
            yield group, shared if len(group) > 1 else 0
        group, size, shared = [place], length, _prompt(row)
    if group:
        yield group, shared if len(group) > 1 else 0


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


def collate(rows: Iterable[Row], pad: int, dtype: Any) -> dict[str, Any]:
    """A batch of bundles: ids, labels and positions (rows, length), and who sees whom.

    `attention_mask` is added to the attention scores, (rows, 1, length, length) in `dtype`: 0
    where a token sees another, which stands before it in its own branch or in the common
    beginning. Padding on the right sees itself alone, and nobody sees it.
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
        "attention_mask": torch.zeros_like(allowed, dtype=dtype).masked_fill(
            ~allowed, float("-inf")
        )[:, None],
    }
