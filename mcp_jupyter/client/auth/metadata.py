# SPDX-License-Identifier: BSD-3-Clause
"""Read the metadata of a resource and of its authorization server, and define what a client stores.

This module says where the two documents are looked for, what they must contain and which scopes follow from
them. URLs stay the strings that were published: normalising them would break comparisons that the
specification wants exact. It resolves host names (`Hosts`) and leaves all other requests to `discovery`.

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
    """A server's metadata (RFC 9728, section 2), or what is assumed when `is_published` is False."""

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
            It lacks a field, or describes another resource, for which no token may be requested.
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
            raise AuthorizationFailed(f"The {what} must name an authorization server.")
        return cls(resource, servers, _strings(document, "scopes_supported", what))


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """An authorization server's metadata (RFC 8414, section 2), or the defaults (`is_published` False)."""

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
            It lacks a field, or belongs to another issuer (RFC 8414, section 3.3).
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
    """Return scheme, host and port of a URL as written there, without user name and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def resource_metadata_urls(server_url: str) -> list[str]:
    """Return where a resource's metadata is if no challenge says it: by the path first, then at the root."""
    base, path = root_of(server_url) + "/.well-known/oauth-protected-resource", urlsplit(server_url).path
    return [base + path, base] if path.strip("/") else [base]


def server_metadata_urls(issuer: str) -> list[str]:
    """Return where an authorization server's metadata is looked for, in order (spec, discovery).

    Raises
    ------
    AuthorizationFailed
        The issuer is not an http(s) URL, or has a query (RFC 8414, section 2).
    """
    if web_url(issuer, "authorization server's issuer").query:
        raise AuthorizationFailed("The authorization server's issuer must be a URL without a query.")
    root, path = root_of(issuer), urlsplit(issuer).path.rstrip("/")
    oauth, oidc = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
    if not path:
        return [root + oauth, root + oidc]
    return [root + oauth + path, root + oidc + path, root + path + oidc]


def wanted_scopes(*choices: tuple[str, ...], besides: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the first choice that is not empty, together with the scopes requested before (`besides`)."""
    first = next((choice for choice in choices if choice), ())
    return tuple(dict.fromkeys((*besides, *first)))


def _covers(resource: str, server_url: str) -> bool:
    """Return whether a resource is the server or contains it, compared by path segments."""
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
# The endpoints of an authorization server that publishes nothing are at default paths. Only 2025-03-26 has
# this rule.
#
# Source: spec 2025-03-26, basic/authorization, "Fallbacks for Servers without Metadata Discovery". From
# 2025-06-18 on a server must publish metadata.

_VERSIONS: Final = frozenset({None, "2024-11-05", "2025-03-26"})
"""Values of the header `MCP-Protocol-Version` for which the rule holds. The header came with 2025-06-18: a
request without it has an older version, or none yet."""


def has_defaults(version: str | None) -> bool:
    """Return whether a request that names this version may be authorized at default endpoints."""
    return version in _VERSIONS


def default_server(root: str) -> AuthorizationServer:
    """Return an authorization server with its endpoints at the default paths.

    Parameters
    ----------
    root : str
        The authorization base URL: the MCP server's URL without its path.

    Raises
    ------
    AuthorizationFailed
        The URL is neither https nor on the loopback.
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
        has_s256=True,  # 2025-03-26 requires PKCE, and there is no metadata that could say so
        sends_iss=False,
        takes_metadata_documents=False,
        dpop_algorithms=(),
        is_published=False,
    )


# -- records -------------------------------------------------------------------------------------
#
# What a client stores: its registration with an authorization server, and its tokens. No `repr` shows a
# secret.

LEEWAY_SECONDS: Final = 10.0
"""Seconds. A token that expires within them is renewed first: requests take time, and clocks differ."""

MAX_LIFETIME_SECONDS: Final = 10 * 365 * 86400
"""Seconds (ten years). A longer lifetime is a mistake, and is cut to this."""

_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")
"""An access token that fits into a header."""


@dataclass(frozen=True, slots=True)
class ClientInformation:
    """A client as an authorization server knows it (RFC 7591, section 3.2.1).

    Parameters
    ----------
    client_id : str
        The client's name there.
    client_secret : str, optional
        The secret of a confidential client.
    auth_method : str, optional
        How the client authenticates at the token endpoint; chosen from the server's methods when None.
    redirect_uris : tuple of str
        The redirect URIs that it is registered with.
    expires_at : float
        When the secret expires, in seconds since the epoch; 0 for never.
    """

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    auth_method: str | None = None
    redirect_uris: tuple[str, ...] = ()
    expires_at: float = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ClientInformation:
        """Make one from the result of `to_dict`.

        Raises
        ------
        TypeError, KeyError
            `data` is not such a result.
        """
        return cls(**{**data, "redirect_uris": tuple(data["redirect_uris"])})


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens, and everything that is needed to renew them.

    Parameters
    ----------
    access_token : str
        The token that is sent to the server.
    issuer, client_id, resource : str
        Who issued the tokens, to which client, and for which resource.
    refresh_token : str, optional
        The token that is sent to the issuer to get new ones.
    expires_at : float, optional
        When the access token expires, in seconds since the epoch; None if the issuer did not say.
    scopes : tuple of str
        The scopes that were requested.
    dpop_key : str, optional
        The private key (PEM) that signed the proof of the token request; a renewal needs it too.
    is_bound : bool
        Whether the access token is valid only with a proof by that key (RFC 9449).
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
        """Whether the access token can still be used, as far as its lifetime is known."""
        return self.expires_at is None or time.time() < self.expires_at - LEEWAY_SECONDS

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Tokens:
        """Make tokens from the result of `to_dict`.

        Raises
        ------
        TypeError, KeyError
            `data` is not such a result.
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
        """Read a token endpoint's answer (RFC 6749, 5.1). Without a new refresh token the old one stays.

        Raises
        ------
        AuthorizationFailed
            There is no access token, or it is neither a bearer token nor one bound to `dpop_key`.
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
# Which hosts a server's metadata may lead to, and their addresses. Against server-side request forgery, a
# host must have public addresses only, unless the user named it.

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

_LOCAL: Final = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "::/96", "64:ff9b:1::/48", "fec0::/10")))
"""Networks that are not public, although `ipaddress` says so or did in older versions: protocol assignments
(RFC 6890; a cloud's metadata is at 192.0.0.192), IPv4-compatible and site-local addresses (RFC 4291, 2.5),
and translations to any IPv4 address that the local network chooses (RFC 8215)."""

MAX_ADDRESSES: Final = 4
"""Addresses of one host that are tried."""


def web_url(text: str, what: str) -> httpx2.URL:
    """Parse a URL that a server published.

    Raises
    ------
    AuthorizationFailed
        It is not an http(s) URL, or contains a user name or a fragment.
    """
    try:
        url = httpx2.URL(text)
    except (httpx2.InvalidURL, ValueError):
        raise AuthorizationFailed(f"The {what} is not a valid URL.") from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.fragment:
        raise AuthorizationFailed(f"The {what} must be a plain http(s) URL, not {safe_line(text)}")
    return url


def is_public(address: str) -> bool:
    """Return whether an IP address, or the IPv4 address inside an IPv6 address, is on the public Internet."""
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
    """Return whether a host name or address means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Hosts:
    """The hosts that the user named. Every other host must have public addresses and use https.

    Parameters
    ----------
    named : iterable of str
        Host names without port. A loopback name stands for every name of the loopback.
    """

    def __init__(self, named: Iterable[str]) -> None:
        self._named = {host.lower() for host in named}
        self._loopback = any(is_loopback(host) for host in self._named)

    def is_named(self, url: httpx2.URL) -> bool:
        """Return whether the user named the URL's host."""
        host = url.host.lower()
        return host in self._named or (self._loopback and is_loopback(host))

    def check(self, url: httpx2.URL) -> None:
        """Refuse plain http for a host that the user did not name (spec, "Communication Security").

        Raises
        ------
        AuthorizationFailed
            The URL is not https, and the user did not name its host.
        """
        if url.scheme != "https" and not self.is_named(url):
            raise AuthorizationFailed(
                f"The server points to http://{safe_line(url.host)}: authorization needs https."
            )

    async def addresses(self, url: httpx2.URL) -> list[str]:
        """Return the addresses of the URL's host. Connect to these, not to the name: they are checked.

        Raises
        ------
        AuthorizationFailed
            The host has no address; or the user did not name it, and it is not public or not https.
        """
        self.check(url)
        port = url.port or (443 if url.scheme == "https" else 80)
        host = url.raw_host.decode("ascii")
        try:
            found = await anyio.getaddrinfo(host, port, type=1)  # SOCK_STREAM
        except (OSError, UnicodeError):
            raise AuthorizationFailed(f"The host {safe_line(host)} cannot be resolved.") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not self.is_named(url) and not all(is_public(address) for address in addresses):
            raise AuthorizationFailed(
                f"The server points to {safe_line(host)}, which is not a public address. If that is "
                "intended, name the host: trusted_hosts=[...]."
            )
        return addresses[:MAX_ADDRESSES]
