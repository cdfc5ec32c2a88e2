# SPDX-License-Identifier: BSD-3-Clause
"""An authorization server that publishes nothing: endpoints at default paths, a rule of 2025-03-26 alone.

Owns which requests may lead there, and where that is. Does not know what was looked for before.

Source: spec 2025-03-26, basic/authorization, "Fallbacks for Servers without Metadata Discovery". From
2025-06-18 on a server must publish metadata.
"""

from __future__ import annotations

from typing import Final

from ...errors import AuthorizationFailed
from .addresses import is_loopback, web_url
from .metadata import AuthorizationServer

__all__ = ["default_server", "has_defaults"]

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
