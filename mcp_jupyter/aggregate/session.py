# SPDX-License-Identifier: BSD-3-Clause
"""One session of a host with the aggregate: a server session that has connections to notebooks.

`server.session` handles the handshake, the log level and subscriptions. This subclass passes the log level
and changed roots to the notebooks, and subscribes at them to the resources and tasks that the host names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio.abc import TaskGroup

from .._util.tasks import owned_tasks
from ..engine.channel import Channel
from ..engine.connection import InboundRequest
from ..errors import McpJupyterError
from ..ipc.reconnecting_channel import ResumingLink
from ..protocol.eras import Era
from ..protocol.frames import Notification
from ..server.context import RequestContext, current_request
from ..server.session import Listener, ServerSession
from .notebook import LIST_SECONDS, Notebook
from .upstream import NotebookListener, Upstream, notebook_listeners

if TYPE_CHECKING:
    from .aggregate import Aggregate

__all__ = ["AggregateSession", "quietly"]

BACK_SECONDS: Final = 5.0
"""Seconds. When a notebook is listed again, the session's own link to it finds it a moment later."""


class AggregateSession(ServerSession):
    """A session with all live notebooks.

    Parameters
    ----------
    server : Aggregate
        Has the catalog of notebooks.
    channel : Channel
        The channel to the host; not yet started.
    """

    server: Aggregate

    def __init__(self, server: Aggregate, channel: Channel) -> None:
        super().__init__(server, channel)
        self._tasks: TaskGroup | None = None
        self._upstreams: dict[tuple[str, str], Upstream] = {}  # by kernel id and version
        self._opening: defaultdict[tuple[str, str], anyio.Lock] = defaultdict(anyio.Lock)

    async def serve(self) -> None:
        """Run the session until it is closed."""
        async with owned_tasks() as self._tasks:
            await super().serve()

    def notification(self, notification: Notification) -> None:
        """Tell the notebooks that the host's roots have changed."""
        if notification.method == "notifications/roots/list_changed":
            for upstream in self._legacy_upstreams():
                upstream.notify(notification.method, notification.params)

    async def _set_level(self, call: InboundRequest) -> dict[str, Any]:
        result = await super()._set_level(call)
        async with anyio.create_task_group() as tasks:
            for upstream in self._legacy_upstreams():
                tasks.start_soon(quietly, partial(upstream.set_level, self._log_level))
        return result

    @asynccontextmanager
    async def _subscribed_to(self, listener: Listener) -> AsyncIterator[None]:
        context = current_request.get()
        parts = notebook_listeners(
            listener, await self.server.catalog.fresh(), self.server.scope_of(context.sender)
        )
        async with owned_tasks() as tasks:
            for part in parts:
                tasks.start_soon(quietly, partial(self._listen_at, part, context))
            with anyio.move_on_after(LIST_SECONDS):
                for part in parts:
                    await part.acknowledged.wait()
            listener.uris = frozenset().union(*(part.granted_uris for part in parts))
            listener.tasks = frozenset().union(*(part.granted_tasks for part in parts))
            yield

    async def _listen_at(self, part: NotebookListener, context: RequestContext) -> None:
        call = context.call
        try:
            upstream = await self.upstream(part.notebook, context.era)
            params = {**call.params, "notifications": part.wanted}
            await upstream.forward(call, call.method, params, part.heard)
        finally:
            part.acknowledged.set()

    # -- connections to notebooks ------------------------------------------------------------------

    async def upstream(self, notebook: Notebook, era: Era) -> Upstream:
        """Return the connection to a notebook for requests of one version; opened at the first use.

        Raises
        ------
        McpJupyterError
            The notebook cannot be reached.
        """
        key = notebook.kernel_id, era.version
        # One lock per key, so that simultaneous requests share one connection.
        async with self._opening[key]:
            upstream = self._upstreams.get(key)
            if upstream is None or upstream.is_closed:
                upstream = self._upstreams[key] = await self._open(notebook, era)
        if upstream.link.is_away and notebook.live:
            with anyio.move_on_after(BACK_SECONDS):
                await upstream.link.back()
        return upstream

    async def _open(self, notebook: Notebook, era: Era) -> Upstream:
        assert self._tasks is not None, "requests arrive while the session is served"
        link = await ResumingLink.open(notebook.info, self.server.catalog.discovery, self._tasks)
        upstream = Upstream(link, self._connection, notebook)
        await self._tasks.start(upstream.serve)
        if not era.rounds:
            params = {
                "protocolVersion": era.version,
                "capabilities": self.client_capabilities,
                "clientInfo": self.client_info,
            }
            try:
                await upstream.initialize(params, self._log_level)
            except BaseException:
                upstream.close()
                raise
        return upstream

    def leave(self, kernel_id: str) -> None:
        """Close the connections to a notebook that is gone for good."""
        for key in [key for key in self._upstreams if key[0] == kernel_id]:
            self._upstreams.pop(key).close()
            del self._opening[key]

    def _legacy_upstreams(self) -> list[Upstream]:
        version = None if self._era is None else self._era.version
        return [item for key, item in self._upstreams.items() if key[1] == version and not item.is_closed]


async def quietly(work: Callable[[], Awaitable[None]]) -> None:
    """Do something at one notebook; its failure must not affect the other notebooks."""
    with suppress(McpJupyterError):
        await work()
