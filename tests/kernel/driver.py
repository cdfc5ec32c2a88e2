# SPDX-License-Identifier: BSD-3-Clause
"""Runs inside a kernel under test: an engine's thread with a `KernelRunner`, driven over a Unix socket.

The first cell calls `start(path)`. Requests and replies are JSON lines; a function is named, and found
in the namespace when it is called. Knows neither the protocol nor the package's engine.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import threading
import time
from contextvars import ContextVar
from functools import partial
from typing import Any

from IPython import get_ipython

from mcp_jupyter.errors import ToolError
from mcp_jupyter.kernel.runner import HEARTBEAT_SECONDS, KernelRunner
from mcp_jupyter.server.runner import Invocation

REQUEST: ContextVar[Any] = ContextVar("request", default=None)
"""Stands for what the engine keeps of a request: functions must see their own."""

released = threading.Event()
started = threading.Event()


def hold(seconds: float = 20) -> None:
    """Keep the thread busy, as a long cell does, until the test says `release`."""
    started.set()
    end = time.monotonic() + seconds
    while not released.is_set() and time.monotonic() < end:
        time.sleep(0.005)


async def hold_async(seconds: float = 20) -> None:
    """The same for an async cell or function: it awaits."""
    started.set()
    end = time.monotonic() + seconds
    while not released.is_set() and time.monotonic() < end:
        await asyncio.sleep(0.005)


class Driver:
    """The engine's side: one connection, any number of calls."""

    def __init__(self, runner: KernelRunner, namespace: dict[str, Any]) -> None:
        self._runner = runner
        self._namespace = namespace
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            request = json.loads(line)
            send = partial(self._send, writer, request["id"])
            match request["op"]:
                case "call":
                    task = asyncio.create_task(self._call(request, send))
                    task.add_done_callback(partial(self._tell_cancelled, send))
                    self._tasks[request["id"]] = task
                    if "cancel_after" in request:
                        asyncio.get_running_loop().call_later(request["cancel_after"], task.cancel)
                case "cancel":
                    self._tasks[request["call"]].cancel()
                case "release":
                    released.set()
                    send(done=True)
                case "started":
                    # within a thread: the engine's loop must go on
                    send(done=await asyncio.to_thread(started.wait, 10))
                case "activity":
                    now = self._runner.activity
                    send(done=[now.state, now.cell, now.call])
                case "measure":
                    send(done=await self._measure(request["name"], request["times"]))
        writer.close()

    async def _call(self, request: dict[str, Any], send: Any) -> None:
        REQUEST.set(request["id"])
        invocation = Invocation(
            request["name"],
            self._namespace[request["name"]],
            request["arguments"],
            concurrent=request.get("concurrent", False),
            always=request.get("always", False),
            lookup=request.get("lookup", False),
            sender=request.get("sender", ""),
            timeout=request.get("timeout"),
            report=lambda text: send(report=text),
            log=lambda level, text: send(log=[level, text]),
            running=lambda seconds, line: send(running=[seconds, line]),
            failed_after=lambda text: send(failed_after=text),
        )
        try:
            outcome = await self._runner.run(invocation)
        except ToolError as error:
            send(done=None, error="ToolError", message=str(error))
        except Exception as error:  # noqa: BLE001 - whatever the function raised
            send(done=None, error=type(error).__name__, message=_text(error))
        else:
            blocks = [block for shown in outcome.displayed for block in shown.blocks]
            displayed = [block.model_dump(mode="json", by_alias=True) for block in blocks]
            send(done=outcome.value, displayed=displayed, printed=outcome.printed)

    @staticmethod
    def _tell_cancelled(send: Any, task: asyncio.Task[None]) -> None:
        if task.cancelled():  # perhaps before it began
            send(done=None, error="CancelledError", message="")

    async def _measure(self, name: str, times: int) -> float:
        """Median seconds of a round trip from this thread to where the function runs, and back."""
        spent = []
        for _ in range(times):
            begun = time.perf_counter()
            await self._runner.run(Invocation(name, self._namespace[name]))
            spent.append(time.perf_counter() - begun)
        return statistics.median(spent)

    @staticmethod
    def _send(writer: asyncio.StreamWriter, request_id: int, **reply: Any) -> None:
        writer.write(json.dumps({"id": request_id, **reply}, default=repr).encode() + b"\n")


def _text(error: Exception) -> str:
    try:
        return str(error)
    except ValueError:
        return "unprintable"


def start(path: str, heartbeat: float = HEARTBEAT_SECONDS) -> KernelRunner:
    """Open a runner and serve it on a thread of its own."""
    shell: Any = get_ipython()
    runner = KernelRunner(shell, shell.kernel.io_loop.asyncio_loop, heartbeat=heartbeat)
    runner.open()
    listening = threading.Event()

    async def serve() -> None:
        server = await asyncio.start_unix_server(Driver(runner, shell.user_ns).serve, path)
        async with server:
            listening.set()
            await server.serve_forever()

    threading.Thread(target=asyncio.run, args=(serve(),), name="engine", daemon=True).start()
    assert listening.wait(10)
    return runner
