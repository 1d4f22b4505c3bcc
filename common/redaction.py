"""Secrets, hidden where text leaves: reports, the store, terminals, the lines of errors.

What the product was given (the value of a variable that `api_key_env` names, a password in a URL)
is noted where it is read, by `keep_secret`, and hidden wherever it stands. What merely looks like a
secret (`Bearer ...`, `password=...`, `sk-...`) is hidden without being known.
"""

import base64
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, unquote

from common.storable import storable

HIDDEN = "***"
WEB = ("http", "https")
SHORTEST = 8
"""Characters of a secret that is hidden wherever it stands; with a digit in it, 5 suffice.

Whatever is shorter would be found in words that mean something else.
"""

PLACEHOLDERS = frozenset({"not-needed", "sk-no-key-required", "placeholder", "unused-key"})
"""What servers that need no key are given; hiding these protects nobody."""

SECRET_KEY = re.compile(
    r"pass(?:word|wd|phrase)?$|pwd$|secret|token$|api[-_]?key$|access[-_]?key|private[-_]?key"
    r"|[-_]key$|^key$|^pw$|^jwt$|^session(?:[-_]?id)?$|auth$|authorization|credential|signature"
    r"|^sig$",
    re.IGNORECASE,
)

URL = re.compile(r"""[A-Za-z][A-Za-z0-9+.-]*://[^\s<>"'`]+""")

NAMED = re.compile(
    r"""(\b(?:[\w-]{0,30}[-_]|pg|shared)?(?:password|passwd|pwd|secret|token|apikey|api[-_]key|access[-_]key
    |account[-_]?key|private[-_]key|subscription[-_]key|accesssignature)
    (?:\s?=\s?|["']:\s?["'])["']?)([^\s"'&,;)\]}]{3,})""",
    re.IGNORECASE | re.VERBOSE,
)

HEADER = re.compile(
    r"(\b(?:x-)?(?:api-key|(?:auth|access|amz-security)-token)\s*:\s*)\S{6,}", re.IGNORECASE
)
"""AWS quotes the header of a session's token where it explains a signature that is wrong."""

WORDED = re.compile(
    r"(\b(?:(?:proxy-)?authorization|(?:set-)?cookie|[\w-]{1,40}-key|password|api[- ]?key)\s*:\s*"
    r"(?:(?:bearer|basic|token|digest|apikey|key)\s+)?['\"]?)"
    r"(?=[^\s'\"]{0,100}\d)(?=[^\s'\"]{0,100}[A-Za-z])[^\s'\"]{8,}",
    re.IGNORECASE,
)
"""As headers and people write them; what is no secret has no digits among its letters."""

REFUSED = re.compile(
    r"(\bapi[- ]?key (?:provided|given|used|is|was)?\s?:?\s?['\"]?)"
    r"(?=[^\s'\"]{0,100}\d)(?=[^\s'\"]{0,100}[A-Za-z])[^\s'\"]{12,}",
    re.IGNORECASE,
)

BLOCK = re.compile(r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)[A-Za-z0-9+/=\s\\]{16,}")

SCHEME = re.compile(
    r"(\b(?:bearer|basic)\s+)(?=\S{0,100}\d)[A-Za-z0-9._~+/-]{12,}=*", re.IGNORECASE
)

SHAPED = re.compile(
    r"()\b(?:(?:sk-|sk_|pk_|rk_|hf_|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|AKIA|ASIA|AIza"
    r"|gsk_|csk-|nvapi-|pplx-|xai-|tgp_v1_|npm_|dop_v1_|ya29\.|SG\.)"
    r"[A-Za-z0-9_-]{12,}(?:\.[A-Za-z0-9_-]{12,})?|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
)

SUSPECT: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (NAMED, ("=", '":', "':")),
    (HEADER, ("api-key", "auth-token", "access-token", "security-token")),
    (WORDED, ("authorization", "cookie", "key", "password")),
    (REFUSED, ("key ",)),
    (BLOCK, ("private key",)),
    (SCHEME, ("bearer", "basic")),
    (
        SHAPED,
        (
            "k-",
            "k_",
            "hf_",
            "ghp_",
            "gho_",
            "ghu_",
            "ghs_",
            "ghr_",
            "github_pat",
            "glpat",
            "xox",
            "akia",
            "asia",
            "aiza",
            "eyj",
            "nvapi",
            "pplx",
            "xai-",
            "tgp_v1",
            "npm_",
            "dop_v1",
            "ya29",
            "sg.",
        ),
    ),
)
"""What looks like a secret, and words without which a text need not be searched for it."""

_KNOWN: set[str] = set()
"""Of the process, as the environment is: an error is shown far from where a key was read."""


@dataclass(frozen=True, slots=True)
class Address:
    """A URL taken apart: `bare` has no user part and no value of a secret-looking query key."""

    bare: str
    user: str = ""
    password: str = ""
    query: tuple[str, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What nobody else may see, as it is written in the URL."""
        return tuple(each for each in (self.password, *self.query) if each)

    @property
    def basic(self) -> str:
        """The user part as the Authorization header has it; empty without one."""
        if not self.user and not self.password:
            return ""
        pair = f"{unquote(self.user)}:{unquote(self.password)}"
        return base64.b64encode(pair.encode()).decode()


def address(url: str) -> Address:
    """Take a URL apart, also one whose password holds what it should not (`/`, `@`, `#`).

    >>> address("http://bob:pa/ss@host:80/v1?api-key=k1&v=2")
    Address(bare='http://host:80/v1?api-key=***&v=2', user='bob', password='pa/ss', query=('k1',))
    """
    scheme, mark, rest = url.partition("://")
    user, rest = _user_part(rest, web=scheme.lower() in WEB)
    name, _, password = user.partition(":")
    place, ask, query = rest.partition("?")
    place, query, found = _hidden_query(place, ask, query)
    return Address(f"{scheme}{mark}{place}{ask}{query}", name, password, found)


def _user_part(rest: str, *, web: bool) -> tuple[str, str]:
    """The user part without its `@`, and what follows it.

    Where a port is no number it is part of a password. On the web `host:80/@name` is a path, of a
    database it would be a password that begins with a number.
    """
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    end = authority.rfind("@")
    host = authority[end + 1 :]
    port = host.partition("]")[2] or host
    if (not host or re.search(r":(?!\d*$)", port)) if web else authority:
        end = rest.partition("?")[0].rfind("@")
    return (rest[:end], rest[end + 1 :]) if end >= 0 else ("", rest)


def _hidden_query(place: str, ask: str, query: str) -> tuple[str, str, tuple[str, ...]]:
    found: list[str] = []

    def hide(pairs: str) -> str:
        def one(match: re.Match[str]) -> str:
            if not SECRET_KEY.search(match[1]) or match[2].startswith(HIDDEN):
                return match[0]
            found.append(match[2])
            return f"{match[1]}={HIDDEN}"

        return re.sub(r"([^=&;#?]{1,80})=([^&;#]+)", one, pairs)

    if ask:
        return place, hide(query), tuple(found)
    head, mark, fragment = place.partition("#")
    return f"{head}{mark}{hide(fragment)}", query, tuple(found)


def keep_secret(*values: str | None) -> None:
    """Hide these values from now on, also as URLs and Basic credentials write them."""
    for value in values:
        text = (value or "").encode("utf-8", "surrogateescape")
        for form in {value or "", quote(text, safe=""), quote_plus(text)}:
            digits = any(char.isdigit() for char in form)
            if len(form) >= (5 if digits else SHORTEST) and form.lower() not in PLACEHOLDERS:
                _KNOWN.add(form)


def keep_secrets_of(url: str) -> Address:
    """Hide what is secret in a URL from now on; returns the URL taken apart."""
    taken = address(url)
    keep_secret(*taken.secrets, *map(unquote, taken.secrets), taken.basic)
    return taken


def redacted(text: str) -> str:
    """`text` without secrets; what comes out goes through unchanged a second time.

    >>> redacted("postgresql://me:pw@host/exam?sslpassword=pw2: Authorization: Bearer abcdef123456")
    'postgresql://me:***@host/exam?sslpassword=*** Authorization: Bearer ***'
    """
    for secret in sorted(_KNOWN, key=lambda each: (-len(each), each)):
        text = text.replace(secret, HIDDEN)
    if "://" in text:
        text = URL.sub(_hidden_url, text)
    lower = text.lower()
    for pattern, words in SUSPECT:
        if any(word in lower for word in words):
            text = pattern.sub(rf"\1{HIDDEN}", text)
    return text


def outward(text: str) -> str:
    """Text from outside as it may be kept and shown: storable, and without secrets."""
    return redacted(storable(text))


def _hidden_url(match: re.Match[str]) -> str:
    taken = address(match[0])
    if not taken.user and not taken.password:
        return taken.bare
    scheme, _, rest = taken.bare.partition("://")
    if scheme.lower() in WEB:  # where a user alone may be a token
        return f"{scheme}://{HIDDEN}@{rest}"
    hidden = f":{HIDDEN}" if taken.password else ""
    return f"{scheme}://{taken.user}{hidden}@{rest}"


def command_line(words: Iterable[str]) -> str:
    """A command as it was typed, without secrets: word by word, since quoting would hide them."""
    words = list(words)
    for word in words:
        if "://" in word:
            keep_secrets_of(word)
    return shlex.join(redacted(word) for word in words)
