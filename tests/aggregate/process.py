# SPDX-License-Identifier: BSD-3-Clause
"""Serves one notebook until its stdin ends: `python -m tests.aggregate.process RUNTIME_DIR NAME`."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
from anyio import to_thread

from mcp_jupyter.ipc.listener import Listener

from .notebooks import make_notebook


async def main(runtime_dir: str, name: str) -> None:
    mcp = make_notebook(name)
    opening = Listener.open(mcp.serve, name=name, kernel_id=f"kernel-{name}", runtime_dir=Path(runtime_dir))
    async with mcp.running(), opening:
        print("serving", flush=True)
        await to_thread.run_sync(sys.stdin.readline)


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
