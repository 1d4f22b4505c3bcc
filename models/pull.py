"""`python -m models.pull NAME s3://BUCKET/PREFIX`: a model that was pushed, to its places here."""

import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from common.aws.clients import Prefix, explained, open_client, read_prefix
from common.command import Parser, run
from common.errors import UserError
from common.settings import nearest
from models.promotion.place import RUNS
from models.registry import NAME, SHIPPED, entry_path
from models.storage.candidate import check_delivery, copy_delivery, travelling_entry
from models.storage.folders import find_index, pull_folder
from models.storage.index import Index, below
from models.storage.layout import ADAPTER, ENTRY, REPORTS


@dataclass(frozen=True, slots=True)
class PullOptions:
    """What comes from where.

    Attributes:
        name: of the model, there and here.
        of: the place of all models.
        digest: that it must have, as its push said; None takes what is there.
        registry: where its entry goes; its adapter goes beside, into `adapters/`.
        runs: where its report goes.
        region: of the bucket; None takes what the AWS profile says.
    """

    name: str
    of: Prefix
    digest: str | None
    registry: Path
    runs: Path
    region: str | None

    @property
    def adapters(self) -> Path:
        """Where adapters lie."""
        return self.registry.parent / "adapters"


def read_options(typed: Sequence[str]) -> PullOptions:
    """What a command line asks for.

    Raises:
        UserError: it cannot be understood.
    """
    parser = Parser(prog="python -m models.pull", description="Fetch a model that was pushed.")
    add = parser.add_argument
    add("name", metavar="NAME", help="under which it was pushed")
    add("of", metavar="S3", help="s3://BUCKET/PREFIX, as it was given to models.push")
    add("--digest", metavar="SHA256", help="that it must have, as its push said")
    add("--registry", type=Path, default=SHIPPED, metavar="DIR", help="NAME.toml files")
    add("--runs", type=Path, default=RUNS, metavar="DIR", help="folder of reports")
    add("--region", metavar="NAME", help="of the bucket (as your AWS profile says)")
    given = vars(parser.parse_args(typed))
    entry_path(given["name"], given["registry"], "models.pull")
    return PullOptions(**{**given, "of": read_prefix(given["of"])})


def pull(options: PullOptions) -> None:
    """Pull adapter and entry, then the last report that was pushed.

    Raises:
        UserError: it is not there, something else lies here under that name, AWS refuses, or the
            disk is full.
    """
    place = Prefix(options.of.bucket, options.of.key(options.name))
    with explained("AWS cannot be used"):
        client = open_client("s3", options.region)
    index = find_index(client, place)
    if index is None:
        raise UserError(_missing(client, options))
    if options.digest not in {None, index.digest}:
        raise UserError(
            f"{place.uri()} has the digest {index.digest}, not {options.digest}: another model was "
            "pushed there; ask who pushed it"
        )
    adapter = options.adapters / options.name
    if _is_needed(options, index):
        delivery = options.adapters / f".{options.name}-{index.digest[:12]}"
        pull_folder(client, place, index, delivery)
        check_delivery(delivery, options.name)
        copy_delivery(delivery, options.name, options.adapters, options.registry, over=False)
        shutil.rmtree(delivery, ignore_errors=True)
    print(f"{adapter}: {len(index.files)} files, {index.size:,} bytes, digest {index.digest}")
    _pull_report(client, Prefix(place.bucket, place.key(REPORTS)), options.runs)
    print(f"next: pytest evals --model {options.name} --baseline champion")


def _is_needed(options: PullOptions, index: Index) -> bool:
    """Whether the adapter is not here yet.

    Raises:
        UserError: here is another adapter, or another entry, of that name.
    """
    wanted = {file.name: file.sha256 for file in index.files}
    entry = entry_path(options.name, options.registry)
    if entry.is_file():
        text = travelling_entry(options.name, options.registry)
        if sha256(text.encode()).hexdigest() != wanted.get(ENTRY):
            raise UserError(
                f"{entry} says otherwise than the entry that was pushed, and is not replaced; "
                "move it away first"
            )
    adapter = options.adapters / options.name
    if not adapter.exists():
        return True
    here = Index.of(below(adapter, ADAPTER)) if any(adapter.iterdir()) else None
    found = {file.name: file.sha256 for file in here.files} if here else {}
    if found != {name: digest for name, digest in wanted.items() if name != ENTRY}:
        raise UserError(f"{adapter} is another adapter, and is not replaced; move it away first")
    return not entry.is_file()


def _missing(client: Any, options: PullOptions) -> str:
    hint = nearest(options.name, _folders(client, options.of))
    return f"{options.name} was not pushed to {options.of.uri()}, or not all of it; {hint}"


def _folders(client: Any, place: Prefix) -> list[str]:
    """The names of what lies below a place."""
    prefix = f"{place.path}/" if place.path else ""
    with explained(f"{place.uri()} cannot be listed"):
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=place.bucket, Prefix=prefix, Delimiter="/"
        )
        found = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", ())]
    names = [each.removeprefix(prefix).rstrip("/") for each in found]
    return [name for name in names if re.fullmatch(NAME, name)]


def _pull_report(client: Any, place: Prefix, runs: Path) -> None:
    """The newest report that was pushed whole; one that is here stays as it is."""
    for run_id in sorted(_folders(client, place), reverse=True):
        at = Prefix(place.bucket, place.key(run_id))
        index = find_index(client, at)
        if index is not None:
            there = (runs / run_id).exists()
            pull_folder(client, at, index, runs / run_id)
            print(f"{runs / run_id}: {'was here' if there else 'its report'}")
            return


def main(argv: list[str] | None = None) -> int:
    """Pull a model; the same line goes on where one stopped."""
    return run(read_options, pull, argv, stopped="stopped; the same line goes on where it stopped")


if __name__ == "__main__":
    sys.exit(main())
