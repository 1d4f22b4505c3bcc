"""What of a model's folder moves its answers, in canonical form, as digests.

A file that is not known counts: only what is known to move nothing is left out. Nor is anything of
it that an environment, a library's saving code or a path puts there.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from common.errors import UserError
from common.identity import digest, file_digest

TEMPLATES = "additional_chat_templates"
CONFIGS = ("config.json", "generation_config.json")
INDEX = "*.index.json"

# `manifest.json` says what was trained on, and belongs to what is promoted (`identities.py`).
IDLE_FILES = (
    "*.md", "LICENSE", "LICENSE.txt", "LICENCE", "LICENCE.txt", "NOTICE", "NOTICE.txt",
    ".gitattributes", ".gitignore", ".DS_Store", "*.lock", "*.sig", "*.png", "*.jpg", "*.svg",
    "*.pdf", "manifest.json", "trainer_state.json", "all_results.json", "train_results.json",
    "eval_results.json", "events.out.tfevents.*",
    # Pickles and the weights of other frameworks: never loaded here.
    "*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack", "*.onnx", "*.gguf",
)  # fmt: skip

IDLE_FOLDERS = (".*", "__pycache__", "checkpoint-*", "runs", "logs")

# Keys that the loader replaces by what it is given, or that only say who wrote the file.
CONFIG_KEYS = frozenset(
    ["_commit_hash", "_model_name_or_path", "_name_or_path", "name_or_path", "transformers_version"]
)

FOREIGN: Mapping[str, frozenset[str]] = {
    "config.json": CONFIG_KEYS,
    "generation_config.json": frozenset(
        ["_commit_hash", "_original_object_hash", "transformers_version"]
    ),
    "tokenizer_config.json": frozenset(
        ["_commit_hash", "is_local", "local_files_only", "name_or_path", "special_tokens_map_file",
         "tokenizer_file"]
    ),
}  # fmt: skip

# A base with an `adapter_config.json` may be loaded by the path in it; an adapter's never is.
FOREIGN_TO_ADAPTERS: Mapping[str, frozenset[str]] = {
    "adapter_config.json": frozenset(["base_model_name_or_path", "peft_version", "revision"])
}

SETS = ("target_modules", "exclude_modules")
"""Lists of `adapter_config.json` that PEFT writes from sets, so in any order."""


def weights_digest(folder: Path) -> str:
    """SHA-256 over a base's weights, the configs beside them and their index.

    Raises:
        UserError: a file cannot be read, or the index leads out of the folder.
    """
    return _digest(folder, _is_weights, FOREIGN)


def tokenizer_digest(folder: Path) -> str:
    """SHA-256 over everything else in a base's folder: tokenizer, added tokens, chat templates.

    Raises:
        UserError: a file cannot be read, or the index leads out of the folder.
    """
    return _digest(folder, lambda name: not _is_weights(name), FOREIGN)


def adapter_digest(folder: Path) -> str:
    """SHA-256 over an adapter's weights and config, and whatever else lies in its folder.

    Raises:
        UserError: a file cannot be read.
    """
    return _digest(folder, lambda name: True, FOREIGN_TO_ADAPTERS)


def moving_files(folder: Path) -> dict[str, Path]:
    """The files of a folder that may move an answer, by their path in it, in order.

    Raises:
        UserError: the index of the weights leads out of the folder, or a folder cannot be read.
    """
    named = _indexed(folder)
    found = {name: path for name, path in _walk(folder) if name in named or not _is_idle(name)}
    for name in named - set(found):
        raise UserError(f"{folder}: its index names {name!r}, which is not in it; fetch it again")
    return dict(sorted(found.items()))


def regex_is_mended(folder: Path) -> bool:
    """Whether its tokenizer asks for what transformers decides by the version in config.json."""
    config = folder / "tokenizer_config.json"
    return config.is_file() and b"fix_mistral_regex" in config.read_bytes()


def _digest(
    folder: Path, wanted: Callable[[str], bool], foreign: Mapping[str, frozenset[str]]
) -> str:
    if "config.json" in foreign and regex_is_mended(folder):
        foreign = {**foreign, "config.json": foreign["config.json"] - {"transformers_version"}}
    try:
        return digest(
            [
                [json.dumps(name), _file_digest(path, foreign.get(name))]
                for name, path in moving_files(folder).items()
                if wanted(name)
            ]
        )
    except OSError as error:
        raise UserError(
            f"{error.filename or folder} cannot be read: {error.strerror}; mend its permissions"
        ) from error


def _file_digest(path: Path, foreign: frozenset[str] | None) -> str:
    if foreign is None:
        return file_digest(path)
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return file_digest(path)  # whoever loads it says what is wrong with it
    return digest(json.dumps(_canonical(value, foreign)))


def _canonical(value: Any, foreign: frozenset[str]) -> Any:
    """Without the foreign keys of it and of the configs in it, its own keys in order.

    Inner keys keep their order: patterns and added tokens are taken in it.
    """
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for key in sorted(set(value) - foreign):
        inner = value[key]
        if key.endswith("_config"):
            inner = _canonical(inner, foreign)
        elif key in SETS and isinstance(inner, list):
            inner = sorted(inner, key=str)
        kept[key] = inner
    return kept


def _is_weights(name: str) -> bool:
    return name.endswith(".safetensors") or name in CONFIGS or fnmatchcase(name, INDEX)


def _is_idle(name: str) -> bool:
    *folders, file = PurePosixPath(name).parts
    if folders[:1] == [TEMPLATES]:
        return False
    return any(fnmatchcase(file, idle) for idle in IDLE_FILES) or any(
        fnmatchcase(folder, idle) for folder in folders for idle in IDLE_FOLDERS
    )


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every regular file below, links followed as the loader follows them, but in no circle."""
    yield from _below(folder, "", {str(each) for each in (folder.resolve() / "x").parents})


def _below(folder: Path, inside: str, above: set[str]) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.iterdir()):
        name, real = f"{inside}{path.name}", os.path.realpath(path)
        if path.is_file():
            yield name, path
        elif path.is_dir() and real not in above:
            yield from _below(path, f"{name}/", above | {real})


def _indexed(folder: Path) -> set[str]:
    """The files that an index of the weights names, wherever they lie."""
    named: set[str] = set()
    for index in sorted(folder.glob(INDEX)):
        try:
            files = json.loads(index.read_bytes())["weight_map"].values()
            named.update(PurePosixPath(name).as_posix() for name in files)
        except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
            continue  # whoever loads it says what is wrong with it
    return named
