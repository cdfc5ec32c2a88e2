# SPDX-License-Identifier: BSD-3-Clause
"""Calling MCP servers: a session, and the transports it runs over.

The HTTP transports are not imported here, so that a session over stdio does not pay for an HTTP library:
`mcp_jupyter.client.streamable_http`, `mcp_jupyter.client.sse`.
"""

from __future__ import annotations

from .session import ClientSession
from .stdio import StdioServerParameters, stdio_client

__all__ = ["ClientSession", "StdioServerParameters", "stdio_client"]
