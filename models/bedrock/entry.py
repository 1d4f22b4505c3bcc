"""What the entry of a model on Amazon Bedrock says."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from models.remote.entry import Remote

ModelId = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/-]*$", max_length=2048)
]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/@?#]+(/[^\s?#]*)?$")]


class BedrockEntry(Remote):
    """A chat model on Bedrock: `model` is its id, an inference profile, or an ARN.

    None leaves region and profile to AWS's configuration; an ARN says its region itself.
    `timeout` is for one call, in seconds. The many `retries` outlast a minute of throttling.
    """

    kind: Literal["bedrock"]
    model: ModelId
    region: Annotated[str, StringConstraints(pattern="^[a-z0-9-]+$")] | None = None
    profile: str | None = None
    endpoint_url: Url | None = None
    revision: str = ""
    timeout: float = Field(default=60.0, strict=True, gt=0, le=86_400)
    retries: int = Field(default=10, strict=True, ge=0, le=1_000)

    @model_validator(mode="after")
    def _decoding_that_converse_has(self) -> Self:
        """Bedrock's own bounds.

        Raises:
            ValueError: it draws at more than temperature 1, or by a seed.
        """
        if self.decoding.temperature > 1:
            raise ValueError("decoding.temperature is at most 1 on Bedrock")
        if self.decoding.seed:
            raise ValueError("decoding.seed: Bedrock takes none; leave it out")
        return self

    @property
    def place(self) -> str | None:
        """The region that was said."""
        parts = self.model.split(":")
        return self.region or (parts[3] if parts[0] == "arn" and len(parts) > 3 else None)
