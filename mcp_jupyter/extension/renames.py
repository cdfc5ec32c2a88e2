# SPDX-License-Identifier: BSD-3-Clause
"""Follow notebooks that are renamed through this Jupyter Server, and tell their kernels.

There are two sources. Jupyter's contents service emits an event when a file or a folder is renamed. A session
gets another path when its page renames the notebook or saves it as another; that has no event, so the
sessions of serving kernels are looked at once a second.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anyio
from anyio import to_thread
from jupyter_server.serverapp import ServerApp

from ..errors import LinkError
from ..ipc.files import ConnectionInfo, file_path, read, scan
from ..ipc.owner_link import tell_moved
from .tokens import TokenFileError, TokenStore, moved_path

__all__ = ["RenameFollower"]

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
"""Seconds. No user looks at a new name sooner after renaming. A look costs a `stat` per kernel."""

STOP_SECONDS: Final = 2.0
"""Seconds for the task to end when the server stops; it waits for nothing."""

_CONTENTS: Final = "https://events.jupyter.org/jupyter_server/contents_service/v1"


@dataclass(slots=True)
class _Followed:
    """A kernel's session, its path there at the last look, and the real path that the kernel should know."""

    session_id: str
    session_path: str
    path: str


class RenameFollower:
    """Keeps kernels informed of their notebooks' paths.

    Parameters
    ----------
    app : ServerApp
        Its sessions and contents are followed.
    store : TokenStore
        Its tokens move with their notebooks.
    runtime_dir : Path
        The directory of kernels' connection files.
    """

    def __init__(self, app: ServerApp, store: TokenStore, runtime_dir: Path) -> None:
        self._app = app
        self._store = store
        self._runtime_dir = runtime_dir
        self._followed: dict[str, _Followed] = {}
        self._read: dict[str, tuple[tuple[int, int], ConnectionInfo]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start following, on the running loop."""
        events = self._app.event_logger
        if events is not None:
            events.add_listener(modified=False, schema_id=_CONTENTS, listener=self._on_contents)
        self._task = asyncio.create_task(self._watch(), name="mcp_jupyter renames")

    async def stop(self) -> None:
        """Stop following. Idempotent."""
        task, self._task = self._task, None
        events = self._app.event_logger
        if task is not None and events is not None:
            events.remove_listener(schema_id=_CONTENTS, listener=self._on_contents)
        if task is not None:
            task.cancel()
            await asyncio.wait([task], timeout=STOP_SECONDS)

    # -- the contents service ------------------------------------------------------------------------

    async def _on_contents(self, logger: Any, schema_id: str, data: Mapping[str, Any]) -> None:
        if data.get("action") == "rename" and data.get("source_path"):
            await self.renamed(self._file(data["source_path"]), self._file(data["path"]))

    async def renamed(self, old: str, new: str) -> None:
        """Move the tokens of notebooks in a renamed file or folder, and tell their kernels.

        Parameters
        ----------
        old, new : str
            Absolute paths.
        """
        try:
            await to_thread.run_sync(self._store.move, old, new)
        except TokenFileError as exc:
            log.error("The tokens of a renamed notebook keep its old path: %s", exc)
        for followed in self._followed.values():
            followed.path = moved_path(followed.path, old, new) or followed.path
        async with anyio.create_task_group() as tasks:
            for info in await to_thread.run_sync(scan, self._runtime_dir):
                path = moved_path(info.path, old, new) if info.is_here and info.path else None
                if path is not None:
                    tasks.start_soon(_tell, info, path)

    def _file(self, path: str) -> str:
        """Return the real path of a contents path. The file may be gone, but its folder is not."""
        folder, name = os.path.split(os.path.join(self._app.root_dir, *path.strip("/").split("/")))
        return os.path.join(os.path.realpath(folder), name)

    # -- sessions ------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            await anyio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except Exception:  # the top of a task: another package's session manager may raise anything
                log.exception("Renamed notebooks could not be looked for")

    async def look(self) -> None:
        """Tell kernels the path of their notebook if they know another."""
        serving = self._serving()
        self._followed = {id_: known for id_, known in self._followed.items() if id_ in serving}
        if not serving:
            return
        sessions = await self._sessions()
        async with anyio.create_task_group() as tasks:
            for kernel_id, info in serving.items():
                path = self._path_of(info, sessions.get(kernel_id, {}))
                if path is not None and path != info.path:
                    tasks.start_soon(_tell, info, path)

    def _serving(self) -> dict[str, ConnectionInfo]:
        """Return this server's kernels that serve, by id."""
        found = {}
        for kernel_id in self._app.kernel_manager.list_kernel_ids():
            try:
                file = file_path(kernel_id, self._runtime_dir)
                status = os.stat(file)
                identity = status.st_ino, status.st_mtime_ns
                known = self._read.get(kernel_id)
                if known is None or known[0] != identity:
                    known = identity, read(file)
            except (OSError, LinkError):
                continue
            found[kernel_id] = known
        self._read = found
        return {kernel_id: info for kernel_id, (_, info) in found.items() if info.is_here}

    async def _sessions(self) -> dict[str, dict[str, str]]:
        """Return the paths of notebook sessions below the root, by kernel and session id."""
        found: dict[str, dict[str, str]] = {}
        for session in await self._app.session_manager.list_sessions():
            if session["type"] == "notebook" and session["path"]:
                found.setdefault(session["kernel"]["id"], {})[session["id"]] = session["path"]
        return found

    def _path_of(self, info: ConnectionInfo, sessions: Mapping[str, str]) -> str | None:
        """Return the path that a kernel should know; None when no session has it."""
        known = self._followed.get(info.kernel_id)
        if known is not None and known.session_id in sessions:
            session_path = sessions[known.session_id]
            if session_path != known.session_path:  # else the contents service may have told us a newer path
                known.session_path, known.path = session_path, self._real(session_path)
            return known.path
        paths = {session_id: self._real(path) for session_id, path in sessions.items()}
        session_id = _session_of(info, paths)
        if session_id is None:
            return None
        known = _Followed(session_id, sessions[session_id], paths[session_id])
        self._followed[info.kernel_id] = known
        return known.path

    def _real(self, path: str) -> str:
        return os.path.realpath(self._file(path))


def _session_of(info: ConnectionInfo, paths: Mapping[str, str]) -> str | None:
    """Return the session to follow: the one with the kernel's own path, else the only one."""
    for session_id, path in paths.items():
        if path == info.path:
            return session_id
    return next(iter(paths)) if len(paths) == 1 else None


async def _tell(info: ConnectionInfo, path: str) -> None:
    try:
        await tell_moved(info, path)
    except LinkError as exc:  # tried again at the next look
        log.info("%s", exc)
