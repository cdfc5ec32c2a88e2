# SPDX-License-Identifier: BSD-3-Clause
"""Say what replaces the resource checks of the first-generation SDK, which this package does not have."""

from .._util.absent import absent

__all__ = ()

_OURS = (
    "A client checks which resource a token is for by itself (mcp_jupyter.client.auth.OAuth); a server asks "
    'for the token that it was given: mcp.run("streamable-http", token=...).'
)

__getattr__ = absent(__name__, {"check_resource_allowed": _OURS, "resource_url_from_server_url": _OURS})
