"""From a folder to an object: the one place that calls `from_pretrained`.

Nothing that lies in a folder is run, and nothing asks on the terminal whether it may be.
"""

import json
import threading
from pathlib import Path
from typing import Any

from common.errors import UserError

LOADING = threading.Lock()
"""Held by whoever imports transformers, or makes a model.

transformers sets torch's default dtype while it makes a model, for every thread: of two models that
are loaded at once, one gets tensors in the dtype of the other. And two threads that import
transformers for the first time at once may find it half made ("cannot import name AutoTokenizer").
"""


def from_folder(family: Any, folder: Path, **options: Any) -> Any:
    """`family.from_pretrained(folder, **options)`; `family` is a class of transformers or PEFT.

    Raises:
        UserError: the folder brings code of its own, or cannot be loaded.
    """
    check_no_code(folder)
    with LOADING:
        try:
            return family.from_pretrained(folder, trust_remote_code=False, **options)
        except MemoryError:
            raise
        except Exception as error:  # whatever a library makes of a file is the file's fault
            raise UserError(
                f"{folder} cannot be loaded by {family.__name__}: {first_line(error)}; "
                "fetch or save it again"
            ) from error


def check_no_code(folder: Path) -> None:
    """Refuse a folder whose configuration names Python code to be run for it.

    Raises:
        UserError: naming the file and the key.
    """
    for file in sorted(folder.glob("*.json")):
        try:
            found = _code(json.loads(file.read_bytes()))
        except (ValueError, RecursionError, OSError):
            continue  # whoever needs it says what is wrong with it
        if found:
            raise UserError(
                f"{file} names Python code of its own ({found}), which is never run; if "
                "transformers knows this kind of model, delete that key, else choose another model"
            )
    if (folder / "custom_generate").is_dir():
        raise UserError(
            f"{folder / 'custom_generate'} is Python code, which is never run; delete it, and the "
            "model is asked as transformers asks any other"
        )


def _code(value: Any) -> str | None:
    """The first key of a configuration, however deep, that leads to code."""
    if isinstance(value, list):
        return next((found for each in value if (found := _code(each))), None)
    if not isinstance(value, dict):
        return None
    if value.get("auto_map") and not isinstance(value["auto_map"], int):  # a word has a number
        return "auto_map"
    if "/" in str(value.get("attn_implementation", "")):
        return "attn_implementation"  # a kernel of the hub
    return _code(list(value.values()))


def first_line(error: BaseException) -> str:
    """What an exception says, as far as it fits into a line; its type where it says nothing."""
    said = str(error).strip()
    return said.splitlines()[0].rstrip(".:; ") if said else type(error).__name__
