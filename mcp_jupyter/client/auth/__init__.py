# SPDX-License-Identifier: BSD-3-Clause
"""Credentials for servers over HTTP: `auth=` of `Client` and of the transports.

    auth = OAuth("https://example.com/mcp", storage=FileStorage("..."))
    async with Client("https://example.com/mcp", auth=auth) as client: ...

The transports do not import this package, so a server without sign-in loads no OAuth library.
"""

from __future__ import annotations

from .loopback import AuthorizationResponse, LoopbackCallback, loopback_callback
from .metadata import ClientInformation, Tokens
from .oauth import (
    Assertion,
    AssertionHandler,
    CallbackHandler,
    ClientCredentials,
    OAuth,
    RedirectHandler,
)
from .provider import OAuthClientProvider, TokenStorage
from .storage import FileStorage, MemoryStorage, Storage

__all__ = [
    "Assertion",
    "AssertionHandler",
    "AuthorizationResponse",
    "CallbackHandler",
    "ClientCredentials",
    "ClientInformation",
    "FileStorage",
    "LoopbackCallback",
    "MemoryStorage",
    "OAuth",
    "OAuthClientProvider",
    "RedirectHandler",
    "Storage",
    "TokenStorage",
    "Tokens",
    "loopback_callback",
]
