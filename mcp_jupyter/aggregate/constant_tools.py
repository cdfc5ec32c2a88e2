# SPDX-License-Identifier: BSD-3-Clause
"""`find_tools`, `use_tool` and `read_more` at the hub: one set for all notebooks, in its names and URIs.

A call of `use_tool` becomes a call of the inner tool. That finds its notebook, and is allowed or refused, as
any other. What a scope does not show is neither found nor listed in an error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..engine.connection import InboundRequest
from ..errors import McpError, ToolError
from ..protocol.eras import Era
from ..protocol.frames import dumps, parse_trusted
from ..protocol.rights import Mode, Rights
from ..server.constant_tools import (
    FIND_TOOLS,
    USE_TOOL,
    inner_call,
    is_name,
    needed,
    part_of,
    query_in,
    split_uri,
    unreadable,
    uri_in,
)
from ..server.host_profiles import HostProfile
from ..server.tool_search import found_tools
from .index import Index
from .scope import Scope, sees

__all__ = ["answer", "listed", "rights_at"]

Read = Callable[[str], Awaitable[Mapping[str, Any]]]
"""Reads a URI of the hub: gives a `resources/read` result."""


def listed(mode: Mode, profile: HostProfile, index: Index, scope: Scope) -> list[dict[str, Any]]:
    """The definitions that a host's list of tools has beside those of the notebooks."""
    tools: list[dict[str, Any]] = parse_trusted(dumps([*needed(mode, profile).values()]))
    taken = _names(index, scope)
    return [tool for tool in tools if sees(scope, "tools", tool) and tool["name"] not in taken]


async def answer(
    call: InboundRequest, era: Era, profile: HostProfile, index: Index, scope: Scope, read: Read
) -> dict[str, Any] | None:
    """Answer a call of a constant tool; None for a call to pass on, which `use_tool` has become.

    Parameters
    ----------
    call : InboundRequest
        A `tools/call`. One of `use_tool` is changed: it is the inner tool's from then on.
    read : async callable
        Reads a URI, as far as the scope allows.
    """
    name, arguments = call.params.get("name"), call.params.get("arguments")
    if not is_name(name) or name in _names(index, scope):
        return None
    arguments = arguments if isinstance(arguments, Mapping) else {}
    try:
        if name == USE_TOOL:
            inner, given = inner_call(arguments)
            call.params = {**call.params, "name": inner, "arguments": given}
            if era.rounds:
                call.headers = None  # they are those of `use_tool`
            return None
        if name == FIND_TOOLS:
            tools = index.listed("tools/list", scope)["tools"]
            return _text(found_tools(query_in(arguments), tools, profile.text_chars))
        return _text(await _part(uri_in(arguments), index, scope, profile, read))
    except ToolError as exc:
        return {**_text(str(exc)), "isError": True}


def rights_at(method: str, params: Mapping[str, Any], mode: Mode) -> Rights | None:
    """What a notebook must know of the rights of a request's sender, which the hub has checked.

    A user's tool may have the name of one of the notebook's constant tools. Those are not for
    the hub's hosts: the hub has its own.
    """
    name = params.get("name")
    if method != "tools/call" or not isinstance(name, str) or (mode == "auto" and not is_name(name)):
        return None
    return Rights((name,), constant_tools=mode)  # a result that is cut says whether read_more is there


async def _part(uri: str, index: Index, scope: Scope, profile: HostProfile, read: Read) -> str:
    uri, start = split_uri(uri)
    try:
        contents = (await read(uri)).get("contents")
        return part_of(contents if isinstance(contents, list) else [], uri, start, profile)
    except (McpError, ToolError) as exc:
        known = [item["uri"] for item in index.listed("resources/list", scope)["resources"]]
        raise unreadable(uri, str(exc), known) from None


def _names(index: Index, scope: Scope) -> set[str]:
    """What notebooks' own tools are called: the tool `tool` of a notebook `use` is `use_tool`."""
    return {tool["name"] for tool in index.listed("tools/list", scope)["tools"]}


def _text(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}]}
