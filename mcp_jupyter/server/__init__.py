# SPDX-License-Identifier: BSD-3-Clause
"""Write MCP servers and serve them over stdio, Streamable HTTP and HTTP+SSE."""

from __future__ import annotations

from typing import Any

__all__ = ["FastMCP", "InitializationOptions", "NotificationOptions", "Server"]

_WHERE = {
    "FastMCP": "mcp_jupyter.server.fastmcp",
    "InitializationOptions": "mcp_jupyter.server.models",
    "NotificationOptions": "mcp_jupyter.server.lowlevel",
    "Server": "mcp_jupyter.server.lowlevel",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
