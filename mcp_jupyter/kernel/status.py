# SPDX-License-Identifier: BSD-3-Clause
"""Show what a notebook serves as a card: after `%load_ext`, for `%mcp_status`, and under a tool's cell."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from .._ipython.cards import Card, signature_text, unhinted
from .._util.text import safe_line, shorten
from ..protocol.frames import dumps
from ..server.fastmcp import FastMCP
from ..server.fastmcp.tools import Tool
from .journal import Entry
from .variables import STATUS_URI

__all__ = ["CANNOT_SERVE", "calls_card", "loaded_card", "shown_resources", "status_card", "tool_line"]

CANNOT_SERVE: Final = "Plain IPython cannot serve tools. Start `jupyter console`, or use FastMCP in a script."


_TOLD: Final = "`%mcp_status --instructions` shows what assistants are told about the notebook."


def loaded_card(name: str | None = None, name_note: str = "", unreachable: str = "") -> Card:
    """Make the card of `%load_ext`. It is the same for one name, so that a stored output compares equal.

    Parameters
    ----------
    name : str or None
        The name under which the notebook is served; None in plain IPython.
    name_note : str
        Why the name differs from the one that the user expects; else empty.
    unreachable : str
        Why the notebook's Jupyter Server cannot reach the kernel, and how to connect; empty when it can.
    """
    if name is None:
        return Card("MCP client", note=f"{CANNOT_SERVE} `%mcp_connect` works here too.")
    connect = f"To connect an assistant, run `jupyter mcp connect {name}` in a terminal."
    return Card(f"MCP server {name}", note=_sentences(name_note, unreachable or connect))


def status_card(name: str, name_note: str, server: FastMCP, unreachable: str = "") -> Card:
    """Make the card of `%mcp_status`; the parameters are those of `loaded_card`, and the server."""
    lines = [
        *(
            (tool.name, f"tool {signature_text(tool.function)}", *_properties(tool))
            for tool in server.tools.values()
        ),
        *((uri, "resource") for uri in shown_resources(server)),
        *((prompt.name, f"prompt {signature_text(prompt.function)}") for prompt in server.prompts.values()),
    ]
    note = _TOLD if lines else "Nothing is served yet: put %%mcp_tool over a cell that defines a function."
    return Card(f"MCP server {name}", lines, _sentences(name_note, unreachable, note))


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
    lines = [_call_line(entry, versions) for entry in reversed(entries)]
    return Card("MCP calls", lines, "" if lines else "No client has had this notebook do anything yet.")


def _call_line(entry: Entry, versions: Mapping[str, int]) -> tuple[str, ...]:
    when = time.strftime("%H:%M:%S", time.localtime(entry.time))
    given = ", ".join(f"{name}={_brief(value)}" for name, value in entry.arguments.items())
    who = " ".join(filter(None, (entry.host or "a client", entry.version)))
    said = [
        f"{when} {who} ({entry.principal}), {_ending(entry)}",
        f"{shorten(given, ARGUMENTS_CHARS)} → {shorten(safe_line(entry.answer or ''), ANSWER_CHARS)}",
    ]
    if changed := entry.changed(versions):
        said.append(f"{' and '.join(changed)} changed after this answer")
    kind = "" if entry.kind == "tool" else f"{entry.kind} "
    return f"{_SIGNS[entry.result]} {entry.id} {kind}{entry.name}", *said


def _ending(entry: Entry) -> str:
    if entry.result is None:
        return "waits for your approval" if entry.state == "asking" else entry.state
    took = f"{entry.ran * 1000:.0f} ms" if entry.ran < 1 else f"{entry.ran:.1f} s"
    return f"{entry.result}, {took}, {entry.characters:,} characters"


def _brief(value: Any) -> str:
    return safe_line(value if isinstance(value, str) else dumps(value).decode(), ARGUMENTS_CHARS)


def tool_line(tool: Tool, executors: Mapping[str, Any]) -> tuple[str, ...]:
    """Make a tool's line in the card of its cell: what clients see, and what its definition lacks.

    Parameters
    ----------
    tool : Tool
        The tool.
    executors : mapping
        The notebook's namespace, in which the name of the tool's executor is looked up.

    Returns
    -------
    tuple of str
        The name, and the texts beside it.
    """
    description = tool.definition.description
    told = [signature_text(tool.function), *([description] if description else []), *_properties(tool)]
    return tool.name, *told, *_missing(tool), *_unknown_executor(tool, executors)


def _properties(tool: Tool) -> list[str]:
    """Return the tool's hints and settings in the words of the options: one line, or an empty list."""
    hints = tool.definition.annotations
    said = {
        "read-only": hints and hints.readOnlyHint,
        "destructive": hints and hints.destructiveHint,
        "idempotent": hints and hints.idempotentHint,
        "open-world": hints and hints.openWorldHint,
        "concurrent": tool.concurrent,
        f"executor {tool.executor}": isinstance(tool.executor, str),
        f"timeout {tool.timeout:g} s" if tool.timeout else "": tool.timeout,
    }
    words = ", ".join(word for word, is_so in said.items() if is_so)
    return [words] if words else []


def _missing(tool: Tool) -> list[str]:
    injected = tool.signature.injected
    names = ", ".join(name for name in unhinted(tool.function) if name != injected)
    if not tool.definition.description:
        what = f"No docstring, and no type hints for {names}" if names else "No docstring"
        return [f"{what}: assistants can only guess what it does."]
    return [f"No type hints for {names}: assistants can only guess its arguments."] if names else []


def _unknown_executor(tool: Tool, executors: Mapping[str, Any]) -> list[str]:
    name = tool.executor
    if not isinstance(name, str):
        return []
    if name not in executors:
        close = get_close_matches(name, [each for each in executors if not each.startswith("_")], n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        return [f"The variable {name!r} does not exist yet: calls fail until it is an executor.{hint}"]
    from ..server.executors import check  # here: it imports multiprocessing

    try:
        check(executors[name], tool.function)
    except ValueError:
        kind = type(executors[name]).__name__
        return [f"{name!r} is a variable of type {kind}: calls fail until it is an executor."]
    return []


def _sentences(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def shown_resources(server: FastMCP) -> list[str]:
    """Return the URIs to show: all but the status, which every notebook has, and one for each variable,
    which has templates too.
    """
    seen: dict[str, str] = {}
    for uri, resource in server.resources.items():
        if uri == STATUS_URI:
            continue
        seen.setdefault(resource.definition.name if uri.startswith("notebook://") else uri, uri)
    return list(seen.values())
