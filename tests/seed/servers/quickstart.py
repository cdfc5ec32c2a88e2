# SPDX-License-Identifier: BSD-3-Clause
"""The first server: a tool and a templated resource."""

from mcp_jupyter.server.fastmcp import FastMCP

mcp = FastMCP("Demo")


@mcp.tool()
def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


@mcp.resource("hello://{name}")
def hello(name: str) -> str:
    """Say hello."""
    return f"Hi {name}."
