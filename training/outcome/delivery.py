"""What a run leaves behind: adapter, manifest, card, and last the registry entry.

The adapter is written beside its place and moved; the entry is written last. A run that is killed
leaves neither half an adapter nor an entry that leads nowhere.
"""

import json
import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import replacing, write_whole
from common.identity import file_digest
from models.local.entry import LocalEntry
from models.manifest import FILE, Manifest, write_manifest
from models.registry import SHIPPED, entry_path, is_registered, read_entry
from training.outcome.account import manifest_of, validation_curve
from training.outcome.card import card
from training.outcome.cost import Rates, cost_of, size_of, with_cost
from training.trainer.checkpoints import WEIGHTS, clear, held
from training.trainer.loading import Loaded
from training.trainer.method import Method
from training.trainer.recipe import Recipe
from training.trainer.run import Trained

ADAPTERS = SHIPPED.parent / "adapters"
RUNS = Path(".exam/training/runs")

CONFIG = "adapter_config.json"
KEPT = ("champion", "base", "retired")
"""Statuses whose model is never overwritten: a rollback may return to one that is retired."""
CONTINUES = (
    "free space or give another --adapters DIR: the same command continues from the last checkpoint"
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are found and left."""

    registry: Path = SHIPPED
    adapters: Path = ADAPTERS
    runs: Path = RUNS


def check_free(recipe: Recipe, places: Places, *, force: bool) -> None:
    """Refuse a name that is taken.

    Raises:
        UserError: see `check_not_kept`; or it has an entry or a folder, and `force` is not given.
    """
    entry, folder = entry_path(recipe.name, places.registry), places.adapters / recipe.name
    check_not_kept(recipe.name, places)
    if entry.is_file() and not force and not is_awaited(recipe.name, places):
        raise UserError(
            f"{entry} exists: {recipe.name} was trained before; type --force to replace it, "
            f"or --set name={recipe.name}-2 to keep both"
        )
    unfinished = any((places.runs / recipe.name).glob("checkpoint-*"))
    if folder.exists() and not force and not unfinished:
        raise UserError(
            f"{folder} exists; type --force to replace it, or --set name={recipe.name}-2"
        )


def is_awaited(name: str, places: Places) -> bool:
    """Whether a name has an entry that waits for its adapter to be trained."""
    entry = read_entry(name, places.registry) if is_registered(name, places.registry) else None
    return (
        isinstance(entry, LocalEntry)
        and entry.adapter == (places.adapters / name).resolve()
        and entry.manifest is None
        and not entry.adapter.exists()
    )


def check_not_kept(name: str, places: Places) -> None:
    """Refuse a name whose model is in service, was, or is a base.

    Raises:
        UserError: it is.
    """
    if not is_registered(name, places.registry):
        return
    status = read_entry(name, places.registry).status
    if status in KEPT:
        raise UserError(
            f"{name} is {status} in {places.registry} and is not overwritten; "
            f"give another name: --set name={name}-2"
        )


def deliver(
    trained: Trained,
    places: Places,
    *,
    force: bool = False,
    registered: bool = True,
    rates: Rates | None = None,
) -> Path:
    """Write adapter, manifest, card and entry, and say what to type next.

    Without `registered` there is no entry, and nothing is said: it was a try. With `rates` the
    manifest says what it cost.

    Returns:
        The adapter's folder.

    Raises:
        UserError: the disk is full, the weights are no numbers, or the name was taken meanwhile
            (see `check_free`); nothing is left behind.
    """
    run = trained.checkpoint.folder.parent
    with held(run):
        check_free(trained.loaded.recipe, places, force=force)
        folder = _install(trained, places, rates or Rates(), registered=registered)
        clear(run)
    if registered:
        _say(trained, folder, places)
    return folder


def _install(trained: Trained, places: Places, rates: Rates, *, registered: bool) -> Path:
    loaded, checkpoint = trained.loaded, trained.checkpoint
    name = loaded.recipe.name
    folder = places.adapters / name
    with replacing(folder, mend=CONTINUES) as draft:
        draft.mkdir()
        _write_weights(checkpoint.best, loaded.recipe, draft)
        manifest = manifest_of(loaded, checkpoint)
        if rates.named:
            seconds = (manifest.model_extra or {})["seconds"]
            manifest = with_cost(manifest, cost_of(rates, seconds, size_of(draft)))
        digest = file_digest(write_manifest(draft, manifest))
        _write_card(loaded, manifest, draft, places)
        check_not_kept(name, places)  # it may have been promoted while these were written
        said = _said_of_base(loaded.recipe, places)
        if registered:
            entry_path(name, places.registry).unlink(missing_ok=True)
        if folder.exists():
            shutil.rmtree(folder)
    if registered and not loaded.method.scores:
        _write_entry(loaded, places, digest, said)
    return folder


def next_command(method: Method, name: str, places: Places) -> str:
    """The command line that follows the delivery of an adapter."""
    if method.scores:
        folder = places.adapters / name
        return (
            f"python -m training.ppo training/recipes/ppo-smollm2.yaml --set reward_model={folder}"
        )
    return f"pytest evals --model {name} --baseline champion"


def _write_weights(checkpoint: Path, recipe: Recipe, folder: Path) -> None:
    """The delivered checkpoint's adapter in bfloat16, under the recipe's name for the base."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file, save_file

    try:
        tensors = load_file(checkpoint / WEIGHTS)
        if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
            raise UserError(
                f"{recipe.name}: its weights are not numbers, no adapter was written; "
                "lower training.learning_rate and train again"
            )
        halved = {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
        save_file(halved, folder / WEIGHTS, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OSError(str(error)) from error
    config: dict[str, Any] = json.loads((checkpoint / CONFIG).read_text(encoding="utf-8"))
    config |= {"base_model_name_or_path": recipe.base, "revision": recipe.revision}
    config |= {"inference_mode": True}
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _write_card(loaded: Loaded, manifest: Manifest, folder: Path, places: Places) -> None:
    method, name = loaded.method, loaded.recipe.name
    command = next_command(method, name, places)
    text = card(name, manifest, method.about, method.source, command)
    (folder / "README.md").write_text(text, encoding="utf-8")


def _said_of_base(recipe: Recipe, places: Places) -> dict[str, Any]:
    """What the entry that is replaced says of where its base can be asked; that stays true."""
    known = is_registered(recipe.name, places.registry)
    before = read_entry(recipe.name, places.registry) if known else None
    if not isinstance(before, LocalEntry) or before.base != recipe.base:
        return {}
    said = before.model_dump(exclude_unset=True)
    return {key: said[key] for key in ("parameters", "made_by", "device") if key in said}


def _write_entry(loaded: Loaded, places: Places, manifest: str, said: dict[str, Any]) -> None:
    import tomlkit

    recipe, meta = loaded.recipe, loaded.origin.meta
    entry = tomlkit.document()
    entry.add("kind", "local")
    entry.add("description", recipe.description or f"{recipe.base}, {loaded.method.name}")
    entry.add("status", "candidate")
    entry.add("base", _base_for(recipe.base, places.registry))
    if recipe.revision:
        entry.add("revision", recipe.revision)
    entry.add("adapter", os.path.relpath(places.adapters / recipe.name, places.registry))
    entry.add("manifest", manifest)
    # The base as it was trained on, on every machine: "auto" would be another model elsewhere.
    entry.add("dtype", loaded.chat.base.dtype)
    entry.add("passages", meta.passages)
    if meta.most_passages is not None:
        entry.add("most_passages", meta.most_passages)
    if meta.system is not None:
        entry.add("system", meta.system)
    for key, value in said.items():
        entry.add(key, value)
    places.registry.mkdir(parents=True, exist_ok=True)
    write_whole(entry_path(recipe.name, places.registry), tomlkit.dumps(entry), mend=CONTINUES)


def _base_for(base: str, registry: Path) -> str:
    """The base as the registry names it: relative folders are relative to its own folder."""
    if not Path(base).is_dir() or Path(base).is_absolute():
        return base
    return f"./{os.path.relpath(base, registry)}"


def _say(trained: Trained, folder: Path, places: Places) -> None:
    method, name = trained.loaded.method, trained.loaded.recipe.name
    curve = validation_curve(trained.checkpoint.history)
    best = next((each for each in curve if each["step"] == trained.checkpoint.best_step), None)
    if best:
        said = ", ".join(f"{k.replace('_', ' ')} {v:.3f}" for k, v in best.items() if k != "step")
        print(f"validation exam at step {best['step']}: {said}")
    print(f"{folder}: adapter, {FILE} and card")
    if not method.scores:
        print(f"{places.registry / name}.toml: candidate")
    registry = f" --registry {shlex.quote(str(places.registry))}"
    examines = not method.scores and places.registry != SHIPPED
    print(f"Next: {next_command(method, name, places)}{registry if examines else ''}")
