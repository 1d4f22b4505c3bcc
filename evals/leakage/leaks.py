"""Leakage: exam contracts that a candidate was trained on, word for word or nearly so."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from common.errors import UserError
from fixtures.cases import Case, Contract, Dataset
from fixtures.shingles import comparable, is_sample, sketch
from models.manifest import Manifest, contract_entry

NAMED = 5


@dataclass(frozen=True, slots=True)
class Leak:
    """An exam contract that stands in a training set.

    `identity`: the same text. `case`: the same question about the same text, which the manifest
    lists without its contract. `near-duplicate`: the share `containment` of its wording stands in
    `trained_contract`, the one that holds most of it.
    """

    exam_contract: str
    trained_contract: str
    kind: Literal["identity", "case", "near-duplicate"]
    containment: float


@dataclass(frozen=True, slots=True)
class LeakVerdict:
    """One model's exam against its training set."""

    model: str
    outcome: Literal["PASS", "FAIL"]
    reason: str


def find_leaks(
    cases: Sequence[Case], manifest: Manifest, threshold: float = 0.5
) -> tuple[Leak, ...]:
    """At most one leak, the worst, of each exam contract, in the order of the cases.

    A near-duplicate has more than `threshold` of its shingles in a single trained contract. Time
    is linear in the text of both sides: an index leads from a shingle to the contracts trained on.
    """
    titles = {trained.digest: trained.title for trained in manifest.contracts}
    asked = set(manifest.cases)
    seen = {case.contract.digest for case in cases if case.identity in asked}
    holders = _holders(manifest)
    samples = [is_sample(frozenset(trained.sketch)) for trained in manifest.contracts]
    leaks = []
    for contract in {(c.contract.id, c.contract.digest): c.contract for c in cases}.values():
        if contract.digest in titles:
            leaks.append(Leak(contract.id, titles[contract.digest], "identity", 1.0))
        elif contract.digest in seen:
            leaks.append(Leak(contract.id, contract.id, "case", 1.0))
        else:
            share, nearest = _nearest(contract, holders, samples)
            if share > threshold:
                title = manifest.contracts[nearest].title
                leaks.append(Leak(contract.id, title, "near-duplicate", share))
    return tuple(leaks)


def _holders(manifest: Manifest) -> Mapping[int, list[int]]:
    """Shingle → places of the trained contracts that hold it."""
    holders = defaultdict(list)
    for place, trained in enumerate(manifest.contracts):
        for shingle in set(trained.sketch):
            holders[shingle].append(place)
    return holders


def _nearest(
    contract: Contract, holders: Mapping[int, list[int]], samples: Sequence[bool]
) -> tuple[float, int]:
    """The largest containment in a trained contract, and that contract's place."""
    exam = sketch(contract.text)
    total = {sample: comparable(exam, sample) for sample in (False, True)}
    shared = Counter(place for shingle in exam for place in holders.get(shingle, ()))
    return max(
        ((common / total[samples[place]], place) for place, common in shared.items()),
        default=(0.0, 0),
    )


def check_leakage(model: str, leaks: Sequence[Leak], allowed: Sequence[str] = ()) -> LeakVerdict:
    """FAIL when a leak is not excused by its exam contract's title; letter case does not count."""
    excused = {title.casefold() for title in allowed}
    barred = [leak for leak in leaks if leak.exam_contract.casefold() not in excused]
    found = {leak.exam_contract.casefold() for leak in leaks}
    unneeded = [title for title in allowed if title.casefold() not in found]
    parts = []
    if barred:
        kinds = Counter(leak.kind for leak in barred)
        shown = ", ".join(f"{count} by {kind}" for kind, count in kinds.items())
        parts.append(
            f"trained on {len(barred)} of the exam's contracts ({shown}): "
            f"{_titles([leak.exam_contract for leak in barred])}; leave them out of the training "
            "or of the exam (--leave-out-trained), or name them under leakage.allow in the gate "
            "file"
        )
    else:
        parts.append("no exam contract leaks" + (" beside those allowed" if leaks else ""))
    if len(barred) < len(leaks):
        parts.append(
            f"allowed: {_titles([leak.exam_contract for leak in leaks if leak not in barred])}"
        )
    if unneeded:
        parts.append(f"leakage.allow names what does not leak: {_titles(unneeded)}")
    return LeakVerdict(model, "FAIL" if barred else "PASS", "; ".join(parts))


def _titles(titles: Sequence[str]) -> str:
    more = f" and {len(titles) - NAMED} more" if len(titles) > NAMED else ""
    return ", ".join(f'"{title}"' for title in titles[:NAMED]) + more


def near_duplicates(dataset: Dataset, threshold: float = 0.5) -> tuple[Leak, ...]:
    """Test contracts that stand in a train contract of the same data set, the nearest first.

    Raises:
        UserError: the data set has no train split.
    """
    test = [case for case in dataset.cases if case.contract.id in dataset.test_contracts]
    train = {case.contract.id: case.contract for case in dataset.cases}
    entries = [
        contract_entry(contract)
        for title, contract in train.items()
        if title not in dataset.test_contracts
    ]
    if not entries:
        raise UserError(f"--dataset {dataset.name} has no train split; give one with it")
    leaks = find_leaks(test, Manifest(contracts=tuple(entries), cases=()), threshold)
    return tuple(sorted(leaks, key=lambda leak: -leak.containment))
