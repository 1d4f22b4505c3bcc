"""The first version of a model's identity, kept: promotions were recorded by it. Do not change it.

It read a list of files, and `tokenizer_config.json` and the configs byte by byte, in which the
loader's settings and its version stand. So a recorded identity is also that of bytes which differ
in nothing but those, and of no folder that holds what it did not read.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from common.identity import digest, file_digest
from models.chat import Model
from models.identity.contents import moving_files, regex_is_mended
from models.identity.spec import Voice, spec_of

TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "vocab.json",
             "merges.txt", "tokenizer.model", "special_tokens_map.json")  # fmt: skip

CONFIGS = ("config.json", "generation_config.json", "adapter_config.json")
LOADER = re.compile(rb'("local_files_only": )(true|false)')
VERSION = re.compile(rb'("transformers_version": )"[0-9.]+"')
RECORDED_WITH = b'"5.17.0"'


def first_identities(model: Model) -> set[str]:
    """What the first version may have said of a model, by who wrote its files.

    Of a model that is read from no files it said what is said today.
    """
    spec = spec_of(model)
    if spec is None:
        return {model.identity}
    prompt = spec.prompt
    return {
        digest("prompted", voice, prompt.context, prompt.sample, prompt.most_passages)
        for voice in _voices(spec.voice)
    }


def first_weights_digest(folder: Path) -> str:
    """What the first version said of a folder's weights and configs as they stand."""
    return digest([file_digest(file) for file in _weights(folder)])


def unread(folder: Path) -> list[str]:
    """What may move an answer of a base's folder, and the first version did not read."""
    read = {file.name for file in (*_weights(folder), *_present(folder, TOKENIZER))}
    return [name for name in moving_files(folder) if name not in read]


def _voices(voice: Voice) -> set[str]:
    if unread(voice.base) or voice.decoding.stop:  # of which it knew nothing
        return set()
    adapter = f"a{first_weights_digest(voice.adapter)[:16]}" if voice.adapter else "__base__"
    chosen = {
        "max_tokens": voice.decoding.max_tokens,
        "temperature": voice.decoding.temperature,
        "top_p": voice.decoding.top_p,
        "seed": voice.decoding.seed,
    }
    return {
        digest("local", digest(weights, tokenizer, voice.dtype), adapter, chosen)
        for weights in _spelt(_weights(voice.base), names=False)
        for tokenizer in _spelt(_present(voice.base, TOKENIZER), names=True)
    }


def _weights(folder: Path) -> list[Path]:
    return [*sorted(folder.glob("*.safetensors")), *_present(folder, CONFIGS)]


def _present(folder: Path, names: Sequence[str]) -> list[Path]:
    return [folder / name for name in names if (folder / name).is_file()]


def _spelt(files: Sequence[Path], *, names: bool) -> Iterator[str]:
    """The digest over files, for each way in which their bytes may have been written."""
    for digests in itertools.product(*(_spellings(file) for file in files)):
        named = [[file.name, each] for file, each in zip(files, digests, strict=True)]
        yield digest(named if names else list(digests))


def _spellings(file: Path) -> list[str]:
    if file.name == "tokenizer_config.json":
        data = file.read_bytes()
        found = [data, *(LOADER.sub(rb"\g<1>" + said, data) for said in (b"true", b"false"))]
    elif file.name in CONFIGS[:2] and not regex_is_mended(file.parent):
        data = file.read_bytes()
        found = [data, VERSION.sub(rb"\g<1>" + RECORDED_WITH, data)]
    else:
        return [file_digest(file)]
    return sorted({sha256(each).hexdigest() for each in found})
