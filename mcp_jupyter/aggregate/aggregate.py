# SPDX-License-Identifier: BSD-3-Clause
"""The hub itself: which notebooks there are, who talks to it, and who hears that something changed.

Owns the look at the runtime directory, one follower for each notebook, and the conversations. Knows no
message.

Everything here belongs to one event loop's thread.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Final

import anyio
from anyio.abc import TaskGroup

from .._util.tasks import FailureLog, guarded, owned_tasks
from ..engine.channel import Channel, memory_pair
from ..errors import ConnectionClosed
from ..ipc.discovery import Discovery
from ..ipc.files import ConnectionInfo
from ..protocol.rights import Mode
from .catalog import KINDS, LIST_SECONDS, Index, Notebook
from .names import labels
from .scope import EVERYTHING, Scope
from .session import Conversation

__all__ = ["AWAY_SECONDS", "Hub"]

TICK_SECONDS: Final = 0.5
"""How often it is looked whether the runtime directory has changed: one `stat`."""

LOOK_SECONDS: Final = 5.0
"""How often the kernels are looked for all the same: one that was killed leaves its file behind."""

FRESH_SECONDS: Final = LIST_SECONDS + 0.5
"""How long a list waits for notebooks that have just come, and are asked for the first time."""

AWAY_SECONDS: Final = 60.0
"""A kernel that stays away for so long is not coming back: what conversations keep for it ends."""


class Hub:
    """All live notebooks as one server, to be served as any other: `serve` within `running`.

    Parameters
    ----------
    discovery : Discovery
        Finds live kernels.
    scope_of : callable, optional
        What a sender (`Message.sender`) may see and call; asked for each request. Everything when left out.
    away_seconds : float
        After which a kernel that went away is given up.
    constant_tools : "yes", "no" or "auto"
        Whether hosts get `find_tools`, `use_tool` and `read_more`; with "auto", those that need them.
    """

    def __init__(
        self,
        discovery: Discovery,
        scope_of: Callable[[str], Scope] = lambda sender: EVERYTHING,
        away_seconds: float = AWAY_SECONDS,
        constant_tools: Mode = "no",
    ) -> None:
        self.discovery = discovery
        self.scope_of = scope_of
        self.constant_tools: Mode = constant_tools
        self._away_seconds = away_seconds
        self._notebooks: dict[str, Notebook] = {}
        self._following: set[str] = set()
        self._conversations: set[Conversation] = set()
        self._index: Index | None = None
        self._seen: int | None = None
        self._looked = 0.0
        self._looking = anyio.Lock()
        self._failures = FailureLog("Looking for live notebooks")
        self._tasks: TaskGroup | None = None
        self._stopping = anyio.Event()

    # -- life ----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What stands around all conversations: the followers of notebooks."""
        self._stopping = anyio.Event()
        try:
            async with owned_tasks() as self._tasks:
                self._tasks.start_soon(self._watch)
                try:
                    yield
                finally:
                    self._stopping.set()
        finally:
            self._tasks = None

    async def stopping(self) -> None:
        """Wait until the hub is about to stop."""
        await self._stopping.wait()

    async def serve(self, channel: Channel) -> None:
        """Run one conversation until it is closed; call it within `running`."""
        conversation = Conversation(self, channel)
        self._conversations.add(conversation)
        try:
            await conversation.serve()
        finally:
            self._conversations.discard(conversation)

    async def open(self) -> Channel:
        """A channel to a conversation of its own, not yet started.

        Raises
        ------
        ConnectionClosed
            Outside of `running`.
        """
        if self._tasks is None:
            raise ConnectionClosed("The endpoint of all notebooks does not run.")
        ours, theirs = memory_pair()
        self._tasks.start_soon(guarded, "A conversation with all notebooks", self.serve, theirs)
        return ours

    # -- what conversations ask ------------------------------------------------------------------------

    @property
    def index(self) -> Index:
        """What the notebooks offer now."""
        if self._index is None:
            live = {item.kernel_id: item for item in self._notebooks.values() if item.live}
            for kernel_id, label in labels((item.info.name, id_) for id_, item in live.items()).items():
                live[kernel_id].label = label
            self._index = Index(live.values())
        return self._index

    async def fresh(self) -> Index:
        """The same, once notebooks that have just come were asked; waits no longer than `FRESH_SECONDS`."""
        with anyio.move_on_after(FRESH_SECONDS):
            await self._look()
            for kernel_id in list(self._following):
                await self._notebooks[kernel_id].listed.wait()
        return self.index

    # -- notebooks ---------------------------------------------------------------------------------------

    def _mtime(self) -> int:
        """When an entry of the runtime directory last came, went or was replaced."""
        try:
            return os.stat(self.discovery.runtime_dir).st_mtime_ns
        except OSError:
            return 0

    async def _watch(self) -> None:
        failures = FailureLog("Looking after the notebooks")
        while True:
            with failures:
                await self._look(always=time.monotonic() - self._looked >= LOOK_SECONDS)
                self._give_up()
            await anyio.sleep(TICK_SECONDS)

    async def _look(self, always: bool = False) -> None:
        """Find notebooks that have come, where the runtime directory has changed or `always`.

        Where that fails, what is known stands.
        """
        async with self._looking:  # whoever finds somebody looking waits for what he finds
            now = self._mtime()
            if now == self._seen and not always:
                return
            self._seen, self._looked = now, time.monotonic()
            live: list[ConnectionInfo] | None = None
            with self._failures:
                live = await self.discovery.live()
            if live is None:
                self._seen = None  # look again at the next occasion
                return
            for info in live:
                known = self._notebooks.get(info.kernel_id)
                if known is None:
                    known = self._notebooks[info.kernel_id] = Notebook(info, self._changed)
                if info.kernel_id not in self._following:
                    known.info = info
                    self._following.add(info.kernel_id)
                    assert self._tasks is not None
                    self._tasks.start_soon(guarded, f"Following notebook {info.name}", self._follow, known)
                elif (known.info.name, known.info.path) != (info.name, info.path):
                    known.info = info
                    self._changed(KINDS)

    async def _follow(self, notebook: Notebook) -> None:
        try:
            await notebook.follow()
        finally:
            self._following.discard(notebook.kernel_id)
            self._seen = None  # it may be back already

    def _give_up(self) -> None:
        now = time.monotonic()
        for notebook in list(self._notebooks.values()):
            away = notebook.kernel_id not in self._following and not notebook.live
            if away and now - notebook.last_live >= self._away_seconds:
                del self._notebooks[notebook.kernel_id]
                for conversation in self._conversations:
                    conversation.leave(notebook.kernel_id)

    def _changed(self, kinds: Collection[str]) -> None:
        self._index = None
        for conversation in list(self._conversations):
            for kind in KINDS:
                if kind in kinds:
                    conversation.announce(kind)
