# SPDX-License-Identifier: BSD-3-Clause
"""Call MCP servers: the client, its session, and the transports that connect it to a server.

Each name is imported when it is first used, so that reading a file of servers does not load the client. The
HTTP transports are `mcp_jupyter.client.streamable_http` and `mcp_jupyter.client.sse`.
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
    """Import a public name from its module when it is first used (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOME[name]}", __name__), name)
    return value
