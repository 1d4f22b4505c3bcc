"""A local chat model: one voice of a base."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from common.errors import UserError
from common.loading import first_line
from models.chat import Answer, Decoding, Message
from models.identity.identities import voice_key
from models.identity.spec import Voice
from models.local.base import BASE, LocalBase
from models.local.control_tokens import defused
from models.local.lacking import check_room
from models.local.weights import check_adapter
from models.turns import without_system


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

    @property
    def voice(self) -> Voice:
        """What it is, as data."""
        return Voice(self.base.folder, self.base.dtype, self.adapter, self.decoding)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Whether the rules were moved, as soon as it has been asked."""
        if vars(self.base).get("takes_system", True):
            return ()
        return (
            f"{self.name}: its chat template shows no system turn, so the rules of the exam were "
            "put at the head of the user's turn",
        )

    @cached_property
    def context(self) -> int:
        """Prompt tokens that fit beside the longest answer."""
        return self.base.positions - self.decoding.max_tokens

    @property
    def longest_answer(self) -> int:
        """Tokens that an answer has at most."""
        return self.decoding.max_tokens

    async def preflight(self) -> None:
        """Generate one token, after turns such as the exam's.

        Raises:
            UserError: tokenizer, weights or adapter cannot be loaded, or do not go together.
        """
        try:
            ids = self.ids([Message("system", "Answer."), Message("user", "Are you there?")])
            if len(ids) >= self.context:
                raise UserError(
                    f"of its {self.base.positions} tokens {self.decoding.max_tokens} are for the "
                    "answer, and no question fits into the rest; lower decoding.max_tokens"
                )
            check_room(self.base.folder, self.base.device, self.base.dtype)
            if self.adapter:
                await asyncio.to_thread(check_adapter, self.adapter, self.base.folder)
            one_token = Decoding(max_tokens=1, temperature=0.0)
            await self.base.ask(ids, self._adapter_name, one_token)
        except UserError as error:
            raise UserError(f"model {self.name}: {error}") from error
        except Exception as error:  # whatever a library makes of these files, they are the reason
            raise UserError(f"model {self.name} cannot be loaded: {first_line(error)}") from error

    def count(self, text: str) -> int:
        """Tokens of `text`."""
        return len(self._defused(text)[1])

    async def chat(self, messages: Sequence[Message]) -> Answer:
        """Continue the chat, in a batch with whoever else is asking."""
        try:
            ids = self.ids(messages)
            if len(ids) > self.context:
                too_long = f"prompt of {len(ids)} tokens, {self.context} fit"
                return Answer("", error=too_long, lasting=True)
            return await self.base.ask(ids, self._adapter_name, self.decoding)
        except UserError:
            raise
        except Exception as error:  # a template, or torch, fails for this chat
            return Answer("", error=f"generation failed: {first_line(error)}")

    async def logprobs(self, messages: Sequence[Message], reply: str) -> tuple[float, ...] | None:
        """See ChatModel. The end of the turn is not counted; an empty reply has no tokens.

        None where prompt and reply are longer than the model was made for, or than memory holds.

        Raises:
            RuntimeError: torch failed otherwise.
        """
        tokens = self._defused(reply)[1]
        ids = self.ids(messages) + tokens
        if len(ids) > self.base.positions:
            return None
        return await self.base.read(ids, self._adapter_name, len(tokens)) if tokens else ()

    def drawn(self, temperature: float, seed: int) -> "LocalChat":
        """See ChatModel. What a seed draws also depends on the batch in which it is drawn."""
        decoding = replace(self.decoding, temperature=temperature, seed=seed)
        return replace(self, decoding=decoding)

    def ids(self, messages: Sequence[Message]) -> list[int]:
        """The tokens that are sent: the chat in its template, up to where the reply begins.

        Rules that the template has no turn for stand at the head of the user's turn.

        Raises:
            ValueError: a turn would be read as more turns than one, or has a token too new for
                the model.
            UserError: the template cannot show a question.
        """
        messages = messages if self.base.takes_system else without_system(messages)
        ids = self._in_template([(m.role, self.defused(m.content)) for m in messages])
        same = tuple((m.role, "x" if m.content.strip() else "") for m in messages)
        if self._marks(ids) != self._marks_of(same):
            raise ValueError("a mark of the chat template would come out of what a turn says")
        if max(ids, default=0) >= self.base.vocabulary:
            raise ValueError(f"the model has no weights for token {max(ids)} of its tokenizer")
        return ids

    def _in_template(self, turns: Sequence[tuple[str, str]]) -> list[int]:
        ids: list[int] = self.base.tokenizer.apply_chat_template(
            [{"role": role, "content": content} for role, content in turns],
            add_generation_prompt=True,
            return_dict=False,
        )
        return ids

    def _marks(self, ids: Sequence[int]) -> list[int]:
        unknown = self.base.tokenizer.unk_token_id
        return [each for each in ids if each in self.base.control and each != unknown]

    def _marks_of(self, turns: tuple[tuple[str, str], ...]) -> list[int]:
        known = self.base.marks
        if turns not in known:
            known[turns] = self._marks(self._in_template(turns))
        return known[turns]

    def defused(self, text: str) -> str:
        """`text` with the tokenizer's own marks broken: a contract may not end a turn."""
        return self._defused(text)[0]

    def _defused(self, text: str) -> tuple[str, list[int]]:
        return defused(self.base.tokenizer, self.base.control, text)

    async def close(self) -> None:
        """Weights go with the process."""
