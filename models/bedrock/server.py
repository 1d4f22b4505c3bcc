"""A model on Amazon Bedrock, by boto3's Converse API."""

import asyncio
import os
import re
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from common.aws.clients import explained, open_client
from common.identity import digest
from common.redaction import keep_secret
from common.threads import Threads
from models.bedrock.conversation import SYSTEM, parameters, read_reply, request
from models.bedrock.entry import BedrockEntry
from models.bedrock.failures import Meanings, diagnose, meanings, other_names
from models.chat import Answer, Decoding, Message
from models.egress import Egress
from models.remote.failures import Failure
from models.remote.parameters import Parameters

TOKEN = "AWS_BEARER_TOKEN_BEDROCK"
"""The variable in which botocore finds an API key of Bedrock."""

MOVED = (
    "it takes no system prompt, so the rules of the exam were put at the head of the user's turn"
)

UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""What parsing raises for bodies that are none of Bedrock's, of which botocore lets some pass."""

BEDROCK = re.compile(
    r"https?://(?:[a-z0-9-]+\.)?bedrock-runtime(?:-fips)?\.[a-z0-9-]+\."
    r"(?:(?:vpce\.)?amazonaws\.com(?:\.cn)?|api\.aws)(?::\d+)?(?:/.*)?"
)
"""Amazon's own endpoints. Below `amazonaws.com` stand load balancers and gateways of others too."""


class BedrockServer:
    """Region, profile and credentials are found as boto3 finds them, unless the entry says them.

    boto3 blocks, so each call has a thread; the client is shared, and has as many connections as
    there may be calls. `file` is the registry file, for error lines.
    """

    def __init__(self, name: str, entry: BedrockEntry, file: Path, egress: Egress) -> None:
        self._name, self._entry, self._file, self._egress = name, entry, file, egress
        self._parameters = Parameters(other_names, {})
        self._threads = Threads()
        self._allowed = False
        keep_secret(os.environ.get(TOKEN))

    @property
    def where(self) -> str:
        """See Server."""
        return f"{self._entry.model} on Bedrock, {self._region}"

    @property
    def remarks(self) -> tuple[str, ...]:
        """See Server."""
        withheld = self._parameters.withheld
        refused = " and ".join(name for name in withheld if name != SYSTEM)
        said = (
            (SYSTEM in withheld, MOVED),
            (bool(refused), f"it was not sent {refused}, which it refuses"),
        )
        return tuple(words for is_so, words in said if is_so)

    def identity(self, decoding: Decoding) -> str:
        """Digest of model, revision, what it is sent, and whose server it is.

        A region, or an endpoint of Amazon's, moves no answer.
        """
        entry = self._entry
        told = {"extra_body": entry.extra_body, "endpoint": _of_others(entry.endpoint_url)}
        told = {name: value for name, value in told.items() if value}
        return digest("bedrock", 1, entry.model, entry.revision, decoding.identity, told)

    def connect(self) -> None:
        """See Server; whether the data may be sent is asked once.

        Raises:
            UserError: no line of the policy allows it, or the AWS configuration cannot be used.
        """
        if not self._allowed:
            url = self._client.meta.endpoint_url
            self._egress.check(url, f"model {self._name}", os.environ)
            self._allowed = True

    async def send(self, messages: Sequence[Message], decoding: Decoding) -> Answer | Failure:
        """See Server; what the model refuses is sent otherwise, once that has helped."""
        entry = self._entry

        async def post(taken: Mapping[str, Any]) -> Answer | Failure:
            return await self._sent(request(entry.model, messages, taken, entry.extra_body))

        return await self._parameters.send(parameters(decoding), post)

    async def _sent(self, asked: Mapping[str, Any]) -> Answer | Failure:
        """One call, and what came of it."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        def converse() -> tuple[Mapping[str, Any], float]:
            begun = time.perf_counter()
            return self._client.converse(**asked), time.perf_counter() - begun

        try:
            async with asyncio.timeout(self._entry.timeout):
                reply, latency = await self._threads.run(converse)
            return read_reply(reply, latency)
        except (BotoCoreError, ClientError, ResponseParserError, OSError, *UNREADABLE) as error:
            return diagnose(error, self._meanings)

    def advice(self, failure: Failure) -> str:
        """See Server; the reason of what every call would have says it already."""
        if failure.then == "stop" or failure.unreachable:
            return ""
        if failure.then == "again":
            return "type the same line again in a minute"
        return f"mend {self._file}, and type the same line again"

    async def close(self) -> None:
        """See Server."""
        self._threads.close()
        if "_client" in vars(self):
            self._client.close()

    @property
    def _region(self) -> str:
        opened = vars(self).get("_client")
        return opened.meta.region_name if opened else self._entry.place or "your region"

    @property
    def _meanings(self) -> Meanings:
        return meanings(self._entry.model, self._region, str(self._file))

    @cached_property
    def _client(self) -> Any:
        """The client, which opens its connections as calls need them.

        Variables that name another endpoint do not act: whose answers these are is in the entry.
        """
        from botocore.config import Config

        entry = self._entry
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            user_agent="bar-exam",  # botocore's own takes an eighth of a call's processor time
            max_pool_connections=entry.concurrency,
            connect_timeout=entry.timeout,
            read_timeout=entry.timeout,
            ignore_configured_endpoint_urls=True,
        )
        with explained(f"model {self._name}", self._meanings.codes):
            return open_client(
                "bedrock-runtime",
                entry.place,
                profile=entry.profile,
                endpoint_url=entry.endpoint_url,
                config=config,
            )


def _of_others(url: str | None) -> str:
    """The URL of a server that is not Bedrock itself.

    >>> _of_others("https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com")
    ''
    >>> _of_others("https://gateway.us-east-1.elb.amazonaws.com")
    'https://gateway.us-east-1.elb.amazonaws.com'
    """
    return "" if url is None or BEDROCK.fullmatch(url) else url
