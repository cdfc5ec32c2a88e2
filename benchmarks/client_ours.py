# SPDX-License-Identifier: BSD-3-Clause
"""Our client of a comparison: ``python -m benchmarks.client_ours URL|COMMAND...``.

It calls `add` as often as each line it reads says, and writes the seconds that each call took.
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
