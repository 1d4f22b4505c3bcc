"""Adapters that a registry entry names in S3: pulled once into the cache, and found there since."""

import sys
from pathlib import Path

from common.aws.clients import Prefix, explained, open_client
from common.errors import UserError
from common.paths import cache_dir
from models.storage.folders import find_index, pull_folder
from models.storage.layout import ADAPTER


def pulled_adapter(place: Prefix, digest: str) -> Path:
    """The adapter's folder in the cache; it is pulled where it is not there.

    Args:
        place: that a model was pushed to, its name included.
        digest: of what was pushed, as `models.push` said it.

    Raises:
        UserError: it cannot be pulled, or something else lies at that place.
    """
    folder = cache_dir() / "pulled" / digest
    if not folder.is_dir():
        uri = place.uri()
        with explained(f"the adapter {uri} cannot be pulled"):
            client = open_client("s3")
            index = find_index(client, place)
            if index is None:
                raise UserError(
                    f"the adapter {uri} cannot be pulled: nothing was pushed there, or not all of "
                    "it; type `python -m models.push` where it lies, or train it here"
                )
            if index.digest != digest:
                raise UserError(
                    f"the adapter {uri} cannot be pulled: its digest is {index.digest}, and the "
                    f"registry entry names {digest}; mend the entry, or push to another prefix"
                )
            print(f"pulling {uri}, {index.size:,} bytes", file=sys.stderr)
            pull_folder(client, place, index, folder)
    return folder / ADAPTER
