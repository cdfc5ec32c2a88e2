# SPDX-License-Identifier: BSD-3-Clause
"""Which hosts a server's metadata may send us to, and the addresses they have.

Owns the rule against server-side request forgery: public addresses only, unless the person named the host.
Sends nothing but the look-up of a name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

import anyio
import httpx2

from ...errors import AuthorizationFailed
from ..streams import printable

__all__ = ["Hosts", "is_loopback", "is_public", "web_url"]

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

_LOCAL: Final = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "::/96", "64:ff9b:1::/48", "fec0::/10")))
"""Not of the public Internet, though `ipaddress` says so, or did in older versions: protocol assignments (RFC
6890; a cloud's metadata is at 192.0.0.192), IPv4-compatible and site-local addresses (RFC 4291, 2.5), and
translations to whatever IPv4 address a network likes (RFC 8215)."""

MAX_ADDRESSES: Final = 4
"""Tried of a host that has several."""


def web_url(text: str, what: str) -> httpx2.URL:
    """A URL that a server published.

    Raises
    ------
    AuthorizationFailed
        It is not one of http or https, or has a user name or fragment in it.
    """
    try:
        url = httpx2.URL(text)
    except (httpx2.InvalidURL, ValueError):
        raise AuthorizationFailed(f"The {what} is no URL.") from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.fragment:
        raise AuthorizationFailed(f"The {what} must be a plain http(s) URL, not {printable(text, 80)}")
    return url


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public Internet, also when it is wrapped in an IPv6 address."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    if any(ip in network for network in _LOCAL):
        return False
    return ip.is_global and not ip.is_multicast


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Hosts:
    """The hosts that a person named. Every other one must be public, and spoken to over https.

    Parameters
    ----------
    named : iterable of str
        Host names without port. A loopback name stands for every name of the loopback.
    """

    def __init__(self, named: Iterable[str]) -> None:
        self._named = {host.lower() for host in named}
        self._loopback = any(is_loopback(host) for host in self._named)

    def is_named(self, url: httpx2.URL) -> bool:
        """Whether the person named the URL's host."""
        host = url.host.lower()
        return host in self._named or (self._loopback and is_loopback(host))

    def check(self, url: httpx2.URL) -> None:
        """Refuse plain http for a host that the person did not name (spec, "Communication Security").

        Raises
        ------
        AuthorizationFailed
            Because of that.
        """
        if url.scheme != "https" and not self.is_named(url):
            raise AuthorizationFailed(
                f"The server points to http://{printable(url.host, 80)}: authorization needs https."
            )

    async def addresses(self, url: httpx2.URL) -> list[str]:
        """The addresses of the URL's host: the ones checked are the ones to connect to.

        Raises
        ------
        AuthorizationFailed
            The host has no address, or one that is not public and was not named.
        """
        self.check(url)
        port = url.port or (443 if url.scheme == "https" else 80)
        host = url.raw_host.decode("ascii")
        try:
            found = await anyio.getaddrinfo(host, port, type=1)  # SOCK_STREAM
        except (OSError, UnicodeError):
            raise AuthorizationFailed(f"The host {printable(host, 80)} has no address.") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not self.is_named(url) and not all(is_public(address) for address in addresses):
            raise AuthorizationFailed(
                f"The server points to {printable(host, 80)}, which is no public address. If that is "
                "intended, name the host: trusted_hosts=[...]."
            )
        return addresses[:MAX_ADDRESSES]
