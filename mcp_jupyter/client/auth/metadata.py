# SPDX-License-Identifier: BSD-3-Clause
"""The two documents that lead to an authorization server: the resource's, and the authorization server's own.

Owns where they are looked for, what must be in them and which scopes follow from them. URLs stay the strings
that were published: normalising one would break comparisons that the rules want exact. Sends nothing.

Source: spec 2026-07-28, basic/authorization; RFC 9728; RFC 8414; OpenID Connect Discovery 1.0.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import httpx2

from ..._util.text import safe_line
from ...errors import AuthorizationFailed

__all__ = [
    "AuthorizationServer",
    "ClientInformation",
    "Hosts",
    "ProtectedResource",
    "Tokens",
    "default_server",
    "has_defaults",
    "is_loopback",
    "is_public",
    "resource_metadata_urls",
    "root_of",
    "server_metadata_urls",
    "wanted_scopes",
    "web_url",
]


@dataclass(frozen=True, slots=True)
class ProtectedResource:
    """What a server says of itself (RFC 9728, section 2), or what is assumed of it."""

    resource: str
    authorization_servers: tuple[str, ...]
    scopes_supported: tuple[str, ...] = ()
    is_published: bool = True

    @classmethod
    def read(cls, document: Mapping[str, Any], server_url: str) -> ProtectedResource:
        """Check a document that claims to be about the server.

        Raises
        ------
        AuthorizationFailed
            It lacks a field, or is about another resource: a token for that one is not ours to ask for.
        """
        what = "protected resource metadata"
        resource = _string(document, "resource", what)
        if not _covers(resource, server_url):
            raise AuthorizationFailed(
                f"The metadata of {root_of(server_url)} is of another resource, {safe_line(resource)}."
                " No token is asked for."
            )
        servers = _strings(document, "authorization_servers", what)
        if not servers:
            raise AuthorizationFailed(f"The {what} names no authorization server.")
        return cls(resource, servers, _strings(document, "scopes_supported", what))


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """What an authorization server says of itself (RFC 8414, section 2), or what is assumed of it."""

    issuer: str
    token_endpoint: str
    authorization_endpoint: str | None
    registration_endpoint: str | None
    scopes_supported: tuple[str, ...]
    auth_methods: tuple[str, ...]
    has_s256: bool
    sends_iss: bool
    takes_metadata_documents: bool
    dpop_algorithms: tuple[str, ...]
    is_published: bool = True

    @classmethod
    def read(cls, document: Mapping[str, Any], issuer: str) -> AuthorizationServer:
        """Check a document found at a well-known place of `issuer`.

        Raises
        ------
        AuthorizationFailed
            It lacks a field, or is another issuer's (RFC 8414, section 3.3).
        """
        what = "authorization server metadata"
        if _string(document, "issuer", what) != issuer:
            raise AuthorizationFailed(
                f"The metadata of the authorization server {safe_line(issuer)} names another issuer, "
                f"{safe_line(str(document['issuer']))}, and is not used."
            )
        methods = _strings(document, "token_endpoint_auth_methods_supported", what)
        return cls(
            issuer=issuer,
            token_endpoint=_string(document, "token_endpoint", what),
            authorization_endpoint=_optional(document, "authorization_endpoint", what),
            registration_endpoint=_optional(document, "registration_endpoint", what),
            scopes_supported=_strings(document, "scopes_supported", what),
            auth_methods=methods or ("client_secret_basic",),  # RFC 8414's default
            has_s256="S256" in _strings(document, "code_challenge_methods_supported", what),
            sends_iss=document.get("authorization_response_iss_parameter_supported") is True,
            takes_metadata_documents=document.get("client_id_metadata_document_supported") is True,
            dpop_algorithms=_strings(document, "dpop_signing_alg_values_supported", what),  # RFC 9449, 5.1
        )


def root_of(url: str) -> str:
    """Scheme and host of a URL, as it writes them; without the user name and password it may have."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def resource_metadata_urls(server_url: str) -> list[str]:
    """Where a resource's metadata is looked for unless the challenge says it: by its path, then at root."""
    base, path = root_of(server_url) + "/.well-known/oauth-protected-resource", urlsplit(server_url).path
    return [base + path, base] if path.strip("/") else [base]


def server_metadata_urls(issuer: str) -> list[str]:
    """Where an authorization server's metadata is looked for, in order (spec, discovery).

    Raises
    ------
    AuthorizationFailed
        The issuer is no http(s) URL, or has a query (RFC 8414, section 2).
    """
    if web_url(issuer, "authorization server's issuer").query:
        raise AuthorizationFailed("The authorization server's issuer must be a URL without a query.")
    root, path = root_of(issuer), urlsplit(issuer).path.rstrip("/")
    oauth, oidc = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
    if not path:
        return [root + oauth, root + oidc]
    return [root + oauth + path, root + oidc + path, root + path + oidc]


def wanted_scopes(*choices: tuple[str, ...], besides: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The first choice that is not empty, together with what was asked for before."""
    first = next((choice for choice in choices if choice), ())
    return tuple(dict.fromkeys((*besides, *first)))


def _covers(resource: str, server_url: str) -> bool:
    """Whether a resource is the server, or a whole that the server is a part of, by path segments."""
    published, ours = web_url(resource, "resource"), httpx2.URL(server_url)
    if (published.scheme, published.host, published.port) != (ours.scheme, ours.host, ours.port):
        return False
    if published.query and published.query != ours.query:
        return False
    return (ours.path.rstrip("/") + "/").startswith(published.path.rstrip("/") + "/")


def _string(document: Mapping[str, Any], name: str, what: str) -> str:
    value = _optional(document, name, what)
    if not value:
        raise AuthorizationFailed(f"The {what} lacks {name}.")
    return value


def _optional(document: Mapping[str, Any], name: str, what: str) -> str | None:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise AuthorizationFailed(f"In the {what}, {name} must be a string.")
    return value


def _strings(document: Mapping[str, Any], name: str, what: str) -> tuple[str, ...]:
    value = document.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise AuthorizationFailed(f"In the {what}, {name} must be a list of strings.")
    return tuple(value)


# -- defaults ------------------------------------------------------------------------------------
#
# An authorization server that publishes nothing: endpoints at default paths, a rule of 2025-03-26 alone.
#
# Owns which requests may lead there, and where that is. Does not know what was looked for before.
#
# Source: spec 2025-03-26, basic/authorization, "Fallbacks for Servers without Metadata Discovery". From
# 2025-06-18 on a server must publish metadata.

_VERSIONS: Final = frozenset({None, "2024-11-05", "2025-03-26"})
"""Values of the header `MCP-Protocol-Version`, which came with 2025-06-18: without it the version is not yet
agreed on, or an older one."""


def has_defaults(version: str | None) -> bool:
    """Whether a request that names this version may be authorized at default endpoints."""
    return version in _VERSIONS


def default_server(root: str) -> AuthorizationServer:
    """The authorization server that has its endpoints at their default paths.

    Parameters
    ----------
    root : str
        The authorization base URL: the MCP server's, without its path.

    Raises
    ------
    AuthorizationFailed
        It is neither https nor on the loopback.
    """
    url = web_url(root, "authorization base URL")
    if url.scheme != "https" and not is_loopback(url.host):
        raise AuthorizationFailed(
            f"The server {root} publishes no metadata, and its default endpoints are not asked in the clear: "
            "authorization needs https."
        )
    return AuthorizationServer(
        issuer=root,
        token_endpoint=f"{root}/token",
        authorization_endpoint=f"{root}/authorize",
        registration_endpoint=f"{root}/register",
        scopes_supported=(),
        auth_methods=("none", "client_secret_basic", "client_secret_post"),
        has_s256=True,  # that version requires PKCE of everybody, and there is nobody to say so
        sends_iss=False,
        takes_metadata_documents=False,
        dpop_algorithms=(),
        is_published=False,
    )


# -- records -------------------------------------------------------------------------------------
#
# What a client has to remember: who it is to an authorization server, and the tokens it was given.
#
# Owns their form in memory and as JSON. No `repr` shows a secret. Knows no request.

LEEWAY_SECONDS: Final = 10.0
"""A token that ends within this is renewed first: requests take time, and clocks differ."""

MAX_LIFETIME_SECONDS: Final = 10 * 365 * 86400
"""A longer one is a mistake, and means the same."""

_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")
"""What fits into a header."""


@dataclass(frozen=True, slots=True)
class ClientInformation:
    """A client as an authorization server knows it (RFC 7591, section 3.2.1).

    Parameters
    ----------
    client_id : str
        Its name there.
    client_secret : str, optional
        Of a confidential client.
    auth_method : str, optional
        How it shows who it is at the token endpoint; chosen by what the server takes when None.
    redirect_uris : tuple of str
        Those it was registered with.
    expires_at : float
        When the secret ends, in seconds since the epoch; 0 for never.
    """

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    auth_method: str | None = None
    redirect_uris: tuple[str, ...] = ()
    expires_at: float = 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ClientInformation:
        """From what `to_dict` gave.

        Raises
        ------
        TypeError, KeyError
            It is not that.
        """
        return cls(**{**data, "redirect_uris": tuple(data["redirect_uris"])})


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens, and all that is needed to renew them.

    Parameters
    ----------
    access_token : str
        Sent to the server.
    issuer, client_id, resource : str
        Who gave it, to whom, and what for.
    refresh_token : str, optional
        Sent to the issuer, for the next one.
    expires_at : float, optional
        In seconds since the epoch.
    scopes : tuple of str
        What was asked for.
    dpop_key : str, optional
        The private key (PEM) whose proofs went with the request for them: a renewal needs it too.
    is_bound : bool
        Whether the access token is of use with a proof of that key only (RFC 9449).
    """

    access_token: str = field(repr=False)
    issuer: str
    client_id: str
    resource: str
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    scopes: tuple[str, ...] = ()
    dpop_key: str | None = field(default=None, repr=False)
    is_bound: bool = False

    @property
    def is_fresh(self) -> bool:
        """Whether the access token may still be used, as far as one can know."""
        return self.expires_at is None or time.time() < self.expires_at - LEEWAY_SECONDS

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Tokens:
        """From what `to_dict` gave.

        Raises
        ------
        TypeError, KeyError
            It is not that.
        """
        return cls(**{**data, "scopes": tuple(data["scopes"])})

    @classmethod
    def read(
        cls,
        document: Mapping[str, Any],
        *,
        issuer: str,
        client_id: str,
        resource: str,
        scopes: tuple[str, ...],
        refresh_token: str | None = None,
        dpop_key: str | None = None,
    ) -> Tokens:
        """From a token endpoint's answer (RFC 6749, 5.1). Without a new refresh token the old one stays.

        Raises
        ------
        AuthorizationFailed
            It is neither a bearer token nor, when `dpop_key` was shown, one that is bound to that.
        """
        access, kind = document.get("access_token"), document.get("token_type")
        if not isinstance(access, str) or not _TOKEN.fullmatch(access):
            raise AuthorizationFailed("The token endpoint gave no usable access token.")
        is_bound = dpop_key is not None and isinstance(kind, str) and kind.lower() == "dpop"
        if not is_bound and (not isinstance(kind, str) or kind.lower() != "bearer"):
            raise AuthorizationFailed("The token endpoint gave a token of a type that was not asked for.")
        lifetime, renewal = document.get("expires_in"), document.get("refresh_token")
        expires_at = None
        if isinstance(lifetime, int | float) and lifetime > 0:
            expires_at = time.time() + min(lifetime, MAX_LIFETIME_SECONDS)
        return cls(
            access_token=access,
            issuer=issuer,
            client_id=client_id,
            resource=resource,
            refresh_token=renewal if isinstance(renewal, str) and renewal else refresh_token,
            expires_at=expires_at,
            scopes=scopes,
            dpop_key=dpop_key,
            is_bound=is_bound,
        )


# -- addresses -----------------------------------------------------------------------------------
#
# Which hosts a server's metadata may send us to, and the addresses they have.
#
# Owns the rule against server-side request forgery: public addresses only, unless the person named the host.
# Sends nothing but the look-up of a name.

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
        raise AuthorizationFailed(f"The {what} must be a plain http(s) URL, not {safe_line(text)}")
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
                f"The server points to http://{safe_line(url.host)}: authorization needs https."
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
            raise AuthorizationFailed(f"The host {safe_line(host)} has no address.") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not self.is_named(url) and not all(is_public(address) for address in addresses):
            raise AuthorizationFailed(
                f"The server points to {safe_line(host)}, which is no public address. If that is "
                "intended, name the host: trusted_hosts=[...]."
            )
        return addresses[:MAX_ADDRESSES]
