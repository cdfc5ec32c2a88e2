# SPDX-License-Identifier: BSD-3-Clause
"""What was asked for in a pane: to be asked again, or to become a cell. Main thread only.

Values that were filled in are kept in the kernel's memory, and shown nowhere but in the form they came from
and in the code that the person asks for.
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
"""More than a person remembers having made."""

MAX_ROWS: Final = 5
"""Of the list; more scroll."""

MAX_CODE_LINES: Final = 12
"""Of the code that is shown at once."""

_FRAME: Final = {
    **WIDE,
    "border_top": "1px solid var(--jp-border-color2, #e0e0e0)",
    "margin": "12px 0 0 0",
    "padding": "8px 0 0 0",
}

_COPY: Final = "To copy: this page has not inserted a cell by itself."


@dataclass(frozen=True)
class Asked:
    """One request that ended.

    Attributes
    ----------
    item : Item
        As it was then.
    arguments : mapping
        What was filled in.
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
    """The last requests of a pane, the newest first.

    Parameters
    ----------
    again : function
        Told of a request that the person wants to make again.

    Attributes
    ----------
    widget : ipywidgets.VBox
        Takes no room while it is empty.
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
        """Note a request that ended."""
        self._entries.appendleft(asked)
        self._list.options = [(str(entry), place) for place, entry in enumerate(self._entries)]
        self._list.index = 0
        self._list.rows = max(2, min(len(self._entries), MAX_ROWS))
        self.widget.layout.display = None

    def close(self) -> None:
        """Close all."""
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
# Code as a new cell below the one in use: asks the page, which has our extension, to insert it.
#
# The page listens at a comm target (`labextension/src/cells.ts`), inserts and closes the comm with
# `{"inserted": true}`. Where nobody listens (no extension, another front end) Jupyter closes it, or nothing
# comes: then the person copies the code. Nothing is ever run.

TARGET: Final = "mcp-jupyter.insert"
"""As in `labextension/src/tokens.ts`."""


class Inserter:
    """Asks for one insertion at a time. Main thread only.

    Parameters
    ----------
    inserted : function
        Called once the cell is there.
    """

    def __init__(self, inserted: Callable[[], None]) -> None:
        self._inserted = inserted
        self._comm: Any = None

    def insert(self, code: str) -> None:
        """Ask for a cell with this code."""
        self.close()
        comm = create_comm(target_name=TARGET, data={"code": code})
        comm.on_close(lambda message: self._closed(comm, message))
        self._comm = comm

    def close(self) -> None:
        """Wait for no answer any more."""
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
# What a server offers, as things to choose, fill in and ask for. Draws nothing.
#
# Tools, resources and prompts differ here, and nowhere above.


@dataclass(frozen=True)
class Item:
    """One tool, resource or prompt. Its texts are the server's own, still to be made inert.

    Attributes
    ----------
    key : str
        By which it is found again in a new list.
    name, title, about : str
    schema : mapping
        Of what has to be filled in.
    start : function
        Given what was filled in, asks the server.
    code : function
        Given the same, the Python that asks.
    changes : sequence of str
        How it differs from what it was when the connection was made; it is not asked for until `accept`.
    accept : function
        Takes it for what it is now.
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
    """The tools as items."""
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
    """The resources, and the templates of more, as items."""
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
    except UriTemplateError:  # one that we cannot fill in: the person can
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
    """The prompts as items."""
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
    """The schema of some texts to fill in."""
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": about} for name, about in fields},
        "required": list(required),
        "additionalProperties": False,
    }
