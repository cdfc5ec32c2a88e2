# SPDX-License-Identifier: BSD-3-Clause
"""Choose and publish the name of a live notebook, and explain when it is not the wanted one.

A notebook gets its plain name if no other notebook has it, and keeps its name over restarts (`names`). Only
kernels with the same name are connected to, so loading many notebooks stays cheap.

Everything here runs on one loop's thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePath

import anyio
from anyio import to_thread

from .connect import Liveness, probe
from .files import ConnectionInfo, scan, write
from .names import RESERVED_NAMES, RememberedNames, candidate_names, changed_name, plain_name

__all__ = ["NameClaim"]


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
