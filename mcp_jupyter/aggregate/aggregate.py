# SPDX-License-Identifier: BSD-3-Clause
"""The MCP server of all live notebooks: a low-level server whose handlers forward requests to notebooks.

Lists come from the catalog. Every other request goes to the notebook that its name, URI or task id belongs
to, and the notebook's result comes back with the names of this server. The rounds and tasks of a call stay
with the notebook: `requestState` and `inputResponses` pass unchanged. A principal sees only what is in its
scope (`Scope`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup

from .._util.tasks import guarded
from .._version import __version__
from ..engine.channel import Channel, memory_pair
from ..errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    ConnectionClosed,
    McpError,
    McpJupyterError,
    ToolError,
    UnknownName,
)
from ..ipc.discovery import Discovery
from ..protocol.frames import dumps, parse_trusted
from ..protocol.methods import FORGET_SENDER
from ..protocol.rights import Mode, Rights, is_kept_result
from ..server.constant_tools import (
    FIND_TOOLS,
    USE_TOOL,
    found_tools,
    inner_call,
    is_name,
    needed,
    part_of,
    query_in,
    split_uri,
    unreadable,
    uri_in,
)
from ..server.context import RequestContext
from ..server.host_profiles import HostProfile
from ..server.lowlevel.server import NotificationOptions, Server
from ..types import RequestParams
from .catalog import AWAY_SECONDS, LISTS, Catalog, Index, Target
from .names import aggregate_uri
from .notebook import Notebook
from .scope import EVERYTHING, Scope, sees
from .session import AggregateSession, quietly

__all__ = ["Aggregate"]

KEPT_SECONDS: Final = 30.0
"""Seconds for all notebooks to say whether a result is theirs. A busy one must not delay the answer."""

_INSTRUCTIONS: Final = (
    "The live Jupyter notebooks of this user. Names begin with the notebook's, as in "
    "NOTEBOOK_TOOL; each runs in its own kernel. Notebooks come and go: list again when a list has changed.\n"
    "A result that is cut ends in a line that says how to read on."
)
_FORWARDED: Final = (
    "prompts/get",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "completion/complete",
)


class Aggregate(Server[None]):
    """All live notebooks as one server; call `serve` within `running`, as for any server.

    Parameters
    ----------
    discovery : Discovery
        Finds live kernels.
    scope_of : callable, optional
        Returns what a sender (`Message.sender`) may see and call; called at each request. Without it, every
        sender may use everything.
    away_seconds : float
        Seconds after which a kernel that went away is given up.
    constant_tools : "yes", "no" or "auto"
        Whether hosts get `find_tools`, `use_tool` and `read_more`; with "auto", the hosts that need them.
    """

    def __init__(
        self,
        discovery: Discovery,
        scope_of: Callable[[str], Scope] = lambda sender: EVERYTHING,
        away_seconds: float = AWAY_SECONDS,
        constant_tools: Mode = "no",
    ) -> None:
        super().__init__(
            "mcp-jupyter-hub", __version__, _INSTRUCTIONS, self._following, title="Jupyter notebooks"
        )
        self.notification_options = NotificationOptions(True, True, True)
        self.catalog = Catalog(discovery, away_seconds, self.changed, self._leave)
        self.scope_of = scope_of
        self._constant_tools: Mode = constant_tools
        self._open_sessions: set[AggregateSession] = set()
        self._group: TaskGroup | None = None
        for method in LISTS:
            self.add_handler(method, RequestParams, self._list)
        for method in _FORWARDED:
            self.add_handler(method, RequestParams, self._forward_unchanged)
        self.add_handler("tools/call", RequestParams, self._call_tool)
        self.add_handler(FORGET_SENDER, RequestParams, self._forget_sender)

    # -- life ----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _following(self) -> AsyncIterator[None]:
        try:
            async with self.catalog.following() as self._group:
                yield
        finally:
            self._group = None

    async def serve(self, channel: Channel) -> None:
        """Run one session until it is closed; call it within `running`."""
        session = AggregateSession(self, channel)
        self._open_sessions.add(session)
        try:
            await self._serve_session(session)
        finally:
            self._open_sessions.discard(session)

    async def open(self) -> Channel:
        """Return a channel to a new session; the channel is not yet started.

        Raises
        ------
        ConnectionClosed
            Outside of `running`.
        """
        if self._group is None:
            raise ConnectionClosed("The endpoint of all notebooks does not run.")
        ours, theirs = memory_pair()
        self._group.start_soon(guarded, "A session with all notebooks", self.serve, theirs)
        return ours

    def _leave(self, kernel_id: str) -> None:
        for session in self._open_sessions:
            session.leave(kernel_id)

    # -- handlers ------------------------------------------------------------------------------------

    async def answer_in_rounds(self, method: str, params: Mapping[str, Any], context: RequestContext) -> Any:
        """Answer one round of a call. The notebook keeps the call between its rounds."""
        return await self.answer(method, params, context)

    async def answer_about_task(self, params: Mapping[str, Any], context: RequestContext) -> Any:
        """Answer a request about a task, which its notebook keeps."""
        return await self._forward(context, context.method, params)

    async def _list(self, context: RequestContext, params: RequestParams) -> dict[str, Any]:
        if context.call.params.get("cursor") is not None:
            raise McpError(INVALID_PARAMS, "Unknown cursor: this list has one page.")
        index, scope = await self.catalog.fresh(), self.scope_of(context.sender)
        found = index.listed(context.method, scope, context.profile)
        if context.method == "tools/list":
            found["tools"] += listed(self._constant_tools, context.profile, index, scope)
        return found

    async def _call_tool(self, context: RequestContext, params: RequestParams) -> Any:
        if self._constant_tools != "no" and is_name(context.call.params.get("name")):
            index, read = await self.catalog.fresh(), partial(self._read, context)
            answered = await answer(context, index, self.scope_of(context.sender), read)
            if answered is not None:
                return answered
        return await self._forward(context, context.method, context.call.params)

    async def _forward_unchanged(self, context: RequestContext, params: RequestParams) -> Any:
        return await self._forward(context, context.method, context.call.params)

    async def _forget_sender(self, context: RequestContext, params: RequestParams) -> dict[str, Any]:
        """Tell each notebook to give up what it keeps for the sender."""
        call = context.call

        async def forget(notebook: Notebook) -> None:
            upstream = await _session(context).upstream(notebook, context.era)
            await upstream.forward(call, call.method, call.params, call.notify)

        async with anyio.create_task_group() as tasks:
            for notebook in self.catalog.index.notebooks(EVERYTHING):
                tasks.start_soon(quietly, partial(forget, notebook))
        return {}

    # -- forwarding ----------------------------------------------------------------------------------

    async def _forward(self, context: RequestContext, method: str, params: Mapping[str, Any]) -> Any:
        """Forward a request to the notebook that it names, and return the result with this server's names."""
        if method == "resources/read" and is_kept_result(str(params.get("uri"))):
            return await self._read_kept(context, params)
        target = await self._target(context, method, params)
        notebook, rewriting, call = target.notebook, target.notebook.rewriting, context.call
        call.rights = rights_at(method, target.params, self._constant_tools)

        def heard(method: str, params: Mapping[str, Any]) -> None:
            call.notify(method, rewriting.notification(params))

        try:
            upstream = await _session(context).upstream(notebook, context.era)
            return rewriting.result(method, await upstream.forward(call, method, target.params, heard))
        except McpError as exc:
            unknown = UnknownName.of(exc.data)
            if unknown is None:
                raise
            raise self.catalog.index.unknown(unknown, notebook, self.scope_of(context.sender)) from None
        except McpJupyterError as exc:
            raise McpError(INTERNAL_ERROR, f"Notebook {notebook.label!r}: {exc}") from None

    async def _target(self, context: RequestContext, method: str, params: Mapping[str, Any]) -> Target:
        wanted = method, params, self.scope_of(context.sender), context.era
        try:
            return self.catalog.index.target(*wanted)
        except McpError:  # the notebook may be new
            index = await self.catalog.fresh()
            return index.target(*wanted)

    async def _read(self, context: RequestContext, uri: str) -> Mapping[str, Any]:
        """Read a URI as part of another request."""
        meta = context.call.params.get("_meta")
        params = {"uri": uri} if meta is None else {"uri": uri, "_meta": meta}
        result: Mapping[str, Any] = await self._forward(context, "resources/read", params)
        return result

    async def _read_kept(self, context: RequestContext, params: Mapping[str, Any]) -> Any:
        """Read a kept result by its notebook's own URI, which the text of a result contains.

        The URI does not say which notebook it belongs to, so all are asked.
        """
        found: list[Any] = []

        async def ask(notebook: Notebook) -> None:
            uri = aggregate_uri(notebook.label, params["uri"])
            with suppress(McpError):
                found.append(await self._forward(context, "resources/read", {**params, "uri": uri}))
                tasks.cancel_scope.cancel()

        with anyio.move_on_after(KEPT_SECONDS):
            async with anyio.create_task_group() as tasks:
                for notebook in self.catalog.index.notebooks(self.scope_of(context.sender)):
                    tasks.start_soon(ask, notebook)
        if not found:
            raise context.era.resource_not_found(params["uri"])
        return found[0]


def _session(context: RequestContext) -> AggregateSession:
    session = context.server_session
    assert isinstance(session, AggregateSession), "`serve` makes no other"
    return session


# -- constant tools ------------------------------------------------------------------------------
#
# `find_tools`, `use_tool` and `read_more`: one set for all notebooks, with the names and URIs of this server.
#
# A call of `use_tool` becomes a call of the inner tool, with the same checks as any call. Tools outside of
# the scope are neither found nor listed in an error.

Read = Callable[[str], Awaitable[Mapping[str, Any]]]
"""Reads a `hub://` URI and returns the `resources/read` result."""


def listed(mode: Mode, profile: HostProfile, index: Index, scope: Scope) -> list[dict[str, Any]]:
    """Return the constant tools for a host's list of tools."""
    tools: list[dict[str, Any]] = parse_trusted(dumps([*needed(mode, profile).values()]))
    taken = _names(index, scope)
    return [tool for tool in tools if sees(scope, "tools", tool) and tool["name"] not in taken]


async def answer(context: RequestContext, index: Index, scope: Scope, read: Read) -> dict[str, Any] | None:
    """Answer a call of a constant tool; return None for calls to forward, including those of `use_tool`.

    Parameters
    ----------
    context : RequestContext
        The context of a `tools/call` with the name of a constant tool.
    read : async callable
        Reads a URI within the scope.
    """
    call = context.call
    name, arguments = call.params["name"], call.params.get("arguments")
    if name in _names(index, scope):
        return None
    arguments = arguments if isinstance(arguments, Mapping) else {}
    try:
        if name == USE_TOOL:
            inner, given = inner_call(arguments)
            call.params = {**call.params, "name": inner, "arguments": given}
            context.delegate()
            return None
        if name == FIND_TOOLS:
            tools = index.listed("tools/list", scope)["tools"]
            return _text(found_tools(query_in(arguments), tools, context.profile.text_chars))
        return _text(await _part(uri_in(arguments), index, scope, context.profile, read))
    except ToolError as exc:
        return {**_text(str(exc)), "isError": True}


def rights_at(method: str, params: Mapping[str, Any], mode: Mode) -> Rights | None:
    """Return the rights that a notebook must know; they have been checked here.

    A user's tool may have the name of one of the notebook's constant tools. Hosts of this server do not get
    those, because this server has its own.
    """
    name = params.get("name")
    if method != "tools/call" or not isinstance(name, str) or (mode == "auto" and not is_name(name)):
        return None
    return Rights((name,), constant_tools=mode)  # the mode tells whether a cut result may mention read_more


async def _part(uri: str, index: Index, scope: Scope, profile: HostProfile, read: Read) -> str:
    uri, start = split_uri(uri)
    try:
        contents = (await read(uri)).get("contents")
        return part_of(contents if isinstance(contents, list) else [], uri, start, profile)
    except (McpError, ToolError) as exc:
        known = [item["uri"] for item in index.listed("resources/list", scope)["resources"]]
        raise unreadable(uri, str(exc), known) from None


def _names(index: Index, scope: Scope) -> set[str]:
    """Return the names of notebooks' own tools: a tool `tool` of a notebook `use` is called `use_tool`."""
    return {tool["name"] for tool in index.listed("tools/list", scope)["tools"]}


def _text(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}]}
