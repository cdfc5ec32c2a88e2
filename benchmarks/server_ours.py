# SPDX-License-Identifier: BSD-3-Clause
"""Our server in the comparisons: ``python -m benchmarks.server_ours stdio|http [MORE TOOLS]``.

It serves the same tools as `server_sdk`. Over HTTP it prints its port once it listens.
"""

import sys

import anyio

from mcp_jupyter.server.fastmcp import Context, FastMCP

mcp = FastMCP("ours")


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


async def serve_http() -> None:
    """Serve Streamable HTTP and HTTP+SSE until the process is ended."""
    from mcp_jupyter.server.http.app import serve_http

    async with serve_http(mcp, port=0) as port:
        print(port, flush=True)
        await anyio.sleep_forever()


def main(transport: str, more_tools: int = 0) -> None:
    """Serve over one transport."""
    for number in range(more_tools):
        mcp.add_tool(add, name=f"add_{number}")
    if transport == "stdio":
        mcp.run("stdio")
    else:
        anyio.run(serve_http)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
