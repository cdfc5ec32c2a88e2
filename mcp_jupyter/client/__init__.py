# SPDX-License-Identifier: BSD-3-Clause
"""Calling MCP servers: the client, the session below it, and the transports it runs over.

The HTTP transports are not imported here, so that a session over stdio does not pay for an HTTP library:
`mcp_jupyter.client.streamable_http`, `mcp_jupyter.client.sse`.
"""

from __future__ import annotations

from .client import Client
from .session import ClientSession
from .stdio import StdioServerParameters, stdio_client

__all__ = ["Client", "ClientSession", "StdioServerParameters", "stdio_client"]
