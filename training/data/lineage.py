"""What reaches an adapter, by whatever door, and the one account of it that its manifest gives.

Contracts are kept whole. What else is trained on (rows mixed in, questions and replies that people
or models wrote) is kept as one text, in the same form, so that an exam finds wording of its own
there; and whoever starts a training, rewards it or writes its rows hands on what it has seen.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bar_exam.common.errors import UserError
from bar_exam.fixtures.cases import Contract, Dataset
from bar_exam.fixtures.shingles import WIDTH, shingles
from bar_exam.models.manifest import FILE, Manifest, TrainedContract, contract_entry, read_manifest
from bar_exam.models.registry import LocalEntry, is_registered, read_entry

RUNS = 8
"""Runs of eight words of one exam contract, 15 words in a row, that no other text may share."""

CONTAINMENT = 0.5  # as the shipped gate: above it an exam contract counts as seen


@dataclass(frozen=True, slots=True)
class Beside:
    """A text to train on that is no contract: where it stands, and the contract it is about."""

    where: str
    text: str
    own: Contract | None = None


def entries(contracts: Iterable[Contract]) -> tuple[TrainedContract, ...]:
    """What a manifest keeps of contracts, each once."""
    every = {(each.id, each.digest): each for each in contracts}
    return tuple(map(contract_entry, every.values()))


def text_entries(title: str, texts: Sequence[str]) -> tuple[TrainedContract, ...]:
    """What a manifest keeps of other texts, all as one; nothing of none."""
    return entries([Contract(title, "\n\n".join(texts))] if texts else [])


def joined(*seen: Iterable[TrainedContract]) -> tuple[TrainedContract, ...]:
    """All of them, each text once."""
    return tuple({each.digest: each for every in seen for each in every}.values())


def known(folder: Path, what: str) -> Manifest:
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
        UserError: see `known`.
    """
    return joined(*(manifest.contracts for name in names for manifest in _seen(name, registry)))


def _seen(name: str, registry: Path) -> Iterator[Manifest]:
    if not is_registered(name, registry):
        return  # whoever opens it says so
    entry = read_entry(name, registry)
    if isinstance(entry, LocalEntry):
        if entry.adapter:
            yield known(entry.adapter, f"--model {name}: adapter")
        if (base := of_base(Path(entry.base).expanduser())) is not None:
            yield base


def of_base(folder: Path) -> Manifest | None:
    """The manifest that lies beside a base's weights, as beside those that were merged.

    Others call files of theirs by this name too; such a one says nothing of training.
    """
    try:
        return read_manifest(folder) if folder.is_dir() else None
    except UserError:
        return None


def refuse_exam(texts: Sequence[Beside], datasets: Sequence[Dataset]) -> None:
    """Refuse texts that repeat the wording of a test contract, one alone or all together.

    What a text has in common with the contract that it is about does not count.

    Raises:
        UserError: one does; the line names it.
    """
    holders: dict[int, list[int]] = defaultdict(list)
    own: dict[str, frozenset[int]] = {}
    for place, each in enumerate(texts):
        if each.own and each.own.digest not in own:
            own[each.own.digest] = shingles(each.own.text)
        known_words = own[each.own.digest] if each.own else frozenset()
        for shingle in shingles(each.text) - known_words:
            holders[shingle].append(place)
    for contract in _exam(datasets) if holders else ():
        wording = shingles(contract.text)
        common = [shingle for shingle in wording if shingle in holders]
        shared = Counter(place for shingle in common for place in holders[shingle])
        worst = max(shared, key=lambda place: (shared[place], -place), default=0)
        if common and shared[worst] >= min(RUNS, len(wording)):
            raise UserError(
                f"{texts[worst].where}: it repeats the wording of the exam's contract "
                f"{contract.id!r} ({shared[worst]} runs of {WIDTH} words), which nobody may train "
                "on; leave it out"
            )
        if len(common) > CONTAINMENT * len(wording):
            raise UserError(
                f"{texts[worst].where}, with the rows beside it: together they hold most of the "
                f"exam's contract {contract.id!r}, which nobody may train on; leave them out"
            )


def _exam(datasets: Sequence[Dataset]) -> list[Contract]:
    """The contracts that the exam keeps for itself, each text once."""
    return list(
        {
            case.contract.digest: case.contract
            for data in datasets
            for case in data.cases
            if case.contract.id in data.test_contracts
        }.values()
    )
