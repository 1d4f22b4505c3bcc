"""A trick as a model of the registry: `kind = "cheat"`, added by name as any repository adds one.

`python -m bench.cheating.kind FOLDER` writes a repository of all of them beside the shipped models:

    pytest evals --rootdir FOLDER --registry FOLDER/registry --model cheat-hedge --baseline champion
"""

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from bench.cheating.tricks import TRICKS, Asked
from bench.cheating.usual import Usual, usual_answers
from common.command import Parser, run
from common.errors import UserError
from common.identity import digest, file_digest
from common.paths import ROOT
from common.settings import nearest
from fixtures.cases import Case
from fixtures.datasets import load_dataset
from fixtures.retrieval.passages import Passage
from models.called import CalledModel
from models.chat import Answer, Model
from models.entry import Entry, Kind
from models.factory import open_models
from models.registry import entry_path

MODELS = ROOT / "models"


class CheatEntry(Entry):
    """A trick upon the answers of another model of a registry.

    `learnt` is the data set whose train split says what the commonest answers are.
    """

    kind: Literal["cheat"]
    trick: str
    of: str = "extractive"
    registry: Path = MODELS / "registry"
    learnt: str = "sample"


@dataclass(frozen=True)
class CheatModel(CalledModel):
    """A called model that asks another one first, and prepares and closes it."""

    inner: Model | None = None

    async def preflight(self) -> None:
        """Whatever the other needs."""
        if self.inner:
            await self.inner.preflight()

    def most_tokens(self, case: Case, passages: Sequence[Passage]) -> int:
        """What the other costs."""
        return self.inner.most_tokens(case, passages) if self.inner else 0

    async def close(self) -> None:
        """Release what the other holds open."""
        if self.inner:
            await self.inner.close()


def open_cheat(name: str, entry: CheatEntry) -> CheatModel:
    """The model of an entry.

    Raises:
        UserError: there is no such trick, or no such model to play it upon.
    """
    if entry.trick not in TRICKS:
        raise UserError(f"model {name}: no trick {entry.trick!r}; {nearest(entry.trick, TRICKS)}")
    trick = TRICKS[entry.trick]
    (inner,) = open_models([entry.of], entry.registry)

    async def cheat(case: Case, passages: Sequence[Passage]) -> Answer:
        honest = await inner.answer(case, passages)
        said = trick(asked(case, passages, honest.text, _learnt(entry.learnt)))
        return Answer(said, error=honest.error)

    tricks = file_digest(Path(__file__).with_name("tricks.py"))
    moves = digest("cheat", tricks, entry.trick, inner.identity, entry.learnt)
    return CheatModel(name, moves, cheat, inner=inner)


def asked(case: Case, passages: Sequence[Passage], said: str, usual: Mapping[str, Usual]) -> Asked:
    """What a trick may see of a case: never a gold answer."""
    return Asked(case.question, case.category, tuple(passages), said, usual.get(case.category))


@cache  # one a data set, however many cheats have learnt from it
def _learnt(dataset: str) -> Mapping[str, Usual]:
    data = load_dataset(dataset)
    return usual_answers([c for c in data.cases if c.contract.id not in data.test_contracts])


CHEAT = Kind("cheat", CheatEntry, open_cheat, hosts=())


def write_repository(folder: Path, of: str = "extractive", learnt: str = "sample") -> Path:
    """Shipped models and every cheat, with the champion's record; returns the registry."""
    registry = folder / "registry"
    shutil.copytree(MODELS / "registry", registry, dirs_exist_ok=True)
    if not (folder / "adapters").exists():
        (folder / "adapters").symlink_to(MODELS / "adapters")
    for path in (*MODELS.glob("*.toml"), *MODELS.glob("*.jsonl")):
        shutil.copy(path, folder)
    for trick in TRICKS:
        entry = f'kind = "cheat"\ntrick = "{trick}"\nof = "{of}"\nlearnt = "{learnt}"\n'
        entry_path(f"cheat-{trick}", registry).write_text(entry, encoding="utf-8")
    project = '[tool.bar-exam]\nmodels = ["bench.cheating.kind:CHEAT"]\n'
    (folder / "pyproject.toml").write_text(project, encoding="utf-8")
    return registry


def main(argv: list[str] | None = None) -> int:
    """Write the repository of cheats."""
    parser = Parser(prog="python -m bench.cheating.kind", description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--of", default="extractive", help="the model that is cheated upon")
    parser.add_argument("--learnt", default="sample", help="whose train split is known by heart")
    return run(parser.parse_args, _write, argv)


def _write(options: object) -> None:
    folder: Path = options.folder  # type: ignore[attr-defined]
    folder.mkdir(parents=True, exist_ok=True)
    print(write_repository(folder, options.of, options.learnt))  # type: ignore[attr-defined]


if __name__ == "__main__":
    sys.exit(main())
