# SPDX-License-Identifier: BSD-3-Clause
"""Follow the calls of all live notebooks, for pages that watch and for the administrator's event handlers.

While a page watches, or an event handler is configured, one owner's link is open to each live kernel
(`ipc.owner_link`). The kernel sends each step of a call. A page that has opened `GET api/observe` gets the
steps as lines of JSON, with ids and no contents. Each finished call also becomes a Jupyter event, which an
administrator can route into a log.

Everything here runs on the server's event loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from .._util.tasks import FailureLog, guarded, owned_tasks
from ..engine.connection import Connection
from ..errors import McpJupyterError
from ..ipc.discovery import Discovery
from ..ipc.files import ConnectionInfo
from ..ipc.owner_link import ASK_SECONDS, owner_link
from ..protocol.frames import Notification
from .events import CALL, Emit

__all__ = ["Observers", "Page", "TooManyPages"]

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
"""Seconds between two looks for kernels that have come or gone."""

PING_SECONDS: Final = 30.0
"""Seconds. A page that has gone is noticed at the next line."""

MAX_PAGES: Final = 64
"""Pages that watch at once."""

MAX_WAITING: Final = 256
"""Lines that wait for a page. One that does not read loses lines; it reads the lists again at the next."""

STOP_SECONDS: Final = 5.0

Line = Mapping[str, Any]


class TooManyPages(McpJupyterError):
    """More pages watch than `MAX_PAGES`."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page that watches.

    Attributes
    ----------
    lines : async iterator of mapping
        The lines for it; a ping when there was none for `PING_SECONDS`.
    leave : callable
        Ends the lines.
    """

    lines: AsyncIterator[Line]
    leave: Callable[[], None]


class Observers:
    """The links that follow live kernels, while someone watches.

    Parameters
    ----------
    discovery : Discovery
        Finds live kernels.
    emit : Emit
        Emits a Jupyter event.
    audits : callable
        Whether event handlers are configured: then kernels are followed without a page, too.
    with_arguments : bool
        Whether events have the redacted arguments of calls, and not only a digest of them.
    """

    def __init__(
        self, discovery: Discovery, emit: Emit, audits: Callable[[], bool], *, with_arguments: bool
    ) -> None:
        self._discovery = discovery
        self._emit = emit
        self._audits = audits
        self._with_arguments = with_arguments
        self._pages: set[MemoryObjectSendStream[Line]] = set()
        self._following: dict[str, ConnectionInfo] = {}
        self._owner: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follow kernels from now on if someone watches or event handlers are configured."""
        if (self._pages or self._audits()) and (self._owner is None or self._owner.done()):
            self._owner = asyncio.create_task(self._run(), name="mcp_jupyter observers")

    async def stop(self) -> None:
        """Close all links, and end the streams of all pages."""
        for page in list(self._pages):
            page.close()
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.cancel()
            await asyncio.wait([owner], timeout=STOP_SECONDS)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[Page]:
        """Watch while the context is open.

        Raises
        ------
        TooManyPages
        """
        if len(self._pages) >= MAX_PAGES:
            raise TooManyPages(f"More than {MAX_PAGES} pages watch already.")
        send, receive = anyio.create_memory_object_stream[Line](MAX_WAITING)
        send.send_nowait({"event": "servers"})  # whatever the page knows already may be old
        self._pages.add(send)
        self.start()
        try:
            yield Page(_with_pings(receive), send.close)
        finally:
            self._pages.discard(send)
            send.close()
            receive.close()
            if not self._pages and not self._audits():
                await self.stop()

    def tell(self, line: Line) -> None:
        """Send a line to all pages."""
        for page in tuple(self._pages):
            with suppress(anyio.WouldBlock, anyio.BrokenResourceError, anyio.ClosedResourceError):
                page.send_nowait(line)

    # -- the task --------------------------------------------------------------------------------

    async def _run(self) -> None:
        looking = FailureLog("Looking for notebooks to follow")
        async with anyio.create_task_group() as tasks:
            while True:
                with looking:
                    await self._look(tasks)
                await anyio.sleep(LOOK_SECONDS)

    async def _look(self, tasks: TaskGroup) -> None:
        for info in await self._discovery.live():
            before = self._following.get(info.kernel_id)
            if before is None:
                self._following[info.kernel_id] = info
                tasks.start_soon(guarded, "Following a notebook", self._follow, info)
            elif before.name != info.name:
                self._following[info.kernel_id] = info
                self.tell({"event": "servers"})

    async def _follow(self, info: ConnectionInfo) -> None:
        """Follow one kernel until its link ends."""
        send, steps = anyio.create_memory_object_stream[Mapping[str, Any]](MAX_WAITING)

        def heard(notification: Notification) -> None:
            with suppress(anyio.WouldBlock, anyio.BrokenResourceError):
                send.send_nowait({"method": notification.method, **notification.params})

        try:
            async with owner_link(info, heard) as owner, owned_tasks() as tasks:
                tasks.start_soon(self._pass_on, info.kernel_id, owner, steps)
                await owner.request("observe", {})
        except McpJupyterError:
            pass  # the kernel has gone
        finally:
            send.close()
            steps.close()
            self._following.pop(info.kernel_id, None)
            self.tell({"event": "servers"})

    async def _pass_on(
        self, kernel_id: str, owner: Connection, steps: MemoryObjectReceiveStream[Mapping[str, Any]]
    ) -> None:
        asked: set[Any] = set()  # calls about which the user was asked
        async for step in steps:
            if step["method"] == "observing":
                self.tell({"event": "servers"})
                continue
            name = self._following[kernel_id].name
            said = {key: step.get(key) for key in ("id", "kind", "name", "what")}
            self.tell({"event": "call", "notebook": name, **said})
            if said["what"] == "asking":
                asked.add(said["id"])
            if said["id"] in asked:
                self.tell({"event": "approvals"})
                asked -= {said["id"]} if said["what"] == "done" else set()
            if said["what"] == "done" and self._audits():
                with suppress(McpJupyterError):
                    entry = await owner.request("calls/get", {"id": said["id"]}, timeout=ASK_SECONDS)
                    self._audit(kernel_id, name, entry)

    def _audit(self, kernel_id: str, notebook: str, entry: Mapping[str, Any]) -> None:
        arguments = entry.get("arguments") or {}
        digest = hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()
        said = {
            "notebook": notebook,
            "kernel_id": kernel_id,
            "call": entry.get("id"),
            "kind": entry.get("kind"),
            "name": entry.get("name"),
            "host": (entry.get("host") or {}).get("name", ""),
            "principal": entry.get("principal"),
            "result": entry.get("result"),
            "seconds": entry.get("ran"),
            "characters": entry.get("characters"),
            "arguments_sha256": digest,
        }
        if self._with_arguments:
            said["arguments"] = json.dumps(arguments)
        self._emit(CALL, said)


async def _with_pings(lines: MemoryObjectReceiveStream[Line]) -> AsyncIterator[Line]:
    while True:
        line: Line = {"event": "ping"}
        with anyio.move_on_after(PING_SECONDS):
            try:
                line = await lines.receive()
            except (anyio.EndOfStream, anyio.ClosedResourceError):
                return
        yield line
