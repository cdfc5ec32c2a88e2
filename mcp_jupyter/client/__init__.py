# SPDX-License-Identifier: BSD-3-Clause
"""Calling MCP servers: the client, the session below it, and the transports it runs over.

The names are found when first asked for: who reads a file of servers does not pay for a client. The HTTP
transports are `mcp_jupyter.client.streamable_http` and `mcp_jupyter.client.sse`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .client import Client
    from .session import ClientSession
    from .stdio import StdioServerParameters, stdio_client

__all__ = ["Client", "ClientSession", "StdioServerParameters", "stdio_client"]

_HOME: Final = {
    "Client": "client",
    "ClientSession": "session",
    "StdioServerParameters": "stdio",
    "stdio_client": "stdio",
}


def __getattr__(name: str) -> Any:
    """Find a public name in its module (PEP 562), once."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOME[name]}", __name__), name)
    return value
