# SPDX-License-Identifier: BSD-3-Clause
"""The official SDK's client with blocking calls, as a cell needs them: its event loop runs on a thread."""

import json
import sys
import time

from anyio.from_thread import start_blocking_portal
from mcp import Client
from mcp.client.stdio import StdioServerParameters


def main(command: str, *arguments: str) -> None:
    """Call until the input ends."""
    where = Client(StdioServerParameters(command=command, args=list(arguments)))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(where) as server:
        for line in sys.stdin:
            taken = []
            for _ in range(int(line)):
                began = time.perf_counter()
                result = portal.call(server.call_tool, "add", {"a": 2, "b": 3})
                taken.append(time.perf_counter() - began)
                assert result.structured_content == {"result": 5}, result
            print(json.dumps(taken), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
