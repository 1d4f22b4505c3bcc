"""Embedders of sentence-transformers: any model of theirs that is safetensors and no code."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import UserError
from common.identity import digest, file_digest
from common.loading import LOADING, check_no_code, first_line
from fixtures.retrieval.embedder import unit
from models.local.devices import choose_device
from models.local.weights import PICKLES, fetched_folder
from models.retrieval.entry import SentencesEntry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

WANTED = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")
OURS = "sentence_transformers."
"""What the class of every module of a model begins with; another is somebody's own code."""
DOCUMENTATION = (".md", ".png", ".jpg", ".svg")


class SentenceEmbedder:
    """Texts as the model's own modules pool them, with its own prompts for questions and passages.

    Nothing is loaded before the first `embed`; `identity` reads the files alone.
    """

    def __init__(self, entry: SentencesEntry) -> None:
        self._entry = entry

    @cached_property
    def folder(self) -> Path:
        """Where the model lies; fetched where it is not there yet.

        Raises:
            UserError: it is not there, is no such model, or brings code or pickles.
        """
        folder = fetched_folder("embedder", self._entry.model, self._entry.revision, WANTED)
        _check(folder)
        return folder

    @cached_property
    def identity(self) -> str:
        """SHA-256 over the files of the model, and the dimensions that are kept."""
        files = {
            str(path.relative_to(self.folder)): file_digest(path) for path in _files(self.folder)
        }
        return digest("embedder", "sentence-transformers", 1, files, self._entry.dimensions)

    @cached_property
    def _loaded(self) -> Any:
        with LOADING:
            try:
                from sentence_transformers import SentenceTransformer
            except ImportError as error:
                raise UserError(
                    f"--embedder {self._entry.model} needs sentence-transformers; "
                    "type: pip install 'bar-exam[embedders]'"
                ) from error
            try:
                return SentenceTransformer(
                    str(self.folder),
                    device=choose_device(self._entry.device),
                    truncate_dim=self._entry.dimensions,
                    model_kwargs={"dtype": "float32"},
                    trust_remote_code=False,
                    local_files_only=True,
                )
            except MemoryError:
                raise
            except Exception as error:  # whatever a library makes of a file is the file's fault
                raise UserError(
                    f"{self.folder} cannot be loaded by sentence-transformers: "
                    f"{first_line(error)}; fetch or save it again"
                ) from error

    def embed(self, texts: Sequence[str]) -> "npt.NDArray[np.float32]":
        """Vectors of length 1 of passages, shape (len(texts), dimensions)."""
        return self._encoded(self._loaded.encode_document, texts)

    def embed_queries(self, texts: Sequence[str]) -> "npt.NDArray[np.float32]":
        """The same of questions."""
        return self._encoded(self._loaded.encode_query, texts)

    def _encoded(self, encode: Any, texts: Sequence[str]) -> "npt.NDArray[np.float32]":
        try:
            return unit(encode(list(texts), show_progress_bar=False))
        except ValueError as error:
            raise UserError(
                f"--embedder {self._entry.model}: {first_line(error)}; choose another model"
            ) from error


def _files(folder: Path) -> list[Path]:
    """What may move the vectors, in the order of the names; caches and pictures do not."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix.lower() not in DOCUMENTATION
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _check(folder: Path) -> None:
    """Refuse what is no model of sentence-transformers, and what would run code of its own."""
    listed = folder / "modules.json"
    try:
        modules = [str(each["type"]) for each in json.loads(listed.read_bytes())]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise UserError(
            f"{folder} is no model of sentence-transformers: {listed.name} is not there, or lists "
            "no modules; save it with `SentenceTransformer(...).save_pretrained(FOLDER)`"
        ) from error
    for module in modules:
        if not module.startswith(OURS):
            raise UserError(
                f"{listed} names Python code of its own ({module}), which is never run; choose "
                "another model"
            )
    for place in {folder, *(path.parent for path in _files(folder))}:
        check_no_code(place)
        held = {path.suffix for path in place.iterdir()}
        pickles = sorted(held & {*PICKLES})
        if pickles and ".safetensors" not in held:
            raise UserError(
                f"{place} holds its weights as a pickle ({pickles[0]}), and loading one can run "
                "any code; save the model anew with `save_pretrained`, which writes safetensors"
            )
