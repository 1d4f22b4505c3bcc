"""A local chat model: one voice of a base."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from fixtures.errors import UserError
from models.base import BASE, LocalBase
from models.chat import Answer, Message
from models.decoding import Decoding
from models.identities import voice_key


@dataclass(frozen=True)
class LocalChat:
    """One voice of a local base: the base itself, or one adapter on it."""

    name: str
    base: LocalBase
    decoding: Decoding
    adapter: Path | None = None

    @cached_property
    def _adapter_name(self) -> str:
        return self.base.add_adapter(self.adapter) if self.adapter else BASE

    @cached_property
    def identity(self) -> str:
        """Digest of base, adapter, tokenizer, template and decoding."""
        return voice_key(self.base.identity, self._adapter_name, self.decoding)

    @cached_property
    def context(self) -> int:
        """Prompt tokens that fit beside the longest answer."""
        return self.base.positions - self.decoding.max_tokens

    @property
    def longest_answer(self) -> int:
        """Tokens that an answer has at most."""
        return self.decoding.max_tokens

    async def preflight(self) -> None:
        """Generate one token.

        Raises:
            UserError: tokenizer, weights or adapter cannot be loaded.
        """
        try:
            ids = self.ids([Message("user", "Are you there?")])
            one_token = Decoding(max_tokens=1, temperature=0.0)
            await self.base.ask(ids, self._adapter_name, one_token)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise UserError(f"model {self.name} cannot be loaded: {reason}") from error

    def count(self, text: str) -> int:
        """Tokens of `text`."""
        return len(self.base.tokenizer(text, add_special_tokens=False)["input_ids"])

    async def chat(self, messages: Sequence[Message]) -> Answer:
        """Continue the chat, in a batch with whoever else is asking."""
        ids = self.ids(messages)
        if len(ids) > self.context:
            return Answer("", error=f"prompt of {len(ids)} tokens, {self.context} fit")
        try:
            return await self.base.ask(ids, self._adapter_name, self.decoding)
        except (RuntimeError, ValueError, IndexError) as error:
            return Answer("", error=f"generation failed: {error}".splitlines()[0])

    async def logprobs(self, messages: Sequence[Message], reply: str) -> tuple[float, ...] | None:
        """See ChatModel. The end of the turn is not counted; an empty reply has no tokens.

        None where prompt and reply are longer than the model was made for, or than memory holds.

        Raises:
            RuntimeError: torch failed otherwise.
        """
        tokens = self.base.tokenizer(self.defused(reply), add_special_tokens=False)["input_ids"]
        ids = self.ids(messages) + tokens
        if len(ids) > self.base.positions:
            return None
        return await self.base.read(ids, self._adapter_name, len(tokens)) if tokens else ()

    def drawn(self, temperature: float, seed: int) -> "LocalChat":
        """See ChatModel. What a seed draws also depends on the batch in which it is drawn."""
        decoding = replace(self.decoding, temperature=temperature, seed=seed)
        return replace(self, decoding=decoding)

    def ids(self, messages: Sequence[Message]) -> list[int]:
        """The tokens that are sent: the chat in its template, up to where the reply begins."""
        turns = [{"role": m.role, "content": self.defused(m.content)} for m in messages]
        ids: list[int] = self.base.tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, return_dict=False
        )
        return ids

    def defused(self, text: str) -> str:
        """`text` with the tokenizer's own marks broken: a contract may not end a turn."""
        for mark in self.base.tokenizer.all_special_tokens:
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
        return text

    async def close(self) -> None:
        """Weights go with the process."""
