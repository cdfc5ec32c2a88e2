# SPDX-License-Identifier: BSD-3-Clause
"""The official SDK's server in comparisons: ``python -m benchmarks.server_sdk stdio|http|sse [MORE TOOLS]``.

It serves the same tools as `server_ours`. Over HTTP it prints its port once it listens.
"""

import socket
import sys

from mcp.server.mcpserver import Context, MCPServer

KEEP_SECONDS = 600

mcp = MCPServer("sdk", log_level="ERROR")  # as quiet as ours: a log line a request would count as its work


@mcp.tool()
def add(a: int, b: int) -> int:
    """The sum of two integers."""
    return a + b


@mcp.tool()
async def count(to: int, ctx: Context) -> str:
    """Report progress from 1 to `to`."""
    for step in range(1, to + 1):
        await ctx.report_progress(step, to)
    return f"counted to {to}"


def serve_http(transport: str) -> None:
    """Serve until the process is ended."""
    import uvicorn

    app = mcp.sse_app() if transport == "sse" else mcp.streamable_http_app()
    # asyncio disables Nagle's algorithm only for sockets whose protocol number is that of TCP.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        print(listening.getsockname()[1], flush=True)
        # Connections must stay open while the other side has its turn.
        config = uvicorn.Config(app, log_level="error", timeout_keep_alive=KEEP_SECONDS)
        uvicorn.Server(config).run(sockets=[listening])


def main(transport: str, more_tools: int = 0) -> None:
    """Serve over one transport."""
    for number in range(more_tools):
        mcp.add_tool(add, name=f"add_{number}")
    if transport == "stdio":
        mcp.run("stdio")
    else:
        serve_http(transport)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
