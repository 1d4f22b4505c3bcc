"""How a model picks its tokens."""

from dataclasses import asdict, dataclass

from fixtures.identity import digest


@dataclass(frozen=True, slots=True)
class Decoding:
    """Sampling parameters.

    Attributes:
        max_tokens: the longest answer.
        temperature: 0 always picks the likeliest token.
        top_p: probability mass that is drawn from.
        seed: None leaves the draw to the model.
    """

    max_tokens: int = 96
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = 0

    @property
    def identity(self) -> str:
        """SHA-256 over all parameters: each may move an answer."""
        return digest("decoding", asdict(self))
