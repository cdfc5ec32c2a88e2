# SPDX-License-Identifier: BSD-3-Clause
"""A live notebook as a server of our own: a link to its kernel for each conversation.

How messages pass between the two is the `Relay`'s business; that a kernel restarts is the link's.
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
    """Serves whoever comes with what a live notebook serves.

    Parameters
    ----------
    info : ConnectionInfo
        How the notebook is reached now.
    discovery : Discovery
        Where it is looked for when its kernel restarts.
    answer : Answer, optional
        Answers a client's opening when the kernel is late.
    constant_tools : "yes", "no" or "auto", optional
        Whether clients get the constant tools; as the notebook has it when left out.
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
        """What stands around all conversations: the owner of their links."""
        async with owned_tasks() as self._tasks:
            yield

    async def serve(self, channel: Channel) -> None:
        """Run one conversation until it is closed; call it within `running`.

        Raises
        ------
        LinkError
            The kernel cannot be reached.
        """
        assert self._tasks is not None
        link = await ResumingLink.open(self._info, self._discovery, self._tasks)
        await Relay(channel, self._answer).run(with_constant_tools(link, self._constant_tools))


class NotebookNamed:
    """The same for a notebook that is known by its name or file, and looked for when it is wanted.

    Parameters
    ----------
    text : str
        See `find_notebook`.
    own_kernel : str
        The id of the kernel that asks. Its own notebook is refused: a call would wait for the cell that makes
        it, and that cell for the call.
    """

    def __init__(self, text: str, own_kernel: str) -> None:
        self._text = text
        self._own_kernel = own_kernel
        self._attached: AttachedNotebook | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Find the notebook, and stand around its conversations.

        Raises
        ------
        LinkError
            There is no such live notebook, or it is the one that asks.
        """
        discovery = Discovery()
        info = await find_notebook(self._text, discovery)
        if info.kernel_id == self._own_kernel:
            raise LinkError(f"{self._text} is this notebook itself; call its functions as they are.")
        self._attached = AttachedNotebook(info, discovery)
        async with self._attached.running():
            yield

    async def serve(self, channel: Channel) -> None:
        """Run one conversation until it is closed; call it within `running`."""
        assert self._attached is not None
        await self._attached.serve(channel)
