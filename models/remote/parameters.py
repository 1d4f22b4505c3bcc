"""Parameters of a request that a server wants under another name, or not at all.

What a server refuses it refuses every time, so what it is sent instead moves no answer that it
could have given: the names are learnt by trying, and are part of no identity.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from models.chat import Answer
from models.remote.failures import Failure

Names = Mapping[str, str | None]
"""The server's names of parameters; None for one that it is not to be sent."""

OtherNames = Callable[[Failure, Mapping[str, Any], Names], Names | None]
"""What to call the parameters that a refusal of a body names, beside the names that were tried."""


@dataclass
class Parameters:
    """What is known of a server's parameters.

    Attributes:
        other_names: reads a refusal.
        names: what was told beforehand, and what has helped.
    """

    other_names: OtherNames
    names: Names

    async def send(
        self,
        body: Mapping[str, Any],
        post: Callable[[dict[str, Any]], Awaitable[Answer | Failure]],
    ) -> Answer | Failure:
        """Post a body as the server takes it; what it refuses is sent otherwise."""
        names = self.names
        while True:
            outcome = await post(renamed(body, names))
            if isinstance(outcome, Answer):
                self.names = {**self.names, **names}  # not what did not help
                return outcome
            other = self.other_names(outcome, body, names)
            if other is None:
                return outcome
            names = {**names, **other}

    @property
    def withheld(self) -> list[str]:
        """The parameters that it is not sent."""
        return [name for name, other in self.names.items() if other is None]


def renamed(body: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """The body with its parameters as the server takes them.

    >>> renamed({"max_tokens": 9, "seed": 0}, {"max_tokens": "max_completion_tokens", "seed": None})
    {'max_completion_tokens': 9}
    """
    pairs = ((names.get(name, name), value) for name, value in body.items())
    return {name: value for name, value in pairs if name is not None}
