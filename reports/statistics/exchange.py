"""Permutation tests of a block of units against the units before it.

A unit is a contract, which is here once: requests about one contract hang together, contracts do
not. If units come in an order that says nothing (the exam's first, then those of service, day by
day), then the block is as likely to be any other block of the same size, and the rank of its
statistic among those of drawn blocks is uniform, whatever the statistic.

Ranks of blocks that follow on each other are independent where each is compared with all the units
before it, or with a draw of these: a rank is a function of which units are the last, and the ranks
before of the order of the others (Vovk, Nouretdinov, Gammerman 2003, Testing exchangeability
on-line, for single units).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def drawn_blocks(
    units: int, block: int, permutations: int, random: "np.random.Generator"
) -> "Floats":
    """Which units are the block: 0 or 1, shape (permutations + 1, units).

    The first row is the block that was seen, which stands last; the others are drawn.

    Args:
        units: how many there are in all.
        block: how many are the block.
        permutations: how many to draw.
        random: the source of chance.

    Raises:
        ValueError: the block is none of them, or all.

    >>> import numpy as np
    >>> drawn_blocks(5, 2, 3, np.random.default_rng(0)).tolist()[0]
    [0.0, 0.0, 0.0, 1.0, 1.0]
    """
    import numpy as np

    if not 0 < block < units:
        raise ValueError(f"a block of {block} of {units} units is compared with nothing")
    keys = random.random((permutations, units))
    places = np.argpartition(keys, block - 1, axis=1)[:, :block]
    blocks = np.zeros((permutations + 1, units))
    blocks[0, -block:] = 1
    np.put_along_axis(blocks[1:], places, 1, axis=1)
    return blocks


def ranks(statistics: "Floats") -> "Floats":
    """The p-value of each row: the share of rows whose statistic is as large, its own among them.

    Ties count against a finding.

    Args:
        statistics: shape (permutations + 1,); large ones speak against exchangeability.

    >>> import numpy as np
    >>> ranks(np.array([3.0, 1.0, 2.0, 3.0])).tolist()
    [0.5, 1.0, 0.75, 0.5]
    """
    import numpy as np

    # What differs by rounding alone is a tie.
    rounded = np.round(statistics, 9)
    below = np.searchsorted(np.sort(rounded), rounded, side="left")
    shares: Floats = 1 - below / len(statistics)
    return shares
