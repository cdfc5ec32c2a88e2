# SPDX-License-Identifier: BSD-3-Clause
"""Choose and publish the name of a live notebook, and explain when it is not the wanted one.

A notebook gets its plain name if no other notebook has it, and keeps its name over restarts (`names`). Only
kernels with the same name are connected to, so loading many notebooks stays cheap.

Everything here runs on one loop's thread.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, Final

import anyio
from anyio import to_thread

from .._util.text import safe_line
from ..engine.channel import Channel
from ..engine.connection import Connection, InboundRequest
from ..errors import INVALID_PARAMS, METHOD_NOT_FOUND, ConnectionClosed, LinkError, McpError, McpJupyterError
from ..protocol.frames import Notification
from ..protocol.limits import MAX_PATH_CHARS
from .connect import Liveness, connected, probe
from .files import ConnectionInfo, scan, write
from .names import RESERVED_NAMES, RememberedNames, candidate_names, changed_name, plain_name

__all__ = [
    "TELL_SECONDS",
    "NameClaim",
    "hear_moves",
    "tell_moved",
]


class NameClaim:
    """One kernel's name and its connection file.

    Parameters
    ----------
    info : ConnectionInfo
        Not yet written; its name is the wanted one.
    runtime_dir : Path
        The directory of connection files.
    remembered : RememberedNames, optional
        The names that notebooks had; without it, only live notebooks count.
    named : callable
        Called with the content of the connection file after each write.

    Attributes
    ----------
    info : ConnectionInfo
        The content of the connection file.
    note : str
        A sentence that explains why the name is not the wanted one; otherwise empty.
    """

    def __init__(
        self,
        info: ConnectionInfo,
        runtime_dir: Path,
        remembered: RememberedNames | None,
        named: Callable[[ConnectionInfo], None],
    ) -> None:
        self.info = info
        self.note = ""
        self._runtime_dir = runtime_dir
        self._remembered = remembered
        self._named = named
        self._chosen: str | None = None
        self._lock = anyio.Lock()

    async def rename(self, chosen: str) -> None:
        """Take the name that the user chose, or the nearest free one.

        Raises
        ------
        LinkError
            The connection file cannot be written.
        """
        async with self._lock:
            self._chosen = chosen
            await self._take(chosen, self.info.path)

    async def move(self, path: str) -> ConnectionInfo:
        """Note the notebook's new path, and take the name of its file unless the user chose another.

        Raises
        ------
        LinkError
            The connection file cannot be written.
        """
        async with self._lock:
            if path != self.info.path:
                wanted = PurePath(path).stem if self._chosen is None else self._chosen
                await self._take(wanted, path)
        return self.info

    async def begin(self, wanted: str) -> None:
        """Take the first name, and write the connection file.

        Raises
        ------
        LinkError
            The connection file cannot be written.
        """
        async with self._lock:
            await self._take(wanted, self.info.path)

    async def publish(self) -> None:
        """Write the connection file again.

        Raises
        ------
        LinkError
            It cannot be written.
        """
        await to_thread.run_sync(write, self.info, self._runtime_dir)

    async def _take(self, wanted: str, path: str | None) -> None:
        file = path if path is not None and os.path.isabs(path) else None
        candidates = list(candidate_names(wanted, self.info.kernel_id, file))
        own = await self._own_name(candidates, file)
        if own is not None:
            candidates = [own, *candidates]
        owner = ""
        for name in candidates:
            found = await self._owner(name, file)
            if not found:
                self.info = replace(self.info, name=name, path=path)
                await self.publish()
                # Two kernels may take a name at the same moment. Each looks again after writing, so at least
                # one of them sees the other.
                found = await self._owner(name, file)
            if not found:
                break
            owner = owner or found
        self.note = self._explanation(wanted, owner)
        if file is not None and self._chosen is None and own in (None, self.info.name):
            await to_thread.run_sync(self._remember, file)
        self._named(self.info)

    async def _own_name(self, candidates: list[str], file: str | None) -> str | None:
        """Return the name that this notebook had before."""
        if file is None or self._chosen is not None or self._remembered is None:
            return None
        owner = self._remembered.owner
        return await to_thread.run_sync(lambda: next((n for n in candidates[:2] if owner(n) == file), None))

    async def _owner(self, name: str, file: str | None) -> str:
        """Return the other notebook that has a name, for a message; empty when the name is free."""
        if self._remembered is not None and self._chosen is None:
            path = await to_thread.run_sync(self._remembered.owner, name)
            if path not in (None, file):
                return str(path)
        for info in await to_thread.run_sync(scan, self._runtime_dir):
            # Kernels on another machine are not served here, so their names are free.
            is_rival = info.name == name and info.is_here and info.kernel_id != self.info.kernel_id
            if is_rival and await probe(info) is not Liveness.GONE:
                return "another kernel of this notebook" if file and info.path == file else info.path or name
        return ""

    def _remember(self, file: str) -> None:
        if self._remembered is not None and os.path.exists(file):
            self._remembered.remember(self.info.name, file)

    def _explanation(self, wanted: str, owner: str) -> str:
        plain, name = plain_name(wanted), self.info.name
        if name == plain and (self._chosen is None or not changed_name(wanted)):
            return ""
        if owner:
            return f"The name `{plain}` belongs to {owner}. This notebook is `{name}`."
        if plain in RESERVED_NAMES or self._chosen is not None:
            return f"`{wanted}` cannot be the name of a notebook. This notebook is `{name}`."
        return f"This notebook keeps the name `{name}` that it had before."


# -- moving --------------------------------------------------------------------------------------
#
# Tell a kernel that its notebook was renamed, which a Jupyter Server knows and the kernel does not.
#
# This uses a separate kind of link, marked in its greeting. No client's message travels on it, so a client
# cannot rename a notebook.

TELL_SECONDS: Final = 5.0
"""Seconds. The engine answers in milliseconds, even beside a running cell, unless the cell holds the GIL."""

_MOVED: Final = "notebook/moved"

Move = Callable[[str], Awaitable[ConnectionInfo]]


class _Kernel:
    """The kernel's end of such a link."""

    def __init__(self, move: Move) -> None:
        self._move = move

    async def request(self, call: InboundRequest) -> Any:
        """Answer the link's only method."""
        if call.method != _MOVED:
            raise McpError(METHOD_NOT_FOUND, f"Unknown method {safe_line(call.method)!r} on this link.")
        path = call.params.get("path")
        if not isinstance(path, str) or not os.path.isabs(path) or "\0" in path or len(path) > MAX_PATH_CHARS:
            raise McpError(INVALID_PARAMS, "params.path must be an absolute path.")
        return {"name": (await self._move(path)).name}

    def notification(self, notification: Notification) -> None:
        """Ignore it: notifications have no meaning on this link."""


async def hear_moves(channel: Channel, move: Move) -> None:
    """Serve a link that tells the kernel of new paths, until it is closed.

    Parameters
    ----------
    move : async callable
        Called with the notebook's new real path.
    """
    await Connection(channel, _Kernel(move)).serve()


async def tell_moved(info: ConnectionInfo, path: str) -> None:
    """Tell a kernel its notebook's new real path; then its connection file has the new name.

    Raises
    ------
    LinkError
        The kernel cannot be reached or does not answer.
    """
    async with connected(info, moved=True) as connection:
        try:
            await connection.request(_MOVED, {"path": path}, timeout=TELL_SECONDS)
        except McpJupyterError as exc:
            reason = "it hung up" if isinstance(exc, ConnectionClosed) else str(exc)
            message = f"The kernel of notebook {info.name!r} was not told its new path: {reason}"
            raise LinkError(message) from None
