# SPDX-License-Identifier: BSD-3-Clause
"""Serve variables of the notebook as resources, which are read anew each time, also while a cell runs.

A variable's value is served under `notebook://variables/NAME`. While it is a data frame, two templates are
listed as well: one for pages of rows, one for its schema and summary. When it is no longer a frame, they
are unlisted, and a read of them is an error that names the variable's type. `Variables.after_cell` updates
this after each cell and call, and tells subscribers when a watched value has changed.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any, Final, Literal
from urllib.parse import quote

from IPython.core.interactiveshell import InteractiveShell

from .._ipython.private import history_of_cell, sources_of_cells, user_variables
from .._util.names import library_of, module_of
from ..errors import INTERNAL_ERROR, McpError
from ..protocol.frames import dumps
from ..server.content import ContentTable, ResourceValue, columns, readable, tables, to_resource
from ..server.content import resources as paging
from ..server.content.resources import MAX_RESOURCE_ROWS
from ..server.fastmcp import FastMCP
from ..server.fastmcp.resources import Resource

__all__ = [
    "STATUS_URI",
    "Variables",
    "calls_resource",
    "cells_resource",
    "fingerprint",
    "status_resource",
    "variable_uri",
    "variables_resource",
]


_BASE: Final = "notebook://variables/"

View = Literal["schema", "describe"]


def variable_uri(name: str) -> str:
    """Return the URI of a variable."""
    return f"{_BASE}{quote(name)}"


class _Gone:
    """Stands for a variable that does not exist."""


@dataclass(slots=True)
class _Served:
    """One served variable: the options it is served with, its type, fingerprint and version after the last
    cell or call.
    """

    name: str | None
    title: str | None
    description: str | None
    mime_type: str | None
    watch: bool
    kind: type = _Gone
    state: object = None
    version: int = 1


class Variables:
    """The variables that a notebook serves. Main thread; any thread may read the resources.

    Parameters
    ----------
    namespace : mapping
        The notebook's namespace.
    table : ContentTable
        Converts values to content.
    server : FastMCP
        The server of the resources.

    Attributes
    ----------
    versions : mapping
        The version of each variable: a number that grows when its fingerprint changes. The mapping is
        replaced, never changed, so any thread may read it.
    """

    def __init__(self, namespace: Mapping[str, Any], table: ContentTable, server: FastMCP) -> None:
        self.versions: Mapping[str, int] = MappingProxyType({})
        self._namespace = namespace
        self._table = table
        self._server = server
        self._served: dict[str, _Served] = {}

    def serve(
        self,
        variable: str,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        watch: bool = False,
    ) -> Resource:
        """Serve a variable.

        Parameters
        ----------
        variable : str
            Its name in the namespace.
        name, title, description : str, optional
            The resource's name, title and description. The name is the variable's by default.
        mime_type : str, optional
            See `to_resource`.
        watch : bool
            Whether to tell subscribers when a cell or call changed the value (see `fingerprint`).

        Returns
        -------
        Resource
            The resource of the value.

        Raises
        ------
        KeyError
            The variable does not exist.
        """
        value = self._namespace[variable]
        before = self._served.get(variable)
        served = self._served[variable] = _Served(name, title, description, mime_type, watch, type(value))
        served.state = fingerprint(value)
        if before is not None:
            served.version = before.version + (served.state != before.state)
        self._renew_versions()
        return self._register(variable, served)

    def description(self, variable: str) -> str:
        """Return the user's description of a served variable; empty if there is none. From any thread."""
        served = self._served.get(variable)
        return (served and served.description) or ""

    def forget(self, name: str) -> None:
        """Remove the templates of a variable that is no longer served, given its name or URI."""
        for variable, served in list(self._served.items()):
            if name in (served.name or variable, variable_uri(variable)):
                del self._served[variable]
                self._remove_templates(variable)
        self._renew_versions()

    def after_cell(self) -> None:
        """Check each served variable after a cell or call, and tell clients of changes."""
        for variable, served in list(self._served.items()):
            if variable_uri(variable) not in self._server.resources:
                self.forget(variable_uri(variable))
                continue
            value = self._namespace.get(variable, _Gone)
            kind = _Gone if value is _Gone else type(value)
            if kind is not served.kind:
                served.kind = kind
                self._register(variable, served)
            if (state := fingerprint(value)) != served.state:
                served.state = state
                self._changed(variable, served)

    def _changed(self, variable: str, served: _Served) -> None:
        served.version += 1
        self._renew_versions()
        if served.watch:
            self._tell(variable)

    def _renew_versions(self) -> None:
        self.versions = MappingProxyType({name: served.version for name, served in self._served.items()})

    def updated(self, variable: str) -> None:
        """Note that the variable has a new value, and tell subscribers."""
        served = self._served.get(variable)
        if served is not None:
            served.version += 1
            self._renew_versions()
        self._tell(variable)

    def _tell(self, variable: str) -> None:
        for uri in (variable_uri(variable), *(_view(variable, view) for view in ("schema", "describe"))):
            self._server.resource_updated(uri)

    def _register(self, variable: str, served: _Served) -> Resource:
        """Update the variable's resources in the server's lists, of which clients are notified."""
        name = served.name or variable
        about = served.description or f"The variable {variable} of the notebook, as it is now."
        value = Resource.of(
            variable_uri(variable),
            self._reader(variable, served.mime_type),
            name=name,
            title=served.title,
            description=about if served.kind is not _Gone else f"{about} (It does not exist at present.)",
            mime_type=served.mime_type,
            concurrent=True,
        )
        pages, views = self._templates(variable)
        said: dict[str, Any] = {"name": name, "concurrent": True}
        templates = (
            Resource.of(
                _pages(variable),
                pages,
                title=f"{name}: pages",
                description=f"Rows of {variable} by pages, columns and format. {about}",
                **said,
            ),
            Resource.of(
                _view(variable),
                views,
                title=f"{name}: schema, describe",
                description=f"The columns of {variable} and their types; or a summary of each.",
                mime_type="application/json",
                **said,
            ),
        )
        # A client that was reading pages gets an error that names the type, rather than "unknown resource".
        listed = tables.is_frame_class(served.kind)
        # Ours: the check of paths is left out, because a column may be named like a path.
        value = replace(value, ours=True)
        self._server.add(value, *(replace(each, listed=listed, ours=True) for each in templates))
        return value

    def _remove_templates(self, variable: str) -> None:
        for uri in (_pages(variable), _view(variable)):
            if uri in self._server.resources:
                self._server.remove(uri)

    def _look_up(self, variable: str) -> Any:
        try:
            return self._namespace[variable]
        except KeyError:
            raise McpError(
                INTERNAL_ERROR, f"The variable {variable!r} does not exist (any more) in the notebook."
            ) from None

    def _frame(self, variable: str) -> Any:
        value = self._look_up(variable)
        if not tables.is_frame(value):
            raise McpError(
                INTERNAL_ERROR,
                f"The variable {variable!r} is not a data frame any more. It has the type "
                f"{type(value).__name__} now: read {variable_uri(variable)}.",
            )
        return value

    def _reader(self, variable: str, mime_type: str | None) -> Callable[[], ResourceValue]:
        def read() -> ResourceValue:
            return to_resource(self._look_up(variable), self._table, mime_type)

        return read

    def _templates(self, variable: str) -> tuple[Callable[..., ResourceValue], Callable[..., ResourceValue]]:
        def pages(
            offset: paging.Offset = 0,
            limit: paging.Limit = MAX_RESOURCE_ROWS,
            columns: paging.Columns = None,
            format: paging.Format = "csv",
        ) -> ResourceValue:
            return paging.read_rows(self._frame(variable), offset, limit, columns, format)

        def view(view: View) -> ResourceValue:
            frame = self._frame(variable)
            found = paging.schema(frame) if view == "schema" else paging.summary(frame)
            return ResourceValue(dumps(found).decode("utf-8"), "application/json")

        return pages, view


def _pages(variable: str) -> str:
    return variable_uri(variable) + "{?offset,limit,columns,format}"


def _view(variable: str, view: str = "{view}") -> str:
    return f"{variable_uri(variable)}/{view}"


# -- fingerprints --------------------------------------------------------------------------------
#
# A cheap test of whether a value changed. It looks at a bounded part of a large value. Measured: 0.6 ms for a
# pandas frame of 1 GB with 12 columns, 4 ms for a dict of a thousand lists, 9 ms for a figure of nine axes.
#
# It sees a new object, type, shape, labels or dtypes; in frames and arrays any change of the sampled rows;
# in lists, dicts and objects any change of the `MAX_ITEMS` nearest members, and members of members; in a
# matplotlib figure what is drawn, its data, texts and limits. It misses changes in place outside of the
# sample, and state that an object keeps elsewhere than in its attributes. Code that makes such a change
# calls `notebook.updated(name)`.

SAMPLED_ROWS: Final = 64
"""Rows of a frame or array that are looked at, spread from the first to the last."""

SAMPLED_COLUMNS: Final = 64
"""Columns of a frame that are looked at."""

MAX_ITEMS: Final = 1000
"""Members of a container that are looked at."""

MAX_ITEM_CHARS: Final = 200
"""Characters of the text of one member."""

MAX_DEPTH: Final = 5
"""Levels of members within members: enough for a fitted model within a pipeline. Members further away belong
more and more to other values."""

SAMPLED_MEMBER: Final = 100
"""How many of the `MAX_ITEMS` a frame, an array or a figure counts as: it takes longer than one member."""

_DRAWN: Final = (
    *("text", "data", "array", "offsets", "xy", "width", "height"),
    *("label", "visible", "color", "facecolor"),
)
"""The properties that are read from each line, text, image, ... of a figure."""

_CODE: Final = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)
"""Types whose instances have attributes that are code rather than data."""

_ATOMS: Final = (str, int, float, bool, bytes, type(None))


def fingerprint(value: Any) -> object:
    """Return an object that compares equal to an earlier one of the same value if no change is seen."""
    try:
        if tables.is_frame(value):
            return (type(value), id(value), _of_frame(value))
        if module_of(type(value)) == "numpy" and hasattr(value, "ndim"):
            return (type(value), id(value), value.shape, str(value.dtype), _of_array(value))
        return _of_plain(value)
    except BaseException as exc:  # noqa: BLE001 - the value's own code raised it: it must not end the kernel
        return (type(value), id(value), type(exc))


def _of_frame(value: Any) -> object:
    total, width = len(value), tables.width(value)
    step = max(1, total // SAMPLED_ROWS)
    across = range(0, width, max(1, width // SAMPLED_COLUMNS))
    sampled = tuple(_sampled(tables.column(value, at), total, step) for at in across)
    kinds = tuple(map(str, (value.dtypes if hasattr(value, "dtypes") and width > 1 else ())))
    # pyarrow's `columns` are the data themselves. Its tables are immutable, so their names need no look.
    labels = () if hasattr(value, "column_names") else getattr(value, "columns", ())
    names = tuple(map(readable, islice(labels, MAX_ITEMS)))
    index = getattr(value, "index", None)
    keys = (
        () if index is None else tuple(readable(key)[:MAX_ITEM_CHARS] for key in columns.cells(index[::step]))
    )
    return (total, width, kinds[:MAX_ITEMS], names, keys, sampled)


def _sampled(series: Any, total: int, step: int) -> tuple[str, ...]:
    places = [*range(0, total, step), *([total - 1] if total else [])]
    if hasattr(series, "iloc"):
        items = columns.cells(series.iloc[places])
    elif hasattr(series, "chunks") or hasattr(series, "num_chunks"):
        items = [cell for at in places for cell in columns.cells(series[at : at + 1])]
    else:
        items = columns.cells(series[places])
    return tuple(readable(item)[:MAX_ITEM_CHARS] for item in items)


def _of_array(value: Any) -> tuple[str, ...]:
    size = value.size
    return tuple(
        readable(value.flat[at])[:MAX_ITEM_CHARS]
        for at in {*range(0, size, max(1, size // SAMPLED_ROWS)), max(0, size - 1)}
        if at < size
    )


def _of_plain(value: Any) -> object:
    """Walk the members of a container or object, and their members, the nearest first."""
    found: list[object] = []
    seen: set[int] = set()
    queue = deque([(value, 0)])
    left = MAX_ITEMS
    while queue and left > 0:
        item, depth = queue.popleft()
        left -= 1
        if isinstance(item, _ATOMS):
            found.append(readable(item)[:MAX_ITEM_CHARS])
            continue
        found.append((type(item), id(item)))
        if id(item) in seen or depth > MAX_DEPTH:
            continue
        seen.add(id(item))
        sample = _sample(item)
        if sample is not None:
            found.append(sample)
            left -= SAMPLED_MEMBER
            continue
        size, members = _members(item)
        found.append(size)
        queue.extend((member, depth + 1) for member in islice(members, left))
    return tuple(found)


def _sample(item: Any) -> object:
    """Return a sample of a frame, an array or a figure; None for values whose members are walked."""
    library = library_of(type(item))
    if tables.is_frame(item):
        return _of_frame(item)
    if library == "numpy":
        return _of_array(item) if hasattr(item, "ndim") else ()
    if library == "matplotlib":
        return _of_figure(item) if hasattr(item, "get_size_inches") else ()
    return None


def _members(item: Any) -> tuple[int, Iterable[Any]]:
    # Other mappings count as objects, because reading their items may read a file or call a server.
    if isinstance(item, dict | MappingProxyType):
        return len(item), chain.from_iterable(item.items())
    if isinstance(item, list | tuple | set | frozenset | deque):
        return len(item), item
    own = None if isinstance(item, _CODE) else getattr(item, "__dict__", None)
    return (len(own), [*own, *own.values()]) if isinstance(own, dict) else (0, ())


def _of_figure(figure: Any) -> object:
    """Return what is drawn in a figure. Its other state is left out: showing the figure changes it."""
    axes = figure.axes[:SAMPLED_ROWS]
    within = ((*each.get_children(), each.xaxis.label, each.yaxis.label) for each in axes)
    artists = islice(chain(figure.get_children(), chain.from_iterable(within)), MAX_ITEMS)
    limits = [(each.get_xlim(), each.get_ylim(), each.get_xscale(), each.get_yscale()) for each in axes]
    return (readable(figure.get_size_inches()), readable(limits), tuple(map(_of_artist, artists)))


def _of_artist(artist: Any) -> object:
    getters = (getattr(artist, f"get_{name}", None) for name in _DRAWN)
    return (id(artist), *(_drawn(getter()) for getter in getters if getter is not None))


def _drawn(value: Any) -> object:
    if isinstance(value, list | tuple):
        return tuple(map(_drawn, value[:SAMPLED_ROWS]))
    library = library_of(type(value))
    if library == "matplotlib":  # an axis' label is an artist, which is looked at by itself
        return ()
    return (
        _of_array(value)
        if library == "numpy" and hasattr(value, "ndim")
        else readable(value)[:MAX_ITEM_CHARS]
    )


# -- inspection ----------------------------------------------------------------------------------
#
# The resources about the notebook as a whole: its status and, where the user allows it (`--inspect`), the
# list of variables and the cells that ran. Reads call no code of the user's objects and wait for no cell.

STATUS_URI: Final = "notebook://status"

MAX_CELLS: Final = 100
"""The last cells that are shown: enough for a client that follows the user's work."""

MAX_TEXT_CHARS: Final = 10_000
"""Characters of one cell's source, and of one output."""

MAX_VARIABLES: Final = 1000
"""Variables in one answer."""

_SIZED: Final = (str, bytes, bytearray, list, tuple, dict, set, frozenset, range)
"""Types whose length is read. In other classes `__len__` may be the user's code."""


def status_resource(status: Callable[[], Mapping[str, Any]]) -> Resource:
    """Make the resource that says what the notebook is doing.

    It is read on the engine's loop, so clients get it also while all worker threads are taken.

    Parameters
    ----------
    status : callable
        Returns the status as a JSON object. Called on the engine's thread.
    """

    async def read() -> Mapping[str, Any]:
        return status()

    resource = Resource.of(
        STATUS_URI,
        read,
        name="status",
        description="What the notebook is doing: whether a cell or call runs, how long, how many wait.",
        mime_type="application/json",
        concurrent=True,
    )
    return replace(resource, always=True)


def variables_resource(shell: InteractiveShell) -> Resource:
    """Make the resource with names, types, shapes and sizes of the variables, without their values."""

    def read() -> dict[str, Any]:
        names = user_variables(shell)
        found = []
        for name in names[:MAX_VARIABLES]:
            if (value := shell.user_ns.get(name, _Gone)) is not _Gone:  # a cell may run meanwhile
                found.append({"name": name, **_about(value)})
        return {"variables": found, "total": len(names)}

    resource = Resource.of(
        "notebook://variables",
        read,
        name="variables",
        description="The variables of the notebook: names, kinds, shapes, sizes.",
        mime_type="application/json",
        concurrent=True,
    )
    return replace(resource, ours=True)


def _about(value: Any) -> dict[str, Any]:
    kind = type(value)
    said: dict[str, Any] = {"kind": kind.__qualname__, "module": module_of(kind)}
    try:
        if tables.is_frame(value):
            shape = [len(value), tables.width(value)] if hasattr(value, "columns") else [len(value)]
            said |= {"shape": shape, "bytes": tables.nbytes(value)}
        elif module_of(kind) == "numpy" and hasattr(value, "nbytes"):
            said |= {"shape": list(value.shape), "dtype": str(value.dtype), "bytes": int(value.nbytes)}
        elif kind in _SIZED:
            said |= {"length": len(value), "bytes": sys.getsizeof(value)}
    except Exception as exc:  # noqa: BLE001 - a class derived from a frame's may do anything
        said["error"] = type(exc).__name__
    return said


def cells_resource(shell: InteractiveShell) -> Resource:
    """Make the resource with the cells that ran: their sources, printed texts, values and errors."""

    def read() -> dict[str, Any]:
        sources = sources_of_cells(shell)
        shown = [_cell(shell, number, sources) for number in range(1, len(sources))][-MAX_CELLS:]
        return {"cells": shown, "total": max(0, len(sources) - 1)}

    resource = Resource.of(
        "notebook://cells",
        read,
        name="cells",
        description="The last cells that ran in the notebook: source and outputs.",
        mime_type="application/json",
        concurrent=True,
    )
    return replace(resource, ours=True)


def calls_resource(calls: Callable[[], list[dict[str, Any]]]) -> Resource:
    """Make the resource with the journal of calls."""
    resource = Resource.of(
        "notebook://calls",
        lambda: {"calls": calls()},
        name="calls",
        description="The last calls, reads and prompts of all clients of the notebook.",
        mime_type="application/json",
        concurrent=True,
    )
    return replace(resource, ours=True)


def _cell(shell: InteractiveShell, number: int, sources: list[str]) -> dict[str, Any]:
    bundles, error = history_of_cell(shell, number)  # ipykernel does not record what `display` shows
    outputs = list(map(_text, bundles))
    said: dict[str, Any] = {
        "number": number,
        "source": _cut(sources[number]),
        "outputs": [_cut(output) for output in outputs if output],
    }
    if error:
        said["error"] = _cut(f"{error.get('ename')}: {error.get('evalue')}")
    return said


def _text(bundle: Mapping[str, Any]) -> str:
    text = bundle.get("stream", bundle.get("text/plain", ""))
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT_CHARS else f"{text[:MAX_TEXT_CHARS]}... ({len(text)} characters)"
