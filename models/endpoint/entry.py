"""What the entry of anything says that is asked at an OpenAI-compatible server."""

import os
import re
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator, model_validator

from common.errors import UserError
from common.redaction import address, keep_secret


class Served(BaseModel):
    """Where it is served; the key is named by its environment variable, never given.

    With `trust_env` the proxy and certificate variables of the environment act; without, none.
    """

    base_url: str
    model: str
    api_key_env: str | None = None
    revision: str = ""
    timeout: float = Field(default=60.0, strict=True, gt=0, le=86_400)
    retries: int = Field(default=6, strict=True, ge=0, le=1_000)
    trust_env: bool = Field(default=False, strict=True)

    def key(self, who: str) -> str | None:
        """The key, where a variable is named that holds it; `who` asks, for the error.

        Raises:
            UserError: the variable is not set.
        """
        key = os.environ.get(self.api_key_env) if self.api_key_env else None
        if self.api_key_env and not key:
            raise UserError(
                f"{who}: its key is read from ${self.api_key_env}, which is not set; "
                f"type `export {self.api_key_env}=...`"
            )
        return key

    @field_validator("base_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        """What a client can connect to.

        Raises:
            ValueError: it is none, and the server would be blamed for it.
        """
        try:
            split = urlsplit(address(url).bare)
            known = split.scheme in ("http", "https") and split.hostname and split.port != 0
        except ValueError:
            known = False
        if not known:
            raise ValueError("base_url must look like http://HOST:PORT/v1")
        return url

    @field_validator("api_key_env")
    @classmethod
    def _is_variable(cls, name: str | None) -> str | None:
        """A variable's name, and not the key itself.

        Raises:
            ValueError: it is none; what it is may be a secret.
        """
        if name is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            keep_secret(name)
            raise ValueError("api_key_env is the name of a variable, never the key itself")
        return name

    @model_validator(mode="after")
    def _credentials(self) -> Self:
        """One way to say who asks: a user part in the URL, or a key.

        Raises:
            ValueError: there are two.
        """
        if self.api_key_env and address(self.base_url).basic:
            raise ValueError(
                "base_url holds a user part, and api_key_env names a key: give one of them"
            )
        return self
