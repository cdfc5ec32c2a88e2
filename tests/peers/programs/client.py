# SPDX-License-Identifier: BSD-3-Clause
"""Any library's client as a process: ``client.py ours|mcp1|mcp2|fastmcp``, told on stdin what to connect to.

The input is ``{name: {"era", "transport", "target", "headers", "leave_out"}}``, the output
``{name: {operation: outcome}}``; all of it is done side by side.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import anyio
from operations import outcomes

TOGETHER = 100  # seconds


async def main(kind: str, wishes: dict[str, Any]) -> dict[str, Any]:
    library = importlib.import_module(f"client_{kind}")
    found: dict[str, Any] = {}

    async def run(name: str, wish: dict[str, Any]) -> None:
        left_out = wish.pop("leave_out")
        try:
            async with library.connected(**wish) as peer:
                found[name] = await outcomes(peer, left_out)
        except BaseExceptionGroup as group:
            found.setdefault(name, {})["connection"] = repr(group.exceptions)

    with anyio.move_on_after(TOGETHER):
        async with anyio.create_task_group() as tasks:
            for name, wish in wishes.items():
                tasks.start_soon(run, name, wish)
    return found


if __name__ == "__main__":
    print(json.dumps(anyio.run(main, sys.argv[1], json.load(sys.stdin))))
