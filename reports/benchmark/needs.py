"""What a method needs and what making it took, from its entry in the report and its manifest."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from common.errors import UserError
from common.identity import file_digest
from models.manifest import FILE, Manifest, read_manifest
from models.registry import adapter_of, is_registered
from reports.benchmark.field import Entrant


@dataclass(frozen=True, slots=True)
class Training:
    """What an adapter took to make, with everything that it was trained on from.

    Attributes:
        method: of the last step.
        steps: of the optimizer.
        tokens: that it was trained on.
        minutes: of the clock.
        devices: on what, as `cpu`.
        labels: cases whose gold answers it was shown.
        contracts: of which these are.
        whole: whether the manifests of all that it started from were found.
    """

    method: str
    steps: int
    tokens: int
    minutes: float
    devices: tuple[str, ...]
    labels: int
    contracts: int
    whole: bool


def training_of(name: str, registry: Path) -> Training | None:
    """From the manifests of an adapter and of those that it started from; None without one.

    Raises:
        UserError: a manifest cannot be read.
    """
    chain = list(_chain(name, registry))
    if not chain:
        return None
    facts = [each.model_dump() for each in chain]
    devices = [str((each.get("hardware") or {}).get("device", "")) for each in facts]
    return Training(
        method=str(facts[0].get("method", "")),
        steps=sum(each.get("steps", 0) for each in facts),
        tokens=sum(each.get("tokens", 0) for each in facts),
        minutes=sum(each.get("seconds", 0.0) for each in facts) / 60,
        devices=tuple(dict.fromkeys(each for each in devices if each)),
        labels=len({case for each in chain for case in each.cases}),
        contracts=len({contract.digest for each in chain for contract in each.contracts}),
        whole=not facts[-1].get("start"),
    )


def _chain(name: str, registry: Path) -> Iterator[Manifest]:
    """The manifest of an adapter, then those of what it started from, as far as they are there."""
    seen = set[str]()
    start: str | None = name
    while start and start not in seen and is_registered(start, registry):
        seen.add(start)
        adapter = adapter_of(start, registry)
        manifest = read_manifest(adapter) if adapter else None
        if manifest is None:
            return
        yield manifest
        start = (manifest.model_dump().get("start") or {}).get("name")


@dataclass(frozen=True, slots=True)
class Needs:
    """What it takes to have a model answer.

    Attributes:
        kind: of its entry.
        weights: base and adapter of a local model; empty without.
        device: on which local weights are asked to run; empty without.
        service: who is asked over the network, with the model; empty where nothing is sent.
        training: None where the model was not trained here, or nothing is known of it.
        remark: why nothing is known of its training although it was trained.
    """

    kind: str
    weights: str
    device: str
    service: str
    training: Training | None
    remark: str = ""


def needs_of(entrant: Entrant, registry: Path) -> Needs:
    """From the entry that the report holds, and the manifest that the registry has now."""
    facts = entrant.facts
    entry: dict[str, Any] = dict(facts.further) if facts else {}
    training, remark = _training(entrant.model, entry, registry)
    base = str(entry.get("base") or "")
    return Needs(
        kind=str(entry.get("kind") or "unknown"),
        weights=f"{base} + adapter" if base and entry.get("adapter") else base,
        device=str(entry.get("device") or "") if base else "",
        service=_service(entry),
        training=training,
        remark=remark,
    )


def _training(model: str, entry: dict[str, Any], registry: Path) -> tuple[Training | None, str]:
    """The training of the very adapter that was examined, or why it is not known."""
    if not entry.get("adapter"):
        return None, ""
    if not is_registered(model, registry):
        return None, "not in the registry"
    try:
        adapter, examined = adapter_of(model, registry), entry.get("manifest")
        if adapter is None or not (adapter / FILE).is_file():
            return None, "no manifest"
        if examined and file_digest(adapter / FILE) != examined:
            return None, "trained again since"
        return training_of(model, registry), ""
    except (OSError, UserError) as error:
        return None, f"manifest cannot be read: {error}"


def _service(entry: dict[str, Any]) -> str:
    """The host that is asked and its model; of a kind that says only that it is one, its kind."""
    host = urlsplit(str(entry.get("base_url") or "")).hostname
    return f"{host} ({entry.get('model')})" if host else ""
