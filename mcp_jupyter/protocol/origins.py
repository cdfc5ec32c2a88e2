# SPDX-License-Identifier: BSD-3-Clause
"""Check the `Origin` and `Host` of requests, against foreign pages and DNS rebinding.

Values are compared exactly: there are no patterns, prefixes or defaults. Callers supply the allowed values
and answer a refused request (with 403).

Source: spec 2026-07-28, basic/transports/streamable-http, "Security & Endpoint"; RFC 6454 section 6.2
(serialised origins); RFC 9110 section 7.2 (`Host`); W3C Fetch Metadata (`Sec-Fetch-Site`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

__all__ = ["HostRule", "OriginRule", "loopback"]

# A name or IPv4 address without a trailing dot, or an IPv6 address in brackets. Each character can match in
# one way only, so the pattern cannot backtrack. ASCII: else U+212A, the Kelvin sign, would match "k".
_HOST: Final = r"(?P<host>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])"
_PORT: Final = r"(?::(?P<port>0|[1-9][0-9]{0,4}))?"
_FLAGS: Final = re.ASCII | re.IGNORECASE
_ORIGIN: Final = re.compile(rf"(?P<scheme>[a-z][a-z0-9+.-]*)://{_HOST}{_PORT}", _FLAGS)
_HOST_HEADER: Final = re.compile(_HOST + _PORT, _FLAGS)

_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]")


def loopback(port: int | None = None) -> tuple[str, ...]:
    """Return the loopback hosts as `HostRule` takes them, at one port or (None) at any.

    A browser can send `localhost`, `127.0.0.1` and `[::1]` to a server on the loopback interface.
    """
    if port is None:
        return tuple(f"{host}:*" for host in _LOOPBACK_HOSTS)
    hosts = tuple(f"{host}:{port}" for host in _LOOPBACK_HOSTS)
    # Clients leave a scheme's default port out.
    return (*_LOOPBACK_HOSTS, *hosts) if str(port) in _DEFAULT_PORTS.values() else hosts


def _serialised(origin: str) -> str | None:
    """Return `origin` in lower case and without a default port; None when it is not one origin."""
    match = _ORIGIN.fullmatch(origin)
    if match is None:
        return None
    scheme, host, port = match["scheme"].lower(), match["host"].lower(), match["port"]
    if port is None or port == _DEFAULT_PORTS.get(scheme):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{port}"


class OriginRule:
    """The origins that may send requests.

    Parameters
    ----------
    allowed : iterable of str
        Origins as `scheme://host` or `scheme://host:port`; names beyond ASCII in their punycode form.

    Raises
    ------
    ValueError
        An entry is not an origin (it has a path, a user, a wildcard, ...).
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(self._entry(origin) for origin in allowed)

    @staticmethod
    def _entry(origin: str) -> str:
        serialised = _serialised(origin)
        if serialised is None:
            raise ValueError(
                f"an allowed origin must read scheme://host or scheme://host:port, not {origin!r}"
            )
        return serialised

    def check(self, origins: Sequence[str], sec_fetch_site: Sequence[str] = ()) -> str | None:
        """Return None when a request may pass, else the reason. The reason quotes nothing of the request.

        Parameters
        ----------
        origins : sequence of str
            All `Origin` headers of the request. A request without one passes: programs send none, and a page
            cannot leave it out where it matters (RFC 6454 section 7.3).
        sec_fetch_site : sequence of str
            All `Sec-Fetch-Site` headers. A browser sends `cross-site` there even without an origin.
        """
        if any(site.strip().lower() == "cross-site" for site in sec_fetch_site):
            return "cross-site request"
        if not origins:
            return None
        if len(origins) > 1:
            return "more than one Origin header"
        return self._refusal(origins[0])

    def _refusal(self, origin: str) -> str | None:
        if not origin:
            return "empty Origin header"
        if origin.lower() == "null":
            return "Origin null is not allowed"
        serialised = _serialised(origin)
        if serialised is None:
            return "malformed Origin header"
        return None if serialised in self._allowed else "Origin not allowed"


class HostRule:
    """The host names by which a request may address this server.

    Parameters
    ----------
    allowed : iterable of str
        Values of `Host`: `host`, `host:port`, or `host:*` for that host with any port or without one. The
        scheme is unknown here, so list both forms where clients may leave the default port out.

    Raises
    ------
    ValueError
        An entry has another form.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        exact: set[str] = set()
        any_port: set[str] = set()
        for entry in allowed:
            host = entry.removesuffix(":*")
            match = _HOST_HEADER.fullmatch(host)
            if match is None or (host != entry and match["port"] is not None):
                raise ValueError(f"an allowed host must read host, host:port or host:*, not {entry!r}")
            (exact if host == entry else any_port).add(host.lower())
        self._exact = frozenset(exact)
        self._any_port = frozenset(any_port)

    def check(self, hosts: Sequence[str]) -> str | None:
        """Return None when a request may pass, else the reason. The reason quotes nothing of the request.

        Parameters
        ----------
        hosts : sequence of str
            All `Host` headers of the request. The authority of an absolute request target, which overrides
            the header (RFC 9112 section 3.2.2), is checked by another call of this method.
        """
        if not hosts:
            return "missing Host header"
        if len(hosts) > 1:
            return "more than one Host header"
        match = _HOST_HEADER.fullmatch(hosts[0])
        if match is None:
            return "malformed Host header"
        if match[0].lower() in self._exact or match["host"].lower() in self._any_port:
            return None
        return "Host not allowed"
