"""Which models are of one family: judges tend to prefer answers of their own."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePath

from models.bedrock.entry import BedrockEntry
from models.entry import Entry
from models.local.entry import LocalEntry
from models.program.entry import ProgramEntry
from models.registry import EndpointEntry, parts_of, read_entry

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "claude": ("claude",),
    "command": ("command", "aya"),
    "deepseek": ("deepseek",),
    "falcon": ("falcon",),
    "gemini": ("gemini", "gemma"),
    "glm": ("glm", "chatglm"),
    "gpt": ("gpt", "chatgpt", "o1", "o3", "o4"),
    "granite": ("granite",),
    "grok": ("grok",),
    "llama": ("llama", "codellama", "tinyllama", "vicuna"),
    "mistral": ("mistral", "mixtral", "ministral", "magistral", "codestral", "devstral"),
    "nova": ("nova",),
    "olmo": ("olmo",),
    "phi": ("phi",),
    "qwen": ("qwen", "qwq"),
    "smollm": ("smollm",),
    "titan": ("titan",),
}
"""Names of families, and the words by which the ids of their models say so."""

OF_WORD = {word: family for family, words in FAMILIES.items() for word in words}
WORD = re.compile(rf"(?<![a-z])(?:{'|'.join(sorted(OF_WORD, key=len, reverse=True))})(?![a-z])")


def family_of(entry: Entry) -> str:
    """The family of an entry's model; empty where nothing tells it.

    What the entry says of itself comes first (`family`), then the first known word of the server's
    name for the model, or of its base: an adapter is of its base's family. A name without such a
    word is a family of its own, up to its first digit; a folder without one by its whole path, and
    what was imported into Bedrock by its whole ARN.

    >>> from models.registry import EndpointEntry, RecordedEntry, parts_of, read_entry
    >>> def served(model):
    ...     return family_of(EndpointEntry(kind="endpoint", base_url="http://h/v1", model=model))
    >>> served("us.anthropic.claude-haiku-4-5"), served("meta-llama/Llama-3.1-8B-Instruct")
    ('claude', 'llama')
    >>> served("Dolphin-Mixtral-8x7b"), served("acme/legal-lm-7b"), served("acme/legal-lm-70b")
    ('mistral', 'legal-lm', 'legal-lm')
    >>> family_of(RecordedEntry(kind="recorded", path="answers.jsonl", family="Claude"))
    'claude'
    """
    if entry.family:
        return entry.family.strip().lower()
    told = _told(entry).lower()
    name = PurePath(told).name
    if found := WORD.search(name):
        return OF_WORD[found[0]]
    return (
        told
        if told.startswith(("/", "arn:"))
        else re.split("[0-9:@]", name)[0].strip("-_. ") or name
    )


def family_in(registry: Path, name: str, option: str = "--model") -> str:
    """The family of a model of a registry: of a program that says none, its generator's.

    Raises:
        UserError: an entry cannot be read; `option` is where the name was typed.
    """
    entry = read_entry(name, registry, option)
    told = isinstance(entry, ProgramEntry) and not entry.family
    return family_of(parts_of(name, registry)[-1][1] if told else entry)


def _told(entry: Entry) -> str:
    """What an entry says that names its weights."""
    if isinstance(entry, LocalEntry):
        return entry.base.removeprefix("embedded:")
    return entry.model if isinstance(entry, EndpointEntry | BedrockEntry) else ""
