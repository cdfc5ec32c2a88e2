# SPDX-License-Identifier: BSD-3-Clause
"""Serve the constant tools `find_tools`, `use_tool` and `read_more` of one server.

A call of `use_tool` becomes a call of the inner tool first, and then runs, asks and fails as that tool.
`read_more` reads a resource as `resources/read` does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ... import types
from ...errors import McpError, OutOfScope, ToolError
from ...protocol.frames import dumps, parse_trusted
from ...protocol.rights import Mode
from ..constant_tools import (
    FIND_TOOLS,
    USE_TOOL,
    found_tools,
    inner_call,
    needed,
    part_of,
    query_in,
    split_uri,
    unreadable,
    uri_in,
)
from ..context import RequestContext
from .catalog import Catalog

__all__ = ["ConstantTools"]

Call = Callable[[RequestContext, types.CallToolRequestParams], Awaitable[types.CallToolResult]]
Read = Callable[[RequestContext, types.ReadResourceRequestParams], Awaitable[types.ReadResourceResult]]


class ConstantTools:
    """The constant tools of one server.

    Parameters
    ----------
    catalog : Catalog
        The tools to find. A tool in it hides a constant tool of the same name.
    read : async callable
        Answers `resources/read`.

    Attributes
    ----------
    mode : "yes", "no" or "auto"
        Whether clients get them; "auto": those whose host needs them. A standalone server has "no", a
        notebook "auto". May be changed at any time.
    preface : callable
        Returns the first line of an answer of `find_tools`, for hosts that show few or no instructions; may
        be empty.
    """

    def __init__(self, catalog: Catalog, read: Read) -> None:
        self.mode: Mode = "no"
        self.preface: Callable[[RequestContext], str] = lambda request: ""
        self._catalog = catalog
        self._read = read

    def listed(self, request: RequestContext) -> dict[str, types.Tool]:
        """Return the constant tools that a client's list of tools has in addition to the user's tools."""
        found = needed(self._mode(request), request.profile)
        return {name: tool for name, tool in found.items() if name not in self._catalog.tools}

    def has(self, name: str, request: RequestContext) -> bool:
        """Tell whether a client's list of tools has the constant tool of this name."""
        mode = self._mode(request)
        return mode != "no" and name not in self._catalog.tools and name in needed(mode, request.profile)

    async def answer(
        self, request: RequestContext, params: types.CallToolRequestParams, call: Call
    ) -> types.CallToolResult:
        """Answer a `tools/call` of a constant tool, or of a user's tool with the name of one.

        Parameters
        ----------
        call : async callable
            Calls one of the server's own tools.

        Raises
        ------
        McpError
            What `call` raises; `OutOfScope` if the sender may not use the inner tool or the resource.
        """
        name = params.name
        if name in self._catalog.tools or self._mode(request) == "no":
            _require(request.rights.may_call(name), "tool")  # the HTTP front let it pass as a constant tool
            return await call(request, params)
        try:
            if name == USE_TOOL:
                inner, arguments = inner_call(params.arguments)
            elif name == FIND_TOOLS:
                return _text(self._found(request, query_in(params.arguments)))
            else:
                return _text(await self._part(request, uri_in(params.arguments)))
        except ToolError as exc:
            return types.CallToolResult(content=[types.TextContent(text=str(exc))], isError=True)
        _require(request.rights.may_call(inner), "tool")
        request.delegate()
        return await call(request, params.model_copy(update={"name": inner, "arguments": arguments}))

    def _mode(self, request: RequestContext) -> Mode:
        return request.rights.constant_tools or self.mode

    def _found(self, request: RequestContext, query: str) -> str:
        may_call = request.rights.may_call
        own = [tool.definition for name, tool in self._catalog.tools.items() if may_call(name)]
        tools: list[dict[str, Any]] = parse_trusted(dumps(own))
        preface = self.preface(request)
        said = found_tools(query, tools, request.profile.text_chars - len(preface))
        return f"{preface}\n{said}" if preface else said

    async def _part(self, request: RequestContext, uri: str) -> str:
        uri, start = split_uri(uri)
        _require(request.rights.may_read(uri), "resource")
        try:
            result = await self._read(request, types.ReadResourceRequestParams(uri=uri))
            contents = parse_trusted(dumps(result.contents))
            return part_of(contents, uri, start, request.profile)
        except (McpError, ToolError) as exc:
            may_read = request.rights.may_read
            known = [item.uri for item in self._catalog.resources.values() if item.listed]
            raise unreadable(uri, str(exc), [uri for uri in known if may_read(uri)]) from None


def _require(is_allowed: bool, kind: str) -> None:
    if not is_allowed:
        raise OutOfScope(kind)


def _text(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)])
