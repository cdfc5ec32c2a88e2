# SPDX-License-Identifier: BSD-3-Clause
"""What a server checks in a DPoP proof (RFC 9449, section 4.3), but for replay and nonce."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey
from tornado.httputil import HTTPServerRequest

__all__ = ["Proof", "proof_of"]


@dataclass(frozen=True)
class Proof:
    """What a good proof says, and the thumbprint of its key."""

    claims: dict[str, Any]
    thumbprint: str


def proof_of(request: HTTPServerRequest, token: str | None) -> Proof:
    """Check a request's proof.

    Raises
    ------
    AssertionError, ValueError
        It is not one for this request and token.
    """
    (text,) = request.headers.get_list("DPoP")
    header = json.loads(base64.urlsafe_b64decode(text.partition(".")[0] + "=="))
    assert (header["typ"], header["alg"]) == ("dpop+jwt", "ES256")
    assert "d" not in header["jwk"]
    key = ECKey.import_key(header["jwk"])
    claims = jwt.decode(text, key, algorithms=["ES256"]).claims
    assert claims["htm"] == request.method
    assert claims["htu"] == request.full_url().partition("?")[0]
    assert abs(claims["iat"] - time.time()) < 60
    assert len(claims["jti"]) >= 16
    digest = None if token is None else hashlib.sha256(token.encode()).digest()
    assert claims.get("ath") == (digest and base64.urlsafe_b64encode(digest).decode().rstrip("="))
    return Proof(claims, key.thumbprint())
