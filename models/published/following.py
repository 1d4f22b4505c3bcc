"""What model registries outside say is derived from the record, like `champion.toml`.

Whoever promotes or rolls back makes them follow when the local files are written. A server that is
down makes no promotion undone: what lags is said, and the next call completes it.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from common.command import Say, one_line
from common.doors import as_typed
from common.errors import UserError
from common.locks import locked
from models.egress import Egress, Sent
from models.promotion.champion import in_force
from models.promotion.place import Place
from models.promotion.record.file import read_records
from models.promotion.record.line import Record
from models.published.mlflow_registry import MlflowRegistry
from models.published.release import RemoteRegistry, grounds_of_record, release_of
from models.published.sagemaker_registry import SageMakerRegistry
from models.published.settings import Published, read_published

MadeOf = Callable[[str, Path], Sequence[Sent]]
"""Of a model's name and the registry: the data sets that it was trained on."""

AGAIN = "python -m models.publish --sync"
LOCK = ".published.lock"
LAGS = 3
"""The exit code of a command that did what was asked, where a registry outside lags behind it."""


def registries(published: Published) -> Iterator[RemoteRegistry]:
    """The registries that a file names."""
    if published.mlflow:
        yield MlflowRegistry(published.mlflow)
    if published.sagemaker:
        yield SageMakerRegistry(published.sagemaker)


def follow(place: Place, made_of: MadeOf, say: Say = print) -> tuple[str, ...]:
    """Make every registry of `publish.toml` say what the record says; returns what lags, and why.

    Two that follow at once wait for each other, and each reads the record anew.

    Raises:
        UserError: the record cannot be read, or its folder not be written.
        RefusedError: the record was tampered with.
    """
    try:
        published = read_published(place.registry)
    except UserError as error:
        return (f"nothing outside follows: {error}",)
    if published == Published():
        return ()
    lagging = []
    with locked(place.folder / LOCK, lambda: say("another one is publishing; waiting for it")):
        records = read_records(place.folder)
        standing = in_force(records)
        for each in registries(published) if standing else ():
            try:
                _follow(each, records, standing, place.registry, made_of, say)
            except UserError as error:
                why = str(error).removeprefix(f"{each.title} ")
                lagging.append(f"{each.title} lags: {why}")
    return tuple(lagging)


def tell(lagging: Sequence[str]) -> int:
    """Say what lags behind the record; returns the exit code."""
    for line in lagging:
        print(f"{one_line(UserError(line))}; then type `{as_typed(AGAIN)}`", file=sys.stderr)
    return LAGS if lagging else 0


def _follow(
    remote: RemoteRegistry,
    records: Sequence[Record],
    standing: Sequence[Record],
    registry: Path,
    made_of: MadeOf,
    say: Say,
) -> None:
    champion = standing[-1]
    check_egress(remote, champion.model, registry, made_of)
    if remote.find(champion.identity) is None:
        with tempfile.TemporaryDirectory() as work:
            grounds = grounds_of_record(champion)
            release = release_of(champion.model, registry, Path(work), grounds, champion)
            say(f"{remote.title}: {champion.model} is version {remote.put(release)}")
    for line in remote.point(champion.named, left(records, standing)):
        say(line)


def left(records: Sequence[Record], standing: Sequence[Record]) -> dict[str, str]:
    """Whoever was in service and is no more: identity -> why, as people read it."""
    why: dict[str, str] = {}
    for record in records:
        if record.kind == "promotion" and record.previous:
            why[record.previous.identity] = f"retired by promotion {record.number}"
        elif record.kind == "rollback" and record.previous:
            why[record.previous.identity] = f"rolled back by line {record.number}"
    why.pop(standing[-1].identity, None)
    return why


def check_egress(remote: RemoteRegistry, name: str, registry: Path, made_of: MadeOf) -> None:
    """Refuse a registry that what a model was trained on may not be sent to.

    Raises:
        UserError: no line of the policy allows it.
    """
    egress = Egress(registry, tuple(made_of(name, registry)))
    for url in remote.hosts():
        egress.check(url, remote.title, os.environ)
