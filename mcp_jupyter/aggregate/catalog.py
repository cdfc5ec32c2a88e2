# SPDX-License-Identifier: BSD-3-Clause
"""What one notebook offers, as far as it is known: its lists, kept up to date.

Owns one modern conversation with the notebook, for as long as its kernel serves: it listens for changes
and asks for the lists again. Knows no client and no other notebook.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup, TaskStatus

from .._version import __version__
from ..engine.connection import Connection, InboundRequest
from ..errors import ConnectionClosed, LinkError, McpError, McpJupyterError, RequestTimeout
from ..ipc.connect import dial
from ..ipc.files import ConnectionInfo
from ..protocol.codes import METHOD_NOT_FOUND
from ..protocol.eras import CLIENT_CAPABILITIES, CLIENT_INFO, LATEST_MODERN, PROTOCOL_VERSION
from ..protocol.frames import Notification
from ..server.constant_tools import is_constant
from ..server.host_profiles import OWN
from .scope import Scope

__all__ = ["KINDS", "LIST_SECONDS", "MODERN_META", "Notebook"]

log = logging.getLogger(__name__)

LIST_SECONDS: Final = 2.0
"""An engine lists in milliseconds, beside a running cell too. Longer: something holds its interpreter."""

RETRY_SECONDS: Final = 5.0
"""A notebook that did not answer in time is asked again then; nobody waits for it meanwhile."""

MAX_PAGES: Final = 100
"""Of one list: more is a notebook that never ends it."""

MODERN_META: Final[Mapping[str, Any]] = {
    PROTOCOL_VERSION: LATEST_MODERN,
    CLIENT_CAPABILITIES: {},
    CLIENT_INFO: {"name": OWN.name, "version": __version__},
}
"""Of our own requests: as a client that takes everything as it is."""

KINDS: Final[Mapping[str, Mapping[str, str]]] = {
    "tools": {"tools/list": "tools"},
    "resources": {"resources/list": "resources", "resources/templates/list": "resourceTemplates"},
    "prompts": {"prompts/list": "prompts"},
}
"""What can change, and the lists that are then asked for again: methods, and the members of their results."""

_KIND_OF: Final = {f"notifications/{kind}/list_changed": kind for kind in KINDS}
_ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"


class Notebook:
    """One notebook, from when it is first seen until it is gone for good.

    Parameters
    ----------
    info : ConnectionInfo
        How it is reached; replaced when its kernel comes back.
    changed : callable
        Told the kinds of lists that are no longer what they were.

    Attributes
    ----------
    live : bool
        Its kernel serves.
    last_live : float
        When it last did, on the monotonic clock.
    lists : mapping of str to list of dict
        By the member's name in results; each list replaced as a whole.
    listed : Event
        The first lists are here, or have been waited for long enough.
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
        """The id of its kernel: what it is known by."""
        return self.info.kernel_id

    def is_open_to(self, scope: Scope) -> bool:
        """Whether a principal may see it."""
        return scope.opens(self.info.name, self.info.path)

    async def follow(self) -> None:
        """Keep the lists up to date until the kernel is gone."""
        try:
            connection = Connection(await dial(self.info), self)
        except LinkError as exc:
            log.info("A notebook is left out of the hub for now: %s", exc)
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
            await connection.request("subscriptions/listen", {"notifications": wanted, "_meta": MODERN_META})
        except McpJupyterError as exc:
            log.info("Notebook %r does not say when it changes: %s", self.label, exc)

    async def _keep(self, connection: Connection) -> None:
        with anyio.move_on_after(LIST_SECONDS):
            await self._news.wait()  # that it listens: from then on nothing is missed
        self._dirty = set(KINDS)
        while True:
            dirty, self._dirty, self._news = self._dirty, set(), anyio.Event()
            async with anyio.create_task_group() as tasks:
                for kind in dirty:
                    tasks.start_soon(self._ask, connection, kind)
            self.listed.set()
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
            pass  # the end of it all
        except McpJupyterError as exc:
            log.warning("Notebook %r does not list its %s: %s", self.label, kind, exc)
        else:
            if any(self.lists.get(key, []) != items for key, items in found.items()):
                self.lists.update(found)
                self._changed({kind})

    # -- the connection's handler ------------------------------------------------------------------

    async def request(self, call: InboundRequest) -> Any:
        """Nobody is here to be asked anything."""
        raise McpError(METHOD_NOT_FOUND, "This client answers nothing.")

    def notification(self, notification: Notification) -> None:
        """Note what changed."""
        kind = _KIND_OF.get(notification.method)
        if kind is not None:
            self._dirty.add(kind)
        if kind is not None or notification.method == _ACKNOWLEDGED:
            self._news.set()


def _is_own(item: object) -> bool:
    """Whether an item of a list is the notebook's. The hub has constant tools itself, one set for all."""
    return isinstance(item, dict) and not is_constant(item)


async def _all_pages(connection: Connection, method: str, key: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    params: dict[str, Any] = {"_meta": MODERN_META}
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
        params = {"_meta": MODERN_META, "cursor": cursor}
    return items
