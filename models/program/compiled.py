"""What a dspy optimiser saved of a program: instructions and demonstrations. Imports dspy."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dspy

from common.errors import UserError
from common.reading import file_text, parse_json
from common.settings import validated
from models.program.faults import described

VERSIONS = "metadata"
"""The key beside those of the predictors."""


@dataclass(frozen=True, slots=True)
class SavedSignature:
    """The instructions, and prefix and description of each field."""

    instructions: str
    fields: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class SavedPredictor:
    """What one `dspy.Predict` of a program had."""

    signature: SavedSignature
    demos: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Saved:
    """Which versions of libraries wrote the file."""

    dependency_versions: dict[str, str]


def give(module: dspy.Module, path: Path, where: str) -> None:
    """Give a module what an optimiser saved of it.

    Args:
        module: of the program that was compiled.
        path: of the JSON file that `module.save` wrote.
        where: of whose entry an error speaks.

    Raises:
        UserError: another version of dspy wrote it, or of another program or signature.
    """
    where = f"{where}: {path}"
    state = parse_json(where, file_text(path), "compile the program again")
    if not isinstance(state, dict) or VERSIONS not in state:
        raise UserError(f"{where} is not what program.save('NAME.json') writes")
    saved: Saved = validated(f"{where}: {VERSIONS}", state[VERSIONS], Saved)
    version = saved.dependency_versions.get("dspy", "of no known version")
    if version != dspy.__version__:
        raise UserError(
            f"{where} was saved by dspy {version}, and this is dspy {dspy.__version__}: compile it "
            "again, or install that version"
        )
    predictors = dict(module.named_predictors())
    if set(predictors) != set(state) - {VERSIONS}:
        raise UserError(
            f"{where} was compiled for another program: it is of {', '.join(sorted(state))}, and "
            f"the program has {', '.join(sorted(predictors))}; compile it again"
        )
    for name, predictor in predictors.items():
        was: SavedPredictor = validated(f"{where}: {name}", state[name], SavedPredictor)
        if was.signature.fields != predictor.signature.dump_state()["fields"]:
            raise UserError(
                f"{where} was compiled for another signature of {name} (now "
                f"{', '.join(predictor.signature.fields)}): compile it again, or restore that"
            )
    try:
        module.load_state(state)
    except Exception as error:
        raise UserError(f"{where} cannot be loaded: {described(error)}") from error
