# SPDX-License-Identifier: BSD-3-Clause
"""Sign proofs of possession (DPoP), which make a token useless without the client's private key.

`Proofs` also keeps the nonces that servers require in proofs. The keys are stored with the tokens (`Tokens`);
`bearer` sends the requests.

Source: RFC 9449; the extension io.modelcontextprotocol/auth/dpop.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from typing import Final

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from ...errors import AuthorizationFailed
from ..http import origin_of
from .metadata import Tokens

__all__ = ["ALGORITHM", "NONCE_WANTED", "Proofs", "new_key"]

NONCE_WANTED: Final = "use_dpop_nonce"
"""The error code of a refusal for want of a nonce (RFC 9449, sections 8 and 9)."""

ALGORITHM: Final = "ES256"
"""The JWS algorithm of the proofs. Every implementation supports it."""

MAX_ORIGINS: Final = 8
"""Origins whose nonces are kept: the server, its authorization server, and others that metadata may name."""

_NONCE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,1024}")
"""The characters of section 8.1; the length is limited because every proof repeats the nonce in a header."""


def new_key() -> str:
    """Return a new private key for proofs, as PEM."""
    return ECKey.generate_key("P-256").as_pem(private=True).decode()


class Proofs:
    """Signs a proof for each request of one client, with the latest nonce from the request's origin."""

    def __init__(self) -> None:
        self._nonces: dict[str, str] = {}

    def learn(self, url: httpx2.URL, headers: httpx2.Headers) -> bool:
        """Keep the nonce of a response; return whether there was one."""
        nonce = headers.get("dpop-nonce", "")
        if not _NONCE.fullmatch(nonce):
            return False
        origin = origin_of(url)
        self._nonces.pop(origin, None)
        self._nonces[origin] = nonce
        if len(self._nonces) > MAX_ORIGINS:
            del self._nonces[next(iter(self._nonces))]
        return True

    def sign(self, key: str, method: str, url: httpx2.URL, token: str | None = None) -> str:
        """Return a proof for one request (section 4.2).

        Parameters
        ----------
        key : str
            A private key from `new_key`.
        method, url
            Those of the request. Query, fragment and user name are not part of the proof.
        token : str, optional
            The access token that the request carries.

        Raises
        ------
        AuthorizationFailed
            The key cannot be read: what was stored is damaged.
        """
        path = url.raw_path.partition(b"?")[0].decode("ascii")
        claims: dict[str, str | int] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": f"{url.scheme}://{url.netloc.decode('ascii')}{path}",
            "iat": int(time.time()),
        }
        if token is not None:
            digest = hashlib.sha256(token.encode("ascii")).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        nonce = self._nonces.get(origin_of(url))
        if nonce is not None:
            claims["nonce"] = nonce
        try:
            pair = ECKey.import_key(key)
            header = {"typ": "dpop+jwt", "alg": ALGORITHM, "jwk": pair.as_dict(private=False)}
            return jwt.encode(header, claims, pair)
        except (JoseError, ValueError):
            raise AuthorizationFailed("The stored key of the token cannot sign. Forget the tokens.") from None

    def authorize(self, request: httpx2.Request, tokens: Tokens) -> None:
        """Add the access token to a request (section 7.1), with a proof if the token is bound to a key."""
        request.headers.pop("DPoP", None)
        if tokens.is_bound and tokens.dpop_key is not None:
            token = tokens.access_token
            request.headers["Authorization"] = f"DPoP {token}"
            request.headers["DPoP"] = self.sign(tokens.dpop_key, request.method, request.url, token)
        else:
            request.headers["Authorization"] = f"Bearer {tokens.access_token}"
