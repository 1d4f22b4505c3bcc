"""What a method needs and what making it took, from its entry in the report and its manifest."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from common.errors import UserError
from common.identity import file_digest
from models.manifest import FILE, Manifest, read_manifest
from models.price import summed
from models.registry import adapter_of, is_registered, read_entry
from reports.benchmark.field import Entrant


@dataclass(frozen=True, slots=True)
class Training:
    """What a model took to make, with everything that it was made from.

    Attributes:
        method: of the last step.
        steps: of the optimizer; 0 of a compiled program.
        tokens: that it was trained on; 0 of a compiled program.
        calls: that compiling asked.
        minutes: of the clock.
        devices: on what it was trained, as `cpu`.
        dollars: that machines and calls cost; None where nobody knows all of it.
        labels: cases whose gold answers it was shown.
        contracts: of which these are.
        whole: whether the manifests of all that it started from were found.
    """

    method: str
    steps: int
    tokens: int
    calls: int
    minutes: float
    devices: tuple[str, ...]
    dollars: Decimal | None
    labels: int
    contracts: int
    whole: bool


def training_of(name: str, registry: Path) -> Training | None:
    """From the manifests of a model and of those that it was made from; None without one.

    Raises:
        UserError: a manifest cannot be read.
    """
    chain = list(_chain(name, registry))
    made = [each for each in chain if each is not None]
    if not made:
        return None
    facts = [each.model_dump() for each in made]
    devices = [str((each.get("hardware") or {}).get("device", "")) for each in facts]
    return Training(
        method=str(facts[0].get("method", "")),
        steps=sum(each.get("steps", 0) for each in facts),
        tokens=sum(each.get("tokens", 0) for each in facts),
        calls=sum((each.get("cost") or {}).get("calls", 0) for each in facts),
        minutes=sum(each.get("seconds", 0.0) for each in facts) / 60,
        devices=tuple(dict.fromkeys(each for each in devices if each)),
        dollars=summed(_dollars(each.get("cost") or {}) for each in facts),
        labels=len({case for each in made for case in each.cases}),
        contracts=len({contract.digest for each in made for contract in each.contracts}),
        whole=len(made) == len(chain),
    )


def _chain(name: str, registry: Path) -> Iterator[Manifest | None]:
    """The manifest of a model, then those of what it was made from; None of one that is gone."""
    seen, begun = set[str](), [name]
    while begun:
        start = begun.pop(0)
        if start in seen:
            continue
        seen.add(start)
        if not is_registered(start, registry):
            yield None
            continue
        generator = getattr(read_entry(start, registry), "generator", None)
        begun += [generator] if generator else []
        folder = adapter_of(start, registry)
        if folder is None:  # a base, or a program as it comes: made by nobody here
            continue
        manifest = read_manifest(folder)
        yield manifest
        before = (manifest.model_dump().get("start") or {}).get("name") if manifest else None
        begun += [before] if before else []


def _dollars(cost: Mapping[str, Any]) -> Decimal | None:
    """Of a manifest: of its calls, or of the machine that trained it."""
    known = cost.get("usd", (cost.get("training") or {}).get("usd"))
    try:
        return None if known is None else Decimal(str(known))
    except InvalidOperation:
        return None


@dataclass(frozen=True, slots=True)
class Needs:
    """What it takes to have a model answer.

    Attributes:
        kind: of its entry; of a program also which, and around what.
        weights: base and adapter of a local model; empty without.
        device: on which local weights are asked to run; empty without.
        service: who is asked over the network, with the model; empty where nothing is sent.
        training: None where the model was not made here, or nothing is known of it.
        remark: why nothing is known of its making although it was made.
    """

    kind: str
    weights: str
    device: str
    service: str
    training: Training | None
    remark: str = ""


def needs_of(entrant: Entrant, registry: Path) -> Needs:
    """From the entry that the report holds, and the manifest that the registry has now.

    Of a program the generator's entry is the registry's: what the report holds is its name.
    """
    entry: dict[str, Any] = dict(entrant.facts.further) if entrant.facts else {}
    training, remark = _training(entrant.model, entry, registry)
    kind, asked = str(entry.get("kind") or "unknown"), entry
    if generator := str(entry.get("generator") or ""):
        kind = f"{kind} {Path(str(entry.get('program'))).name} of {generator}"
        asked = _entry(generator, registry)
    base = str(asked.get("base") or "")
    return Needs(
        kind=kind,
        weights=f"{base} + adapter" if base and asked.get("adapter") else base,
        device=str(asked.get("device") or "") if base else "",
        service=_service(asked),
        training=training,
        remark=remark,
    )


def _entry(name: str, registry: Path) -> dict[str, Any]:
    """An entry of the registry; empty where it has none that can be read."""
    try:
        return read_entry(name, registry).model_dump(mode="json")
    except UserError:
        return {}


def _training(model: str, entry: Mapping[str, Any], registry: Path) -> tuple[Training | None, str]:
    """How the very model that was examined was made, or why it is not known."""
    made = entry.get("adapter") or entry.get("compiled")
    if not made and not entry.get("generator"):
        return None, ""
    if not is_registered(model, registry):
        return None, "not in the registry"
    try:
        folder, examined = adapter_of(model, registry), entry.get("manifest")
        if made and (folder is None or not (folder / FILE).is_file()):
            return None, "no manifest"
        if folder and examined and file_digest(folder / FILE) != examined:
            return None, "made again since"
        return training_of(model, registry), ""
    except (OSError, UserError) as error:
        return None, f"manifest cannot be read: {error}"


def _service(entry: Mapping[str, Any]) -> str:
    """The host that is asked, or Bedrock's region, and the model there; empty of a local one."""
    model = entry.get("model")
    if entry.get("kind") == "bedrock":
        region = entry.get("region")
        return f"Bedrock{f' in {region}' if region else ''} ({model})"
    host = urlsplit(str(entry.get("base_url") or "")).hostname
    return f"{host} ({model})" if host else ""
