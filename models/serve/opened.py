"""Models in service: what is promoted, opened and checked to be it, and candidates beside it."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from models.chat import ChatModel, Model
from models.factory import Chats, open_models
from models.identity.identities import promotion_identity
from models.local.chat import LocalChat
from models.promotion.admission.refusals import check_recorded
from models.promotion.champion import FILE, in_force, read_champion
from models.promotion.record.file import read_lines
from models.promotion.record.line import Record, services
from models.promotion.refused import RefusedError
from models.prompted import PromptedModel
from models.recorded import RecordedModel
from models.registry import parts_of
from models.remote.entry import Remote

VERIFY = "type `python -m models.promote --verify`"


@dataclass(frozen=True, slots=True)
class Voice:
    """A model that answers.

    `identity` is what a promotion of it pins, as an earlier release may have written it; `content`
    is the same as this release computes it, by which two models are told apart.
    """

    name: str
    identity: str
    content: str
    model: Model

    @property
    def chat(self) -> ChatModel | None:
        """What continues a chat; None of a model that answers cases alone."""
        return self.model.chat if isinstance(self.model, PromptedModel) else None

    @property
    def base(self) -> object:
        """The weights in memory that it is built on, where it is."""
        return self.chat.base if isinstance(self.chat, LocalChat) else None


def pointer(folder: Path) -> bytes:
    """The bytes of `champion.toml`, by which another champion is noticed; none where it is gone."""
    try:
        return (folder / FILE).read_bytes()
    except OSError:
        return b""


def promoted(folder: Path) -> Record:
    """The line of the record that put the champion into service.

    Raises:
        UserError: nothing was promoted, or a file cannot be read.
        RefusedError: `champion.toml` and the record say different things: one was edited, or a
            promotion is half done.
    """
    champion, lines = read_champion(folder), read_lines(folder)
    records = services(lines)
    if champion is None or not records:
        raise UserError(
            f"{folder / FILE} is not there: nothing was promoted; type `python -m models.promote "
            "NAME`, or give another --folder"
        )
    in_force(records)
    last = records[-1]
    told = (champion.model, champion.identity, champion.record)
    if told != (last.model, last.identity, lines[-1].hash):
        raise RefusedError(
            f"{folder / FILE} says {champion.model} ({champion.identity[:12]}), and the last line "
            f"of the record {last.model} ({last.identity[:12]}); {VERIFY}"
        )
    return last


async def open_promoted(record: Record, registry: Path, chats: Chats) -> Voice:
    """The champion, ready to answer, and what was promoted: by its files before and after loading.

    Raises:
        UserError: it cannot be opened, or answers nothing.
        RefusedError: it is not what was promoted.
    """
    voice = await open_voice(record.model, registry, chats)
    for model in (voice.model, open_models([record.model], registry)[0]):
        await asyncio.to_thread(check_recorded, model, record)
    return Voice(record.model, record.identity, voice.content, voice.model)


async def open_voice(name: str, registry: Path, chats: Chats) -> Voice:
    """A model of the registry, ready to answer.

    Raises:
        UserError: it cannot be opened, answers nothing, or is served elsewhere.
    """
    for part, entry in parts_of(name, registry):
        if isinstance(entry, Remote):
            raise UserError(f"{part} is {entry.kind}: a server of its own serves it; ask that")
    model = await asyncio.to_thread(lambda: open_models([name], registry, chats)[0])
    if isinstance(model, RecordedModel):
        raise UserError(f"{name} is recorded: it has answers to an exam, and no others")
    identity = await asyncio.to_thread(promotion_identity, model)
    await model.preflight()
    return Voice(name, identity, identity, model)
