# SPDX-License-Identifier: BSD-3-Clause
"""Find the endpoint of a notebook by its name, and keep it for as long as its kernel may come back.

The manager keeps the endpoints, runs the task group of their links, and looks periodically for what must end:
sessions of tokens that are no longer valid, endpoints of kernels that are gone. It gets names and token ids;
URLs and credentials are handled before.

An endpoint belongs to a kernel id, not to a name or a process, so a session goes on when the kernel restarts.
A name belongs to the kernel that has it in its connection file now.

Everything here runs on the server's event loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from .._util.tasks import FailureLog, guarded
from ..aggregate.aggregate import Aggregate
from ..aggregate.scope import EVERYTHING, NOTHING, Scope
from ..engine.channel import Channel
from ..errors import ConnectionClosed, LinkError, McpError, NotebookNotFound, RequestTimeout
from ..ipc.connect import connected
from ..ipc.discovery import Discovery
from ..ipc.files import ConnectionInfo, file_path, read
from ..ipc.reconnecting_channel import ResumingLink
from ..protocol.eras import MODERN_META
from ..server.http.admission import Refusal
from ..server.http.sessions import Endpoint
from .grants import OWNER_ID
from .tokens import LAST_USED_EVERY, Token, TokenFileError, TokenStore

__all__ = [
    "ASK_SECONDS",
    "NOTEBOOK_META",
    "NotebookManager",
    "Summary",
    "summaries_of",
]


log = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.5
"""Seconds. A revoked or expired token must lose its effect within one second; a look costs one `stat`."""

SWEEP_SECONDS: Final = 5.0
"""Seconds between two looks for the kernels that are served."""

AWAY_SECONDS: Final = 60.0
"""Seconds. A kernel that another program started (VS Code, a console) and that is away for so long does not
come back. A restarted kernel that has not taken its old name by then has run its cells under another name."""

STOP_SECONDS: Final = 5.0
"""Seconds for tasks to end when the server stops; they wait for nothing."""


class _Served:
    """One kernel and its endpoint."""

    def __init__(self, info: ConnectionInfo, endpoint: Endpoint, managed: bool) -> None:
        self.kernel_id = info.kernel_id
        self.info = info  # as its connection file was last read
        self.endpoint = endpoint
        self.managed = managed  # by this Jupyter Server, at the last look
        self.seen: tuple[int, ...] | None = None  # identity of the connection file at the last read
        self.last_live = time.monotonic()
        self.names: dict[str, float] = {}  # its names, and the time at which each was last live


class NotebookManager:
    """The notebooks of this user, as the Jupyter Server serves them.

    Parameters
    ----------
    store : TokenStore
        The tokens, which may end.
    discovery : Discovery
        Finds live kernels.
    manages : callable
        Returns whether this Jupyter Server has the kernel of an id. When it had one and has it no longer, the
        kernel is gone.
    """

    def __init__(self, store: TokenStore, discovery: Discovery, manages: Callable[[str], bool]) -> None:
        self._store = store
        self._discovery = discovery
        self._manages = manages
        self._served: dict[str, _Served] = {}
        self._names: dict[str, _Served] = {}
        self._aggregate = Aggregate(discovery, self._scope, constant_tools="auto")
        self._aggregate_endpoint = Endpoint(self._aggregate.open)
        self._token_ids: set[str] = set()
        self._ended_ids: set[str] = set()
        self._checked: object = None  # the store's version at the last check of what is open
        self._finding = FailureLog("Finding a notebook")
        self._owner: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._aggregate_runs: anyio.Event | None = None
        self._tasks: TaskGroup | None = None

    # -- for the handlers --------------------------------------------------------------------------

    async def endpoint(self, name: str, scope: Scope) -> Endpoint:
        """Return the endpoint of the notebook called `name`.

        Parameters
        ----------
        scope : Scope
            What the sender may see.

        Raises
        ------
        Refusal
            404: no such notebook, or none that the scope opens; names outside of the scope are not revealed.
            503: live notebooks cannot be looked for now.
        """
        served = await self._find(name)
        # Check the kernel that will be called, because another kernel may take the name at any moment.
        if served is not None and scope.opens(name, served.info.path):
            return served.endpoint
        raise Refusal(404, await self._not_served(scope))

    async def _find(self, name: str) -> _Served | None:
        known = self._names.get(name)
        if known is not None and self._refresh(known) and known.info.name == name:
            return known
        # A restarting kernel is not found but keeps its names for a while: its sessions live on, and its
        # cells may not have taken the name again yet.
        found_out = False
        with self._finding:
            with suppress(NotebookNotFound):
                await self._serve(await self._discovery.find(name))
            found_out = True
        served = self._names.get(name)
        if served is None and not found_out:
            raise Refusal(503, "Notebooks cannot be looked for now; the server's log says why.")
        return served

    async def _not_served(self, scope: Scope) -> str:
        """Explain why a name is not served; give the present names of the notebooks that a token opens."""
        paths = {bound.path for bound in scope.notebooks} if isinstance(scope, Token) else set()
        if not paths:
            return "No live notebook has that name."
        names: list[str] = []
        with self._finding:
            names = [repr(info.name) for info in await self.live() if info.path in paths]
        called = f" What it opens is called {' and '.join(names)} now." if names else ""
        return f"No live notebook has that name, or this token does not open it.{called}"

    async def aggregate(self) -> Endpoint:
        """Return the endpoint of all live notebooks."""
        await self._start()
        runs = self._aggregate_runs
        if runs is None:
            assert self._tasks is not None
            runs = self._aggregate_runs = anyio.Event()
            self._tasks.start_soon(guarded, "The endpoint of all notebooks", self._run_aggregate, runs)
        await runs.wait()
        return self._aggregate_endpoint

    def _scope(self, principal_id: str) -> Scope:
        """Return what a principal may see and call at the endpoint of all notebooks."""
        if principal_id == OWNER_ID:
            return EVERYTHING
        return self._good(principal_id) or NOTHING

    async def servers(self) -> list[Summary]:
        """Return the live notebooks and what they report about themselves."""
        return await summaries_of(await self.live())

    async def live(self) -> list[ConnectionInfo]:
        """Return the live notebooks."""
        return await self._discovery.live()

    def admitted(self, token: Token) -> None:
        """Watch this token from now on: a request came in with it."""
        self._token_ids.add(token.id)
        self._ended_ids.discard(token.id)  # the file may have been bad for a moment: end new sessions as well

    def end_refused(self) -> None:
        """End everything that belongs to tokens that are invalid or no longer open their notebook."""
        for token_id in self._token_ids:
            if self._good(token_id) is not None:
                self._ended_ids.discard(token_id)
            else:
                for endpoint in self.endpoints:
                    # A session may have opened since the last tick, so `end` runs each time.
                    endpoint.end(token_id)
                    if token_id not in self._ended_ids and self._tasks is not None:
                        self._tasks.start_soon(guarded, "Forgetting a token", endpoint.forget, token_id)
                self._ended_ids.add(token_id)
        with suppress(TokenFileError):
            # The file may have changed what a valid token opens: a notebook was renamed, for example.
            version = self._store.version
            if version != self._checked:
                self._checked = version
                for served in self._served.values():
                    self._retire_outside(served)

    def _good(self, token_id: str) -> Token | None:
        try:
            token = self._store.get(token_id)
        except TokenFileError:
            return None  # the token's validity cannot be checked
        return token if token is not None and token.refusal(self._store.now()) is None else None

    def _retire_outside(self, served: _Served) -> None:
        """End sessions of tokens that no longer open this notebook, because it or the token moved."""
        for token_id in self._token_ids:
            token = self._good(token_id)
            if token is not None and not any(token.opens(name, served.info.path) for name in served.names):
                served.endpoint.retire(token_id)

    async def close(self) -> None:
        """End every session, task and link."""
        for kernel_id in list(self._served):
            await self._forget(kernel_id)
        await self._aggregate_endpoint.close()
        if self._owner is not None:
            self._owner.cancel()
            await asyncio.wait([self._owner], timeout=STOP_SECONDS)
            self._owner = None
        await self._save_last_used()

    # -- endpoints -------------------------------------------------------------------------------

    @property
    def endpoints(self) -> list[Endpoint]:
        """The endpoints that clients have used, that of all notebooks included."""
        own = [served.endpoint for served in self._served.values()]
        return own if self._aggregate_runs is None else [*own, self._aggregate_endpoint]

    async def _serve(self, info: ConnectionInfo) -> None:
        await self._start()
        served = self._served.get(info.kernel_id)
        if served is None:
            endpoint = Endpoint(lambda: self._open(info.kernel_id))
            served = self._served[info.kernel_id] = _Served(info, endpoint, self._manages(info.kernel_id))
        if not self._refresh(served):  # the kernel went away just now
            self._named(served, info)

    def _refresh(self, served: _Served) -> bool:
        """Read a kernel's connection file again if it changed; return whether the kernel has one."""
        identity = self._identity(served.kernel_id)
        if identity is not None and identity != served.seen:
            try:
                info = read(file_path(served.kernel_id, self._discovery.runtime_dir))
            except LinkError:
                return False
            served.seen = identity  # taken before reading, so the next look sees a change made meanwhile
            self._named(served, info)
        return identity is not None

    def _named(self, served: _Served, info: ConnectionInfo) -> None:
        """Note a kernel's present name, and take away the names that it gave up.

        A kernel that restarted with the same notebook keeps them: its cells may still take the name again.
        """
        before, served.info = served.info, info
        restarted = info.key != before.key and info.path == before.path  # the key is the process's
        if info.name != before.name and not restarted:
            for name in served.names:
                if self._names.get(name) is served:
                    del self._names[name]
            served.names.clear()
            served.endpoint.retire()
        served.names[info.name] = time.monotonic()
        self._names[info.name] = served
        if info.path != before.path:
            self._retire_outside(served)

    async def _open(self, kernel_id: str) -> Channel:
        await self._start()
        assert self._tasks is not None, "links live in the manager's task"
        info = await self._discovery.by_kernel(kernel_id)
        return await ResumingLink.open(info, self._discovery, self._tasks)

    async def _forget(self, kernel_id: str) -> None:
        served = self._served.pop(kernel_id)
        self._names = {name: other for name, other in self._names.items() if other is not served}
        await served.endpoint.close()

    def _identity(self, kernel_id: str) -> tuple[int, ...] | None:
        """Return a value that changes whenever the connection file does; None without a file."""
        try:
            status = os.stat(file_path(kernel_id, self._discovery.runtime_dir), follow_symlinks=False)
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    # -- the task --------------------------------------------------------------------------------

    async def _start(self) -> None:
        """Start the task that owns all others, at the first use: not every server has MCP clients."""
        if self._owner is None or self._owner.done():
            self._ready.clear()
            self._owner = asyncio.create_task(self._run(), name="mcp_jupyter")
        await self._ready.wait()

    async def _run(self) -> None:
        refreshing, ending = FailureLog("Reading connection files"), FailureLog("Ending refused tokens")
        sweeping, saving = (
            FailureLog("Looking for live notebooks"),
            FailureLog("Saving when tokens were used"),
        )
        async with anyio.create_task_group() as self._tasks:
            self._ready.set()
            swept = saved = time.monotonic()
            while True:
                await anyio.sleep(TICK_SECONDS)
                # Each has its own boundary: the sessions and links in this group must survive a failure here.
                with refreshing:
                    for served in self._served.values():
                        self._refresh(served)
                with ending:
                    self.end_refused()
                now = time.monotonic()
                if now - swept >= SWEEP_SECONDS or self._any_shut_down():
                    swept = now
                    with sweeping:
                        await self._sweep()
                if now - saved >= LAST_USED_EVERY.total_seconds():
                    saved = now
                    with saving:
                        await self._save_last_used()

    async def _run_aggregate(self, runs: anyio.Event) -> None:
        """Follow all live notebooks from the first use on. If this ends, the next use restarts it."""
        try:
            async with self._aggregate.running():
                runs.set()
                await anyio.sleep_forever()
        finally:
            runs.set()
            if self._aggregate_runs is runs:
                self._aggregate_runs = None

    def _any_shut_down(self) -> bool:
        return any(served.managed and not self._manages(served.kernel_id) for served in self._served.values())

    async def _sweep(self) -> None:
        """Forget kernels that are gone for good, and names that a live kernel has given up."""
        live = {info.kernel_id for info in await self._discovery.live()}
        now = time.monotonic()
        for served in list(self._served.values()):
            was_managed, served.managed = served.managed, self._manages(served.kernel_id)
            if served.kernel_id in live:
                self._refresh(served)
                served.last_live = served.names[served.info.name] = now
                self._forget_names(served)
            elif (was_managed and not served.managed) or (
                not served.managed and now - served.last_live >= AWAY_SECONDS
            ):
                await self._forget(served.kernel_id)

    def _forget_names(self, served: _Served) -> None:
        for name, last in list(served.names.items()):
            if served.last_live - last >= AWAY_SECONDS:
                del served.names[name]
                if self._names.get(name) is served:
                    del self._names[name]

    async def _save_last_used(self) -> None:
        try:
            await to_thread.run_sync(self._store.save_last_used)
        except TokenFileError as exc:
            log.warning("When tokens were used is not written down: %s", exc)


# -- summaries -----------------------------------------------------------------------------------
#
# Ask each live notebook's kernel about its state (idle or busy) and its number of tools, resources and
# prompts, by one `server/discover` over its link. The command line uses this without a Jupyter Server.

ASK_SECONDS: Final = 2.0
"""Seconds. The engine answers in milliseconds, even beside a running cell, unless the cell holds the GIL."""

MAX_CLIENTS: Final = 256
"""Clients taken from the answer of one kernel."""

NOTEBOOK_META: Final = "mcp-jupyter/notebook"
"""The key in the `_meta` of a `server/discover` result under which a kernel describes its notebook."""

State = Literal["idle", "busy", "gone", "elsewhere"]


@dataclass(frozen=True, slots=True)
class Summary:
    """One live notebook.

    Attributes
    ----------
    name : str
        Its name in URLs and on the command line.
    kernel_id : str
    path : str or None
        The notebook's path; None for a kernel without one.
    state : {"idle", "busy", "gone", "elsewhere"}
        "busy" also when the kernel does not answer in time. "elsewhere": the connection file was written on
        another machine, so the kernel can be neither reached nor judged from here.
    tools, resources, prompts : int
        How many of each; 0 if the kernel does not say.
    machine : str or None
        The name of that other machine.
    clients : tuple of mapping
        The connected clients: `name`, `version` and `since` of each, as reported by the kernel.
    """

    name: str
    kernel_id: str
    path: str | None
    state: State = "idle"
    tools: int = 0
    resources: int = 0
    prompts: int = 0
    machine: str | None = None
    clients: tuple[Mapping[str, str], ...] = ()


async def summaries_of(infos: Collection[ConnectionInfo], seconds: float = ASK_SECONDS) -> list[Summary]:
    """Ask all kernels at once, each for up to `seconds`; return the summaries in the given order."""
    summaries = {info.kernel_id: Summary(info.name, info.kernel_id, info.path) for info in infos}

    async def ask(info: ConnectionInfo) -> None:
        summary = summaries[info.kernel_id]
        try:
            async with connected(info, seconds) as connection:
                found = await connection.request("server/discover", {"_meta": MODERN_META}, timeout=seconds)
            summaries[info.kernel_id] = _merged(summary, found)
        except (LinkError, ConnectionClosed):
            summaries[info.kernel_id] = replace(summary, state="gone")
        except McpError:
            pass  # it answered, so it is live
        except RequestTimeout:
            summaries[info.kernel_id] = replace(summary, state="busy")

    async with anyio.create_task_group() as tasks:
        for info in infos:
            tasks.start_soon(ask, info)
    return list(summaries.values())


def _merged(summary: Summary, result: Mapping[str, Any]) -> Summary:
    meta = result.get("_meta")
    said = meta.get(NOTEBOOK_META) if isinstance(meta, dict) else None
    if not isinstance(said, dict):
        return summary
    path = said.get("path")
    return replace(
        summary,
        state="busy" if said.get("state") == "busy" else "idle",
        path=path if isinstance(path, str) else summary.path,
        tools=_count(said.get("tools")),
        resources=_count(said.get("resources")),
        prompts=_count(said.get("prompts")),
        clients=_clients(said.get("clients")),
    )


def _clients(value: object) -> tuple[Mapping[str, str], ...]:
    if not isinstance(value, list):
        return ()
    return tuple(
        {key: text for key in ("name", "version", "since") if isinstance(text := client.get(key), str)}
        for client in value[:MAX_CLIENTS]
        if isinstance(client, dict)
    )


def _count(value: object) -> int:
    return value if type(value) is int and value >= 0 else 0
