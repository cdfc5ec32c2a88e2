# SPDX-License-Identifier: BSD-3-Clause
"""The token endpoint: authenticate the client, and exchange a grant for tokens.

The tokens are bound to a key where the server supports that.

Source: RFC 6749, 2.3 and 5; RFC 7523, 2.2; RFC 9449, 5.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus

import httpx2
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from ...errors import AuthorizationFailed
from ..secrets import ClientSecrets
from .discovery import Fetcher
from .dpop import ALGORITHM, NONCE_WANTED, Proofs, new_key
from .metadata import (
    AuthorizationServer,
    ClientInformation,
    Tokens,
    web_url,
)

__all__ = ["Refused", "TokenParties", "auth_method_for", "exchange"]

ASSERTION_SECONDS: Final = 300
"""Seconds for which an assertion about the client is valid: it is used at once."""

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_KEY_TYPES: Final = {"ES": "EC", "RS": "RSA", "PS": "RSA", "Ed": "OKP"}
"""Key types by the beginning of the name of the JWS algorithm."""

_SECRET_METHODS: Final = ("client_secret_basic", "client_secret_post")


class Refused(AuthorizationFailed):
    """The token endpoint refused the request.

    Parameters
    ----------
    code : str
        Its error code (RFC 6749, 5.2); empty when it gave none.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class TokenParties:
    """The parties of a token request: authorization server, client and resource.

    Parameters
    ----------
    server : AuthorizationServer
    client : ClientInformation
    resource : str
        Exactly as published (RFC 8707).
    private_key, algorithm : str, optional
        PEM and JWS algorithm of a client that signs assertions about itself.
    """

    server: AuthorizationServer
    client: ClientInformation
    resource: str
    private_key: str | None = field(default=None, repr=False)
    algorithm: str = "ES256"


def auth_method_for(client: ClientInformation, server: AuthorizationServer) -> str:
    """Return how the client authenticates: as registered, else by the first method that both sides know."""
    if client.auth_method is not None:
        return client.auth_method
    if client.client_secret is None:
        return "none"
    return next((method for method in _SECRET_METHODS if method in server.auth_methods), "none")


async def exchange(
    fetcher: Fetcher,
    proofs: Proofs,
    parties: TokenParties,
    grant_type: str,
    scopes: tuple[str, ...],
    refresh_token: str | None = None,
    send_scope: bool = False,
    grant: Mapping[str, str] | None = None,
    dpop_key: str | None = None,
) -> Tokens:
    """Exchange a grant for tokens.

    Parameters
    ----------
    scopes : tuple of str
        The scopes of the tokens.
    refresh_token : str, optional
        The refresh token to use.
    send_scope : bool
        Whether this request names the scopes; an earlier one has done so otherwise.
    grant : mapping, optional
        The grant's own parameters.
    dpop_key : str, optional
        The key that the refresh token is bound to; any other grant gets a new key.

    Raises
    ------
    Refused
        The endpoint answered with an error.
    AuthorizationFailed
        It did not answer, or answered without a token.
    """
    fields: dict[str, Any] = {**(grant or {}), "resource": parties.resource}
    if refresh_token is not None:
        fields["refresh_token"] = refresh_token
    if send_scope and scopes:
        fields["scope"] = " ".join(scopes)
    if refresh_token is None and ALGORITHM in parties.server.dpop_algorithms:
        dpop_key = new_key()
    document = await _asked(fetcher, proofs, parties, grant_type, fields, dpop_key)
    return Tokens.read(
        document,
        issuer=parties.server.issuer,
        client_id=parties.client.client_id,
        resource=parties.resource,
        scopes=scopes,
        refresh_token=refresh_token,
        dpop_key=dpop_key,
    )


async def _asked(
    fetcher: Fetcher,
    proofs: Proofs,
    parties: TokenParties,
    grant_type: str,
    fields: Mapping[str, Any],
    dpop_key: str | None,
) -> Mapping[str, Any]:
    """Send a token request, and send it once more when it only lacked a nonce."""
    endpoint, has_nonce = parties.server.token_endpoint, False
    url = web_url(endpoint, "token endpoint")
    while True:
        headers, form = {"Content-Type": "application/x-www-form-urlencoded"}, dict(fields)
        _authenticate(parties, headers, form)  # each time: an assertion is valid for one request
        if dpop_key is not None:
            headers["DPoP"] = proofs.sign(dpop_key, "POST", url)
        body: str = prepare_token_request(grant_type, **form)
        answer = await fetcher.post(endpoint, "token endpoint", headers, body.encode())
        learned = dpop_key is not None and proofs.learn(url, answer.headers)
        if answer.status == 200:
            return answer.document
        if has_nonce or not learned or answer.document.get("error") != NONCE_WANTED:
            raise _refusal(answer.status, answer.document, headers, form)
        has_nonce = True


def _authenticate(parties: TokenParties, headers: dict[str, str], fields: dict[str, Any]) -> None:
    client, method = parties.client, auth_method_for(parties.client, parties.server)
    if parties.private_key is not None:
        fields |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": _assertion(parties)}
    elif method == "client_secret_basic":
        # Encoded before they are joined, so that a colon in them does not separate (RFC 6749, 2.3.1).
        pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    elif method == "client_secret_post":
        fields |= {"client_id": client.client_id, "client_secret": client.client_secret or ""}
    elif method == "none":
        fields["client_id"] = client.client_id
    else:
        raise AuthorizationFailed("The authorization server wants a kind of client that this is not.")


def _assertion(parties: TokenParties) -> str:
    """Sign an assertion of the client's identity, for this authorization server alone."""
    try:
        key: Any = import_key(parties.private_key or "", _KEY_TYPES[parties.algorithm[:2]])  # type: ignore[call-overload]
        signed: str = private_key_jwt_sign(
            key,
            parties.client.client_id,
            parties.server.issuer,
            alg=parties.algorithm,
            expires_in=ASSERTION_SECONDS,
        )
    except (JoseError, KeyError, ValueError):
        raise AuthorizationFailed(f"The private key cannot sign with {parties.algorithm}.") from None
    return signed


def _refusal(status: int, document: Any, headers: dict[str, str], fields: dict[str, Any]) -> Refused:
    """Make an error of the endpoint's words, without what was sent to it."""
    secrets = ClientSecrets(httpx2.Headers(headers), httpx2.URL("https://localhost"))
    for value in fields.values():
        secrets.keep(str(value))
        secrets.keep(quote_plus(str(value)))
    code = document.get("error")
    code = secrets.quote(code) if isinstance(code, str) else ""
    text = document.get("error_description")
    words = f"{code}: {secrets.quote(text)}" if isinstance(text, str) and text else code
    return Refused(f"The token endpoint refused ({status}): {words or 'it gave no reason'}", code)
