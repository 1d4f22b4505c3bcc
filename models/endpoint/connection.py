"""A line to one server, which takes nothing from the environment but what it is handed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.endpoint.surroundings import Proxy, certificates, proxy_for

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession


LONGEST_BODY = 8 * 2**20
"""Bytes of a reply's body that are read; an answer has some thousand."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; the body is None where it is longer than anybody reads."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Connection:
    """Belongs to the event loop in which it was opened."""

    url: str
    session: "ClientSession"
    proxy: Proxy | None

    async def post(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
        """Send JSON to its URL and read what comes.

        Raises:
            aiohttp.ClientError, OSError, ValueError: nothing came; see `failures.diagnose`.
        """
        return await self.send("POST", self.url, headers, body)

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Send JSON, or nothing, to a URL of the same server and read what comes.

        Raises:
            aiohttp.ClientError, OSError, ValueError: nothing came; see `failures.diagnose`.
        """
        sent = {**headers, "Content-Type": "application/json", "User-Agent": "bar-exam"}
        way: dict[str, Any] = {}
        if self.proxy is not None:
            way["proxy"] = self.proxy.url
            if self.proxy.credential:
                way["proxy_headers"] = {"Proxy-Authorization": f"Basic {self.proxy.credential}"}
        data = None if body is None else json.dumps(body).encode()
        # Not followed: a chat and its key are for this server, and a POST may arrive as a GET.
        way["allow_redirects"] = False
        async with self.session.request(method, url, data=data, headers=sent, **way) as response:
            return Reply(response.status, response.headers, await _read(response))


def connect(url: str, most: int, environ: Mapping[str, str]) -> Connection:
    """A line to a URL for `most` calls at once; time-outs are the caller's.

    Raises:
        UserError: the environment names a proxy or certificates that cannot be used.
    """
    import aiohttp

    proxy = proxy_for(url, environ)
    pool = aiohttp.TCPConnector(
        limit=most,
        keepalive_timeout=5.0,
        ssl=certificates(environ) if url.lower().startswith("https:") else True,
    )
    session = aiohttp.ClientSession(
        connector=pool,
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )
    return Connection(url, session, proxy)


async def _read(response: "ClientResponse") -> bytes | None:
    parts, size = [], 0
    async for part in response.content.iter_chunked(2**16):
        parts.append(part)
        size += len(part)
        if size > LONGEST_BODY:
            response.close()
            return None
    return b"".join(parts)
