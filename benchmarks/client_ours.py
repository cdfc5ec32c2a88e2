# SPDX-License-Identifier: BSD-3-Clause
"""Our client in the comparisons: ``python -m benchmarks.client_ours URL|COMMAND...``.

Each line it reads is a number of calls of `add`; it makes them and writes the seconds of each.
"""

import json
import sys
import time

import anyio
import anyio.to_thread

from mcp_jupyter import Client


async def main(*target: str) -> None:
    """Call until the input ends."""
    async with Client(target[0] if len(target) == 1 else list(target)) as server:
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            taken = []
            for _ in range(int(line)):
                began = time.perf_counter()
                result = await server.call_tool("add", {"a": 2, "b": 3})
                taken.append(time.perf_counter() - began)
                assert result.structuredContent == {"result": 5}, result
            print(json.dumps(taken), flush=True)


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
