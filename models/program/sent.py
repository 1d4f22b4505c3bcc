"""Whose contracts a program's demonstrations are of: they are sent to its generator too."""

from fixtures.datasets import load_dataset
from models.egress import Sent
from models.manifest import read_manifest
from models.program.entry import ProgramEntry


def shown_beside(entry: ProgramEntry) -> tuple[Sent, ...]:
    """The data sets of its examples, and those that its compiled demonstrations come from.

    Raises:
        UserError: a data set or the manifest cannot be read.
    """
    found: list[Sent] = []
    if entry.examples:
        name = entry.examples.dataset
        found.append(Sent(name, load_dataset(name).identity))
    manifest = read_manifest(entry.folder) if entry.folder else None
    said = (manifest.model_extra or {}) if manifest else {}
    identity = (said.get("data") or {}).get("identity", "")
    return (*found, *(Sent(name, identity) for name in said.get("datasets") or ()))
