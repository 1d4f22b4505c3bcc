"""What a model is made of, digest by digest, so that a record can say which part changed."""

from dataclasses import dataclass
from pathlib import Path

from common.identity import digest
from common.redaction import address
from models.bedrock.entry import BedrockEntry
from models.chat import Model
from models.entry import Prompted
from models.identity.contents import adapter_digest, tokenizer_digest, weights_digest
from models.local.entry import LocalEntry
from models.local.weights import base_folder
from models.program.model import ProgramModel
from models.prompted import PromptedModel
from models.registry import EndpointEntry, adapter_of, parts_of


@dataclass(frozen=True, slots=True)
class Components:
    """SHA-256 of each part; None where a model has no such part.

    `base` is of the weights, or of URL and model id of a server; `adapter` of an adapter, or of a
    compiled program; `tokenizer` includes the chat template, `prompt` the system prompt and the
    layout of passages, or the program.
    """

    base: str | None = None
    adapter: str | None = None
    tokenizer: str | None = None
    decoding: str | None = None
    prompt: str | None = None


def components_of(model: Model, registry: Path) -> Components:
    """The parts of a registered model.

    Raises:
        UserError: its entry is malformed, or weights are missing.
    """
    (_, entry), adapter = parts_of(model.name, registry)[-1], adapter_of(model.name, registry)
    base = tokenizer = None
    if isinstance(entry, LocalEntry):
        folder = base_folder(entry.base, entry.revision)
        base, tokenizer = weights_digest(folder), tokenizer_digest(folder)
    elif isinstance(entry, EndpointEntry):
        base = digest(address(entry.base_url).bare, entry.model)
    elif isinstance(entry, BedrockEntry):
        base = digest("bedrock", entry.model)
    return Components(
        base=base,
        adapter=adapter_digest(adapter) if adapter else None,
        tokenizer=tokenizer,
        decoding=entry.decoding.identity if isinstance(entry, Prompted) else None,
        prompt=_prompt_digest(model),
    )


def _prompt_digest(model: Model) -> str | None:
    if isinstance(model, ProgramModel):
        return model.pipeline.key
    if not isinstance(model, PromptedModel):
        return None
    return digest(model.template.sample, model.uses_passages)
