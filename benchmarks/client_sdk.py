# SPDX-License-Identifier: BSD-3-Clause
"""The official SDK's client in the comparisons: it does the same as `client_ours`."""

import json
import sys
import time

import anyio
import anyio.to_thread
from mcp import Client
from mcp.client.stdio import StdioServerParameters


async def main(*target: str) -> None:
    """Call until the input ends."""
    command, *arguments = target
    where = StdioServerParameters(command=command, args=arguments) if arguments else command
    async with Client(where) as server:
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            taken = []
            for _ in range(int(line)):
                began = time.perf_counter()
                result = await server.call_tool("add", {"a": 2, "b": 3})
                taken.append(time.perf_counter() - began)
                assert result.structured_content == {"result": 5}, result
            print(json.dumps(taken), flush=True)


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
