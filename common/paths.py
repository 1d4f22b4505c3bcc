"""Where the product keeps what it can fetch or build again, and what it has to remember."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from common.errors import UserError
from common.files import private_folder

ROOT = Path(__file__).resolve().parents[1]
"""Where the rooms lie: the checkout, or the installed product."""

STORE = ".exam/store.sqlite"
"""The answers that were paid for, where no `--store` says otherwise: in the current folder."""

REVIEWS = Path(".exam/reviews")
"""What reviewers said, a file a run, likewise."""


def cache_dir() -> Path:
    """`$BAR_EXAM_CACHE`, else the user's cache folder for `bar-exam`; private where it is new.

    Raises:
        UserError: there is no home to look in.
    """
    from platformdirs import user_cache_path

    return _own_folder("BAR_EXAM_CACHE", user_cache_path, "a cache")


def state_dir() -> Path:
    """`$BAR_EXAM_STATE`, else the user's state folder for `bar-exam`; private where it is new.

    What lies there can not be made again.

    Raises:
        UserError: there is no home to look in.
    """
    from platformdirs import user_state_path

    return _own_folder("BAR_EXAM_STATE", user_state_path, "a state")


def _own_folder(variable: str, usual: Callable[[str], Path], what: str) -> Path:
    named = os.environ.get(variable)
    try:
        path = Path(named).expanduser().absolute() if named else usual("bar-exam")
        if not path.is_absolute() or "~" in path.parts[:2]:
            raise RuntimeError("no home")
    except RuntimeError as error:
        raise UserError(
            f"this user has no home folder to keep {what} in; type "
            f"`export {variable}=/a/folder/of/yours`"
        ) from error
    with contextlib.suppress(OSError):  # read-only is enough for whoever only reads
        private_folder(path)
    return path


def cuad_dir() -> Path:
    """Where `python -m fixtures.download cuad` puts the real contracts."""
    return cache_dir() / "cuad"
