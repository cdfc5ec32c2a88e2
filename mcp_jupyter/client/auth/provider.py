# SPDX-License-Identifier: BSD-3-Clause
"""`OAuthClientProvider`: `OAuth` with the arguments and the storage of the first-generation SDK.

That storage has one slot for tokens and one for the registration, each with its own model. What `OAuth` needs
besides (who issued a token, and to which client) is kept in extra members of these models, which survive
`model_dump` and `model_validate`; a token without them is not used.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, Protocol

from pydantic import AnyUrl, BaseModel, ConfigDict

from .bearer import SIGN_IN_SECONDS
from .loopback import AuthorizationResponse
from .metadata import ClientInformation, Tokens
from .oauth import OAuth

__all__ = [
    "OAuthClientInformationFull",
    "OAuthClientMetadata",
    "OAuthClientProvider",
    "OAuthToken",
    "TokenStorage",
]

_EXTRA: Final = ("issuer", "client_id", "resource", "expires_at", "dpop_key", "is_bound")
"""Members of `Tokens` for which the SDK's token has no field."""

_SECRET: Final = frozenset({"access_token", "refresh_token", "dpop_key", "client_secret"})


class _Record(BaseModel):
    """A model whose `repr` shows no secret."""

    model_config = ConfigDict(extra="allow")

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield from ((name, value) for name, value in super().__repr_args__() if name not in _SECRET)


class OAuthToken(_Record):
    """A token as the token endpoint sent it (RFC 6749, section 5.1)."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - no secret
    expires_in: int | None = None
    scope: str | None = None
    refresh_token: str | None = None


class OAuthClientMetadata(_Record):
    """What a client registers with (RFC 7591, section 2)."""

    redirect_uris: list[AnyUrl] | None
    token_endpoint_auth_method: str | None = None
    grant_types: list[str] = ["authorization_code", "refresh_token"]
    response_types: list[str] = ["code"]
    scope: str | None = None
    client_name: str | None = None


class OAuthClientInformationFull(OAuthClientMetadata):
    """A registered client (RFC 7591, section 3.2.1), and the issuer that it is registered with."""

    client_id: str | None = None
    client_secret: str | None = None
    client_secret_expires_at: int | None = None
    issuer: str | None = None


class TokenStorage(Protocol):
    """Keeps one token and one registration; a program passes its own to `OAuthClientProvider`."""

    async def get_tokens(self) -> OAuthToken | None:
        """Return the tokens, if there are any."""

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep tokens."""

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """Return the registration, if there is one."""

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Keep a registration."""


class OAuthClientProvider(OAuth):
    """Signs the user in when a server asks for it: `OAuth` with the SDK's arguments.

    Parameters
    ----------
    server_url : str
        The server's URL.
    client_metadata : OAuthClientMetadata
        What to register this client with; its scope is requested when the server does not say what it needs.
    storage : TokenStorage
        A registration in it without an `issuer` is not used: its secret would go to any authorization server
        that the MCP server names.
    redirect_handler, callback_handler : async function, optional
        As for `OAuth`; the callback handler returns (code, state), or (code, state, iss).
    timeout : float
        Seconds that the user has to sign in.
    client_metadata_url : str, optional
        As for `OAuth`.
    """

    def __init__(
        self,
        server_url: str,
        client_metadata: OAuthClientMetadata,
        storage: TokenStorage,
        redirect_handler: Callable[[str], Awaitable[None]] | None = None,
        callback_handler: Callable[[], Awaitable[tuple[str | None, ...]]] | None = None,
        timeout: float = SIGN_IN_SECONDS,
        client_metadata_url: str | None = None,
    ) -> None:
        metadata = client_metadata.model_dump(mode="json", exclude_none=True)
        super().__init__(
            server_url,
            storage=_Adapted(storage, metadata),
            redirect_handler=redirect_handler,
            callback_handler=callback_handler and _response_of(callback_handler),
            client_metadata=metadata,
            client_metadata_url=client_metadata_url,
            scopes=(client_metadata.scope or "").split(),
            sign_in_seconds=timeout,
        )


def _response_of(
    handler: Callable[[], Awaitable[tuple[str | None, ...]]],
) -> Callable[[], Awaitable[AuthorizationResponse]]:
    async def answer() -> AuthorizationResponse:
        code, state, *issuer = await handler()
        return AuthorizationResponse(code=code, state=state, iss=next(iter(issuer), None))

    return answer


class _Adapted:
    """The `Storage` of one server, kept in a `TokenStorage`.

    A `TokenStorage` cannot remove anything, so forgotten tokens and registrations are only not used again.
    """

    def __init__(self, storage: TokenStorage, metadata: Mapping[str, Any]) -> None:
        self._storage = storage
        self._metadata = metadata
        self._forgotten: set[str | None] = set()  # access tokens and client ids

    async def get_client(self, issuer: str) -> ClientInformation | None:
        kept = await self._storage.get_client_info()
        if kept is None or not kept.client_id or kept.client_id in self._forgotten or kept.issuer != issuer:
            return None
        return ClientInformation(
            kept.client_id,
            kept.client_secret,
            kept.token_endpoint_auth_method,
            tuple(str(uri) for uri in kept.redirect_uris or ()),
            kept.client_secret_expires_at or 0,
        )

    async def set_client(self, issuer: str, client: ClientInformation | None) -> None:
        if client is None:
            kept = await self._storage.get_client_info()
            self._forgotten.add(kept.client_id if kept else None)
            return
        registered = {
            **self._metadata,
            "client_id": client.client_id,
            "client_secret": client.client_secret,
            "token_endpoint_auth_method": client.auth_method,
            "redirect_uris": list(client.redirect_uris),
            "client_secret_expires_at": int(client.expires_at),
            "issuer": issuer,
        }
        await self._storage.set_client_info(OAuthClientInformationFull.model_validate(registered))

    async def get_tokens(self, server_url: str) -> Tokens | None:
        kept = await self._storage.get_tokens()
        if kept is None or kept.access_token in self._forgotten:
            return None
        extra = {name: value for name, value in (kept.model_extra or {}).items() if name in _EXTRA}
        try:
            return Tokens(
                access_token=kept.access_token,
                refresh_token=kept.refresh_token,
                scopes=tuple((kept.scope or "").split()),
                **extra,
            )
        except TypeError:  # the members that say who issued it are missing
            return None

    async def set_tokens(self, server_url: str, tokens: Tokens | None) -> None:
        if tokens is None:
            kept = await self._storage.get_tokens()
            self._forgotten.add(kept.access_token if kept else None)
            return
        ends = tokens.expires_at
        extra = {name: value for name in _EXTRA if (value := getattr(tokens, name)) is not None}
        given = {
            "access_token": tokens.access_token,
            "refresh_token": tokens.refresh_token,
            "scope": " ".join(tokens.scopes) or None,
            "expires_in": None if ends is None else max(0, int(ends - time.time())),
            **extra,
        }
        await self._storage.set_tokens(OAuthToken.model_validate(given))
