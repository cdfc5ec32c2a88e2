# SPDX-License-Identifier: BSD-3-Clause
"""One conversation of a host with the hub, in either era.

Owns what the conversation remembers (legacy: version, introduction, log level; modern: open
`subscriptions/listen` requests) and its ways to notebooks. Answers what is about all of them; everything
else it passes on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio.abc import TaskGroup

from .. import types
from .._util.tasks import owned_tasks
from .._util.text import safe_line
from .._version import __version__
from ..engine.channel import Channel
from ..engine.connection import Connection, InboundRequest
from ..errors import McpError, McpJupyterError, ToolError, UnknownName
from ..ipc.reconnecting_channel import ResumingLink
from ..protocol import codes
from ..protocol.eras import CLIENT_INFO, TASKS_EXTENSION, Era, is_modern, modern_era, negotiate
from ..protocol.frames import Notification, RequestId, dumps, parse_trusted
from ..protocol.methods import FORGET_SENDER, METHODS, MODERN_VERSIONS
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
from ..server.context import LOG_LEVELS
from ..server.host_profiles import HostProfile, profile_of
from ..server.models import parameters
from .catalog import LIST_SECONDS, LISTS, Index, Notebook, Target
from .names import Rewriting, hub_uri
from .scope import EVERYTHING, Scope, sees
from .upstream import Listener, Part, Reach

if TYPE_CHECKING:
    from .aggregate import Hub

__all__ = [
    "Conversation",
    "answer",
    "listed",
    "rights_at",
]


BACK_SECONDS: Final = 5.0
"""For a notebook that is listed again: a conversation's own link to it finds it a moment later."""

KEPT_SECONDS: Final = 30.0
"""For all notebooks to say whether a result is theirs. A busy one must not hold up the answer for ever."""

_INFO: Final = {"name": "mcp-jupyter-hub", "title": "Jupyter notebooks", "version": __version__}
_INTRODUCTION: Final[Mapping[str, Any]] = {
    "capabilities": {
        "tools": {"listChanged": True},
        "prompts": {"listChanged": True},
        "resources": {"subscribe": True, "listChanged": True},
        "completions": {},
        "logging": {},
    },
    "instructions": "The live Jupyter notebooks of this user. Names begin with the notebook's, as in "
    "NOTEBOOK_TOOL; each runs in its own kernel. Notebooks come and go: list again when a list has changed.\n"
    "A result that is cut ends in a line that says how to read on.",
}
_STANDARD: Final = frozenset(method.name for method in METHODS)
_OPENING: Final = frozenset({"initialize", "ping"})
_UNRELATED: Final = frozenset(
    {
        "notifications/message",
        "notifications/resources/updated",
        "notifications/elicitation/complete",
        "notifications/progress",
    }
)
"""What a notebook says outside of any request, and the host hears. Changes of lists are the catalogue's."""


class Conversation:
    """One conversation with one host.

    Parameters
    ----------
    hub : Hub
        Knows the notebooks.
    channel : Channel
        To the host; not yet started.
    """

    def __init__(self, hub: Hub, channel: Channel) -> None:
        self._hub = hub
        self._connection = Connection(channel, self)
        self._tasks: TaskGroup | None = None
        self._era: Era | None = None
        self._used = False  # a gateway opens a session, and its client then opens it again
        self._opening: Mapping[str, Any] = {}
        self._level: str | None = None
        self._listeners: set[Listener] = set()
        self._reaches: dict[tuple[str, str], Reach] = {}  # by kernel id and version
        self._links: dict[tuple[str, str], ResumingLink] = {}
        self._opened: dict[tuple[str, str], anyio.Lock] = {}

    async def serve(self) -> None:
        """Run it until it is closed."""
        async with owned_tasks() as self._tasks:
            await self._connection.serve()

    def announce(self, kind: str) -> None:
        """Tell the host that a list ("tools", "resources", "prompts") changed."""
        method = f"notifications/{kind}/list_changed"
        if self._era is not None:
            self._connection.notify(method, {})
        for listener in self._listeners:
            if kind in listener.kinds:
                listener.tell(method, {})

    def leave(self, kernel_id: str) -> None:
        """End the ways to a notebook that is gone for good."""
        for key in [key for key in self._reaches if key[0] == kernel_id]:
            self._reaches.pop(key).close()
            del self._links[key], self._opened[key]

    # -- the connection's handler ------------------------------------------------------------------

    def notification(self, notification: Notification) -> None:
        """Pass on what notebooks may want to know."""
        if notification.method == "notifications/roots/list_changed":
            for reach in self._legacy_reaches():
                reach.notify(notification.method, notification.params)

    async def request(self, call: InboundRequest) -> Any:
        """Answer one request by the rules of the era it was made in, or pass it on."""
        era = modern_era(call.params) if is_modern(call.method, call.params) else self._legacy_era(call)
        of_era = call.method in era.client_requests or call.method in era.task_requests
        if call.method in _STANDARD and not of_era:
            raise McpError(codes.METHOD_NOT_FOUND, f"There is no method {safe_line(call.method)!r}.")
        own = _OWN.get(call.method)
        answer = await (own or Conversation._of_tool)(self, call, era)
        if answer is None:
            return await self._pass_on(call, era, call.method, call.params)
        return era.complete(call.method, answer, _INFO)

    def _legacy_era(self, call: InboundRequest) -> Era:
        if self._era is None and call.method not in _OPENING:
            raise McpError(codes.INVALID_REQUEST, "Send initialize before any other request.")
        if self._era is None or (call.method == "initialize" and not self._used):
            return negotiate(call.params.get("protocolVersion"))
        if call.method == "initialize":
            raise McpError(codes.INVALID_REQUEST, "This session is initialized already.")
        self._used = self._used or call.method not in _OPENING
        return self._era

    def _scope(self, call: InboundRequest) -> Scope:
        return self._hub.scope_of(call.sender)

    # -- what is about all notebooks ---------------------------------------------------------------

    async def _initialize(self, call: InboundRequest, era: Era) -> dict[str, Any]:
        parameters(types.InitializeRequestParams, call.params)
        self._era, self._opening = era, call.params
        return {"protocolVersion": era.version, **_INTRODUCTION, "serverInfo": _INFO}

    async def _discover(self, call: InboundRequest, era: Era) -> dict[str, Any]:
        capabilities = {**_INTRODUCTION["capabilities"], "extensions": {TASKS_EXTENSION: {}}}
        return {"supportedVersions": list(MODERN_VERSIONS), **_INTRODUCTION, "capabilities": capabilities}

    async def _ping(self, call: InboundRequest, era: Era) -> dict[str, Any]:
        return {}

    async def _list(self, call: InboundRequest, era: Era) -> dict[str, Any]:
        if call.params.get("cursor") is not None:
            raise McpError(codes.INVALID_PARAMS, "There is one page only: send no cursor.")
        index, scope = await self._hub.fresh(), self._scope(call)
        profile = self._profile(call, era)
        found = index.listed(call.method, scope, profile)
        if call.method == "tools/list":
            found["tools"] += listed(self._hub.constant_tools, profile, index, scope)
        return found

    async def _set_level(self, call: InboundRequest, era: Era) -> dict[str, Any]:
        level = call.params.get("level")
        if level not in LOG_LEVELS:
            raise McpError(codes.INVALID_PARAMS, f"level must be one of {', '.join(LOG_LEVELS)}.")
        self._level = level
        async with anyio.create_task_group() as tasks:
            for reach in self._legacy_reaches():
                tasks.start_soon(_quietly, partial(reach.set_level, level))
        return {}

    async def _forget(self, call: InboundRequest, era: Era) -> dict[str, Any]:
        """Have each notebook give up what it keeps for the sender."""

        async def forget(notebook: Notebook) -> None:
            reach = await self._reach(notebook, era)
            await reach.request(call, call.method, call.params, call.notify)

        async with anyio.create_task_group() as tasks:
            for notebook in self._hub.index.notebooks(EVERYTHING):
                tasks.start_soon(_quietly, partial(forget, notebook))
        return {}

    async def _listen(self, call: InboundRequest, era: Era) -> dict[str, Any]:
        wanted = call.params.get("notifications")
        if not isinstance(wanted, dict):
            raise McpError(codes.INVALID_PARAMS, "params.notifications must be an object.")
        listener = Listener(call, wanted)
        parts = listener.parts(await self._hub.fresh(), self._scope(call))
        async with owned_tasks() as tasks:
            for part in parts:
                tasks.start_soon(_quietly, partial(self._listen_at, part.notebook, part, call, era))
            with anyio.move_on_after(LIST_SECONDS):
                for part in parts:
                    await part.acknowledged.wait()
            listener.acknowledge(parts)
            self._listeners.add(listener)
            try:
                await self._hub.stopping()
            finally:
                self._listeners.discard(listener)
        return {"_meta": listener.mark}

    async def _listen_at(self, notebook: Notebook, part: Part, call: InboundRequest, era: Era) -> None:
        try:
            reach = await self._reach(notebook, era)
            await reach.request(call, call.method, {**call.params, "notifications": part.wanted}, part.hear)
        finally:
            part.acknowledged.set()

    async def _of_tool(self, call: InboundRequest, era: Era) -> dict[str, Any] | None:
        """Answer a call of a constant tool; None for every other request."""
        is_meant = call.method == "tools/call" and is_name(call.params.get("name"))
        if not is_meant or self._hub.constant_tools == "no":
            return None
        index, read = await self._hub.fresh(), partial(self._read, call, era)
        wanted = self._profile(call, era), index, self._scope(call), read
        return await answer(call, era, *wanted)

    def _profile(self, call: InboundRequest, era: Era) -> HostProfile:
        return profile_of(call.meta.get(CLIENT_INFO) if era.rounds else self._opening.get("clientInfo"))

    # -- what is for one ---------------------------------------------------------------------------

    async def _read(self, call: InboundRequest, era: Era, uri: str) -> Mapping[str, Any]:
        """Read a URI in the course of another request."""
        meta = call.params.get("_meta")
        params = {"uri": uri} if meta is None else {"uri": uri, "_meta": meta}
        result: Mapping[str, Any] = await self._pass_on(call, era, "resources/read", params)
        return result

    async def _pass_on(self, call: InboundRequest, era: Era, method: str, params: Mapping[str, Any]) -> Any:
        if method == "resources/read" and is_kept_result(str(params.get("uri"))):
            return await self._pass_on_kept(call, era, params)
        target = await self._target(call, era, method, params)
        words = Rewriting(target.notebook.label, target.notebook.kernel_id)
        call.rights = rights_at(method, target.params, self._hub.constant_tools)

        def hear(method: str, params: Mapping[str, Any]) -> None:
            call.notify(method, words.notice(params))

        try:
            reach = await self._reach(target.notebook, era)
            return words.result(method, await reach.request(call, method, target.params, hear))
        except McpError as exc:
            unknown = UnknownName.of(exc.data)
            if unknown is None:
                raise
            raise self._hub.index.unknown(unknown, target.notebook, self._scope(call)) from None
        except McpJupyterError as exc:
            raise McpError(codes.INTERNAL_ERROR, f"Notebook {target.notebook.label!r}: {exc}") from None

    async def _pass_on_kept(self, call: InboundRequest, era: Era, params: Mapping[str, Any]) -> Any:
        """Read a result by its notebook's own URI, as the text of a result names it: of all, one has it."""
        found: list[Any] = []

        async def ask(notebook: Notebook) -> None:
            uri = hub_uri(notebook.label, params["uri"])
            with suppress(McpError):
                found.append(await self._pass_on(call, era, "resources/read", {**params, "uri": uri}))
                tasks.cancel_scope.cancel()

        with anyio.move_on_after(KEPT_SECONDS):
            async with anyio.create_task_group() as tasks:
                for notebook in self._hub.index.notebooks(self._scope(call)):
                    tasks.start_soon(ask, notebook)
        if not found:
            raise era.resource_not_found(params["uri"])
        return found[0]

    async def _target(self, call: InboundRequest, era: Era, method: str, params: Mapping[str, Any]) -> Target:
        wanted = method, params, self._scope(call), era
        try:
            return self._hub.index.target(*wanted)
        except McpError:  # its notebook may have come just now
            index = await self._hub.fresh()
            return index.target(*wanted)

    async def ask(self, method: str, params: Mapping[str, Any], related: RequestId | None) -> Any:
        """Put a notebook's question to the host."""
        return await self._connection.request(method, params, related=related)

    def _heard(self, notebook: Notebook, method: str, params: Mapping[str, Any]) -> None:
        if method in _UNRELATED:
            self._connection.notify(method, Rewriting(notebook.label, notebook.kernel_id).notice(params))

    # -- ways to notebooks ---------------------------------------------------------------------------

    async def _reach(self, notebook: Notebook, era: Era) -> Reach:
        """The way to a notebook for requests of one era; opened at the first."""
        key = notebook.kernel_id, era.version
        async with self._opened.setdefault(key, anyio.Lock()):
            reach = self._reaches.get(key)
            if reach is None or reach.is_closed:
                self._links[key], reach = await self._open(notebook, era)
                self._reaches[key] = reach
            link = self._links[key]
        if link.is_away and notebook.live:
            with anyio.move_on_after(BACK_SECONDS):
                await link.back()
        return reach

    async def _open(self, notebook: Notebook, era: Era) -> tuple[ResumingLink, Reach]:
        assert self._tasks is not None
        link = await ResumingLink.open(notebook.info, self._hub.discovery, self._tasks)
        reach = Reach(link, self, partial(self._heard, notebook))
        await self._tasks.start(reach.serve)
        if not era.rounds:
            introduced = False
            try:
                await reach.initialize({**self._opening, "protocolVersion": era.version}, self._level)
                introduced = True
            finally:
                if not introduced:
                    reach.close()
        return link, reach

    def _legacy_reaches(self) -> list[Reach]:
        version = None if self._era is None else self._era.version
        return [reach for key, reach in self._reaches.items() if key[1] == version and not reach.is_closed]


async def _quietly(work: Callable[[], Awaitable[None]]) -> None:
    """Do something at one notebook; that it cannot be done there is no matter of the others."""
    with suppress(McpJupyterError):
        await work()


_Own = Callable[[Conversation, InboundRequest, Era], Awaitable[dict[str, Any] | None]]

_OWN: Final[Mapping[str, _Own]] = {
    "initialize": Conversation._initialize,
    "server/discover": Conversation._discover,
    "ping": Conversation._ping,
    "logging/setLevel": Conversation._set_level,
    "subscriptions/listen": Conversation._listen,
    FORGET_SENDER: Conversation._forget,
    **dict.fromkeys(LISTS, Conversation._list),
}


# -- constant tools ------------------------------------------------------------------------------
#
# `find_tools`, `use_tool` and `read_more` at the hub: one set for all notebooks, in its names and URIs.
#
# A call of `use_tool` becomes a call of the inner tool. That finds its notebook, and is allowed or refused,
# as any other. What a scope does not show is neither found nor listed in an error.

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
