"""Which URLs are of this machine: what is sent there leaves to nobody, and takes no proxy."""

import ipaddress
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """Whether a URL is of this machine.

    >>> is_loopback("http://127.8.8.8:80/v1"), is_loopback("http://[::1]/"), is_loopback("http://h")
    (True, True, False)
    """
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
