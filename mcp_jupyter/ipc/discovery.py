# SPDX-License-Identifier: BSD-3-Clause
"""Find live notebooks: connection files whose kernel accepts connections.

The result is always read from the runtime directory, and files of dead kernels are removed. A kernel on
another machine that shares the directory is never live here, and its file is never removed.
"""

from __future__ import annotations

import logging
import os
import time
import unicodedata
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

import anyio
from anyio import to_thread

from .._util.text import safe_line
from ..errors import LinkError, NotebookNotFound
from .connect import Liveness, probe
from .files import (
    NO_RESOURCES,
    ConnectionInfo,
    default_runtime_dir,
    file_path,
    process_runs,
    read,
    remove,
    scan,
)

if TYPE_CHECKING:
    from .files import ConnectionInfo

__all__ = [
    "POLL_SECONDS",
    "Discovery",
    "find_notebook",
]


log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.25
"""Seconds between two looks for a kernel that is away: a restart takes seconds, a look microseconds."""

MAX_PROBES: Final = 16
"""Sockets opened at once to find live kernels."""

ELSEWHERE_SECONDS: Final = 3600.0
"""Seconds since a kernel touched its file, which it does each minute. The clocks of machines differ, and
machines sleep."""

_ELSEWHERE: Final = (
    "Notebook {!r} runs on another machine or in another container ({}), which shares this user's Jupyter "
    "runtime directory. Reach it from there."
)

_NOBODY: Final = "No notebook is serving. Run `%load_ext mcp_jupyter` in a notebook."


class Discovery:
    """Finds live kernels in one runtime directory.

    Parameters
    ----------
    runtime_dir : Path, optional
        Jupyter's by default.
    """

    def __init__(self, runtime_dir: Path | None = None) -> None:
        self.runtime_dir = runtime_dir or default_runtime_dir()
        self._ignored: dict[Path, str] = {}

    async def live(self) -> list[ConnectionInfo]:
        """Return all kernels that accept connections now, sorted by name. Remove files of dead kernels.

        Raises
        ------
        LinkError
            The runtime directory cannot be read, or sockets cannot be opened.
        """
        states: dict[str, Liveness] = {}
        failures: list[LinkError] = []
        limiter = anyio.CapacityLimiter(MAX_PROBES)

        async def look(info: ConnectionInfo) -> None:
            async with limiter:
                try:
                    states[info.kernel_id] = await probe(info)
                except LinkError as exc:
                    failures.append(exc)  # raised below, because a task group would wrap it

        found = [info for info in await self._scan() if info.is_here]
        async with anyio.create_task_group() as tasks:
            for info in found:
                tasks.start_soon(look, info)
        if failures:
            raise failures[0]
        for info in found:
            if states[info.kernel_id] is Liveness.GONE:
                await to_thread.run_sync(remove, info, self.runtime_dir)
        live = [info for info in found if states[info.kernel_id] is Liveness.LIVE]
        return sorted(live, key=lambda info: (info.name, info.kernel_id))

    async def elsewhere(self) -> list[ConnectionInfo]:
        """Return kernels that wrote their connection file on another machine or container, sorted by name.

        This machine cannot find out whether they live. Kernels that have not touched their file for
        `ELSEWHERE_SECONDS` are left out.
        """
        found = [info for info in await self._scan() if not info.is_here]
        touched = await to_thread.run_sync(self._touched, found)
        return sorted(touched, key=lambda info: (info.name, info.kernel_id))

    def _touched(self, infos: list[ConnectionInfo]) -> list[ConnectionInfo]:
        oldest = time.time() - ELSEWHERE_SECONDS
        found = []
        for info in infos:
            with suppress(OSError):  # the kernel ended meanwhile
                if file_path(info.kernel_id, self.runtime_dir).lstat().st_mtime > oldest:
                    found.append(info)
        return found

    async def _scan(self) -> list[ConnectionInfo]:
        return await to_thread.run_sync(scan, self.runtime_dir, self._ignore)

    def _ignore(self, path: Path, error: LinkError) -> None:
        """Log the problem of a file once, because discovery runs often."""
        if self._ignored.get(path) != str(error):
            self._ignored[path] = str(error)
            log.warning("Ignoring %a: %s", str(path), error)  # ASCII: any program may have chosen the name

    async def find(self, name: str) -> ConnectionInfo:
        """Return the live kernel that serves under `name`.

        Raises
        ------
        NotebookNotFound
            The message lists the live names.
        """
        live, wanted = await self.live(), unicodedata.normalize("NFC", name)
        for info in live:
            if info.name == wanted:
                return info
        for info in await self.elsewhere():
            if info.name == name:
                raise NotebookNotFound(_ELSEWHERE.format(name, info.place))
        raise NotebookNotFound(f"No live notebook is named {safe_line(name)!r}. {_listing(live)}")

    async def only(self) -> ConnectionInfo:
        """Return the only live kernel.

        Raises
        ------
        NotebookNotFound
            No kernel is live, or several are.
        """
        live = await self.live()
        if len(live) == 1:
            return live[0]
        raise NotebookNotFound(f"Say which notebook. {_listing(live)}" if live else _NOBODY)

    async def by_kernel(self, kernel_id: str) -> ConnectionInfo:
        """Return the kernel with this id, by its file and process. The caller will connect to it.

        Raises
        ------
        NotebookNotFound
            The kernel does not serve.
        LinkError
            This process has no descriptors or memory left.
        """
        info = self._look_for(kernel_id)
        if info is not None and not info.is_here:
            raise NotebookNotFound(_ELSEWHERE.format(info.name, info.place))
        if info is None:
            raise NotebookNotFound("The notebook's kernel is not serving. " + _NOBODY.partition(". ")[2])
        return info

    async def wait_for(self, kernel_id: str) -> ConnectionInfo:
        """Wait until the kernel with this id serves as `by_kernel` finds it. The caller bounds the wait."""
        # Polling is the only way: the kernel that will start knows no other process.
        while (info := self._look_for(kernel_id)) is None or not info.is_here:  # noqa: ASYNC110
            await anyio.sleep(POLL_SECONDS)
        return info

    def _look_for(self, kernel_id: str) -> ConnectionInfo | None:
        try:
            info = read(file_path(kernel_id, self.runtime_dir))
        except LinkError as exc:
            if isinstance(exc.__cause__, OSError) and exc.__cause__.errno in NO_RESOURCES:
                raise
            return None
        return info if not info.is_here or process_runs(info.pid) else None


def _listing(live: Collection[ConnectionInfo]) -> str:
    if not live:
        return _NOBODY
    return f"Live notebooks: {', '.join(info.name for info in live)}."


# -- finding -------------------------------------------------------------------------------------
#
# Find the live notebook that a user means, by its name or by its file.


async def find_notebook(text: str, discovery: Discovery) -> ConnectionInfo:
    """Return the live notebook with a name, or with a file whose path ends in `.ipynb`.

    Raises
    ------
    NotebookNotFound
        The file does not exist, is not live, or runs in several kernels; or no notebook has that name.
    """
    if not text.endswith(".ipynb"):
        return await discovery.find(text)
    path = await to_thread.run_sync(_real_path, text)
    if path is None:
        raise NotebookNotFound(f"File not found: {text}.")
    live = await discovery.live()
    found = [info for info in live if info.path == path]
    if len(found) == 1:
        return found[0]
    if found:
        raise NotebookNotFound(
            f"Several live notebooks are at {path}. Say which by its name: {_names(found)}."
        )
    raise NotebookNotFound(_not_live(path, live))


def _real_path(text: str) -> str | None:
    return os.path.realpath(text) if os.path.isfile(text) else None


def _not_live(path: str, live: Sequence[ConnectionInfo]) -> str:
    name = PurePath(path).name
    reason = f"{name} is not live. Open it in Jupyter and run `%load_ext mcp_jupyter`."
    # Some programs give a kernel a relative path without its root: it may be this file or another.
    ends = [
        info for info in live if info.path and not os.path.isabs(info.path) and _ends_with(path, info.path)
    ]
    if ends:
        reason += f" If it is this one, say so by its name: {_names(ends)}."
    return reason


def _ends_with(path: str, end: str) -> bool:
    parts = PurePath(end).parts
    return PurePath(path).parts[-len(parts) :] == parts


def _names(infos: Sequence[ConnectionInfo]) -> str:
    return ", ".join(f"{info.name} ({info.path})" for info in infos)
