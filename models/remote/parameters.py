"""Parameters of a request that a server wants under another name, or not at all.

What a server refuses it refuses every time, so what it is sent instead moves no answer that it
could have given: the names are learnt by trying, and are part of no identity.
"""

import re
from collections.abc import Mapping
from typing import Any

from models.remote.failures import Failure

Names = Mapping[str, str | None]
"""The server's names of parameters; None for one that it is not to be sent."""

OPTIONAL = ("temperature", "top_p", "seed")


def renamed(body: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """The body with its parameters as the server takes them.

    >>> renamed({"max_tokens": 9, "seed": 0}, {"max_tokens": "max_completion_tokens", "seed": None})
    {'max_completion_tokens': 9}
    """
    pairs = ((names.get(name, name), value) for name, value in body.items())
    return {name: value for name, value in pairs if name is not None}


def other_names(failure: Failure, body: Mapping[str, Any], tried: Names) -> Names | None:
    """What to call the parameters that a refusal names; None where it is about something else."""
    if failure.status not in (400, 422):
        return None
    if "max_completion_tokens" in failure.reason and "max_tokens" not in tried:
        return {"max_tokens": "max_completion_tokens"}
    refused = [
        name
        for name in OPTIONAL
        if name in body and name not in tried and re.search(rf"\b{name}\b", failure.reason)
    ]
    return dict.fromkeys(refused) if refused else None
