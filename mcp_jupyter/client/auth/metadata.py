# SPDX-License-Identifier: BSD-3-Clause
"""The two documents that lead to an authorization server: the resource's, and the authorization server's own.

Owns where they are looked for, what must be in them and which scopes follow from them. URLs stay the strings
that were published: normalising one would break comparisons that the rules want exact. Sends nothing.

Source: spec 2026-07-28, basic/authorization; RFC 9728; RFC 8414; OpenID Connect Discovery 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from ...errors import AuthorizationFailed
from ..streams import printable
from .addresses import web_url

__all__ = [
    "AuthorizationServer",
    "ProtectedResource",
    "resource_metadata_urls",
    "root_of",
    "server_metadata_urls",
    "wanted_scopes",
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
                f"The metadata of {root_of(server_url)} is of another resource, {printable(resource, 120)}."
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
                f"The metadata of the authorization server {printable(issuer, 120)} names another issuer, "
                f"{printable(str(document['issuer']), 120)}, and is not used."
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
