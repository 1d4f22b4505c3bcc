"""How a model picks its tokens."""

from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field

from fixtures.identity import digest


@dataclass(frozen=True, slots=True)
class Decoding:
    """Sampling parameters; the bounds hold wherever pydantic reads them from a file.

    Attributes:
        max_tokens: the longest answer.
        temperature: 0 always picks the likeliest token.
        top_p: probability mass that is drawn from.
        seed: None leaves the draw to the model.
    """

    max_tokens: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 96
    temperature: Annotated[float, Field(strict=True, ge=0, le=2)] = 0.0
    top_p: Annotated[float, Field(strict=True, gt=0, le=1)] = 1.0
    seed: Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)] | None = 0

    @property
    def identity(self) -> str:
        """SHA-256 over all parameters: each may move an answer."""
        return digest("decoding", asdict(self))
