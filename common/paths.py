"""Where the product keeps what it can fetch or build again."""

import contextlib
import os
from pathlib import Path

from common.errors import UserError
from common.files import private_folder

ROOT = Path(__file__).resolve().parents[1]
"""Where the rooms lie: the checkout, or the installed product."""


def cache_dir() -> Path:
    """`$BAR_EXAM_CACHE`, else the user's cache folder for `bar-exam`; private where it is new.

    Raises:
        UserError: there is no home to look in.
    """
    from platformdirs import user_cache_path

    named = os.environ.get("BAR_EXAM_CACHE")
    try:
        path = Path(named).expanduser().absolute() if named else user_cache_path("bar-exam")
        if not path.is_absolute() or "~" in path.parts[:2]:
            raise RuntimeError("no home")
    except RuntimeError as error:
        raise UserError(
            "this user has no home folder to keep a cache in; type "
            "`export BAR_EXAM_CACHE=/a/folder/of/yours`"
        ) from error
    with contextlib.suppress(OSError):  # read-only is enough for whoever only reads
        private_folder(path)
    return path


def cuad_dir() -> Path:
    """Where `python -m fixtures.download cuad` puts the real contracts."""
    return cache_dir() / "cuad"
