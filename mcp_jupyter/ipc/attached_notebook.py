# SPDX-License-Identifier: BSD-3-Clause
"""Serve a live notebook to clients over a link to its kernel, one link per session.

`Relay` passes the messages between client and kernel; the link handles restarts of the kernel.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.abc import TaskGroup

from .._util.tasks import owned_tasks
from ..engine.channel import Channel
from ..errors import LinkError
from ..protocol.rights import Mode
from .discovery import Discovery, find_notebook
from .files import ConnectionInfo
from .reconnecting_channel import ResumingLink
from .stdio_proxy import Answer, Relay, with_constant_tools

__all__ = ["AttachedNotebook", "NotebookNamed"]


class AttachedNotebook:
    """Serves clients by passing their messages to a live notebook.

    Parameters
    ----------
    info : ConnectionInfo
        The present address of the notebook.
    discovery : Discovery
        Finds the notebook's kernel after a restart.
    answer : Answer, optional
        Answers a client's opening when the kernel is late.
    constant_tools : "yes", "no" or "auto", optional
        Whether clients get the constant tools; by default the notebook's own setting.
    """

    def __init__(
        self,
        info: ConnectionInfo,
        discovery: Discovery,
        answer: Answer | None = None,
        constant_tools: Mode | None = None,
    ) -> None:
        self._info = info
        self._discovery = discovery
        self._answer = answer
        self._constant_tools = constant_tools
        self._tasks: TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the task group of the links for as long as the context lasts."""
        async with owned_tasks() as self._tasks:
            yield

    async def serve(self, channel: Channel) -> None:
        """Serve one session until it is closed; call this within `running`.

        Raises
        ------
        LinkError
            The kernel cannot be reached.
        """
        assert self._tasks is not None
        link = await ResumingLink.open(self._info, self._discovery, self._tasks)
        await Relay(channel, self._answer).run(with_constant_tools(link, self._constant_tools))


class NotebookNamed:
    """The same for a notebook given by name or file, which is looked up when it is needed.

    Parameters
    ----------
    text : str
        See `find_notebook`.
    own_kernel : str
        The id of the calling kernel. Its own notebook is refused: the call would wait for the cell that makes
        it, and the cell for the call.
    """

    def __init__(self, text: str, own_kernel: str) -> None:
        self._text = text
        self._own_kernel = own_kernel
        self._attached: AttachedNotebook | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Find the notebook, and run the task group of its links.

        Raises
        ------
        LinkError
            No such notebook is live, or it is the caller's own.
        """
        discovery = Discovery()
        info = await find_notebook(self._text, discovery)
        if info.kernel_id == self._own_kernel:
            raise LinkError(f"{self._text} is this notebook itself; call its functions as they are.")
        self._attached = AttachedNotebook(info, discovery)
        async with self._attached.running():
            yield

    async def serve(self, channel: Channel) -> None:
        """Serve one session until it is closed; call this within `running`."""
        assert self._attached is not None
        await self._attached.serve(channel)
