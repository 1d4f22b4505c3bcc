"""What is asked of the service: requests as they come, read or refused in one line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from common.errors import UserError
from common.reading import check_texts, parse_json
from common.settings import validated
from models.chat import Decoding, Message

WHERE = "the request"
CHAMPION = "champion"
OTHERWISE = ("tools", "tool_choice", "functions", "function_call", "logit_bias", "audio",
             "modalities", "prediction", "web_search_options")  # fmt: skip
"""Fields of OpenAI's that would make another answer, and that nothing here knows."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        model: "champion", or the name of a model that is served.
        question: what was asked.
        messages: the chat to continue; empty where a contract is asked.
        contract: its title; may be empty.
        passages: what is to be shown, the best first.
        text: the whole contract, where its passages are yet to be found.
        category: of the question.
        user: who asks, as they are called.
        stream: whether the reply is sent as events.
        usage: whether these end with token counts.
    """

    model: str
    question: str
    messages: tuple[Message, ...] = ()
    contract: str = ""
    passages: tuple[str, ...] = ()
    text: str = ""
    category: str = ""
    user: str = ""
    stream: bool = False
    usage: bool = False


class _Part(BaseModel):
    type: Literal["text"]
    text: str


class _Turn(BaseModel):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Part]

    def message(self) -> Message:
        parts = self.content
        text = parts if isinstance(parts, str) else "\n".join(part.text for part in parts)
        role = self.role
        return Message("system" if role == "developer" else role, text)


class _StreamOptions(BaseModel):
    include_usage: bool = False


class _Chat(BaseModel):
    """OpenAI's request, as far as it is known here; what moves no answer is left alone."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    model: str = CHAMPION
    messages: list[_Turn] = Field(min_length=1)
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    user: str | None = None
    safety_identifier: str | None = None
    metadata: dict[str, str] | None = None
    n: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: bool | None = None
    response_format: dict[str, Any] | None = None


class _Question(BaseModel):
    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1)
    model: str = CHAMPION
    contract: str = ""
    passages: list[str] | None = None
    text: str | None = None
    category: str = ""
    user: str = ""


def chat_of(body: bytes, decoding_of: Callable[[str], Decoding | None]) -> Asked:
    """A request of `/v1/chat/completions`.

    Args:
        body: of the request.
        decoding_of: by which a model was examined, by its name; None where it has none.

    Raises:
        UserError: it is none, or asks for what the model was not examined at.
    """
    values = _values(body)
    request: _Chat = validated(WHERE, values, _Chat)
    _check_known(request, values)
    if decoding := decoding_of(request.model):
        _check_decoding(request, decoding)
    messages = tuple(turn.message() for turn in request.messages)
    if messages[-1].role != "user" or not messages[-1].content.strip():
        raise UserError(f"{WHERE}: messages ask nothing; end them with a turn of the user")
    said = request.metadata or {}
    return Asked(
        model=request.model,
        question=messages[-1].content,
        messages=messages,
        contract=said.get("contract", ""),
        category=said.get("category", ""),
        user=request.safety_identifier or request.user or "",
        stream=bool(request.stream),
        usage=bool(request.stream_options and request.stream_options.include_usage),
    )


def question_of(body: bytes) -> Asked:
    """A request of `/v1/answers`.

    Raises:
        UserError: it is none.
    """
    request: _Question = validated(WHERE, _values(body), _Question)
    if (request.passages is None) == (request.text is None):
        raise UserError(
            f"{WHERE}: give `passages`, the texts to show, or `text`, the whole contract: one of "
            "them"
        )
    passages = tuple(each for each in request.passages or () if each.strip())
    text = request.text or ""
    if not request.question.strip() or not (passages or text.strip()):
        raise UserError(f"{WHERE}: there is no question, or nothing of a contract to show")
    return Asked(
        model=request.model,
        question=request.question.strip(),
        contract=request.contract.strip(),
        passages=passages,
        text=text,
        category=request.category.strip(),
        user=request.user,
    )


def _values(body: bytes) -> Mapping[str, Any]:
    values = parse_json(WHERE, body.decode("utf-8", "surrogateescape"))
    check_texts(WHERE, values)
    if not isinstance(values, dict):
        raise UserError(f"{WHERE}: it is a JSON object, not {type(values).__name__}")
    return values


def _check_known(request: _Chat, values: Mapping[str, Any]) -> None:
    """Refuse what would make another answer, and is not done here."""
    odd = [name for name in OTHERWISE if values.get(name)]
    odd += [f"n {request.n}"] if request.n not in (None, 1) else []
    odd += ["logprobs"] if request.logprobs else []
    odd += [name for name in ("frequency_penalty", "presence_penalty") if values.get(name)]
    if request.response_format and request.response_format.get("type") != "text":
        odd.append("response_format")
    if odd:
        raise UserError(f"{WHERE}: {', '.join(odd)}: not known here; leave it out")


def _check_decoding(request: _Chat, decoding: Decoding) -> None:
    """Refuse another decoding than the one that was examined: it would be another model."""
    stop = (request.stop,) if isinstance(request.stop, str) else request.stop
    longest = request.max_completion_tokens or request.max_tokens
    asked = {
        "temperature": (request.temperature, decoding.temperature),
        "top_p": (request.top_p, decoding.top_p),
        "seed": (request.seed, decoding.seed),
        "stop": (None if not stop else tuple(stop), decoding.stop),
        "max_tokens": (longest and min(longest, decoding.max_tokens), decoding.max_tokens),
    }
    for name, (wanted, examined) in asked.items():
        if wanted is not None and wanted != examined:
            raise UserError(
                f"{WHERE}: {name} is {wanted!r}, and the model was examined and promoted at "
                f"{examined!r}; leave it out"
            )
