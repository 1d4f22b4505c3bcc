"""Which data sets the files of a job were made of: the policy says where those may be sent."""

from collections.abc import Iterator
from pathlib import Path

from common.errors import UserError
from models.egress import Sent
from models.local.entry import LocalEntry
from models.registry import is_registered, read_entry
from training.data.examples import read_meta, validation_path
from training.data.lineage import datasets_of_folder, names_of
from training.trainer.loading import find_adapter
from training.trainer.recipe import Recipe


def made_of(recipe: Recipe, work: Path) -> tuple[Sent, ...]:
    """The data sets of the rows, adapters and base that a recipe names, each once.

    What does not say what it was made of is a data set of its own, by its path.

    Raises:
        UserError: an adapter is not there, or its manifest cannot be read.
    """
    names = [*_of_rows(recipe, work), *_of_weights(recipe, work)]
    return tuple(Sent(name, "") for name in dict.fromkeys(names))


def _of_rows(recipe: Recipe, work: Path) -> Iterator[str]:
    for file in filter(None, (recipe.data, recipe.validation)):
        try:
            meta = read_meta(work / _described(file))
        except UserError:
            yield str(file)
        else:
            yield from names_of(meta.dataset) or [str(file)]


def _described(file: Path) -> Path:
    """The data file whose meta speaks for a file: for validation rows, that they were split from.

    >>> _described(Path("sft.validation.jsonl")).name, _described(Path("sft.jsonl")).name
    ('sft.jsonl', 'sft.jsonl')
    """
    whole = file.with_name(file.name.replace(".validation", ""))
    return whole if validation_path(whole) == file else file


def _of_weights(recipe: Recipe, work: Path) -> Iterator[str]:
    registry = work / "models" / "registry"
    bases = [recipe.base]
    for named in filter(None, (recipe.adapter, recipe.reward_model)):
        yield from datasets_of_folder(find_adapter(named, registry), named)
        entry = read_entry(named, registry) if is_registered(named, registry) else None
        bases += [entry.base] if isinstance(entry, LocalEntry) else []
    for base in bases:
        if (work / base).is_dir():
            yield from datasets_of_folder(work / base, base)
