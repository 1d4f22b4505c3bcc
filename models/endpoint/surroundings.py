"""What of the environment reaches a server: nothing, but where the registry entry trusts it.

With `trust_env = true` the proxy variables (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, in either
case) and the certificate variables act; a server on this machine is never asked through a proxy.
"""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from common.errors import UserError
from common.loopback import is_loopback
from common.redaction import keep_secrets_of

FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
FOLDERS = ("SSL_CERT_DIR",)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy's URL without its user part, which is the Basic credential, and who named it."""

    url: str
    credential: str
    variable: str


def proxy_for(url: str, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy through which the environment wants this server asked.

    Raises:
        UserError: the variable names something that is no HTTP proxy.
    """
    if not environ or is_loopback(url):
        return None
    split = urlsplit(url)
    named = {
        name.lower().removesuffix("_proxy"): (name, environ[name])
        for name in sorted(environ)  # capitals first: lower case wins
        if name.lower().endswith("_proxy") and environ[name]
    }
    skipped = named.pop("no", ("", ""))[1]
    if skipped and proxy_bypass_environment(split.netloc, {"no": skipped}):
        return None
    variable, proxy = named.get(split.scheme) or named.get("all") or ("", "")
    if not proxy:
        return None
    taken = keep_secrets_of(proxy if "://" in proxy else f"http://{proxy}")
    if not taken.bare.lower().startswith(("http://", "https://")):
        raise UserError(
            f"{variable}={proxy} names no HTTP proxy, and no other kind is spoken: type "
            f"`unset {variable}`, or add this server to NO_PROXY"
        )
    return Proxy(taken.bare, taken.basic, variable)


def advice_on_proxies(url: str, used: Proxy | None, environ: Mapping[str, str]) -> str:
    """For a server that cannot be reached: the proxy it was asked through, or that it was not."""
    if used is not None:
        return f"; it was asked through the proxy of {used.variable}: mend or unset that"
    known = ("http_proxy", "https_proxy", "all_proxy")
    named = [name for name in sorted(environ) if name.lower() in known and environ[name]]
    if not named or is_loopback(url):
        return ""
    return f" ({named[0]} acts only with trust_env = true there)"


def certificates(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Whom to believe that a server is who it says: certifi's list, or what `environ` names.

    Raises:
        UserError: a variable names what is not there, or no certificates.
    """
    import certifi

    # Not ssl.create_default_context, which obeys SSLKEYLOGFILE and, without a file, SSL_CERT_FILE.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found = {name: environ[name] for name in (*FILES, *FOLDERS) if environ.get(name)}
    file = next((name for name in FILES if name in found), None)
    folder = next((name for name in FOLDERS if name in found), None)
    if file is None:
        context.load_verify_locations(cafile=certifi.where())
    for name, kind in ((file, "cafile"), (folder, "capath")):
        if name is None:
            continue
        try:
            if kind == "capath" and not any(map(os.path.isdir, found[name].split(os.pathsep))):
                raise FileNotFoundError("no such folder")
            context.load_verify_locations(**{kind: found[name]})
        except (OSError, ssl.SSLError) as error:
            raise UserError(
                f"{name}={found[name]} cannot be read as certificates ({error}); mend it, or type "
                f"`unset {name}`"
            ) from error
    return context
