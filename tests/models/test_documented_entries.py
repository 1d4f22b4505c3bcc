"""The entries of docs/servers.md, each asked at a server that refuses what its original refuses."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from models.chat import Message
from models.factory import Chats
from models.family import family_of
from models.registry import EndpointEntry, read_entry
from tests.builders import fake_bedrock, fake_server
from tests.builders.served import served
from tests.conftest import ROOT
from tests.models.test_bedrock import signed_in  # noqa: F401 - a fixture

PAGE = (ROOT / "docs" / "servers.md").read_text(encoding="utf-8")
ENTRIES = dict(re.findall(r"```toml\n# ([\w.-]+)\.toml\n(.*?)```", PAGE, re.DOTALL))
CHAT = [Message("system", "Answer briefly."), Message("user", "Which law governs?")]

COMMON = {"model", "messages", "max_tokens", "temperature", "top_p", "seed", "stop"}


@dataclass(frozen=True)
class Original:
    """What a documented server takes, by its documentation.

    Attributes:
        models: the names that it knows.
        fields: of a request; None where unknown ones are ignored.
        refuses: what it says of a request that it does not take.
        learns: calls that are refused before it is known how to ask.
    """

    models: tuple[str, ...]
    fields: set[str] | None = None
    refuses: Callable[[Mapping[str, Any]], str | None] = lambda asked: None
    key: str = "Bearer no-key"
    learns: int = 0
    remarks: tuple[str, ...] = field(default=())

    def fault(self, asked: Mapping[str, Any]) -> fake_server.Fault | None:
        if asked["model"] not in self.models:
            return fake_server.Fault(status=404, message=f"model {asked['model']} not found")
        unknown = set(asked) - (self.fields or set(asked))
        if unknown:
            said = f"Unrecognized request argument supplied: {', '.join(unknown)}"
            return fake_server.Fault(status=400, message=said)
        said = self.refuses(asked)
        return fake_server.Fault(status=400, message=said) if said else None


def reasoning_model(asked):
    """As OpenAI's reasoning models refuse."""
    if "max_tokens" in asked:
        return ("Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                "'max_completion_tokens' instead.")  # fmt: skip
    if asked.get("temperature", 1) != 1:
        return ("Unsupported value: 'temperature' does not support 0 with this model. Only the "
                "default (1) value is supported.")  # fmt: skip
    if "top_p" in asked:
        return "Unsupported parameter: 'top_p' is not supported with this model."
    if asked["reasoning_effort"] not in ("minimal", "low", "medium", "high"):
        return "Invalid value: 'reasoning_effort'"
    return None


def claude(asked):
    """As Anthropic's compatible endpoint refuses."""
    if "max_tokens" not in asked and "max_completion_tokens" not in asked:
        return "max_tokens: Field required"
    if asked.get("temperature", 0) > 1:
        return "temperature: range: 0..1"
    if "temperature" in asked and "top_p" in asked:
        return "`temperature` and `top_p` cannot both be specified for this model."
    return None


ORIGINALS = {
    "dpo-llama3-vllm": Original(
        ("meta-llama/Meta-Llama-3-8B-Instruct", "dpo-llama3"),
        COMMON | {"top_k", "chat_template_kwargs"},
    ),
    "llama3-ollama": Original(("llama3:8b",), COMMON | {"reasoning_effort"}),
    "gpt-reasoning": Original(
        ("gpt-5-mini",),
        COMMON | {"max_completion_tokens", "reasoning_effort"},
        reasoning_model,
        key="Bearer key-of-gpt-reasoning",
        learns=2,
        remarks=("temperature", "top_p"),
    ),
    "claude-direct": Original(
        ("claude-haiku-4-5",), None, claude, "Bearer key-of-claude-direct", 1, ("top_p",)
    ),
}


def asked_twice(folder, name):
    """Two answers, a preflight before them, and the model."""
    chat = Chats(folder).open(name)

    async def scenario():
        try:
            await chat.preflight()
            return [await chat.chat(CHAT) for _ in range(2)]
        finally:
            await chat.close()

    return asyncio.run(scenario()), chat


def test_each_entry_is_tried_here():
    assert len(ENTRIES) >= 11
    endpoints = {name for name, text in ENTRIES.items() if 'kind = "endpoint"' in text}
    assert endpoints == {*ORIGINALS, "smollm2-served"}
    assert {name for name, text in ENTRIES.items() if 'kind = "bedrock"' in text} == set(BEDROCK)


@pytest.mark.parametrize("name", ORIGINALS)
def test_an_endpoint_s_entry_asks_as_its_server_wants_it(name, tmp_path, monkeypatch):
    original = ORIGINALS[name]
    (tmp_path / f"{name}.toml").write_text(ENTRIES[name])
    entry = read_entry(name, tmp_path)
    assert isinstance(entry, EndpointEntry)
    if entry.api_key_env:
        monkeypatch.setenv(entry.api_key_env, f"key-of-{name}")
    with fake_server.fake_server(lambda chat: "Nevada") as server:
        server.faults = lambda number: original.fault(server.requests[-1])
        here = ENTRIES[name].replace(entry.base_url, server.url)
        (tmp_path / f"{name}.toml").write_text(here)
        answers, chat = asked_twice(tmp_path, name)
    assert [(answer.text, answer.error) for answer in answers] == [("Nevada", None)] * 2
    assert server.calls == 3 + original.learns
    assert server.authorizations == {original.key}
    assert all(word in " ".join(chat.remarks) for word in original.remarks)
    assert bool(chat.remarks) == bool(original.remarks)
    for request in list(server.requests)[-2:]:
        limit = request.get("max_completion_tokens", request.get("max_tokens"))
        assert limit == entry.decoding.max_tokens
        assert entry.extra_body.items() <= request.items()


BEDROCK = {
    "claude-haiku": ("claude", ("topP", "temperature")),
    "claude-sonnet": ("claude", ("topP", "temperature")),
    "llama3-bedrock": ("llama", ()),
    "dpo-llama3-imported": ("llama", ()),
    "titan": ("titan", ("system",)),
    "nova": ("nova", ()),
}
"""The family, and what the model does not take: a system turn, or two parameters together."""


@pytest.mark.parametrize("name", BEDROCK)
def test_an_entry_of_bedrock_asks_as_its_model_wants_it(name, tmp_path, signed_in):  # noqa: F811
    family, excluded = BEDROCK[name]

    def refuse(asked):
        if asked["modelId"].startswith(("anthropic.claude-haiku-4", "anthropic.claude-sonnet-4")):
            said = "Invocation of model ID with on-demand throughput isn't supported."
        elif excluded == ("system",) and "system" in asked:
            said = "This model doesn't support system messages."
        elif len(excluded) == 2 and set(excluded) <= set(asked["inferenceConfig"]):
            said = "`temperature` and `top_p` cannot both be specified for this model."
        else:
            return None
        return fake_bedrock.Fault(code="ValidationException", message=said)

    with fake_bedrock.fake_bedrock(reply=lambda asked: "Nevada", faults=refuse) as server:
        here = re.sub(
            "^context", f'endpoint_url = "{server.url}"\ncontext', ENTRIES[name], flags=re.MULTILINE
        )
        (tmp_path / f"{name}.toml").write_text(here)
        answers, chat = asked_twice(tmp_path, name)
    assert [(answer.text, answer.error) for answer in answers] == [("Nevada", None)] * 2
    learnt = excluded == ("system",)
    assert server.calls == 3 + learnt and bool(chat.remarks) == learnt
    assert family_of(read_entry(name, tmp_path)) == family
    assert "/us-east-1/bedrock/" in server.headers[0]["Authorization"]


@pytest.mark.heavy
def test_transformers_serve_answers_by_its_entry(smollm2, tmp_path, tmp_path_factory):
    name = "smollm2-served"
    with served(smollm2, tmp_path_factory.mktemp("serving")) as running:
        here = ENTRIES[name].replace("http://127.0.0.1:8001/v1", running.url)
        here = here.replace("/models/smollm2", running.model) + "[decoding]\nmax_tokens = 12\n"
        (tmp_path / f"{name}.toml").write_text(here)
        (first, second), chat = asked_twice(tmp_path, name)
    assert first.error is None and first.text == second.text
    assert 0 < first.tokens_out <= 12 and chat.remarks == ()
