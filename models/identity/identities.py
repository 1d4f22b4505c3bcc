"""What a model is, twice, each said here and nowhere else.

The *answer key*, `Model.identity`, is made of all that moves its answers and nothing else: answers
are kept under it. The *promotion identity* is the answer key and the digest of the training
manifest: a manifest that changes asks nothing again, and voids what was examined or promoted.

`VERSION` counts the ways in which these were made. A promotion keeps the identity that it was
recorded with, and `difference` knows the functions of every version.
"""

from pathlib import Path

from common.identity import digest, file_digest
from models.chat import Decoding, Model
from models.identity.contents import adapter_digest, tokenizer_digest, weights_digest
from models.identity.first_identity import first_identities, unread
from models.identity.spec import Prompt, folders_of, spec_of
from models.manifest import FILE

VERSION = 2
CHANGED = "weights, prompt or decoding changed under the old name, or the training manifest"


def base_key(folder: Path, dtype: str) -> str:
    """What of a base moves its answers: weights, configs, tokenizer, chat templates, dtype.

    Raises:
        UserError: a file cannot be read.
    """
    return digest("base", VERSION, weights_digest(folder), tokenizer_digest(folder), dtype)


def adapter_key(folder: Path) -> str:
    """The same of an adapter; peft knows it by this name, which may hold no dot.

    Raises:
        UserError: a file cannot be read.
    """
    return f"a{adapter_digest(folder)}"


def voice_key(base: str, adapter: str, decoding: Decoding) -> str:
    """The same of a voice of a base, from their keys: one adapter, or none, and its decoding."""
    return digest("local", base, adapter, decoding.chosen)


def prompted_key(chat: str, prompt: Prompt) -> str:
    """The same of a chat model, by its own key, that is asked in this way."""
    return digest("prompted", chat, prompt.context, prompt.sample, prompt.most_passages)


def promotion_identity(model: Model) -> str:
    """SHA-256 of what is examined, promoted and verified: the answer key and the manifest.

    Raises:
        UserError: a file cannot be read.
    """
    return digest("promotion", VERSION, model.identity, _manifests(model))


def manifest_digest(model: Model) -> str | None:
    """SHA-256 of the manifest beside what was trained last: program, adapter, or else base."""
    return next(iter(_manifests(model)), None)


def difference(model: Model, identity: str) -> str | None:
    """Why a model is not what was once recorded as `identity`, in words; None where it is.

    Raises:
        UserError: a file cannot be read.
    """
    if identity == promotion_identity(model):
        return None
    if identity in first_identities(model):
        return None
    spec, words = spec_of(model), CHANGED
    if spec and (beside := unread(spec.voice.base)):
        words += f" ({beside[0]} lies in {spec.voice.base}, which the first records did not read)"
    return words


def _manifests(model: Model) -> list[str | None]:
    manifests = [folder / FILE for folder in folders_of(model)]
    return [file_digest(each) if each.is_file() else None for each in manifests]
