"""Who may ask: programs of this machine, or whoever has the key where others are let in."""

import hmac
import json
import os
from collections.abc import Callable
from functools import partial

from common.errors import UserError
from common.local_server import HERE, Application, Receive, Scope, Send, only_here
from common.redaction import keep_secret
from models.serve.forms import error_of

OPEN = ("/health",)
"""What an orchestrator asks without a key; it tells of no request."""

Guard = Callable[[Application, int], Application]


def guard_of(host: str, variable: str | None) -> Guard:
    """What stands before the service.

    Args:
        host: where it listens.
        variable: of the environment, which holds the key; None where there is none.

    Raises:
        UserError: others could ask without a key, or the variable is not set.
    """
    here = host in (HERE, "localhost")
    key = os.environ.get(variable, "") if variable else ""
    if variable and not key:
        raise UserError(
            f"--api-key-env: the key is read from ${variable}, which is not set; type "
            f"`export {variable}=...`"
        )
    if not key.isprintable() or not key.isascii() or key != key.strip():
        raise UserError(
            f"--api-key-env: ${variable} holds what no client sends as a key: white space around "
            "it, or other characters than ASCII's"
        )
    keep_secret(key)
    if not here and not key:
        raise UserError(
            f"--host {host}: whoever reaches it could ask; name a variable that holds a key by "
            "--api-key-env, and let a proxy speak TLS"
        )
    local: Guard = partial(only_here, programs=True)
    if not key:
        return local
    if here:
        return lambda application, port: local(keyed(application, key), port)
    return lambda application, _: keyed(application, key)


def keyed(application: Application, key: str) -> Application:
    """An application that answers who sends `Authorization: Bearer KEY`."""
    wanted = f"Bearer {key}".encode()

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            return
        headers = dict(scope.get("headers", ()))
        known = hmac.compare_digest(headers.get(b"authorization", b""), wanted)
        if scope["type"] != "http" or known or scope["path"] in OPEN:
            await application(scope, receive, send)
            return
        kind = [(b"content-type", b"application/json"), (b"www-authenticate", b"Bearer")]
        body = json.dumps(error_of("no such key", "invalid_api_key")).encode()
        await send({"type": "http.response.start", "status": 401, "headers": kind})
        await send({"type": "http.response.body", "body": body})

    return guarded
