# SPDX-License-Identifier: BSD-3-Clause
"""A resource, a tool and a prompt that repeat what they are given."""

from mcp_jupyter.server.fastmcp import FastMCP

mcp = FastMCP("Echo")


@mcp.resource("echo://{message}")
def resource(message: str) -> str:
    """Repeat it as a resource."""
    return f"resource: {message}"


@mcp.tool()
def tool(message: str) -> str:
    """Repeat it as a tool."""
    return f"tool: {message}"


@mcp.prompt()
def prompt(message: str) -> str:
    """Ask about it."""
    return f"prompt: {message}"
