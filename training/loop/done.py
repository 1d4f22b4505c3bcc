"""What became of a step, by what it left: also of one whose loop was killed before it noted so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.identity import file_digest
from models.identity.contents import adapter_digest
from models.manifest import read_manifest
from models.promotion.ledger.entry import Entry
from models.promotion.ledger.files import ledger_beside, read_ledger
from models.promotion.record.file import read_records
from models.promotion.record.line import Record
from models.registry import adapter_of, is_registered
from training.loop.journal import Made
from training.loop.policy import LoopPolicy
from training.loop.steps import Step
from training.trainer.recipe import read_recipe


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an exam said of the candidate, and the ledger's file that says so."""

    outcome: str
    file: Path


def exams_of(policy: LoopPolicy, model: str) -> tuple[str, ...]:
    """The names of the ledger's files about a model.

    Raises:
        UserError: the ledger cannot be read.
        RefusedError: a file of it is missing or was edited.
    """
    entries = read_ledger(ledger_beside(policy.registry))
    return tuple(e.name for e in entries if model in {each.name for each in e.begun.candidates})


def verdict_of(
    policy: LoopPolicy, model: str, before: Sequence[str], *, sealed: bool
) -> Verdict | None:
    """What the last whole exam of a model said; None without one.

    Args:
        policy: says where the ledger is.
        model: its name.
        before: names of the ledger's files that do not count: no clock has to be believed.
        sealed: whether it is the exam on sealed contracts.

    Raises:
        UserError: the ledger cannot be read.
        RefusedError: a file of it is missing or was edited.
    """
    found: Verdict | None = None
    for entry in read_ledger(ledger_beside(policy.registry)):
        chosen, ended = entry.begun.chosen, entry.ended
        wanted = not chosen.part and (chosen.sealed is not None) == sealed
        if not (ended and wanted and entry.name not in before):
            continue
        said = next((each for each in ended.verdicts if each.model == model), None)
        found = Verdict(said.outcome, entry.path) if said else found
    return found


def sealed_candidates(policy: LoopPolicy) -> frozenset[str]:
    """Names of this loop's candidates that have met sealed contracts.

    Raises:
        UserError: the ledger cannot be read.
        RefusedError: a file of it is missing or was edited.
    """
    entries = read_ledger(ledger_beside(policy.registry))
    return frozenset(name for entry in entries for name in _opened_by(entry, policy.name))


def _opened_by(entry: Entry, loop: str) -> list[str]:
    if entry.begun.chosen.sealed is None:
        return []
    return [each.name for each in entry.begun.candidates if each.name.startswith(f"{loop}-r")]


def promotion_of(policy: LoopPolicy, model: str) -> Record | None:
    """The line of the record that promoted a model; None where none did.

    Raises:
        UserError: the record cannot be read.
        RefusedError: a line of it was tampered with.
    """
    lines = [each for each in read_records(policy.models) if each.kind == "promotion"]
    return next((each for each in reversed(lines) if each.model == model), None)


def has_left(step: Step, policy: LoopPolicy, made: Made) -> bool:
    """Whether a step that was cut off had done its work: an adapter tells by its manifest.

    An exam tells by the ledger. Rows are made again: what they cost is in the store.

    Raises:
        UserError: what it left is there, and cannot be read.
    """
    if step.kind == "exam":
        sealed = "--sealed" in step.arguments
        return verdict_of(policy, step.arguments[1], made.exams, sealed=sealed) is not None
    if step.kind == "training":
        return _is_delivered(step, policy)
    return False


def _is_delivered(step: Step, policy: LoopPolicy) -> bool:
    entry, adapter = step.leaves
    if not is_registered(entry.stem, policy.registry):
        return False
    manifest = read_manifest(adapter)
    facts: Mapping[str, Any] = manifest.model_dump() if manifest else {}
    data, began = table(facts.get("data")), table(facts.get("start"))
    settings = [word for at, word in enumerate(step.arguments) if step.arguments[at - 1] == "--set"]
    recipe = read_recipe(step.takes[0], settings)
    try:
        start = adapter_of(recipe.adapter, policy.registry) if recipe.adapter else None
        weights = adapter_digest(start) if start else None
        return bool(
            facts.get("recipe") == recipe.model_dump(mode="json")
            and data.get("rows") == file_digest(recipe.data)
            and began.get("weights") == weights
        )
    except (OSError, UserError):
        return False


def is_of_round(step: Step) -> bool:
    """Whether what stands where a training delivers was made of rows of the same round.

    Raises:
        UserError: its manifest cannot be read.
    """
    manifest = read_manifest(step.leaves[1])
    recipe = table(manifest.model_dump().get("recipe")) if manifest else {}
    return Path(str(recipe.get("data"))).parent == step.takes[1].parent


def table(value: Any) -> Mapping[str, Any]:
    """What a manifest says under a name, if that is a table: others may write what they like.

    >>> table({"name": "a"}), table("a"), table(None)
    ({'name': 'a'}, {}, {})
    """
    return value if isinstance(value, dict) else {}
