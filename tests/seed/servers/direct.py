# SPDX-License-Identifier: BSD-3-Clause
"""A server that is executed directly."""

from mcp_jupyter.server.fastmcp import FastMCP

mcp = FastMCP("Direct")

if __name__ == "__main__":
    mcp.run()
