"""What an optimiser leaves behind: compiled program, manifest, card, and last the registry entry.

The folder is written beside its place and moved; the entry is written last. A run that fails or is
killed leaves no half candidate, and one over a candidate of other content is refused.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.files import replacing, write_whole
from common.identity import file_digest
from models.manifest import FILE, read_manifest, write_manifest
from models.program.entry import ProgramEntry
from models.registry import entry_path, read_entry
from training.optimize.card import card
from training.optimize.program import Compiled
from training.optimize.recipe import Recipe

PROGRAMS = "programs"
PROGRAM = "program.json"
CARD = "README.md"


@dataclass(frozen=True, slots=True)
class Places:
    """Where entries are found and candidates are left."""

    registry: Path
    programs: Path

    def folder(self, recipe: Recipe) -> Path:
        """Of the candidate."""
        return self.programs / recipe.name


def check_free(recipe: Recipe, places: Places) -> None:
    """Refuse a name that is taken by anything but an earlier run of the same recipe.

    Raises:
        UserError: it is; nothing was paid for yet.
    """
    entry, folder = entry_path(recipe.name, places.registry), places.folder(recipe)
    if recipe.name == recipe.program:
        raise UserError(f"name = {recipe.name!r} is the program to optimise; give another name")
    if not folder.exists():
        if entry.is_file():
            raise UserError(f"{entry} exists and is no optimised program; {_other(recipe)}")
        return
    manifest = read_manifest(folder)
    made_by = manifest.model_dump().get("recipe") if manifest else None
    if made_by != recipe.model_dump(mode="json"):
        raise UserError(f"{folder} is of another recipe; {_other(recipe)}, or remove it")


def deliver(made: Compiled, recipe: Recipe, places: Places) -> Path:
    """Write the candidate, and return its folder; the same one again changes nothing.

    Raises:
        UserError: the disk is full, or another candidate of this name is there.
    """
    folder = places.folder(recipe)
    compiled = folder / PROGRAM
    text = json.dumps(made.state, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    if compiled.is_file() and compiled.read_text(encoding="utf-8") != text:
        raise UserError(f"{folder} holds another program; {_other(recipe)}, or remove it")
    if not compiled.is_file():
        with replacing(folder) as draft:
            draft.mkdir()
            (draft / PROGRAM).write_text(text, encoding="utf-8")
            bound = {"program": file_digest(draft / PROGRAM)}  # an exam asks whether it still is
            write_manifest(draft, made.manifest.model_copy(update=bound))
            (draft / CARD).write_text(card(recipe, made.manifest), encoding="utf-8")
    _write_entry(recipe, places, file_digest(folder / FILE))
    return folder


def _write_entry(recipe: Recipe, places: Places, manifest: str) -> None:
    """The program's entry, with what it was compiled to; one that is there stays."""
    import tomlkit

    path = entry_path(recipe.name, places.registry)
    if path.is_file():
        return
    parent = read_entry(recipe.program, places.registry)
    assert isinstance(parent, ProgramEntry)
    entry = tomlkit.document()
    kept = parent.model_dump(mode="json", exclude_defaults=True, exclude={"status", "manifest"})
    said = recipe.description or f"{recipe.program}, optimised by {recipe.optimizer.kind}"
    entry.update(kept | {"description": said, "status": "candidate", "program": parent.program})
    if parent.file is not None:
        entry["program"] = os.path.relpath(parent.program, places.registry)
    entry["compiled"] = os.path.relpath(places.folder(recipe) / PROGRAM, places.registry)
    entry["manifest"] = manifest
    write_whole(path, tomlkit.dumps(entry))


def _other(recipe: Recipe) -> str:
    return f"give the recipe another name, such as {recipe.name}-2"
