# SPDX-License-Identifier: BSD-3-Clause
"""The history of a pane: ended requests, to make again or to insert as a cell. Main thread only.

Entered values are kept in the kernel's memory. They are shown only in their form, and in code that the user
asks for.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import ipywidgets as widgets
from comm import create_comm

from .. import types
from .._util.text import safe_line
from ..notebook_client.calls import Call
from ..notebook_client.connected_server import ConnectedServer
from ..protocol.uri_templates import UriTemplate, UriTemplateError
from .html import (
    WIDE,
    button,
    call_code,
    close_all,
    labelled,
    muted,
    prompt_code,
    read_code,
    row,
    show,
    status,
    text,
)

__all__ = [
    "TARGET",
    "Asked",
    "History",
    "Inserter",
    "Item",
    "prompts_of",
    "resources_of",
    "tools_of",
]


MAX_ENTRIES: Final = 20
"""Requests that are kept: more than a user remembers making."""

MAX_ROWS: Final = 5
"""Visible rows of the list; more scroll."""

MAX_CODE_LINES: Final = 12
"""Visible lines of the code."""

_FRAME: Final = {
    **WIDE,
    "border_top": "1px solid var(--jp-border-color2, #e0e0e0)",
    "margin": "12px 0 0 0",
    "padding": "8px 0 0 0",
}

_COPY: Final = "To copy: this page has not inserted a cell by itself."


@dataclass(frozen=True)
class Asked:
    """A request that has ended.

    Attributes
    ----------
    item : Item
        The item at the time of the request.
    arguments : mapping
        The entered values.
    outcome : str
    at : float
        Seconds since the epoch.
    """

    item: Item
    arguments: Mapping[str, Any]
    outcome: str
    at: float = field(default_factory=time.time)

    def __str__(self) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(self.at))
        return f"{clock}  {safe_line(self.item.name, 60)}  {self.outcome}"


class History:
    """The last requests of a pane, newest first.

    Parameters
    ----------
    again : function
        Called with a request that the user wants to make again.

    Attributes
    ----------
    widget : ipywidgets.VBox
        Takes no room while the history is empty.
    """

    def __init__(self, again: Callable[[Asked], None]) -> None:
        self._entries: deque[Asked] = deque(maxlen=MAX_ENTRIES)
        self._again = again
        self._inserter = Inserter(self._inserted)
        self._list = labelled(widgets.Select, "History", options=())
        self._code = labelled(widgets.Textarea, "Code", layout={"display": "none"})
        self._code.add_class("mcp-jupyter-code")
        self._note = text()
        buttons = row(
            button("Again", "Fill the form in as it was then", lambda: self._with_chosen(self._again)),
            button(
                "Insert as code",
                "Put this request into a new cell below",
                lambda: self._with_chosen(self._insert),
            ),
            self._note,
        )
        self.widget = widgets.VBox(
            [self._list, buttons, self._code],
            layout={**_FRAME, "display": "none"},
        )

    def add(self, asked: Asked) -> None:
        """Add a request that has ended."""
        self._entries.appendleft(asked)
        self._list.options = [(str(entry), place) for place, entry in enumerate(self._entries)]
        self._list.index = 0
        self._list.rows = max(2, min(len(self._entries), MAX_ROWS))
        self.widget.layout.display = None

    def close(self) -> None:
        """Close all widgets."""
        self._inserter.close()
        close_all(self.widget)

    def _with_chosen(self, use: Callable[[Asked], None]) -> None:
        self._show_code("")
        show(self._note, "")
        index = self._list.index
        if index is not None and index < len(self._entries):
            use(self._entries[index])

    def _insert(self, asked: Asked) -> None:
        code = asked.item.code(asked.arguments)
        self._show_code(code)
        show(self._note, muted(_COPY))
        self._inserter.insert(code)

    def _inserted(self) -> None:
        self._show_code("")
        show(self._note, status("Inserted as a new cell below."))

    def _show_code(self, code: str) -> None:
        self._code.value = code
        self._code.rows = min(code.count("\n") + 1, MAX_CODE_LINES)
        self._code.layout.display = "grid" if code else "none"


# -- inserting -----------------------------------------------------------------------------------
#
# Insert code as a new cell below the current one, through our front-end extension.
#
# The page listens at a comm target (`labextension/src/cells.ts`), inserts the cell and closes the comm with
# `{"inserted": true}`. Without a listener (no extension, another front end) Jupyter closes the comm, or it
# stays open; the user then copies the code. The code is never run.

TARGET: Final = "mcp-jupyter.insert"
"""The same as in `labextension/src/tokens.ts`."""


class Inserter:
    """Requests one insertion at a time. Main thread only.

    Parameters
    ----------
    inserted : function
        Called when the cell has been inserted.
    """

    def __init__(self, inserted: Callable[[], None]) -> None:
        self._inserted = inserted
        self._comm: Any = None

    def insert(self, code: str) -> None:
        """Request a cell with this code."""
        self.close()
        comm = create_comm(target_name=TARGET, data={"code": code})
        comm.on_close(lambda message: self._closed(comm, message))
        self._comm = comm

    def close(self) -> None:
        """Stop waiting for an answer."""
        comm, self._comm = self._comm, None
        if comm is not None:
            comm.close()

    def _closed(self, comm: Any, message: Mapping[str, Any]) -> None:
        if comm is not self._comm:
            return  # closed by us
        self._comm = None
        data = message.get("content", {}).get("data")
        if isinstance(data, Mapping) and data.get("inserted") is True:
            self._inserted()


# -- items ---------------------------------------------------------------------------------------
#
# Tools, resources and prompts as items to choose, fill in and request; the panes treat them alike.


@dataclass(frozen=True)
class Item:
    """One tool, resource or prompt. Its texts are the server's and not yet escaped.

    Attributes
    ----------
    key : str
        Identifies the item when the list is read again.
    name, title, about : str
    schema : mapping
        The schema of the values to fill in.
    start : function
        Starts the request, given the entered values.
    code : function
        Returns the Python code of the request, given the entered values.
    changes : sequence of str
        How the definition changed since the connection was made; requests are refused until `accept`.
    accept : function
        Accepts the present definition.
    """

    key: str
    name: str
    schema: Mapping[str, Any]
    start: Callable[[Mapping[str, Any]], Call] = field(compare=False)
    code: Callable[[Mapping[str, Any]], str] = field(compare=False)
    title: str = ""
    about: str = ""
    changes: Sequence[str] = ()
    accept: Callable[[], None] = field(default=lambda: None, compare=False)


def tools_of(server: ConnectedServer) -> list[Item]:
    """Return the tools as items."""
    names = list(server.definitions)
    return [_tool(server, names, tool) for tool in server.definitions.values()]


def _tool(server: ConnectedServer, names: list[str], tool: types.Tool) -> Item:
    return Item(
        key=tool.name,
        name=tool.name,
        schema=tool.inputSchema,
        start=lambda arguments: server.start_call(tool.name, arguments),
        code=lambda arguments: call_code(server.alias, tool.name, names, arguments, tool.inputSchema),
        title=tool.title or "",
        about=tool.description or "",
        changes=tuple(server.changed.get(tool.name, ())),
        accept=lambda: server.accept_changes(tool.name),
    )


def resources_of(server: ConnectedServer) -> list[Item]:
    """Return the resources and resource templates as items."""
    return [
        *(_resource(server, resource) for resource in server.resources),
        *(_template(server, template) for template in server.templates),
    ]


def _resource(server: ConnectedServer, resource: types.Resource) -> Item:
    return Item(
        key=f"resource {resource.uri}",
        name=resource.title or resource.name,
        schema=_texts([], ()),
        start=lambda _: server.start_read(resource.uri),
        code=lambda _: read_code(server.alias, resource.uri),
        title=_with_kind(resource.uri, resource.mimeType),
        about=resource.description or "",
    )


def _template(server: ConnectedServer, template: types.ResourceTemplate) -> Item:
    try:
        known = UriTemplate(template.uriTemplate)
        schema = _texts([(name, "") for name in known.variables], known.required)
        expand: Callable[[Mapping[str, Any]], str] = known.expand
    except UriTemplateError:  # a template that we cannot fill in: the user enters the whole URI
        schema = _texts([("uri", f"as in {template.uriTemplate}")], ("uri",))

        def expand(arguments: Mapping[str, Any]) -> str:
            return str(arguments["uri"])

    return Item(
        key=f"template {template.uriTemplate}",
        name=f"{template.title or template.name} {{…}}",
        schema=schema,
        start=lambda arguments: server.start_read(expand(arguments)),
        code=lambda arguments: read_code(server.alias, expand(arguments)),
        title=_with_kind(template.uriTemplate, template.mimeType),
        about=template.description or "",
    )


def _with_kind(uri: str, kind: str | None) -> str:
    return f"{uri} ({kind})" if kind else uri


def prompts_of(server: ConnectedServer) -> list[Item]:
    """Return the prompts as items."""
    return [_prompt(server, prompt) for prompt in server.prompts]


def _prompt(server: ConnectedServer, prompt: types.Prompt) -> Item:
    arguments = prompt.arguments or []
    return Item(
        key=prompt.name,
        name=prompt.name,
        schema=_texts(
            [(each.name, each.description or "") for each in arguments],
            [each.name for each in arguments if each.required],
        ),
        start=lambda filled: server.start_prompt(prompt.name, dict(filled)),
        code=lambda filled: prompt_code(server.alias, prompt.name, filled),
        title=prompt.title or "",
        about=prompt.description or "",
    )


def _texts(fields: list[tuple[str, str]], required: Any) -> dict[str, Any]:
    """Return a schema with these text fields."""
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": about} for name, about in fields},
        "required": list(required),
        "additionalProperties": False,
    }
