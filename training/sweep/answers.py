"""Settings that need answers: entries that differ in one key or two, in one exam of all of them."""

import json
import shutil
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from common.errors import UserError
from models.entry import Prompted
from models.promotion.admission.policy import policy_path
from models.registry import entry_path, read_entry
from models.retrieval.entry import embedders_beside
from training.sweep.tried import Tried

UNIT = "tokens a case"
GATE = Path(__file__).with_name("sweep.toml")
Keys = Mapping[str, Any]


def variants(
    model: str, passages: Sequence[int], temperatures: Sequence[float]
) -> dict[str, dict[str, Any]]:
    """What each variant changes in the model's entry, by the variant's name; empty sequences none.

    >>> list(variants("m", [1, 2], [])), variants("m", [], [0.5])
    (['m-passages1', 'm-passages2'], {'m-temperature0.5': {'temperature': 0.5}})
    """
    choices = [
        [{name: value} for value in values] or [{}]
        for name, values in (("most_passages", passages), ("temperature", temperatures))
    ]
    found: dict[str, dict[str, Any]] = {}
    for parts in product(*choices):
        keys = {name: value for part in parts for name, value in part.items()}
        said = "".join(f"-{name.removeprefix('most_')}{value}" for name, value in keys.items())
        found[model + said] = keys
    return found


def write_variants(model: str, changes: Mapping[str, Keys], registry: Path, folder: Path) -> Path:
    """A registry of the variants, with the policy and the embedders of the model's own beside it.

    Args:
        model: of the registry.
        changes: by the name of the variant.
        registry: where the model's entry lies.
        folder: gets `registry/` and what lies beside one.

    Raises:
        UserError: the model is unknown, or has no prompt.
    """
    import tomlkit

    entry = read_entry(model, registry.resolve())
    if not isinstance(entry, Prompted):
        raise UserError(
            f"--model {model} is {entry.kind}, and is shown nothing that could be varied; name a "
            "model that is asked through the prompt"
        )
    made = folder / "registry"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    for beside in (policy_path, embedders_beside):
        beside(made).unlink(missing_ok=True)
        if beside(registry).exists():
            beside(made).symlink_to(beside(registry).resolve())
    written = entry.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    for name, keys in changes.items():
        decoding = dict(written.get("decoding", {}))
        decoding |= {key: value for key, value in keys.items() if key == "temperature"}
        shown = {key: value for key, value in keys.items() if key != "temperature"}
        varied = written | {"kind": entry.kind, "status": "candidate"} | shown
        if decoding:
            varied["decoding"] = decoding
        entry_path(name, made).write_text(tomlkit.dumps(varied), encoding="utf-8")
    return made


def exam_options(
    names: Sequence[str], registry: Path, folder: Path, retrieval: Sequence[str]
) -> list[str]:
    """The options of one exam of all variants, on contracts that none was trained on."""
    models = [word for name in names for word in ("--model", name)]
    return [
        *models, "--registry", str(registry), "--split", "train", "--leave-out-trained",
        "--balanced", "--judge", "none", "--inconclusive", "pass", "--gate", str(GATE),
        "--runs", str(folder / "runs"), "--ledger", str(folder / "ledger"), *retrieval,
    ]  # fmt: skip


def read_answers(path: Path, changes: Mapping[str, Keys]) -> tuple[list[Tried], list[str], int]:
    """What the exam found of each variant on the cases that all of them answered.

    Args:
        path: of report.json.
        changes: by the name of the variant.

    Returns:
        The settings, the contract of each case, and how many cases were lost.

    Raises:
        UserError: it is no report of these, or nothing was answered.
    """
    try:
        report = json.loads(path.read_bytes())
        by_model: dict[str, dict[int, Any]] = {name: {} for name in changes}
        for row in report["results"]:
            if row["model"] in by_model:
                by_model[row["model"]][row["case"]] = row
        asked = report["dataset"]["examined_cases"]
        scored = [
            {number for number, row in rows.items() if row["scores"].get("balanced") is not None}
            for rows in by_model.values()
        ]
        kept = sorted(set.intersection(*scored))
        tried = [
            Tried(
                " ".join(f"{key} = {value}" for key, value in changes[name].items()),
                "answers",
                tuple(rows[number]["scores"]["balanced"] for number in kept),
                sum(rows[number]["tokens_in"] + rows[number]["tokens_out"] for number in kept)
                / max(1, len(kept)),
            )
            for name, rows in by_model.items()
        ]
        contracts = [str(report["cases"][number]["contract"]) for number in kept]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"{path} is no report of this sweep ({type(error).__name__}: {error}); "
            "type the same line again"
        ) from error
    if not kept:
        raise UserError(
            "no case was answered by every setting; type the same line again, with more --max-calls"
        )
    return tried, contracts, asked - len(kept)
