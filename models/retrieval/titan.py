"""Amazon Titan Text Embeddings V2, through Bedrock's InvokeModel.

Request and reply: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
"""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any

from common.aws.clients import Advice, explained, open_client
from common.errors import UserError
from common.identity import digest
from fixtures.retrieval.embedder import unit
from models.egress import Egress, host_of, is_this_machine
from models.metering import Usage, billed
from models.remote.replies import count
from models.retrieval.entry import TitanEntry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TRIES = 8
"""Of one call, by botocore: throttling, time-outs and faults of the server are tried again."""

NO_ACCESS: Advice = {
    ("AccessDenied", "AccessDeniedException"): (
        "access denied ({said}); request the model under Bedrock's Model access, and allow your "
        "AWS user bedrock:InvokeModel"
    ),
    ("ResourceNotFoundException",): (
        "there is no such model in this region ({said}); name another `region` or `model`"
    ),
    ("ValidationException", "ValidationError"): (
        "Bedrock refuses the request ({said}); check `model` and `region`, or give a smaller "
        "--chunk-size"
    ),
}


class TitanEmbedder:
    """One text a call, several calls at once; region, profile and credentials as boto3 finds them.

    Args:
        name: of the entry.
        entry: what it says.
        egress: asked before anything is sent.

    Raises:
        UserError: the data may not be sent there, or the AWS configuration cannot be used.
    """

    def __init__(self, name: str, entry: TitanEntry, egress: Egress) -> None:
        self._name, self._entry = name, entry
        url = self._client().meta.endpoint_url
        egress.check(url, f"embedder {name}", os.environ)
        self._own = is_this_machine(host_of(url))

    @property
    def identity(self) -> str:
        """Digest of model, dimensions and revision; the region moves no vector."""
        entry = self._entry
        return digest("embedder", "titan", 1, entry.model, entry.dimensions, entry.revision)

    def embed(self, texts: Sequence[str]) -> "npt.NDArray[np.float32]":
        """Vectors of length 1, shape (len(texts), dimensions).

        Raises:
            UserError: AWS cannot be reached, refuses, or answers with no vectors.
        """
        with explained(f"embedder {self._name} ({self._entry.model})", NO_ACCESS):
            client = self._opened
            with ThreadPoolExecutor(self._entry.concurrency) as pool:
                calls = [pool.submit(self._vector, client, text) for text in texts]
                try:
                    return unit([_read(call.result()) for call in calls])
                finally:
                    pool.shutdown(cancel_futures=True)

    embed_queries = embed

    def _vector(self, client: Any, text: str) -> tuple[list[float], int]:
        """The vector of a text, and the tokens that it has."""
        asked = {"inputText": text, "dimensions": self._entry.dimensions, "normalize": True}
        reply = client.invoke_model(
            modelId=self._entry.model,
            body=json.dumps(asked),
            contentType="application/json",
            accept="application/json",
        )["body"].read()
        try:
            said = json.loads(reply)
            vector = [float(each) for each in said["embedding"]]
        except (ValueError, TypeError, LookupError, RecursionError):
            said, vector = {}, []
        if len(vector) != self._entry.dimensions:
            raise UserError(
                f"embedder {self._name} ({self._entry.model}): a reply without a vector of "
                f"{self._entry.dimensions} numbers; check `model`"
            )
        return vector, count(said.get("inputTextTokenCount"))

    @cached_property
    def _opened(self) -> Any:
        # boto3 would ask a server on this machine through the proxy of the environment.
        return self._client(proxies={} if self._own else None)

    def _client(self, **more: Any) -> Any:
        from botocore.config import Config

        entry = self._entry
        config = Config(
            retries={"mode": "adaptive", "max_attempts": TRIES},
            max_pool_connections=entry.concurrency,
            connect_timeout=entry.timeout,
            read_timeout=entry.timeout,
            **more,
        )
        with explained(f"embedder {self._name}", NO_ACCESS):
            return open_client(
                "bedrock-runtime", entry.region, profile=entry.profile, config=config
            )


def _read(reply: tuple[list[float], int]) -> list[float]:
    """The vector, once its tokens are noted, by the thread of whoever pays."""
    vector, tokens = reply
    billed(Usage(tokens))
    return vector
