# SPDX-License-Identifier: BSD-3-Clause
"""From a notebook's name to the endpoint that serves it, for as long as its kernel may come back.

Owns the endpoints, the task that their links live in, and the periodic look at what must end: tokens
that are no longer good, kernels that are gone. Knows no URL but a name, and no credential but a token's id.

An endpoint belongs to a kernel id, not to a name or a process: a session goes on when the kernel
restarts. A name belongs to the kernel whose connection file has it now.

Everything here belongs to the server's event loop.
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
    "census",
]


log = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.5
"""A revoked or expired token must be without effect within a second; one look costs a `stat`."""

SWEEP_SECONDS: Final = 5.0
"""How often the kernels that are served are looked for."""

AWAY_SECONDS: Final = 60.0
"""A kernel that another program started (VS Code, a console) and that stays away for so long is not coming
back. A kernel that restarted and has not taken its name again by then has another: its cells have run."""

STOP_SECONDS: Final = 5.0
"""For tasks to end when the server stops; they have nothing to wait for."""


class _Served:
    """One kernel and its endpoint."""

    def __init__(self, info: ConnectionInfo, endpoint: Endpoint, managed: bool) -> None:
        self.kernel_id = info.kernel_id
        self.info = info  # as its connection file was last read
        self.endpoint = endpoint
        self.managed = managed  # by this Jupyter Server, when last looked at
        self.seen: tuple[int, ...] | None = None  # identity of the connection file when it was last read
        self.last_live = time.monotonic()
        self.names: dict[str, float] = {}  # and when it was last live under each


class NotebookManager:
    """The notebooks of this user, as the Jupyter Server serves them.

    Parameters
    ----------
    store : TokenStore
        Whose tokens may end.
    discovery : Discovery
        Finds live kernels.
    manages : callable
        Whether this Jupyter Server has the kernel of an id: one that it had and no longer has is gone.
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
        self._checked: object = None  # the version of the store by which what is open was last checked
        self._finding = FailureLog("Finding a notebook")
        self._owner: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._aggregate_runs: anyio.Event | None = None
        self._tasks: TaskGroup | None = None

    # -- what the doors ask ----------------------------------------------------------------------

    async def endpoint(self, name: str, scope: Scope) -> Endpoint:
        """The endpoint of the notebook called `name`.

        Parameters
        ----------
        scope : Scope
            What its sender may see.

        Raises
        ------
        Refusal
            404: there is none, or none that the scope opens. Other names are not given away. 503: it cannot
            be looked for now.
        """
        served = await self._find(name)
        # Asked of the very kernel that will be called: a name may go to another one at any moment.
        if served is not None and scope.opens(name, served.info.path):
            return served.endpoint
        raise Refusal(404, await self._not_served(scope))

    async def _find(self, name: str) -> _Served | None:
        known = self._names.get(name)
        if known is not None and self._refresh(known) and known.info.name == name:
            return known
        # A kernel that restarts is not found, but keeps its names for a while: its sessions live on, and its
        # cells may still have to take the name again.
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
        """Why a name is not served, with the names of the notebooks that a token names by their paths."""
        paths = {bound.path for bound in scope.notebooks} if isinstance(scope, Token) else set()
        if not paths:
            return "There is no live notebook of that name."
        names: list[str] = []
        with self._finding:
            names = [repr(info.name) for info in await self.live() if info.path in paths]
        called = f" What it opens is called {' and '.join(names)} now." if names else ""
        return f"There is no live notebook of that name, or this token does not open it.{called}"

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
        """The live notebooks and what they say of themselves."""
        return await census(await self.live())

    async def live(self) -> list[ConnectionInfo]:
        """The live notebooks."""
        return await self._discovery.live()

    def admitted(self, token: Token) -> None:
        """A request came in with this token: from now on it is looked after."""
        self._token_ids.add(token.id)
        self._ended_ids.discard(token.id)  # the file may have been bad for a moment: what comes now ends anew

    def end_refused(self) -> None:
        """End all that belongs to tokens that are no longer good, or no longer open its notebook."""
        for token_id in self._token_ids:
            if self._good(token_id) is not None:
                self._ended_ids.discard(token_id)
            else:
                for endpoint in self._endpoints():
                    endpoint.end(token_id)
                    if token_id not in self._ended_ids and self._tasks is not None:
                        self._tasks.start_soon(guarded, "Forgetting a token", endpoint.forget, token_id)
                self._ended_ids.add(token_id)
        with suppress(TokenFileError):
            version = self._store.version
            if version != self._checked:
                self._checked = version
                for served in self._served.values():
                    self._retire_outside(served)

    def _good(self, token_id: str) -> Token | None:
        try:
            token = self._store.get(token_id)
        except TokenFileError:
            return None  # its validity cannot be checked
        return token if token is not None and token.refusal(self._store.now()) is None else None

    def _retire_outside(self, served: _Served) -> None:
        """End what tokens have at a notebook that they open no longer: it moved, or they did."""
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

    def _endpoints(self) -> list[Endpoint]:
        own = [served.endpoint for served in self._served.values()]
        return own if self._aggregate_runs is None else [*own, self._aggregate_endpoint]

    async def _serve(self, info: ConnectionInfo) -> None:
        await self._start()
        served = self._served.get(info.kernel_id)
        if served is None:
            endpoint = Endpoint(lambda: self._open(info.kernel_id))
            served = self._served[info.kernel_id] = _Served(info, endpoint, self._manages(info.kernel_id))
        if not self._refresh(served):  # it went away just now
            self._named(served, info)

    def _refresh(self, served: _Served) -> bool:
        """Read a kernel's connection file again if it changed; whether the kernel has one."""
        identity = self._identity(served.kernel_id)
        if identity is not None and identity != served.seen:
            try:
                info = read(file_path(served.kernel_id, self._discovery.runtime_dir))
            except LinkError:
                return False
            served.seen = identity  # of before it was read: what changed meanwhile is seen the next time
            self._named(served, info)
        return identity is not None

    def _named(self, served: _Served, info: ConnectionInfo) -> None:
        """Note what a kernel is called now. A name that it gives up is its own no longer.

        Only a kernel that restarted, with the same notebook, may still have to take its name again.
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
        """What changes whenever the connection file does; None while there is none."""
        try:
            status = os.stat(file_path(kernel_id, self._discovery.runtime_dir), follow_symlinks=False)
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    # -- the task --------------------------------------------------------------------------------

    async def _start(self) -> None:
        """Start the task that owns all others, at the first use: servers without MCP clients have none."""
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
                # Each by itself: the sessions and links in this group outlive whatever fails here.
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
        """Follow all live notebooks, from the first use on. When this ends, the next use restarts it."""
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


# -- census --------------------------------------------------------------------------------------
#
# What the live notebooks say of themselves: idle or busy, and how much they offer.
#
# Asks each kernel one modern question over its link. Knows no HTTP and no Jupyter Server, so the command
# line uses it too.

ASK_SECONDS: Final = 2.0
"""The engine answers beside a running cell in milliseconds. Longer: something holds its interpreter."""

MAX_CLIENTS: Final = 256
"""Taken of what one kernel says."""

NOTEBOOK_META: Final = "mcp-jupyter/notebook"
"""The key in the `_meta` of a `server/discover` result under which a kernel speaks of its notebook."""

State = Literal["idle", "busy", "gone", "elsewhere"]


@dataclass(frozen=True, slots=True)
class Summary:
    """One notebook that serves.

    Attributes
    ----------
    name : str
        In URLs and on the command line.
    kernel_id : str
    path : str or None
        The notebook's; None for a kernel without one.
    state : {"idle", "busy", "gone", "elsewhere"}
        "busy" also when it does not answer in time. "elsewhere": its connection file was written on another
        machine, so it can neither be reached nor judged from here.
    tools, resources, prompts : int
        How many of each; 0 where the kernel does not say.
    machine : str or None
        What that other machine is called.
    clients : tuple of mapping
        Who is connected: `name`, `version` and `since` of each, as the kernel says.
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


async def census(infos: Collection[ConnectionInfo], seconds: float = ASK_SECONDS) -> list[Summary]:
    """Ask all of them at once, and wait no longer than `seconds` for the slowest. In the order given."""
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
            pass  # it answered: it is there
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
