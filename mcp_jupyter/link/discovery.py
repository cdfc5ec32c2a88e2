# SPDX-License-Identifier: BSD-3-Clause
"""Which notebooks are live: connection files whose kernel can be connected to.

Removes what dead kernels left behind. Opens no conversation and keeps no list: every question is
answered from the runtime directory as it is now.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread

from ..errors import LinkError, NotebookNotFound
from .dial import Liveness, probe
from .files import ConnectionInfo, default_runtime_dir, file_path, read, remove, scan

__all__ = ["POLL_SECONDS", "Discovery"]

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.25
"""How often a kernel that is away is looked for: a restart takes seconds, one look microseconds."""

MAX_PROBES: Final = 16
"""Sockets opened at once to find out who lives."""

_NOBODY: Final = "No notebook is serving. Run `%load_ext mcp_jupyter` in a notebook."


class Discovery:
    """Finds live kernels through one runtime directory.

    Parameters
    ----------
    runtime_dir : Path, optional
        By default Jupyter's.
    """

    def __init__(self, runtime_dir: Path | None = None) -> None:
        self.runtime_dir = runtime_dir or default_runtime_dir()
        self._ignored: dict[Path, str] = {}

    async def live(self) -> list[ConnectionInfo]:
        """All kernels that can be connected to now, by name. What dead ones left is removed."""
        states: dict[str, Liveness] = {}
        limiter = anyio.CapacityLimiter(MAX_PROBES)

        async def look(info: ConnectionInfo) -> None:
            async with limiter:
                states[info.kernel_id] = await probe(info)

        found = await to_thread.run_sync(scan, self.runtime_dir, self._ignore)
        async with anyio.create_task_group() as tasks:
            for info in found:
                tasks.start_soon(look, info)
        for info in found:
            if states[info.kernel_id] is Liveness.GONE:
                await to_thread.run_sync(remove, info, self.runtime_dir)
        live = [info for info in found if states[info.kernel_id] is Liveness.LIVE]
        return sorted(live, key=lambda info: (info.name, info.kernel_id))

    def _ignore(self, path: Path, error: LinkError) -> None:
        """Log what is wrong with a file, once: discovery runs often."""
        if self._ignored.get(path) != str(error):
            self._ignored[path] = str(error)
            log.warning("Ignoring %a: %s", str(path), error)  # anybody may have chosen its name

    async def find(self, name: str) -> ConnectionInfo:
        """The live kernel that serves under `name`.

        Raises
        ------
        NotebookNotFound
            The message lists the names there are.
        """
        live = await self.live()
        for info in live:
            if info.name == name:
                return info
        raise NotebookNotFound(f"No live notebook is named {name[:64]!r}. {_listing(live)}")

    async def only(self) -> ConnectionInfo:
        """The one live kernel.

        Raises
        ------
        NotebookNotFound
            When there is none, or when there are several.
        """
        live = await self.live()
        if len(live) == 1:
            return live[0]
        raise NotebookNotFound(f"Say which notebook. {_listing(live)}" if live else _NOBODY)

    async def by_kernel(self, kernel_id: str) -> ConnectionInfo:
        """The live kernel with this id.

        Raises
        ------
        NotebookNotFound
            When it does not serve.
        """
        info = await self._look_for(kernel_id)
        if info is None:
            raise NotebookNotFound("The notebook's kernel is not serving. " + _NOBODY.partition(". ")[2])
        return info

    async def wait_for(self, kernel_id: str) -> ConnectionInfo:
        """Wait until the kernel with this id can be connected to. Whoever asks bounds the wait."""
        # There is nothing to be woken by: the kernel that will come knows nobody yet.
        while (info := await self._look_for(kernel_id)) is None:  # noqa: ASYNC110
            await anyio.sleep(POLL_SECONDS)
        return info

    async def _look_for(self, kernel_id: str) -> ConnectionInfo | None:
        try:
            info = read(file_path(kernel_id, self.runtime_dir))
        except LinkError:
            return None
        return info if await probe(info) is Liveness.LIVE else None


def _listing(live: Collection[ConnectionInfo]) -> str:
    if not live:
        return _NOBODY
    return f"Live notebooks: {', '.join(info.name for info in live)}."
