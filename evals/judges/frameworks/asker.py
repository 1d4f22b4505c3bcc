"""What the judges of deepeval and of ragas share: silence, and replies read into a schema."""

import json
import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from evals.calls.calls import Calls
from evals.judges.llm.replies import json_objects
from evals.results import Score
from models.chat import Answer, ChatModel, Message
from models.spoken import spoken

OPT_OUTS = {
    "DEEPEVAL_TELEMETRY_OPT_OUT": "YES",
    "DEEPEVAL_DISABLE_DOTENV": "1",  # its import would load ./.env into the environment
    "DEEPEVAL_GRPC_LOGGING": "1",  # its import would set GRPC_VERBOSITY and GRPC_TRACE
    "RAGAS_DO_NOT_TRACK": "true",
}

AGAIN = (
    "Your reply cannot be used: {problem}. Reply again with one JSON object and nothing else. It "
    "must satisfy this JSON schema:\n{schema}"
)

LONGEST_REASON = 300
SHOWN = 2000
ROUNDING = 1e-6
Schema = TypeVar("Schema", bound=BaseModel)


class Unusable(Exception):  # noqa: N818 - a reply, not a fault of ours
    """A judge's reply that cannot be scored; the message says why."""


def keep_quiet() -> None:
    """Opt out of telemetry and `.env`; to be called before a framework is imported."""
    os.environ.update(OPT_OUTS)


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks a chat model for one judgement's replies.

    A prompt that a framework repeats within a judgement is meant to be drawn anew.
    """

    chat: ChatModel
    calls: Calls
    _asked: Counter[str] = field(default_factory=Counter)

    async def ask(self, prompt: str, schema: type[Schema]) -> Schema:
        """The reply to `prompt`, read as `schema`; asked once more, with the error, if need be.

        Raises:
            Unusable: the call failed, or neither reply can be read.
            UserError: no later call can succeed either.
        """
        draw = self._asked[prompt]
        self._asked[prompt] += 1
        turns = [Message("user", prompt)]
        reply = await self._reply(turns, draw)
        try:
            return read_schema(reply.text, schema)
        except ValueError as error:
            shape = json.dumps(schema.model_json_schema())
            again = AGAIN.format(problem=_problem(reply, error), schema=shape)
            said = reply.text[:SHOWN] or "(nothing)"
            turns += [Message("assistant", said), Message("user", again)]
        reply = await self._reply(turns, draw)
        try:
            return read_schema(reply.text, schema)
        except ValueError as error:
            raise Unusable(f"unusable reply, twice: {_problem(reply, error)}") from error

    async def _reply(self, turns: Sequence[Message], draw: int) -> Answer:
        reply = await self.calls.chat(self.chat, turns, draw)
        if reply.error is not None:
            raise Unusable(reply.error)
        return reply


def read_schema(text: str, schema: type[Schema]) -> Schema:
    """The last JSON object in `text` that satisfies `schema`, whatever fences or prose surround it.

    Raises:
        ValueError: there is none; the message says what is wrong with the last object.
    """
    found, problem = None, "it holds no JSON object"
    for value in json_objects(spoken(text)[0]):
        try:
            found = schema.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            problem = f"{where or 'the object'}: {first['msg']}"
    if found is None:
        raise ValueError(problem)
    return found


def _problem(reply: Answer, error: ValueError) -> str:
    if reply.finish_reason == "length":
        return f"it was cut off after {reply.tokens_out} tokens"
    return str(error)


def scored(value: float, reason: str, lowest: float = 0.0) -> Score:
    """A framework's value within `lowest`..1 as a score in 0..1, its reason shortened."""
    if not math.isfinite(value):
        return Score(None, f"the framework scored {value}")
    if not lowest - ROUNDING <= value <= 1.0 + ROUNDING:
        return Score(None, f"the framework scored {value:g}, outside {lowest:g}..1")
    return Score(min(1.0, max(0.0, value)), shortened(reason))


def shortened(reason: str) -> str:
    """`reason` as one line of at most `LONGEST_REASON` characters."""
    line = " ".join(reason.split())
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 3] + "..."
