"""What a run is made from, taken down when it begins: hours later the files may be others."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from common.errors import UserError
from common.identity import file_digest
from common.provenance import commit
from models.identity.contents import adapter_digest, tokenizer_digest, weights_digest
from models.local.chat import LocalChat
from models.manifest import Manifest
from training.data.examples import Meta
from training.data.lineage import base_manifest, required_manifest
from training.trainer.recipe import Recipe


class Origin(BaseModel):
    """Digests (SHA-256) of all that goes into a run, and what is known of its data.

    Attributes:
        meta: of the data file, with the digest of its rows.
        validation: of the validation file; None where no exam is held.
        base: name, weights and tokenizer.
        start: name and weights of the adapter to start from.
        before: its manifest.
        reward: weights of the reward model.
        others: manifests of the reward model and of the base, where they have one.
        commit: of the code; see `commit`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    meta: Meta
    validation: str | None
    base: dict[str, str]
    start: dict[str, str] | None
    before: Manifest | None
    reward: str | None
    others: tuple[Manifest, ...] = ()
    commit: str | None


def take_origin(recipe: Recipe, chat: LocalChat, meta: Meta) -> Origin:
    """Read the files once, now.

    Args:
        recipe: names the validation file and the reward model.
        chat: knows the base's folder, and the adapter's.
        meta: of the data file.

    Raises:
        UserError: the validation file cannot be read, or nobody says what the reward model has
            seen.
    """
    base, start = chat.base.folder, chat.adapter
    exam = recipe.validation if recipe.validation_exam else None
    judge = _reward_folder(recipe)
    others = [required_manifest(judge, "reward_model") if judge else None, base_manifest(base)]
    return Origin(
        meta=meta,
        validation=_digest(exam) if exam else None,
        base={
            "name": recipe.base,
            "weights": weights_digest(base),
            "tokenizer": tokenizer_digest(base),
        },
        start=_start(recipe, start) if start else None,
        before=required_manifest(start, "adapter") if start else None,
        reward=adapter_digest(judge) if judge else None,
        others=tuple(each for each in others if each),
        commit=commit(),
    )


def read_origin(note: dict[str, Any]) -> Origin | None:
    """The origin in the note of a run that began before; None where it cannot be understood."""
    import json

    try:
        return Origin.model_validate_json(json.dumps(note["origin"]))
    except (KeyError, TypeError, ValueError):
        return None


def _start(recipe: Recipe, adapter: Path) -> dict[str, str]:
    return {"name": Path(str(recipe.adapter)).name, "weights": adapter_digest(adapter)}


def _reward_folder(recipe: Recipe) -> Path | None:
    """Of the reward model's adapter; one that is nowhere is refused by who loads it."""
    folder = Path(recipe.reward_model or "").expanduser()
    found = recipe.reward_model and (folder / "adapter_config.json").is_file()
    return folder if found else None


def _digest(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}; make it with `python -m training.data`"
        ) from error
