"""What one metric says of one answer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """A metric's value, or None with the reason why it could not be computed.

    None is neither zero nor dropped: it counts as attrition, and the gate watches its rate.
    """

    value: float | None
    reason: str = ""
