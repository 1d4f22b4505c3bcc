"""The account of a run, written into the manifest beside contracts and cases."""

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.manifest import Manifest
from training.checkpoints import processes
from training.examples import Meta
from training.origin import Origin
from training.provenance import joined

if TYPE_CHECKING:
    from training.run import Trained

LIBRARIES = ("torch", "transformers", "peft", "trl")


def manifest_of(trained: "Trained") -> Manifest:
    """What the adapter was trained on and how; of an adapter it started from, both together."""
    origin, parts, recipe = trained.origin, trained.parts, trained.recipe
    meta, before = origin.meta, origin.before
    seen: list[Manifest | Meta] = [each for each in (before, *origin.others) if each]
    seen.append(meta)
    history = trained.checkpoint.history
    return Manifest(
        contracts=joined(*(each.contracts for each in seen), meta.beside),
        cases=tuple(dict.fromkeys(case for each in seen for case in each.cases)),
        datasets=_datasets(origin),
        method=trained.method.name,
        base=origin.base,
        start=origin.start,
        recipe=recipe.model_dump(mode="json"),
        data=_data(origin),
        commit=origin.commit,
        versions=versions(),
        hardware=hardware(parts.device.kind, parts.device.dtype),
        seed=recipe.seed,
        steps=trained.checkpoint.step,
        delivered_step=step_of(trained),
        seconds=round(sum(entry.get("seconds", 0.0) for entry in history), 1),
        tokens=int(trained.checkpoint.state.get("num_input_tokens_seen", 0)),
        losses=[_short(entry) for entry in history if "loss" in entry],
        validation=validation_curve(history),
    )


def step_of(trained: "Trained") -> int:
    """The step whose weights are delivered."""
    return int(trained.weights.name.rpartition("-")[2])


def validation_curve(history: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The validation exams, oldest first: step and marks."""
    return [
        {"step": entry["step"]}
        | {name[5:]: round(value, 4) for name, value in entry.items() if name.startswith("eval_")}
        for entry in history
        if "eval_balanced" in entry
    ]


def versions() -> dict[str, str | None]:
    """Versions of what computes."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def hardware(kind: str, dtype: str) -> dict[str, Any]:
    """Processor, cores and threads of a process, how many there are, device, dtype of the base."""
    import torch

    return {
        "processor": _processor(),
        "cores": _cores(),
        "threads": torch.get_num_threads(),
        "processes": processes(),
        "device": torch.cuda.get_device_name() if kind == "cuda" else kind,
        "dtype": dtype,
    }


def _cores() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _datasets(origin: Origin) -> list[str]:
    """Names of the data sets seen, those of the adapter to start from first."""
    before = origin.before.model_dump() if origin.before else {}
    earlier = before.get("datasets") or _names((before.get("data") or {}).get("dataset", ""))
    return list(dict.fromkeys([*earlier, *_names(origin.meta.dataset)]))


def _names(dataset: str) -> list[str]:
    return [name for name in dataset.split(" + ") if name]


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
