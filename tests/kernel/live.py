# SPDX-License-Identifier: BSD-3-Clause
"""A real kernel for a test: run cells in it, and talk to what it serves over the link."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from jupyter_client import BlockingKernelClient, KernelManager
from jupyter_core.utils import ensure_event_loop

from mcp_jupyter.engine.connection import Connection
from mcp_jupyter.ipc.connect import dial
from mcp_jupyter.ipc.discovery import Discovery
from mcp_jupyter.server.host_profiles import OWN
from tests.server.memory_client import Client, Ears

CELL_SECONDS = 30

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

T = TypeVar("T")


async def in_thread(function: Callable[..., T], *arguments: object) -> T:
    """Run what blocks on a Jupyter client while the test's loop goes on."""

    # jupyter_client's blocking functions keep their event loop in a context variable. A thread started from
    # a task sees that task's variables: without a context of its own, two threads would run one loop.
    def work() -> T:
        with closing(ensure_event_loop()):
            return function(*arguments)

    return await anyio.to_thread.run_sync(Context().run, work)


@dataclass
class Ran:
    """What one cell left: its outputs as the notebook would show them, and its error.

    `updated` are new forms of outputs of earlier cells.
    """

    updated: list[Mapping[str, Any]] = field(default_factory=list)
    displayed: list[Mapping[str, Any]] = field(default_factory=list)
    result: Mapping[str, Any] | None = None
    printed: str = ""
    error: str = ""
    traceback: str = ""

    @property
    def text(self) -> str:
        """The plain text of what was displayed."""
        return "\n".join(bundle["text/plain"] for bundle in self.displayed)


class Cells:
    """Runs cells through a kernel client. `run` blocks; from async code use `arun`."""

    client: BlockingKernelClient

    def run(self, source: str, seconds: float = CELL_SECONDS, *, is_interactive: bool = False) -> Ran:
        """Run one cell to its end, as a program does, or as the page of a user who could be asked."""
        ran = Ran()

        def hook(message: Mapping[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "display_data":
                ran.displayed.append(content["data"])
            elif message["msg_type"] == "update_display_data":
                ran.updated.append(content["data"])
            elif message["msg_type"] == "execute_result":
                ran.result = content["data"]
            elif message["msg_type"] == "stream":
                ran.printed += content["text"]
            elif message["msg_type"] == "error":
                ran.traceback = _COLOUR.sub("", "\n".join(content["traceback"]))

        reply = self.client.execute_interactive(
            source, timeout=seconds, output_hook=hook, allow_stdin=is_interactive
        )["content"]
        if reply["status"] != "ok":
            ran.error = f"{reply['ename']}: {reply['evalue']}"
        return ran

    async def arun(self, source: str, seconds: float = CELL_SECONDS) -> Ran:
        """Run one cell while the test's loop goes on."""
        return await in_thread(self.run, source, seconds)

    def complete(self, text: str) -> list[str]:
        """What Tab offers at the end of `text`, as whole last words."""
        reply = self.client.complete(text, len(text), reply=True, timeout=CELL_SECONDS)["content"]
        return [text[: reply["cursor_start"]].rsplit(" ", 1)[-1] + match for match in reply["matches"]]


class LiveKernel(Cells):
    """One kernel process."""

    def __init__(self, runtime_dir: Path, environ: Mapping[str, str], path: str | None = None) -> None:
        self.runtime_dir = runtime_dir
        self.manager = KernelManager(connection_file=str(runtime_dir / f"kernel-{os.urandom(8).hex()}.json"))
        self._environ = {**environ, **({"JPY_SESSION_NAME": path} if path else {})}

    def start(self) -> None:
        self.manager.start_kernel(env=self._environ)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    @asynccontextmanager
    async def connect(self, *, initialize: bool = True, handler: Any = None) -> AsyncIterator[Client]:
        """A client of what this kernel serves, with our own name: it gets everything as it is.

        `handler` takes its part in place of `Ears`.
        """
        kernel_id = Path(self.manager.connection_file).stem.removeprefix("kernel-")
        channel = await dial(await Discovery(self.runtime_dir).by_kernel(kernel_id))
        heard: list[Any] = []
        connection = Connection(channel, handler or Ears(heard))
        async with anyio.create_task_group() as tasks:
            await tasks.start(connection.serve)
            client = Client(connection, heard)
            try:
                if initialize:
                    await client.handshake(name=OWN.name)
                yield client
            finally:
                connection.close()


@contextmanager
def live_kernel(
    runtime_dir: Path, environ: Mapping[str, str], path: str | None = None
) -> Iterator[LiveKernel]:
    """A kernel for the length of a block."""
    kernel = LiveKernel(runtime_dir, environ, path)
    try:
        kernel.start()
        yield kernel
    finally:
        kernel.stop()
