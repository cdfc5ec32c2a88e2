# SPDX-License-Identifier: BSD-3-Clause
"""One live notebook as the aggregate knows it: its lists, kept up to date over a connection of their own.

The notebook announces changes of its lists, and those are read again. A notebook that does not answer in time
keeps its old lists. Everything here runs on one event loop's thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup, TaskStatus

from .._version import __version__
from ..engine.connection import Connection
from ..errors import (
    METHOD_NOT_FOUND,
    ConnectionClosed,
    LinkError,
    McpError,
    McpJupyterError,
    RequestTimeout,
)
from ..ipc.connect import RequestOnlyHandler, dial
from ..ipc.files import ConnectionInfo
from ..protocol.eras import CLIENT_INFO, MODERN_META
from ..protocol.frames import Notification
from ..protocol.limits import MAX_PAGES
from ..server.constant_tools import is_constant
from ..server.host_profiles import AGGREGATE
from .names import Rewriting
from .scope import Scope

__all__ = ["KINDS", "LIST_SECONDS", "Notebook"]

log = logging.getLogger(__name__)

LIST_SECONDS: Final = 2.0
"""Seconds. An engine lists in milliseconds, even beside a running cell, unless C code holds the
interpreter."""

RETRY_SECONDS: Final = 5.0
"""Seconds until a notebook that did not answer in time is asked again. Until then no request waits for it."""

_META: Final = {**MODERN_META, CLIENT_INFO: {"name": AGGREGATE.name, "version": __version__}}
"""The `_meta` of our own requests: they come from a client that gets everything unchanged."""

KINDS: Final[Mapping[str, Mapping[str, str]]] = {
    "tools": {"tools/list": "tools"},
    "resources": {"resources/list": "resources", "resources/templates/list": "resourceTemplates"},
    "prompts": {"prompts/list": "prompts"},
}
"""The kinds of lists that can change, and how to read them: each method, and the member of its result."""

_KIND_OF: Final = {f"notifications/{kind}/list_changed": kind for kind in KINDS}
_ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"


class Notebook(RequestOnlyHandler):
    """One notebook, from its first appearance until it is given up.

    Parameters
    ----------
    info : ConnectionInfo
        The address of its kernel; replaced when the kernel comes back.
    changed : callable
        Called with the kinds of lists that have changed.

    Attributes
    ----------
    live : bool
        Whether its kernel serves.
    last_live : float
        `time.monotonic` when the kernel last served, in seconds.
    lists : mapping of str to list of dict
        The lists by their member's name in results; each list is replaced as a whole.
    listed : Event
        Set when the first lists have arrived or the wait for them has ended.
    """

    def __init__(self, info: ConnectionInfo, changed: Callable[[Collection[str]], None]) -> None:
        self.info = info
        self.label = info.name
        self.live = False
        self.last_live = time.monotonic()
        self.lists: dict[str, list[dict[str, Any]]] = {}
        self.listed = anyio.Event()
        self._changed = changed
        self._dirty: set[str] = set()
        self._news = anyio.Event()

    @property
    def kernel_id(self) -> str:
        """The id of its kernel, which identifies the notebook."""
        return self.info.kernel_id

    @property
    def rewriting(self) -> Rewriting:
        """Rewrites what the notebook sends, under its present label."""
        return Rewriting(self.label, self.kernel_id)

    def is_open_to(self, scope: Scope) -> bool:
        """Return whether a principal may see it."""
        return scope.opens(self.info.name, self.info.path)

    async def follow(self) -> None:
        """Keep the lists up to date until the kernel is gone."""
        try:
            connection = Connection(await dial(self.info), self)
        except LinkError as exc:
            log.info("A notebook is not listed with the others for now: %s", exc)
            self._end()
            return
        self.live, self._news = True, anyio.Event()
        try:
            async with anyio.create_task_group() as tasks:
                await tasks.start(self._serve, connection, tasks)
                tasks.start_soon(self._listen, connection)
                tasks.start_soon(self._keep, connection)
        finally:
            self._end()

    def _end(self) -> None:
        offered = self._offered()
        self.live, self.lists = False, {}
        self.last_live = time.monotonic()
        self.listed.set()
        self._changed(offered)
        # Requests no longer wait for this kernel; those for its successor wait for a new event.
        self.listed = anyio.Event()

    def _offered(self) -> set[str]:
        return {kind for kind, lists in KINDS.items() if any(self.lists.get(key) for key in lists.values())}

    async def _serve(
        self, connection: Connection, tasks: TaskGroup, *, task_status: TaskStatus[None]
    ) -> None:
        await connection.serve(task_status=task_status)
        tasks.cancel_scope.cancel()

    async def _listen(self, connection: Connection) -> None:
        wanted = {f"{kind}ListChanged": True for kind in KINDS}
        try:
            await connection.request("subscriptions/listen", {"notifications": wanted, "_meta": _META})
        except McpJupyterError as exc:
            log.info("Notebook %r does not say when it changes: %s", self.label, exc)

    async def _keep(self, connection: Connection) -> None:
        with anyio.move_on_after(LIST_SECONDS):
            await self._news.wait()  # until the subscription is acknowledged: then no change is missed
        self._dirty = set(KINDS)
        while True:
            dirty, self._dirty, self._news = self._dirty, set(), anyio.Event()
            async with anyio.create_task_group() as tasks:
                for kind in dirty:
                    tasks.start_soon(self._ask, connection, kind)
            self.listed.set()
            # `_ask` has marked the lists that did not arrive in time.
            with anyio.move_on_after(RETRY_SECONDS if self._dirty else None):
                await self._news.wait()

    async def _ask(self, connection: Connection, kind: str) -> None:
        try:
            with anyio.fail_after(LIST_SECONDS):
                found = {
                    key: await _all_pages(connection, method, key) for method, key in KINDS[kind].items()
                }
        except (TimeoutError, RequestTimeout):
            log.info("Notebook %r does not list its %s in time; the list it had stands.", self.label, kind)
            self._dirty.add(kind)
        except ConnectionClosed:
            pass  # `follow` ends as well
        except McpJupyterError as exc:
            log.warning("Notebook %r does not list its %s: %s", self.label, kind, exc)
        else:
            if any(self.lists.get(key, []) != items for key, items in found.items()):
                self.lists.update(found)
                self._changed({kind})

    # -- the connection's handler ------------------------------------------------------------------

    def notification(self, notification: Notification) -> None:
        """Note which lists have changed."""
        kind = _KIND_OF.get(notification.method)
        if kind is not None:
            self._dirty.add(kind)
        if kind is not None or notification.method == _ACKNOWLEDGED:
            self._news.set()


def _is_own(item: object) -> bool:
    """Return whether an item of a list is the notebook's own: the aggregate has one set of constant tools."""
    return isinstance(item, dict) and not is_constant(item)


async def _all_pages(connection: Connection, method: str, key: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    params: dict[str, Any] = {"_meta": _META}
    for _ in range(MAX_PAGES):
        try:
            page = await connection.request(method, params)
        except McpError as exc:
            if exc.code == METHOD_NOT_FOUND:
                return []
            raise
        found = page.get(key)
        items += [item for item in found if _is_own(item)] if isinstance(found, list) else []
        cursor = page.get("nextCursor")
        if not isinstance(cursor, str):
            break
        params = {"_meta": _META, "cursor": cursor}
    return items
