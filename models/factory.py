"""From registry entries to models, with one copy of a base in memory for all its adapters."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common.errors import UserError
from common.redaction import address
from models.bedrock.entry import BedrockEntry
from models.bedrock.server import BedrockServer
from models.chat import ChatModel, Model
from models.echo import EchoChat
from models.egress import Egress, Sent
from models.endpoint.server import EndpointServer
from models.entry import Entry, Kind, Prompted
from models.extractive import ExtractiveModel
from models.local.base import LocalBase
from models.local.chat import LocalChat
from models.local.devices import choose_device, choose_dtype
from models.local.entry import LocalEntry, adapter_folder
from models.local.lacking import check_there
from models.local.weights import base_folder
from models.program.entry import ProgramEntry
from models.program.model import Pipeline, ProgramModel
from models.program.sent import shown_beside
from models.prompted import CLOSED_BOOK, SYSTEM, PromptedModel, Template
from models.recorded import RecordedModel
from models.registry import (
    KINDS,
    SHIPPED,
    EchoEntry,
    EndpointEntry,
    ExtractiveEntry,
    RecordedEntry,
    entry_path,
    parts_of,
    read_entry,
)
from models.remote.chat import RemoteChat, Server
from models.remote.waiting import Wait


def open_models(
    names: Sequence[str], folder: Path = SHIPPED, chats: "Chats | None" = None
) -> tuple[Model, ...]:
    """The models of these names, in order. Nothing is loaded or called yet.

    Args:
        names: of the registry, or `recorded:PATH`, `inspect:LOG`, `promptfoo:FILE`.
        folder: of the registry.
        chats: what else is opened from that folder; weights are then shared with it.

    Raises:
        UserError: a name is unknown, or an entry is malformed.
    """
    chats = chats or Chats(folder)
    return tuple(_open_model(name, folder, chats) for name in names)


class Chats:
    """Opens chat models; entries that name the same weights share them.

    Whoever opens an endpoint by the same name shares its connections and its limit. A model on
    another machine is asked about the data sets that are `sent`, where the policy allows each of
    them; without any it can be identified, and not asked.
    """

    def __init__(self, folder: Path = SHIPPED, sent: Sequence[Sent] = ()) -> None:
        self._folder = folder
        self._egress = Egress(folder, tuple(sent))
        self._remote: dict[str, RemoteChat] = {}
        self._bases: dict[tuple[object, ...], LocalBase] = {}

    @property
    def egress(self) -> Egress:
        """What is sent, and who allows it."""
        return self._egress

    def open(self, name: str, least_tokens: int = 0, further: Sequence[Sent] = ()) -> ChatModel:
        """The chat model of this name; its longest answer has `least_tokens` or more.

        It is shown text of the data sets `further` too, which may be sent where it is.

        Raises:
            UserError: the name is unknown, the entry is not one that chats, or the policy has no
                line for what is sent.
        """
        entry = read_entry(name, self._folder)
        if isinstance(entry, Prompted) and entry.decoding.max_tokens < least_tokens:
            longer = replace(entry.decoding, max_tokens=least_tokens)
            entry = entry.model_copy(update={"decoding": longer})
        if isinstance(entry, LocalEntry):
            return self._local(name, entry)
        if isinstance(entry, EndpointEntry | BedrockEntry):
            if self._egress.sent and further:
                _remote(name, entry, self._folder, replace(self._egress, sent=tuple(further)))
            if name not in self._remote:
                self._remote[name] = _remote(name, entry, self._folder, self._egress)
            return self._remote[name].decoded(entry.decoding)
        if isinstance(entry, EchoEntry):
            return EchoChat(name)
        raise UserError(f"model {name} is {entry.kind}: it answers cases, but cannot chat")

    def open_added(self, name: str, entry: Entry, kind: Kind) -> Model:
        """The model of an entry whose kind a repository adds, if it may be sent the data sets.

        Raises:
            UserError: no line of the policy allows it.
        """
        if self._egress.sent:
            self._egress.check_hosts(kind.hosts_of(entry), f"model {name}")
        return kind.open(name, entry)

    def longest_wait(self) -> Wait | None:
        """The call that has had no answer for longest, of every server that was opened here."""
        waits = [wait for each in [*self._remote.values()] if (wait := each.longest_wait)]
        return max(waits, key=lambda wait: wait.seconds, default=None)

    def open_base(self, name: str) -> ChatModel | None:
        """What the adapter of this name was trained from; None for a model without an adapter."""
        entry = read_entry(name, self._folder)
        if not isinstance(entry, LocalEntry) or entry.adapter is None:
            return None
        return self._local(f"base of {name}", entry.model_copy(update={"adapter": None}))

    def _local(self, name: str, entry: LocalEntry) -> ChatModel:
        check_there(name, entry)
        folder = base_folder(entry.base, entry.revision)
        device = choose_device(entry.device)
        dtype = choose_dtype(entry.dtype, device)
        key = (folder.resolve(), device, dtype, entry.batch_tokens)
        if key not in self._bases:
            self._bases[key] = LocalBase(folder, device, dtype, entry.batch_tokens)
        return LocalChat(name, self._bases[key], entry.decoding, adapter_folder(entry))


def _open_model(name: str, folder: Path, chats: Chats) -> Model:
    entry = read_entry(name, folder)
    if isinstance(entry, RecordedEntry):
        return RecordedModel(name, entry.source)
    if isinstance(entry, ExtractiveEntry):
        return ExtractiveModel(name, entry.threshold)
    if isinstance(entry, ProgramEntry):
        _, (generator, _) = parts_of(name, folder)
        shown = shown_beside(entry) if chats.egress.sent else ()
        chat = chats.open(generator, entry.max_tokens or 0, shown)
        return ProgramModel(Pipeline(name, entry), chat)
    if entry.kind in KINDS:
        return chats.open_added(name, entry, KINDS[entry.kind])
    assert isinstance(entry, Prompted)
    by_default = SYSTEM if entry.passages else CLOSED_BOOK
    system = by_default if entry.system is None else entry.system
    return PromptedModel(
        chats.open(name),
        Template(system),
        uses_passages=entry.passages,
        most_passages=entry.most_passages,
    )


def _remote(
    name: str, entry: EndpointEntry | BedrockEntry, folder: Path, egress: Egress
) -> RemoteChat:
    """A model on another machine; where it may not be sent the data sets, nothing else is done."""
    file = entry_path(name, folder)
    if isinstance(entry, EndpointEntry):
        server: Server = _endpoint(name, entry, file, egress)
    else:
        server = _bedrock(name, entry, file, egress)
    return RemoteChat(
        name,
        server,
        entry.decoding,
        context=entry.context,
        concurrency=entry.concurrency,
        retries=entry.retries,
    )


def _endpoint(name: str, entry: EndpointEntry, file: Path, egress: Egress) -> EndpointServer:
    if egress.sent:
        environ = os.environ if entry.trust_env else {}
        egress.check(address(entry.base_url).bare, f"model {name}", environ)
    return EndpointServer(
        name,
        base_url=entry.base_url,
        model=entry.model,
        revision=entry.revision,
        extra_body=entry.extra_body,
        max_tokens_field=entry.max_tokens_field,
        api_key=entry.key(f"model {name}"),
        api_key_env=entry.api_key_env,
        concurrency=entry.concurrency,
        timeout=entry.timeout,
        trust_env=entry.trust_env,
        file=file,
        egress=egress,
    )


def _bedrock(name: str, entry: BedrockEntry, file: Path, egress: Egress) -> BedrockServer:
    server = BedrockServer(name, entry, file, egress)
    if egress.sent:
        server.connect()
    return server
