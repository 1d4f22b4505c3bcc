"""What reaches an adapter, by whatever door, and the one account of it that its manifest gives.

Contracts are kept whole. What else is trained on (rows mixed in, questions and replies that people
or models wrote) is kept as one text, in the same form, so that an exam finds wording of its own
there; and whoever starts a training, rewards it or writes its rows hands on what it has seen.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from common.errors import UserError
from fixtures.cases import Contract
from models.egress import Sent
from models.local.entry import LocalEntry
from models.local.lacking import no_adapter
from models.manifest import FILE, Manifest, TrainedContract, contract_entry, read_manifest
from models.registry import adapter_of, is_registered, left_folder, parts_of


def contract_entries(contracts: Iterable[Contract]) -> tuple[TrainedContract, ...]:
    """What a manifest keeps of contracts, each once."""
    every = {(each.id, each.digest): each for each in contracts}
    return tuple(map(contract_entry, every.values()))


def text_entries(title: str, texts: Sequence[str]) -> tuple[TrainedContract, ...]:
    """What a manifest keeps of other texts, all as one; nothing of none."""
    return contract_entries([Contract(title, "\n\n".join(texts))] if texts else [])


def join_entries(*seen: Iterable[TrainedContract]) -> tuple[TrainedContract, ...]:
    """All of them, each text once."""
    return tuple({each.digest: each for every in seen for each in every}.values())


def required_manifest(folder: Path, what: str) -> Manifest:
    """The manifest of an adapter that trains another, by its weights, its rewards or its words.

    Raises:
        UserError: it has none: what comes of it would seem whole, and is not.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise UserError(
            f"{what} {folder} has no {FILE}, so what it has seen is unknown, and the exam of "
            "what comes of it could not be checked for leakage; restore the file, train the "
            'adapter with training.sft, or, if it saw no contract, write {"contracts": [], '
            '"cases": []} there'
        )
    return manifest


def seen_by(names: Iterable[str], registry: Path) -> tuple[TrainedContract, ...]:
    """What models of the registry were trained on, whose words or scores become rows.

    Of a server nobody knows; of a base its folder may tell.

    Raises:
        UserError: an adapter is yet to be made; or see `required_manifest`.
    """
    return join_entries(
        *(manifest.contracts for name in names for manifest in _seen(name, registry))
    )


def _seen(name: str, registry: Path) -> Iterator[Manifest]:
    if not is_registered(name, registry):
        return  # whoever opens it says so
    for part, entry in parts_of(name, registry):
        local = entry if isinstance(entry, LocalEntry) else None
        if local and (reason := no_adapter(local)):
            raise UserError(f"--model {part}: {reason}")
        if folder := left_folder(entry):
            what = "adapter" if local else "compiled program"
            yield required_manifest(folder, f"--model {part}: {what}")
        if local and (base := base_manifest(Path(local.base).expanduser())) is not None:
            yield base


def base_manifest(folder: Path) -> Manifest | None:
    """The manifest that lies beside a base's weights, as beside those that were merged.

    Others call files of theirs by this name too; such a one says nothing of training.
    """
    try:
        return read_manifest(folder) if folder.is_dir() else None
    except UserError:
        return None


def datasets_of(manifest: Manifest) -> list[str]:
    """The data sets that a manifest names, as they were typed; early ones name the last alone."""
    said = manifest.model_dump()
    return said.get("datasets") or names_of((said.get("data") or {}).get("dataset", ""))


def datasets_of_folder(folder: Path, named: str) -> list[str]:
    """The data sets that an adapter or base was made of; one that does not say is one of its own.

    Args:
        folder: of its weights.
        named: what it is called.

    Raises:
        UserError: its manifest cannot be read.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        return [named]
    return datasets_of(manifest) or ([named] if manifest.contracts else [])


def sent_with(name: str, registry: Path) -> list[Sent]:
    """The data sets that leave with the files of a registered model: those it was trained on.

    Raises:
        UserError: its manifest cannot be read.
    """
    folder = adapter_of(name, registry)
    return [Sent(each, "") for each in datasets_of_folder(folder, name)] if folder else []


def names_of(dataset: str) -> list[str]:
    """The data sets that a meta joins by " + ".

    >>> names_of("cuad + sample"), names_of("")
    (['cuad', 'sample'], [])
    """
    return [name for name in dataset.split(" + ") if name]
