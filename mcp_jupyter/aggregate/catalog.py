# SPDX-License-Identifier: BSD-3-Clause
"""The catalog of live notebooks: their lists, and the notebook that each request is for.

The catalog watches the runtime directory and follows each notebook over a separate connection, on which it
gets notifications of changed lists and reads them again. All notebooks are read at once; one that does not
answer in time keeps its old lists and does not delay the others. Everything here runs on one event loop's
thread.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

import anyio
from anyio.abc import TaskGroup

from .._util.tasks import FailureLog, guarded, owned_tasks
from ..errors import (
    INVALID_PARAMS,
    McpError,
    UnknownName,
)
from ..ipc.discovery import Discovery
from ..ipc.files import ConnectionInfo
from ..protocol.eras import Era
from ..server.definitions import ResultFacts, always_loaded, for_host
from ..server.host_profiles import OWN, HostProfile
from .names import NameTable, aggregate_uri, labels, split_task, split_uri
from .notebook import KINDS, LIST_SECONDS, Notebook
from .scope import Scope, may_read, narrowed, out_of_scope, sees

__all__ = [
    "AWAY_SECONDS",
    "LISTS",
    "Catalog",
    "Index",
    "Target",
]


log = logging.getLogger(__name__)


# -- index ---------------------------------------------------------------------------------------
#
# The lists of all live notebooks at one moment, merged, and the notebook that a request is for.
#
# Each method takes the caller's scope and answers as if everything outside of it did not exist. An index
# never changes: a new one is built when a list has changed.

LISTS: Final[Mapping[str, str]] = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}
"""Each method that lists, and the member of its result that holds the list."""

_TABLES: Final = {"tools/call": "tools", "prompts/get": "prompts"}


_Item: TypeAlias = tuple[Notebook, dict[str, Any], dict[str, Any]]
"""A notebook, an item of its lists as the notebook sends it, and the same item with the aggregate's names."""


@dataclass(frozen=True, slots=True)
class Target:
    """The notebook that a request is for, and its params there."""

    notebook: Notebook
    params: Mapping[str, Any]


class Index:
    """The merged lists of the notebooks.

    Parameters
    ----------
    notebooks : iterable of Notebook
        The live ones, with their labels.
    """

    def __init__(self, notebooks: Iterable[Notebook]) -> None:
        self._notebooks = {item.label: item for item in sorted(notebooks, key=lambda item: item.label)}
        self._names = {key: NameTable(self._own_names(key)) for key in _TABLES.values()}
        self._tools: dict[str, list[_Item]] = {}
        self._lists: dict[str, list[_Item]] = {
            key: [(item, own, self._listed(key, item, own)) for item, own in self._owned(key)]
            for key in LISTS.values()
        }

    def _owned(self, key: str) -> Iterable[tuple[Notebook, dict[str, Any]]]:
        for notebook in self._notebooks.values():
            for own in notebook.lists.get(key, ()):
                if isinstance(own.get("name"), str):
                    yield notebook, own

    def _own_names(self, key: str) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {label: [] for label in self._notebooks}
        for notebook, own in self._owned(key):
            names[notebook.label].append(own["name"])
        return names

    def _listed(self, key: str, notebook: Notebook, own: Mapping[str, Any]) -> dict[str, Any]:
        table = self._names.get(key)
        if table is not None:
            return {**own, "name": table.outside(notebook.label, own["name"])}
        named = {**own, "name": f"{notebook.label}_{own['name']}"}
        return notebook.rewriting.uri(named)

    # -- lists -------------------------------------------------------------------------------------

    def listed(self, method: str, scope: Scope, profile: HostProfile = OWN) -> dict[str, Any]:
        """Return the result of a list method, for a host."""
        key = LISTS[method]
        seen = [
            item
            for notebook, own, item in self._shown(key, profile)
            if notebook.is_open_to(scope) and sees(scope, key, own)
        ]
        return {key: always_loaded(profile, seen) if key == "tools" else seen}

    def _shown(self, key: str, profile: HostProfile) -> list[_Item]:
        if key != "tools":
            return self._lists[key]
        if profile.name not in self._tools:
            self._tools[profile.name] = [
                (notebook, own, _definition_for(profile, item)) for notebook, own, item in self._lists[key]
            ]
        return self._tools[profile.name]

    def notebooks(self, scope: Scope) -> list[Notebook]:
        """Return the live notebooks."""
        return [item for item in self._notebooks.values() if item.is_open_to(scope)]

    # -- requests ----------------------------------------------------------------------------------

    def target(self, method: str, params: Mapping[str, Any], scope: Scope, era: Era) -> Target:
        """Return the notebook that a request is for, and its params there.

        Raises
        ------
        McpError
            INVALID_PARAMS, or the era's error for a resource that does not exist.
        """
        return _FINDERS[method](self, method, params, scope, era)

    def _at_name(self, method: str, params: Mapping[str, Any], scope: Scope, era: Era) -> Target:
        key, name = _TABLES[method], params.get("name")
        found = self._names[key].inside(name) if isinstance(name, str) else None
        notebook = None if found is None else self._open(found[0], scope)
        if found is None or notebook is None or out_of_scope(scope, method, {"name": found[1]}):
            raise McpError(
                INVALID_PARAMS,
                f"No live notebook has a {key[:-1]} {_short(name)!r}. "
                f"List the {key} again: notebooks come and go.",
            )
        return Target(notebook, {**params, "name": found[1]})

    def _at_uri(self, method: str, params: Mapping[str, Any], scope: Scope, era: Era) -> Target:
        uri = params.get("uri")
        found = self.resource(uri, scope)
        if found is None:
            raise era.resource_not_found(_short(uri))
        return Target(found[0], {**params, "uri": found[1]})

    def _at_ref(self, method: str, params: Mapping[str, Any], scope: Scope, era: Era) -> Target:
        ref = params.get("ref")
        if not isinstance(ref, Mapping):
            raise McpError(INVALID_PARAMS, "params.ref must be an object.")
        finder, as_method = (
            (self._at_uri, "resources/read")
            if ref.get("type") == "ref/resource"
            else (self._at_name, "prompts/get")
        )
        found = finder(as_method, ref, scope, era)
        return Target(found.notebook, {**params, "ref": found.params})

    def _at_task(self, method: str, params: Mapping[str, Any], scope: Scope, era: Era) -> Target:
        found = self.task(params.get("taskId"), scope)
        if found is None:
            raise McpError(
                INVALID_PARAMS,
                "Unknown task. Its result may have expired, or its notebook may have been closed.",
            )
        return Target(found[0], {**params, "taskId": found[1]})

    def unknown(self, error: UnknownName, notebook: Notebook, scope: Scope) -> UnknownName:
        """Rewrite a notebook's error for an unknown name. It lists the names that the scope may use."""
        error = narrowed(scope, error.data) or error
        outside = partial(aggregate_uri, notebook.label)
        if error.kind != "resource":
            outside = partial(self._names[f"{error.kind}s"].outside, notebook.label)
        return UnknownName(error.kind, outside(error.name), map(outside, error.known))

    def resource(self, uri: object, scope: Scope) -> tuple[Notebook, str] | None:
        """Return the notebook of a `hub://` URI, and its own URI; None if out of scope or unknown."""
        found = split_uri(uri) if isinstance(uri, str) else None
        notebook = None if found is None else self._open(found[0], scope)
        return (notebook, found[1]) if found and notebook and may_read(scope, found[1]) else None

    def task(self, task_id: object, scope: Scope) -> tuple[Notebook, str] | None:
        """Return the notebook of a task id, and its own id of the task; None if out of scope or unknown."""
        found = split_task(task_id)
        for notebook in () if found is None else self.notebooks(scope):
            if found is not None and notebook.kernel_id == found[0]:
                return notebook, found[1]
        return None

    def _open(self, label: str, scope: Scope) -> Notebook | None:
        notebook = self._notebooks.get(label)
        return notebook if notebook is not None and notebook.is_open_to(scope) else None


def _definition_for(profile: HostProfile, item: dict[str, Any]) -> dict[str, Any]:
    facts, definition = ResultFacts.split(item)
    return for_host(definition, profile, facts)


def _short(text: object) -> str:
    return text[:128] if isinstance(text, str) else ""


_Finder = Callable[[Index, str, Mapping[str, Any], Scope, Era], Target]

_FINDERS: Final[Mapping[str, _Finder]] = {
    "tools/call": Index._at_name,
    "prompts/get": Index._at_name,
    "resources/read": Index._at_uri,
    "resources/subscribe": Index._at_uri,
    "resources/unsubscribe": Index._at_uri,
    "completion/complete": Index._at_ref,
    "tasks/get": Index._at_task,
    "tasks/update": Index._at_task,
    "tasks/cancel": Index._at_task,
}


# -- catalog -------------------------------------------------------------------------------------

TICK_SECONDS: Final = 0.5
"""Seconds between two checks whether the runtime directory has changed. A check costs one `stat`."""

LOOK_SECONDS: Final = 5.0
"""Seconds between two searches in any case: a kernel that was killed leaves its file behind."""

FRESH_SECONDS: Final = LIST_SECONDS + 0.5
"""Seconds for which a list waits for new notebooks that are read for the first time."""

AWAY_SECONDS: Final = 60.0
"""Seconds. A kernel that is away for so long does not come back, and what sessions keep for it ends."""


class Catalog:
    """The live notebooks.

    Parameters
    ----------
    discovery : Discovery
        Finds live kernels.
    away_seconds : float
        Seconds after which a kernel that went away is given up.
    changed : callable
        Called with "tools", "resources" or "prompts" when a list of that kind has changed.
    gone : callable
        Called with the id of a kernel that was given up.
    """

    def __init__(
        self,
        discovery: Discovery,
        away_seconds: float,
        changed: Callable[[str], None],
        gone: Callable[[str], None],
    ) -> None:
        self.discovery = discovery
        self._away_seconds = away_seconds
        self._changed = changed
        self._gone = gone
        self._notebooks: dict[str, Notebook] = {}
        self._following: set[str] = set()
        self._index: Index | None = None
        self._seen: int | None = None
        self._looked = 0.0
        self._looking = anyio.Lock()
        self._failures = FailureLog("Looking for live notebooks")

    @asynccontextmanager
    async def following(self) -> AsyncIterator[TaskGroup]:
        """Follow the notebooks while the context is open. Yields a task group that ends with it."""
        async with owned_tasks() as self._tasks:
            self._tasks.start_soon(self._watch)
            yield self._tasks

    @property
    def index(self) -> Index:
        """The present lists of the notebooks."""
        if self._index is None:
            live = {item.kernel_id: item for item in self._notebooks.values() if item.live}
            for kernel_id, label in labels((item.info.name, id_) for id_, item in live.items()).items():
                live[kernel_id].label = label
            self._index = Index(live.values())
        return self._index

    async def fresh(self) -> Index:
        """Return the index once new notebooks have been read, at the latest after `FRESH_SECONDS`."""
        with anyio.move_on_after(FRESH_SECONDS):
            await self._look()
            for kernel_id in list(self._following):
                await self._notebooks[kernel_id].listed.wait()
        return self.index

    def _mtime(self) -> int:
        """Return when an entry of the runtime directory was last created, removed or replaced."""
        try:
            return os.stat(self.discovery.runtime_dir).st_mtime_ns
        except OSError:
            return 0

    async def _watch(self) -> None:
        failures = FailureLog("Looking after the notebooks")
        while True:
            with failures:
                await self._look(always=time.monotonic() - self._looked >= LOOK_SECONDS)
                self._give_up()
            await anyio.sleep(TICK_SECONDS)

    async def _look(self, always: bool = False) -> None:
        """Find new notebooks if the runtime directory has changed or `always`. A failure changes nothing."""
        async with self._looking:  # a second caller waits for what the first one finds
            now = self._mtime()
            if now == self._seen and not always:
                return
            self._seen, self._looked = now, time.monotonic()
            live: list[ConnectionInfo] | None = None
            with self._failures:
                live = await self.discovery.live()
            if live is None:
                self._seen = None  # search again at the next call
                return
            for info in live:
                known = self._notebooks.get(info.kernel_id)
                if known is None:
                    known = self._notebooks[info.kernel_id] = Notebook(info, self._lists_changed)
                if info.kernel_id not in self._following:
                    known.info = info
                    self._following.add(info.kernel_id)
                    self._tasks.start_soon(guarded, f"Following notebook {info.name}", self._follow, known)
                elif (known.info.name, known.info.path) != (info.name, info.path):
                    known.info = info
                    self._lists_changed(KINDS)

    async def _follow(self, notebook: Notebook) -> None:
        try:
            await notebook.follow()
        finally:
            self._following.discard(notebook.kernel_id)
            self._seen = None  # it may be back already

    def _give_up(self) -> None:
        now = time.monotonic()
        for notebook in list(self._notebooks.values()):
            away = notebook.kernel_id not in self._following and not notebook.live
            if away and now - notebook.last_live >= self._away_seconds:
                del self._notebooks[notebook.kernel_id]
                self._gone(notebook.kernel_id)

    def _lists_changed(self, kinds: Collection[str]) -> None:
        self._index = None
        for kind in KINDS:
            if kind in kinds:
                self._changed(kind)
