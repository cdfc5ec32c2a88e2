# SPDX-License-Identifier: BSD-3-Clause
"""A process that serves like a kernel: `python -m tests.ipc.kernel RUNTIME_DIR KERNEL_ID NAME [fork]`.

It ends when its standard input is closed, as an orderly kernel would, or when it is killed. With `fork`
it first leaves a child behind that lives on, as a worker of a process pool may.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from anyio import to_thread

from mcp_jupyter.ipc.listener import Listener

from .echo import serve


def leave_child() -> None:
    """Fork a child that sleeps; its process id goes to the standard output."""
    child = os.fork()
    if child == 0:
        os.close(1)  # whoever reads our output must not wait for the child
        os.close(0)
        signal.pause()
    print(child, flush=True)


async def main(runtime_dir: str, kernel_id: str, name: str, *options: str) -> None:
    async with Listener.open(serve, name=name, kernel_id=kernel_id, runtime_dir=Path(runtime_dir)):
        print("serving", flush=True)
        await to_thread.run_sync(sys.stdin.readline)
        if "fork" in options:
            leave_child()
            await to_thread.run_sync(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
