"""The account of a run, written into the manifest beside contracts and cases."""

import platform
from collections.abc import Iterable
from typing import Any

from common.provenance import processor, usable_cores, versions
from models.manifest import Manifest
from training.data.examples import Meta
from training.data.lineage import datasets_of, join_entries, names_of
from training.trainer.checkpoints import Checkpoint
from training.trainer.device import processes
from training.trainer.loading import Loaded
from training.trainer.origin import Origin


def manifest_of(loaded: Loaded, checkpoint: Checkpoint) -> Manifest:
    """What the adapter was trained on and how; of an adapter it started from, both together."""
    origin, recipe, base = loaded.origin, loaded.recipe, loaded.chat.base
    meta, before = origin.meta, origin.before
    seen: list[Manifest | Meta] = [each for each in (before, *origin.others) if each]
    seen.append(meta)
    history = checkpoint.history
    return Manifest(
        contracts=join_entries(*(each.contracts for each in seen), meta.beside),
        cases=tuple(dict.fromkeys(case for each in seen for case in each.cases)),
        datasets=_datasets(origin),
        method=loaded.method.name,
        base=origin.base,
        start=origin.start,
        recipe=recipe.model_dump(mode="json"),
        data=_data(origin),
        commit=origin.commit,
        versions={"python": platform.python_version(), **versions()},
        hardware=hardware(base.device, base.dtype),
        seed=recipe.seed,
        steps=checkpoint.step,
        delivered_step=checkpoint.best_step,
        seconds=round(sum(entry.get("seconds", 0.0) for entry in history), 1),
        tokens=int(checkpoint.state.get("num_input_tokens_seen", 0)),
        losses=[_short(entry) for entry in history if "loss" in entry],
        validation=validation_curve(history),
    )


def validation_curve(history: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The validation exams, oldest first: step and marks."""
    return [
        {"step": entry["step"]}
        | {name[5:]: round(value, 4) for name, value in entry.items() if name.startswith("eval_")}
        for entry in history
        if "eval_balanced" in entry
    ]


def hardware(device: str, dtype: str) -> dict[str, Any]:
    """Processor, cores and threads of a process, how many there are, device, dtype of the base."""
    import torch

    return {
        "processor": processor(),
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "processes": processes(),
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "dtype": dtype,
    }


def _datasets(origin: Origin) -> list[str]:
    """Names of the data sets seen, those of the adapter to start from first."""
    earlier = datasets_of(origin.before) if origin.before else []
    return list(dict.fromkeys([*earlier, *names_of(origin.meta.dataset)]))


def _data(origin: Origin) -> dict[str, Any]:
    meta = origin.meta
    return {
        "dataset": meta.dataset,
        "identity": meta.dataset_identity,
        "command": meta.command,
        "contracts": len(meta.contracts),
        "rows": meta.rows,
        "validation": origin.validation,
        "statistics": dict(meta.statistics),
    }


def _short(entry: dict[str, Any]) -> dict[str, Any]:
    kept = ("step", "loss", "learning_rate", "grad_norm", "mean_token_accuracy", "rewards/margins")
    return {name: float(f"{entry[name]:.5g}") for name in kept if name in entry}
