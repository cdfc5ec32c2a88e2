# SPDX-License-Identifier: BSD-3-Clause
"""Variables of the notebook as resources, read afresh each time, also while a cell runs.

Owns which resources a variable has: its value under `notebook://variables/NAME` and, while it is a data
frame, a template for its pages, columns and formats and one for what is to be known of it (afterwards they
are in no list, and say what the variable is). After each cell and call it is looked whether that still holds,
and whether a watched value changed. Does not know who asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal
from urllib.parse import quote

from ..errors import McpError
from ..protocol.codes import INTERNAL_ERROR
from ..protocol.frames import dumps
from ..server.content import ContentTable, ResourceValue, tables, to_resource
from ..server.content import resources as paging
from ..server.content.resources import MAX_RESOURCE_ROWS
from ..server.fastmcp import FastMCP
from ..server.fastmcp.resources import Resource
from .fingerprints import fingerprint

__all__ = ["Variables", "variable_uri"]

_BASE: Final = "notebook://variables/"

View = Literal["schema", "describe"]


def variable_uri(name: str) -> str:
    """The URI of a variable."""
    return f"{_BASE}{quote(name)}"


class _Gone:
    """Stands for a variable that does not exist."""


@dataclass(slots=True)
class _Served:
    """One variable that is served: what was said of it, its kind and state after the last cell."""

    name: str | None
    title: str | None
    description: str | None
    mime_type: str | None
    watch: bool
    kind: type = _Gone
    state: object = None


class Variables:
    """The variables that a notebook serves. Main thread; the resources may be read on any.

    Parameters
    ----------
    namespace : mapping
        The notebook's.
    table : ContentTable
        What values become.
    server : FastMCP
        What serves them.
    """

    def __init__(self, namespace: Mapping[str, Any], table: ContentTable, server: FastMCP) -> None:
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
        """Serve a variable; gives the resource of its value.

        Parameters
        ----------
        name, title, description : str, optional
            What clients are told.
        mime_type : str, optional
            See `to_resource`.
        watch : bool
            Tell who subscribed when a cell changed the value, as far as `fingerprint` sees it.
        """
        value = self._namespace[variable]
        served = self._served[variable] = _Served(name, title, description, mime_type, watch, type(value))
        served.state = fingerprint(value) if watch else None
        return self._register(variable, served)

    def description(self, variable: str) -> str:
        """What the user said of a variable that is served; empty when nothing. From any thread."""
        served = self._served.get(variable)
        return (served and served.description) or ""

    def forget(self, name: str) -> None:
        """Take the templates of a variable back that is not served any more, by its name or URI."""
        for variable, served in list(self._served.items()):
            if name in (served.name or variable, variable_uri(variable)):
                del self._served[variable]
                self._remove_templates(variable)

    def after_cell(self) -> None:
        """See what the cell, or a call, did to them, and tell the clients.

        Costs little where nothing is served.
        """
        for variable, served in list(self._served.items()):
            if variable_uri(variable) not in self._server.resources:
                self.forget(variable_uri(variable))
                continue
            value = self._namespace.get(variable, _Gone)
            kind = _Gone if value is _Gone else type(value)
            if kind is not served.kind:
                served.kind = kind
                self._register(variable, served)
            if served.watch and (state := fingerprint(value)) != served.state:
                served.state = state
                self.updated(variable)

    def updated(self, variable: str) -> None:
        """Tell who subscribed that the variable has a new value."""
        for uri in (variable_uri(variable), *(_view(variable, view) for view in ("schema", "describe"))):
            self._server.resource_updated(uri)

    def _register(self, variable: str, served: _Served) -> Resource:
        """Have the server's list say what the variable is now; clients are told that it changed."""
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
        # Unlisted they still answer who was in the midst of reading pages: with what the variable is now.
        listed = tables.is_frame_class(served.kind)
        # Ours: a column may be called like a path.
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
                f"The variable {variable!r} is no data frame any more but a value of type "
                f"{type(value).__name__}: read {variable_uri(variable)}.",
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
