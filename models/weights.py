"""Where weights lie, what they are, and whether an adapter fits its base. Nothing loads torch."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from fixtures.errors import UserError
from fixtures.identity import digest, file_digest
from fixtures.paths import cache_dir
from fixtures.private import private_folder
from models.embedded import embedded_smollm2

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "vocab.json",
                   "merges.txt", "tokenizer.model", "special_tokens_map.json")  # fmt: skip
# generation_config.json: `generate` takes its penalties and end tokens from there.
CONFIG_FILES = ("config.json", "generation_config.json", "adapter_config.json")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def base_folder(base: str, revision: str | None = None) -> Path:
    """The folder of a base model: `embedded:smollm2`, a folder, or a Hugging Face id.

    Raises:
        UserError: it is not there, cannot be fetched, or holds no whole safetensors.
    """
    if base.startswith("embedded:"):
        if base != "embedded:smollm2":
            raise UserError(f"base {base!r} is not embedded; embedded:smollm2 is")
        return embedded_smollm2()
    folder = Path(base)
    if not folder.is_dir():
        if base.startswith((".", "/", "~")) or base.count("/") != 1:
            raise UserError(
                f"base {base!r}: no such folder, and not a Hugging Face id (owner/name)"
            )
        folder = _fetched(base, revision)
    for file in weight_files(folder):
        tensor_shapes(file)
    return folder


def _fetched(base: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    wanted = ["*.safetensors", "*.json", "*.jinja", "tokenizer.model", "merges.txt"]
    try:
        return Path(snapshot_download(base, revision=revision, allow_patterns=wanted))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"base {base!r} cannot be fetched from the Hugging Face hub ({reason}); give a folder, "
            "or fetch it where there is a network and set HF_HOME"
        ) from error


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files of a model or adapter folder.

    Raises:
        UserError: there are none; a pickle is refused, because loading one runs its code.
    """
    found = tuple(sorted(folder.glob("*.safetensors")))
    if found:
        return found
    pickles = [file.name for file in sorted(folder.glob("*")) if file.suffix in PICKLES]
    if pickles:
        raise UserError(
            f"{folder}: {pickles[0]} is a pickle, and loading one can run any code; convert it "
            "with `save_pretrained(..., safe_serialization=True)`"
        )
    raise UserError(f"{folder} holds no .safetensors file; is it a model folder?")


def weights_digest(folder: Path) -> str:
    """SHA-256 over the weights and the configs beside them."""
    config = [folder / name for name in CONFIG_FILES if (folder / name).is_file()]
    return digest([_remembered_digest(file) for file in (*weight_files(folder), *config)])


def tokenizer_digest(folder: Path) -> str:
    """SHA-256 over tokenizer and chat template."""
    return digest(
        [
            (name, file_digest(folder / name))
            for name in TOKENIZER_FILES
            if (folder / name).is_file()
        ]
    )


def _remembered_digest(file: Path) -> str:
    """SHA-256 of a file; gigabytes are not read again while size and time of change stand."""
    file = file.resolve()
    state = file.stat()
    key = digest(str(file), state.st_size, state.st_mtime_ns, state.st_ino)
    note = cache_dir() / "digests" / key
    if note.is_file() and len(known := note.read_text()) == 64:
        return known
    known = file_digest(file)
    with contextlib.suppress(OSError):  # a note that cannot be kept costs the next run a second
        private_folder(note.parent)
        draft = note.with_suffix(f".{os.getpid()}")
        draft.write_text(known)
        draft.replace(note)
    return known


def check_adapter(adapter: Path, base: Path) -> None:
    """Compare an adapter's shapes with the base's, from the files' headers alone.

    Raises:
        UserError: no adapter there, a pickle, or made for another base.
    """
    if not (adapter / "adapter_config.json").is_file():
        raise UserError(f"adapter {adapter}: no adapter_config.json there; give a PEFT folder")
    if not (adapter / "adapter_model.safetensors").is_file():
        weight_files(adapter)
        raise UserError(f"adapter {adapter}: no adapter_model.safetensors there")
    shapes = {
        name: shape for file in weight_files(base) for name, shape in tensor_shapes(file).items()
    }
    for name, shape in tensor_shapes(adapter / "adapter_model.safetensors").items():
        module, _, part = name.removeprefix("base_model.model.").rpartition(".lora_")
        if not module or not part.startswith(("A.", "B.")):
            continue
        target = shapes.get(f"{module}.weight")
        # A: (rank, in), B: (out, rank), target: (out, in)
        fits = target and (shape[1] == target[1] if part[0] == "A" else shape[0] == target[0])
        if not fits:
            trained_on = json.loads((adapter / "adapter_config.json").read_text()).get(
                "base_model_name_or_path"
            )
            raise UserError(
                f"adapter {adapter} does not fit base {base.name}: {name} is {shape}, the base has "
                f"{target or 'no such module'}; it was trained on {trained_on!r}"
            )


def tensor_shapes(file: Path) -> dict[str, list[int]]:
    """Tensor shapes of a safetensors file, from its header: 8 bytes length, then JSON.

    Raises:
        UserError: it is no such file, or shorter than its header says.
    """
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            header: dict[str, Any] = json.loads(opened.read(length))
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        end = max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
        if file.stat().st_size < 8 + length + end:
            raise UserError(f"{file} is cut short; fetch or train it again")
        return {name: entry["shape"] for name, entry in tensors.items()}
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        MemoryError,
        OverflowError,
    ) as error:
        raise UserError(f"{file} is not a safetensors file; fetch or train it again") from error
