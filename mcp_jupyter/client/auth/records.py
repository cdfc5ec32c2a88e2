# SPDX-License-Identifier: BSD-3-Clause
"""What a client has to remember: who it is to an authorization server, and the tokens it was given.

Owns their form in memory and as JSON. No `repr` shows a secret. Knows no request.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from ...errors import AuthorizationFailed

__all__ = ["ClientInformation", "Tokens"]

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
