# SPDX-License-Identifier: BSD-3-Clause
"""Make the cards about what a notebook serves: of `%load_ext`, of `%mcp_status`, and of each served item."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .._ipython.cards import Card, Row, arguments_text, counted, type_text
from .._util.text import safe_line, shorten
from ..protocol.frames import dumps
from ..server.fastmcp import FastMCP
from ..server.fastmcp.prompts import Prompt
from ..server.fastmcp.resources import Resource
from ..server.fastmcp.signatures import signature_of
from ..server.fastmcp.tools import Tool
from ..server.oversight import asks_by
from .journal import Entry
from .variables import STATUS_URI

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["CANNOT_SERVE", "calls_card", "item_card", "loaded_card", "shown_resources", "status_card"]

Item: TypeAlias = Tool | Resource | Prompt

CANNOT_SERVE: Final = "Plain IPython cannot serve tools. Start `jupyter console`, or use FastMCP in a script."

_BEGIN: Final = "`%%mcp_tool` over a cell offers its functions to assistants."
_TOLD: Final = "`%mcp_status --instructions` shows what assistants are told about the notebook."

_ASKS: Final = {"never": [], "once": ["asks you once"], "always": ["asks you first"]}

_HINTS: Final = {
    "readOnlyHint": "reads only",
    "destructiveHint": "deletes",
    "idempotentHint": "safe to repeat",
    "openWorldHint": "reaches beyond the notebook",
}


def loaded_card(engine: Engine | None) -> Card:
    """Make the card of `%load_ext`; without an engine, that of plain IPython.

    It is the same in every run of a notebook, so it is shown in headless runs too: a saved notebook compares
    equal, whoever ran it.
    """
    if engine is None:
        return Card("MCP client", note=f"{CANNOT_SERVE} `%mcp_connect` works here too.")
    note = _sentences(engine.name_note, _BEGIN, engine.unreachable or _connect(engine))
    return Card(f"Live as {engine.name}", note=note, has_panel_link=True)


_SIGNS: Final = {"ok": "✓", "error": "✗", "denied": "⊘", "cancelled": "-", None: "…"}
"""The end of a call at a glance; the words follow beside it."""

ARGUMENTS_CHARS: Final = 60
ANSWER_CHARS: Final = 80


def calls_card(entries: Sequence[Entry], versions: Mapping[str, int]) -> Card:
    """Make the card of `%mcp_calls`, the newest call first.

    Parameters
    ----------
    versions : mapping
        The present versions of the served variables.
    """
    rows = [_call_row(entry, versions) for entry in reversed(entries)]
    note = "" if rows else "No client has had this notebook do anything yet."
    return Card("Calls", {"": rows} if rows else {}, note, kind="MCP")


def _call_row(entry: Entry, versions: Mapping[str, int]) -> Row:
    when = time.strftime("%H:%M:%S", time.localtime(entry.time))
    given = ", ".join(f"{name}={_brief(value)}" for name, value in entry.arguments.items())
    who = " ".join(filter(None, (entry.host or "a client", entry.version)))
    marks = [f"{when} {who} ({entry.principal})", _ending(entry)]
    if changed := entry.changed(versions):
        marks.append(f"{' and '.join(changed)} changed after this answer")
    kind = "" if entry.kind == "tool" else f"{entry.kind} "
    said = f"{shorten(given, ARGUMENTS_CHARS)} → {shorten(safe_line(entry.answer or ''), ANSWER_CHARS)}"
    return Row(f"{_SIGNS[entry.result]} {entry.id} {kind}{entry.name}", said.strip(), marks)


def _ending(entry: Entry) -> str:
    if entry.result is None:
        return "waits for your approval" if entry.state == "asking" else entry.state
    took = f"{entry.ran * 1000:.0f} ms" if entry.ran < 1 else f"{entry.ran:.1f} s"
    return f"{entry.result}, {took}, {entry.characters:,} characters"


def _brief(value: Any) -> str:
    return safe_line(value if isinstance(value, str) else dumps(value).decode(), ARGUMENTS_CHARS)


def status_card(engine: Engine | None, servers: Iterable[Row] = (), *, is_interactive: bool = False) -> Card:
    """Make the card of `%mcp_status`.

    Parameters
    ----------
    engine : Engine or None
        None in plain IPython.
    servers : iterable of Row
        The servers that the notebook is connected to.
    is_interactive : bool
        Whether to list the connected assistants. A headless run leaves them out: its outputs are compared
        with saved ones, and who is connected differs from run to run.
    """
    connected = {"Connected servers": rows} if (rows := list(servers)) else {}
    if engine is None:
        loaded = loaded_card(None)
        return Card(loaded.heading, connected, loaded.note)
    server = engine.server
    items: list[Item] = [*server.tools.values(), *_resources(server), *server.prompts.values()]
    groups: dict[str, Sequence[Row]] = {}
    if items:
        groups[f"Serves {_counts(server)}"] = [Row(_name(item), _text(item), _marks(item)) for item in items]
    if is_interactive:
        groups |= _assistants(server)
    note = _sentences(
        engine.name_note,
        "" if items else f"Nothing is served yet: {_BEGIN}",
        engine.unreachable or f"Connect: `jupyter mcp connect {engine.name}`.",
        _TOLD if items else "",
    )
    return Card(engine.name, groups | connected, note, kind="MCP server", has_panel_link=True)


def _connect(engine: Engine) -> str:
    return f"To connect an assistant, run `jupyter mcp connect {engine.name}` in a terminal."


def _counts(server: FastMCP) -> str:
    numbers = {"tool": server.tools, "resource": shown_resources(server), "prompt": server.prompts}
    return ", ".join(counted(len(items), noun) for noun, items in numbers.items() if items)


def _assistants(server: FastMCP) -> dict[str, Sequence[Row]]:
    """Return the group of the connected clients; `since` is shown in local time."""
    rows = [
        Row(f"{client['name']} {client['version']}".strip(), f"since {_clock(client['since'])}")
        for client in server.clients()
    ]
    return {"Connected assistants": rows} if rows else {}


def _clock(time: str) -> str:
    return f"{datetime.fromisoformat(time).astimezone():%H:%M}"


# -- items ---------------------------------------------------------------------------------------


def item_card(item: Item, namespace: Mapping[str, Any], notebook: str, news: str = "") -> Card:
    """Make the card of a tool, resource or prompt that was registered.

    Parameters
    ----------
    item : Tool, Resource or Prompt
        The item.
    namespace : mapping
        The notebook's namespace, in which the name of a tool's executor is looked up.
    notebook : str
        The name under which the notebook is served.
    news : str
        What the registration caused, in sentences.
    """
    description = item.definition.description or ""
    warnings = [*_missing(item), *_unknown_executor(item, namespace)] if isinstance(item, Tool) else []
    return Card(
        _name(item),
        note=_sentences(news, _try(item, notebook)),
        kind=f"MCP {_kind(item)}",
        marks=_marks(item)[1:],
        about=[*filter(None, (_text(item), description))],
        warnings=warnings,
    )


def _kind(item: Item) -> str:
    return type(item).__name__.lower()


def _name(item: Item) -> str:
    return item.uri if isinstance(item, Resource) else item.name


def _text(item: Item) -> str:
    """Return what an item takes and returns, as an assistant gets it."""
    if isinstance(item, Resource):
        return ""
    arguments = arguments_text(item.signature.schema)
    output = item.output if isinstance(item, Tool) else None
    if output is None:
        return arguments
    if output.promise is None:
        return f"{arguments} -> table"
    inner = output.schema["properties"]["result"] if output.wrapped else output.schema
    return f"{arguments} -> {type_text(inner, output.schema)}"


def _marks(item: Item) -> list[str]:
    """Return the kind of an item, a tool's hints and where it runs."""
    if not isinstance(item, Tool):
        return [_kind(item)]
    hints = item.definition.annotations
    said = [word for name, word in _HINTS.items() if getattr(hints, name, None)]
    said += _ASKS[asks_by("marked", hints, item.ask)]
    where = "beside cells" if item.concurrent else "main thread"
    if item.executor is not None:
        where = f"executor {item.executor}" if isinstance(item.executor, str) else "executor"
    stops = [f"stops after {item.timeout:g} s"] if item.timeout else []
    return ["tool", *said, where, *stops]


def _try(item: Item, notebook: str) -> str:
    """Return how to try an item in a terminal; nothing for what deletes, and for templates of URIs."""
    if isinstance(item, Resource):
        words = [] if item.is_template else ["read", notebook, f"'{item.uri}'"]
    else:
        is_tool = isinstance(item, Tool)
        deletes = is_tool and "deletes" in _marks(item)
        required = [f"{name}=..." for name in item.signature.schema.get("required", ())]
        words = [] if deletes else ["call" if is_tool else "prompt", notebook, item.name, *required]
    return f"Try it in a terminal: `jupyter mcp {' '.join(words)}`." if words else ""


def _missing(tool: Tool) -> list[str]:
    """Return what an assistant misses in a tool's definition."""
    said = [] if tool.definition.description else ["No docstring: the assistant sees only the name."]
    untyped = _untyped(tool)
    if untyped:
        verb, what = ("has", "it is") if len(untyped) == 1 else ("have", "they are")
        said.append(f"{' and '.join(untyped)} {verb} no type: {what} sent as anything.")
    return said


def _untyped(tool: Tool) -> list[str]:
    try:
        parameters = signature_of(tool.function).parameters.values()
    except (TypeError, ValueError):
        return []
    names = [each.name for each in parameters if each.annotation is inspect.Parameter.empty]
    return [name for name in names if name != tool.signature.injected]


def _unknown_executor(tool: Tool, namespace: Mapping[str, Any]) -> list[str]:
    name = tool.executor
    if not isinstance(name, str):
        return []
    if name not in namespace:
        close = get_close_matches(name, [each for each in namespace if not each.startswith("_")], n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        return [f"The variable {name!r} does not exist yet: calls fail until it is an executor.{hint}"]
    from ..server.executors import check  # here: it imports multiprocessing

    try:
        check(namespace[name], tool.function)
    except ValueError:
        kind = type(namespace[name]).__name__
        return [f"{name!r} is a variable of type {kind}: calls fail until it is an executor."]
    return []


def _sentences(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _resources(server: FastMCP) -> list[Resource]:
    """Return the resources to show: all but the status, which every notebook has, and one for each variable,
    which has templates too.
    """
    seen: dict[str, Resource] = {}
    for uri, resource in server.resources.items():
        if uri != STATUS_URI:
            seen.setdefault(resource.definition.name if uri.startswith("notebook://") else uri, resource)
    return list(seen.values())


def shown_resources(server: FastMCP) -> list[str]:
    """Return the URIs of the resources to show and to count, in the status and in the panel."""
    return [resource.uri for resource in _resources(server)]
