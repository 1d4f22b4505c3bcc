"""Where a data set may be sent: asked before a connection is opened, by whoever opens one.

The policy beside the registry lists hosts by data set. This machine is always allowed: nothing
leaves. No name is resolved before it was found in the list.
"""

import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from models.endpoint.surroundings import proxy_for
from models.libpq import servers
from models.promotion.admission.policy import ANY, BUCKET, HOST, Policy, policy_path, read_policy

BUILT_IN = ("sample", "cuad")
S3 = re.compile(
    r"(?:[a-z0-9.-]+\.)?s3(?:-fips)?(?:\.dualstack)?(?:[.-][a-z]{2}(?:-[a-z]+)+-\d)?(?:\.vpce)?"
    r"\.(amazonaws\.com(?:\.cn)?)"
)
"""Amazon's own hosts of S3. Below `amazonaws.com` stand load balancers and gateways of others too.
"""

UNSAID = ""
"""The host of whoever does not say where it sends: `"*"` alone matches it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A data set that an exam or a training asks about: as it was typed, and by its digest.

    `folder` is where CUAD lies, if it was said: what lies there is CUAD by name alone.
    """

    name: str
    identity: str
    folder: Path | None = None

    @property
    def typed(self) -> str:
        """What a line of the policy must name."""
        folder = self.folder or os.environ.get("CUAD_DIR")
        return str(folder) if self.name == "cuad" and folder else self.name


@dataclass(frozen=True, slots=True)
class Egress:
    """What leaves with every call, and who allows it; of several data sets each must be allowed."""

    registry: Path
    sent: tuple[Sent, ...] = ()

    def check(self, url: str, what: str, environ: Mapping[str, str]) -> None:
        """Refuse a server, or the proxy on the way to it, that the data sets may not be sent to.

        Args:
            url: of the server.
            what: is sent there, or asks there, for the error.
            environ: whose proxies act.

        Raises:
            UserError: no line of the policy allows it.
        """
        proxy = proxy_for(url, environ)
        self.check_servers([host_of(each) for each in (url, *([proxy.url] if proxy else []))], what)

    def check_servers(self, hosts: Sequence[str], what: str) -> None:
        """Refuse hosts that somebody connects to.

        Raises:
            UserError: no line of the policy allows one, or it is empty: nobody knows where.
        """
        for host in hosts:
            if not host:
                raise UserError(f"{what} names no host; write its URL as http://HOST:PORT/PATH")
            if not is_this_machine(host):
                self._check_host(host, what)

    def check_hosts(self, hosts: Sequence[str] | None, what: str) -> None:
        """Refuse hosts that somebody says the data sets are sent to; None where nobody says.

        Raises:
            UserError: no line of the policy allows one, or it is no host.
        """
        for host in (UNSAID,) if hosts is None else hosts:
            if host != UNSAID and not HOST.fullmatch(host):
                raise UserError(
                    f"{what} says that it sends to {host!r}, which is no host: write it without "
                    "scheme, port and path, in small letters, as in api.example.com"
                )
            if not is_this_machine(host):
                self._check_host(host, what)

    def _check_host(self, host: str, what: str) -> None:
        path = policy_path(self.registry)
        policy = read_policy(path)
        if not self.sent:
            raise UserError(f"{what} is at {host}, and nobody said what data it is sent")
        for sent in self.sent:
            if policy is None or not allows(policy, path, sent, host):
                where = (
                    f"{what} is at {host}, where {sent.typed} may not be sent; if it may"
                    if host != UNSAID
                    else f"{what} does not say where it sends {sent.typed}; give its kind `hosts` "
                    "(() for nowhere), or, if it may be sent anywhere"
                )
                line = f'"{sent.typed}" = ["{host or ANY}"]'
                raise UserError(f"{where}, add to [egress] of {path}: {line}")


def allows(policy: Policy, path: Path, sent: Sent, host: str) -> bool:
    """Whether a line of a policy lets a data set go to a host; its lines add up."""
    return any(
        _names(key, path, sent) and any(_matches(pattern, host) for pattern in hosts)
        for key, hosts in policy.egress.items()
    )


def host_of(url: str) -> str:
    """The host of a URL, as the client that connects understands it; empty where there is none."""
    from yarl import URL

    try:
        return (URL(url).host or "").rstrip(".").lower()
    except ValueError:
        return ""


def is_this_machine(host: str) -> bool:
    """Whether nothing leaves.

    >>> is_this_machine("localhost"), is_this_machine("127.9.9.9"), is_this_machine("localhost.x")
    (True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _names(key: str, path: Path, sent: Sent) -> bool:
    """Whether a key is of a data set; its path may be relative to the policy's folder."""
    if key in (ANY, sent.identity, sent.typed):
        return True
    if sent.typed in BUILT_IN or key in BUILT_IN:
        return False
    (kind, _, place), (other, _, wanted) = sent.typed.rpartition(":"), key.rpartition(":")
    return kind == other and (path.parent / wanted).resolve() == Path(place).resolve()


def bucket_url(bucket: str, endpoint: str) -> str:
    """Where a bucket of S3 is, whatever its region; at a server of one's own, that server.

    >>> bucket_url("b", "https://s3.eu-west-1.amazonaws.com")
    'https://b.s3.amazonaws.com'
    >>> bucket_url("b", "http://localhost:9000")
    'http://localhost:9000'
    >>> bucket_url("b", "https://x.execute-api.eu-west-1.amazonaws.com")
    'https://x.execute-api.eu-west-1.amazonaws.com'
    """
    found = S3.fullmatch(host_of(endpoint))
    return f"https://{bucket}.s3.{found[1]}" if found else endpoint


def _matches(pattern: str, host: str) -> bool:
    if pattern.startswith(BUCKET):
        pattern = f"{pattern.removeprefix(BUCKET)}.s3.amazonaws.com"
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern[1:])
    return pattern in (ANY, host)


def check_store(store: str | Path, egress: Egress) -> None:
    """Refuse a store on another machine that the data sets may not be sent to.

    Raises:
        UserError: no line of the policy allows it, or where it is stands in a service file.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        address = make_url(str(store)) if str(store).startswith("postgresql") else None
    except (ArgumentError, ValueError):
        return  # which the store itself refuses, as it does every other database
    if address is not None:
        egress.check_servers(servers(address), "the store")
