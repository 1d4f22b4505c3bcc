"""How a model picks its tokens."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decoding:
    """Sampling parameters; part of a model's identity.

    `max_tokens` bounds the answer. `seed` None leaves the choice to the server.
    """

    max_tokens: int = 96
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = 0
