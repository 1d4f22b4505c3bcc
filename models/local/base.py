"""A base model in memory, and any number of adapters on it, answering in batches.

Every chat that is waiting is sorted by length, longest first, and cut into batches whose padded
size stays below a number of tokens; a batch that does not fit in memory is halved. One worker
writes answers and reads given replies, never both at once.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from common.errors import UserError
from models.chat import Answer, Decoding
from models.identity.identities import adapter_key, base_key
from models.local.adapters import alone, check_effect, put_on
from models.local.batching import J, Job, Reading, Waiting, resolve
from models.local.control_tokens import control_ids
from models.local.generation import generate, likelihoods
from models.local.pretrained import (
    longest_sequence,
    open_model,
    open_tokenizer,
    vocabulary_size,
)
from models.local.standing import Standing, alike, heard
from models.local.turns import takes_system
from models.local.weights import adapter_files

R = TypeVar("R")
BASE = "__base__"
"""The name under which the bare base is asked."""

PROBE = ({"role": "user", "content": "Are you there?"},)


@dataclass
class LocalBase:
    """A base model, loaded on the first call, and the adapters that were put on it.

    `device` and `dtype` are torch's names, resolved (`devices.py`): 16 bit answers differently
    from 32. `batch_tokens` bounds the padded size of a batch; None chooses by device.
    """

    folder: Path
    device: str
    dtype: str
    batch_tokens: int | None = None
    _waiting: Waiting[Job] = field(default_factory=Waiting, repr=False)
    _readings: Waiting[Reading] = field(default_factory=Waiting, repr=False)
    _worker: asyncio.Task[None] | None = field(default=None, repr=False)
    _adapters: dict[str, Path] = field(default_factory=dict, repr=False)
    _model: Any = field(default=None, repr=False)
    _standing: Standing | None = field(default=None, repr=False)
    _own: dict[str, Any] = field(default_factory=dict, repr=False)
    marks: dict[Any, list[int]] = field(default_factory=dict, repr=False)

    @cached_property
    def identity(self) -> str:
        """Digest of weights, tokenizer, chat template and dtype."""
        return base_key(self.folder, self.dtype)

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer, padding on the left."""
        return open_tokenizer(self.folder)

    @cached_property
    def control(self) -> frozenset[int]:
        """Ids that no text of a contract may become."""
        return control_ids(self.tokenizer)

    @cached_property
    def vocabulary(self) -> int:
        """How many tokens the model knows; its tokenizer may know more."""
        return vocabulary_size(self.folder)

    @cached_property
    def takes_system(self) -> bool:
        """Whether its chat template has a turn for the rules; else they go into the user's."""
        return takes_system(self.tokenizer, self.folder)

    @cached_property
    def positions(self) -> int:
        """The longest sequence, prompt and answer, that the model was made for."""
        return longest_sequence(self.folder)

    def holding(self, model: Any) -> "LocalBase":
        """Another base of this folder and tokenizer, answering with a model in memory.

        Args:
            model: on `device` already; it is neither moved nor set to evaluate.
        """
        other = LocalBase(self.folder, self.device, self.dtype, _model=model)
        other.tokenizer = self.tokenizer
        return other

    def add_adapter(self, adapter: Path) -> str:
        """Register an adapter; it is read when first used. Returns its name on this base.

        Raises:
            UserError: it is no adapter, or a pickle; whether it fits is seen when it is loaded.
        """
        adapter_files(adapter)
        name = adapter_key(adapter)
        self._adapters[name] = adapter
        return name

    async def ask(self, ids: list[int], adapter: str, decoding: Decoding) -> Answer:
        """Generate from prompt ids; may be awaited for any number of prompts at once."""
        reply: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.put(Job(ids, adapter, decoding, reply))
        self._wake()
        return await reply

    async def read(self, ids: list[int], adapter: str, replied: int) -> tuple[float, ...] | None:
        """Log-probabilities of the last `replied` ids; None where they do not fit in memory.

        May be awaited for any number of replies at once.
        """
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[tuple[float, ...] | None] = loop.create_future()
        self._readings.put(Reading(ids, adapter, replied, reply))
        self._wake()
        return await reply

    def _wake(self) -> None:
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        await asyncio.sleep(0)  # everyone who is about to ask is asked first
        while self._waiting or self._readings:
            if self._waiting:
                await resolve(self._waiting.take(self._budget()), self._answers)
            else:
                await resolve(self._readings.take(self._budget()), self._likelihoods)

    def _budget(self) -> int:
        if self.batch_tokens is None:
            # On a CPU a prompt with its passages stays alone: a batch waits for its longest answer,
            # and cannot be proposed words of the passages.
            self.batch_tokens = 65_536 if self.device == "cuda" else 512
        return self.batch_tokens

    def _load(self) -> Any:
        """The model in memory, loaded once."""
        if self._model is None:
            self._model = self._fresh()
        return self._model

    def _with_adapter(self, name: str) -> Any:
        """The model with this adapter active, or the bare base."""
        if name in self._own:
            return self._own[name]
        if name != BASE and name not in getattr(self._load(), "peft_config", ()):
            self._put_on(name)
            return self._with_adapter(name)
        model = self._load()
        if name != BASE:
            model.set_adapter(name)
        return model

    def _put_on(self, name: str) -> None:
        """Put an adapter on the shared base, or on one of its own where that would be altered."""
        ids = self.tokenizer.apply_chat_template(
            PROBE, add_generation_prompt=True, return_dict=False
        )
        model, adapter = self._load(), self._adapters[name]
        self._standing = self._standing or Standing.of(model)
        voices = [None, *getattr(model, "peft_config", ())]
        before = heard(model, ids, voices)
        self._model = None  # what is half done is no base for anybody
        with contextlib.suppress(UserError):  # what does not fit beside others may do so alone
            model = put_on(model, adapter, name).eval()
            after = heard(model, ids, [*voices, name])
            if alike(before, after) and not self._standing.altered(model):
                self._model = model
        if self._model is None:
            self._standing = None
            del model  # memory holds one base more at most
            self._own[name] = alone(self._fresh, adapter, name)
        elif after[0].equal(after[-1]):
            check_effect(model, ids, adapter, name)

    def _fresh(self) -> Any:
        return open_model(self.folder, self.dtype).to(self.device).eval()

    @contextlib.contextmanager
    def _voice(self, adapter: str) -> Iterator[Any]:
        """The model speaking with this adapter, or as the bare base, without gradients."""
        import torch

        model = self._with_adapter(adapter)
        bare = adapter == BASE and hasattr(model, "disable_adapter")
        with torch.inference_mode(), model.disable_adapter() if bare else contextlib.nullcontext():
            yield model

    def _answers(self, batch: Sequence[Job]) -> list[Answer]:
        return self._fitting(
            batch,
            self._generate,
            lambda job: Answer("", error=f"out of memory on a prompt of {len(job.ids)} tokens"),
        )

    def _likelihoods(self, batch: Sequence[Reading]) -> list[tuple[float, ...] | None]:
        return self._fitting(batch, self._read, lambda reading: None)

    def _generate(self, batch: Sequence[Job]) -> list[Answer]:
        with self._voice(batch[0].adapter) as model:
            return generate(model, self.tokenizer, batch)

    def _read(self, batch: Sequence[Reading]) -> list[tuple[float, ...]]:
        with self._voice(batch[0].adapter) as model:
            return likelihoods(model, self.tokenizer, batch)

    def _fitting(
        self, batch: Sequence[J], work: Callable[[Sequence[J]], Sequence[R]], lost: Callable[[J], R]
    ) -> list[R]:
        """Work on one batch; out of memory halves it, and the budget of those to come."""
        try:
            return list(work(batch))
        except (MemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                raise
        if self.device == "cuda":
            import torch

            torch.cuda.empty_cache()
        if len(batch) == 1:
            return [lost(batch[0])]
        # Half of this batch, not of the budget: the halves of one batch may fail one by one.
        padded = len(batch) * (len(batch[0].ids) + batch[0].decoding.max_tokens)
        self.batch_tokens = min(self._budget(), padded // 2)
        middle = len(batch) // 2
        halves = (batch[:middle], batch[middle:])
        return [found for half in halves for found in self._fitting(half, work, lost)]


def _out_of_memory(error: BaseException) -> bool:
    words = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in words or "can't allocate" in words
