# SPDX-License-Identifier: BSD-3-Clause
"""A notebook as a server from the first moment, while its kernel is yet to start.

The host's opening is answered at once; everything else waits for the kernel, within bounds, or for the reason
why there is none. The code that starts the kernel calls `ready` or `failed`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import anyio
from anyio.abc import TaskGroup

from .._util.tasks import owned_tasks
from ..engine.channel import Channel
from ..errors import LinkError, McpJupyterError
from ..protocol.frames import ErrorResponse, Request, Response
from ..protocol.rights import Mode
from .chosen import with_constant_tools
from .relay import Answer, Relay

if TYPE_CHECKING:
    from .discovery import Discovery
    from .files import ConnectionInfo

__all__ = ["WAIT_SECONDS", "StartingNotebook"]

WAIT_SECONDS: Final = 600.0
"""For a notebook to run to its end. Most hosts give a request up long before; for the others, an error that
says what goes on is better than silence."""

_RUNNING: Final = "The notebook {!r} has been running its cells for {:g} s. Send the request again later."


class StartingNotebook:
    """Serves one host with a notebook that is about to start.

    Parameters
    ----------
    name : str
        What the notebook is called in messages.
    answer : Answer
        Answers the host's opening.
    constant_tools : "yes", "no" or "auto", optional
        See `AttachedNotebook`.

    Attributes
    ----------
    failure : McpJupyterError or None
        Why the notebook cannot be served.
    """

    def __init__(self, name: str, answer: Answer, constant_tools: Mode | None = None) -> None:
        self.failure: McpJupyterError | None = None
        self._name = name
        self._answer = answer
        self._constant_tools = constant_tools
        self._opened = anyio.Event()
        self._decided = anyio.Event()
        self._kernel: tuple[ConnectionInfo, Discovery] | None = None
        self._tasks: TaskGroup | None = None

    # -- for the code that starts the kernel --------------------------------------------------------

    async def opened(self) -> None:
        """Wait until the host's first request was answered. The caller bounds the wait."""
        await self._opened.wait()

    def ready(self, info: ConnectionInfo, discovery: Discovery) -> None:
        """The kernel serves: what waits is passed to it. `discovery` finds the kernel when it restarts."""
        self._kernel = info, discovery
        self._decided.set()

    def failed(self, failure: McpJupyterError) -> None:
        """There will be no kernel: what waits is answered with the reason, and the conversation ends."""
        self.failure = failure
        self._decided.set()

    # -- for the transport -------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What stands around the conversation: the owner of its link."""
        async with owned_tasks() as self._tasks:
            yield

    async def serve(self, channel: Channel) -> None:
        """Run the conversation until it is closed; call it within `running`."""
        relay = Relay(channel, self._first)
        channel.is_patient = True
        relay.start()
        try:
            async with owned_tasks() as tasks:
                tasks.start_soon(self._connect, relay, channel)
                await relay.over.wait()
        finally:
            relay.close()

    def _first(self, request: Request) -> Response | ErrorResponse | None:
        self._opened.set()
        return self._answer(request)

    async def _connect(self, relay: Relay, channel: Channel) -> None:
        with anyio.move_on_after(WAIT_SECONDS) as waiting:
            await self._decided.wait()
        if waiting.cancelled_caught:
            relay.refuse(_RUNNING.format(self._name, WAIT_SECONDS))
            await self._decided.wait()
        if self._kernel is not None:
            from .resume import ResumingLink  # not needed for the first answer

            assert self._tasks is not None
            try:
                link = await ResumingLink.open(*self._kernel, self._tasks)
                relay.connect(with_constant_tools(link, self._constant_tools))
            except LinkError as exc:
                self.failure = exc
        channel.is_patient = False
        if self.failure is not None:
            relay.refuse(str(self.failure))
            relay.over.set()
