# SPDX-License-Identifier: BSD-3-Clause
"""Which notebooks are live: connection files whose kernel can be connected to.

Removes what dead kernels left behind. Opens no conversation and keeps no list: every question is
answered from the runtime directory as it is now. Kernels on another machine, which shares the directory, are
never live here, and never removed.
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
"""How often a kernel that is away is looked for: a restart takes seconds, one look microseconds."""

MAX_PROBES: Final = 16
"""Sockets opened at once to find out who lives."""

ELSEWHERE_SECONDS: Final = 3600.0
"""A kernel touches its file each minute. The clocks of machines differ, and machines sleep."""

_ELSEWHERE: Final = (
    "Notebook {!r} runs on another machine or in another container ({}), which shares this user's Jupyter "
    "runtime directory. Reach it from there."
)

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
        """All kernels that can be connected to now, by name. What dead ones left is removed.

        Raises
        ------
        LinkError
            When the runtime directory or the kernels cannot be looked at.
        """
        states: dict[str, Liveness] = {}
        failures: list[LinkError] = []
        limiter = anyio.CapacityLimiter(MAX_PROBES)

        async def look(info: ConnectionInfo) -> None:
            async with limiter:
                try:
                    states[info.kernel_id] = await probe(info)
                except LinkError as exc:
                    failures.append(exc)  # raised outside: a task group would wrap it

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
        """The kernels that wrote their connection file on another machine, or in another container, by name.

        Whether they live cannot be found out from here. Those that have not touched their file for
        `ELSEWHERE_SECONDS` are left out.
        """
        found = [info for info in await self._scan() if not info.is_here]
        touched = await to_thread.run_sync(self._touched, found)
        return sorted(touched, key=lambda info: (info.name, info.kernel_id))

    def _touched(self, infos: list[ConnectionInfo]) -> list[ConnectionInfo]:
        oldest = time.time() - ELSEWHERE_SECONDS
        found = []
        for info in infos:
            with suppress(OSError):  # it has ended meanwhile
                if file_path(info.kernel_id, self.runtime_dir).lstat().st_mtime > oldest:
                    found.append(info)
        return found

    async def _scan(self) -> list[ConnectionInfo]:
        return await to_thread.run_sync(scan, self.runtime_dir, self._ignore)

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
        live, wanted = await self.live(), unicodedata.normalize("NFC", name)
        for info in live:
            if info.name == wanted:
                return info
        for info in await self.elsewhere():
            if info.name == name:
                raise NotebookNotFound(_ELSEWHERE.format(name, info.place))
        raise NotebookNotFound(f"No live notebook is named {safe_line(name)!r}. {_listing(live)}")

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
        """The kernel with this id. Looks for its file and its process, but does not connect: the caller will.

        Raises
        ------
        NotebookNotFound
            When it does not serve.
        LinkError
            When this process has no descriptors or memory left to look.
        """
        info = self._look_for(kernel_id)
        if info is not None and not info.is_here:
            raise NotebookNotFound(_ELSEWHERE.format(info.name, info.place))
        if info is None:
            raise NotebookNotFound("The notebook's kernel is not serving. " + _NOBODY.partition(". ")[2])
        return info

    async def wait_for(self, kernel_id: str) -> ConnectionInfo:
        """Wait until the kernel with this id serves, as `by_kernel` sees it. The caller bounds the wait."""
        # There is nothing to be woken by: the kernel that will come knows nobody yet.
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
# Which live notebook a user means: by its name, or by its file. Knows no server and no host.


async def find_notebook(text: str, discovery: Discovery) -> ConnectionInfo:
    """The live notebook of a name, or of a file that ends in `.ipynb`.

    Raises
    ------
    NotebookNotFound
        There is no such file, or it is not live, or several kernels run it; or no notebook has that name.
    """
    if not text.endswith(".ipynb"):
        return await discovery.find(text)
    path = await to_thread.run_sync(_real_path, text)
    if path is None:
        raise NotebookNotFound(f"There is no file {text}.")
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
    # Some programs give a kernel a path whose root is unknown: it may be this file, or another.
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
