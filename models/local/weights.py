"""Where weights lie, and whether an adapter fits its base; `check_adapter` alone loads torch."""

import json
from collections.abc import Sequence
from math import prod
from pathlib import Path

from common.errors import UserError
from common.loading import check_no_code, first_line
from models.local.adapters import check_fit
from models.local.embedded import embedded_smollm2

WANTED = ("*.safetensors", "*.json", "*.jinja", "tokenizer.model", "merges.txt")
"""The files of a chat model: neither pickles nor weights in other formats."""

INDEX = "model.safetensors.index.json"
FLOATS = ("F64", "F32", "F16", "BF16")
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
    folder = fetched_folder("base", base, revision, WANTED)
    check_no_code(folder)
    if lost := _lost_files(folder):
        again = "copy it again" if Path(base).is_dir() else fetching(base, revision)
        raise UserError(
            f"base {base!r}: of its weights {lost[0]} ({len(lost)} such files) is not in {folder}, "
            f"which was not fetched whole: {again}"
        )
    for file in weight_files(folder):
        tensor_shapes(file)
    return folder


def _lost_files(folder: Path) -> list[str]:
    """Files of weights that an index names and that are not beside it, as after half a download."""
    try:
        index = json.loads((folder / INDEX).read_bytes())
        names = {str(name) for name in index["weight_map"].values()}
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        return []  # none, or none that says so: whoever loads the weights says what is wrong
    return sorted(name for name in names if not (folder / name).is_file())


def is_at_hand(base: str, revision: str | None = None) -> bool:
    """Whether a base can be opened without a network: embedded, a folder, or fetched before."""
    if base.startswith("embedded:") or Path(base).is_dir():
        return True
    from huggingface_hub import try_to_load_from_cache

    try:
        return isinstance(try_to_load_from_cache(base, "config.json", revision=revision), str)
    except ValueError:  # no id of the hub: whoever opens it says so
        return True


def fetched_folder(what: str, name: str, revision: str | None, wanted: Sequence[str]) -> Path:
    """The folder of this path, else that of a Hugging Face id, fetched where it is not there.

    Args:
        what: it is, for errors.
        name: path or id.
        revision: of the id.
        wanted: patterns of the files that are fetched.

    Raises:
        UserError: there is no such folder, or the id cannot be fetched.
    """
    folder = Path(name)
    if folder.is_dir():
        return folder
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise UserError(f"{what} {name!r}: no such folder, and not a Hugging Face id (owner/name)")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(wanted)))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"{what} {name!r} cannot be fetched from the Hugging Face hub ({reason}); give a "
            "folder, or fetch it where there is a network and set HF_HOME: "
            f"{fetching(name, revision)}"
        ) from error


def fetching(base: str, revision: str | None = None) -> str:
    """What is typed to fetch a base of the hub, without the weights in Meta's own format."""
    pinned = f" --revision {revision}" if revision else ""
    return (
        f"`hf download {base}{pinned} --exclude 'original/*'`; where they are gated, accept the "
        "licence on the model's page and type `hf auth login` first"
    )


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
    if not folder.exists():
        raise UserError(f"{folder} is not there; fetch or train it first")
    raise UserError(f"{folder} holds no .safetensors file; is it a model folder?")


def check_adapter(adapter: Path, base: Path, *, scores: bool = False) -> None:
    """Put an adapter on a base without weights, as PEFT would put it on the base.

    Args:
        adapter: its folder.
        base: folder of the base.
        scores: it is a reward model's.

    Raises:
        UserError: no adapter there, a pickle, or made for another base.
    """
    adapter_files(adapter)
    check_fit(adapter, base, scores=scores)


def adapter_files(adapter: Path) -> None:
    """Check that the files of an adapter are there and whole; loads no library that computes.

    Raises:
        UserError: no adapter there, a pickle, or a file that is cut short.
    """
    if not (adapter / "adapter_config.json").is_file():
        raise UserError(f"adapter {adapter}: no adapter_config.json there; give a PEFT folder")
    if not (adapter / "adapter_model.safetensors").is_file():
        weight_files(adapter)
        raise UserError(f"adapter {adapter}: no adapter_model.safetensors there")
    tensor_shapes(adapter / "adapter_model.safetensors")


def tensor_shapes(file: Path) -> dict[str, list[int]]:
    """Tensor shapes of a safetensors file, by name.

    Raises:
        UserError: it is no such file, or shorter than its header says.
    """
    return {name: shape for name, (_, shape) in _tensors(file).items()}


def weights_bytes(folder: Path, width: float) -> float:
    """Bytes of a base in memory, by the headers of its files.

    Args:
        folder: of the base.
        width: bytes of a number where the file has floating point; what is packed stays as it is.

    Raises:
        UserError: see `weight_files` and `tensor_shapes`.
    """
    every = [each for file in weight_files(folder) for each in _tensors(file).values()]
    return sum(prod(shape) * (width if kind in FLOATS else 1) for kind, shape in every)


def _tensors(file: Path) -> dict[str, tuple[str, list[int]]]:
    """Type and shape of each tensor of a safetensors file."""
    from safetensors import safe_open

    try:
        with safe_open(file, framework="np") as opened:
            slices = {name: opened.get_slice(name) for name in opened.offset_keys()}
            return {name: (each.get_dtype(), each.get_shape()) for name, each in slices.items()}
    except Exception as error:  # its own error, and those of the file system
        raise UserError(
            f"{file} is cut short, or no safetensors file ({first_line(error)}); "
            "fetch or train it again"
        ) from error
