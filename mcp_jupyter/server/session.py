# SPDX-License-Identifier: BSD-3-Clause
"""Serve one client connection in either era: handshake, routing of requests, subscriptions.

A `ServerSession` keeps the state of one connection (legacy: negotiated version, log level, subscribed URIs;
modern: open `subscriptions/listen` requests) and answers the methods about that state. It leaves all other
methods to the server's table of handlers.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import anyio

from .. import types
from .._util.text import MAX_LINE_CHARS, safe_line
from ..engine.channel import Channel
from ..engine.connection import Connection, InboundRequest
from ..errors import INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, McpError
from ..protocol.eras import SUBSCRIPTION_ID, Era, is_modern, modern_era, negotiate
from ..protocol.frames import Notification
from ..protocol.limits import MAX_SUBSCRIPTIONS
from ..protocol.methods import FORGET_SENDER, METHODS
from .context import LOG_LEVELS, RequestContext, current_request
from .models import InitializationOptions, parameters
from .opening import ServerDeclaration, discovered, initialized

if TYPE_CHECKING:
    from .lowlevel.server import Server
    from .tasks import Task

__all__ = [
    "Listener",
    "SeenClients",
    "ServerSession",
]


_STANDARD: Final = frozenset(method.name for method in METHODS)
_OPENING: Final = frozenset({"initialize", "ping"})

_CHANGES: Final = {
    "tools": ("notifications/tools/list_changed", "toolsListChanged"),
    "prompts": ("notifications/prompts/list_changed", "promptsListChanged"),
    "resources": ("notifications/resources/list_changed", "resourcesListChanged"),
}
"""For each list, the notification of a change and its member in the filter of `subscriptions/listen`."""

UNSUBSCRIBE_SECONDS: Final = 5.0
"""Seconds for the unsubscribe handlers, all together, when one `subscriptions/listen` ends."""


class Listener:
    """One open `subscriptions/listen` request (spec 2026-07-28, basic/utilities/subscriptions).

    Attributes
    ----------
    kinds, uris, tasks : frozenset of str
        The lists, resources and tasks that the client wants notifications about. Lists that the server does
        not announce, URIs that it refuses and unknown tasks are removed before the request is acknowledged.
    sender : str
        The sender of the request.
    """

    def __init__(self, call: InboundRequest, wanted: Mapping[str, Any], promised: Collection[str]) -> None:
        self._call = call
        self.sender = call.sender
        self.uris = _texts(wanted.get("resourceSubscriptions"))
        self.tasks = _texts(wanted.get("taskIds"))
        self.kinds = frozenset(kind for kind in promised if wanted.get(_CHANGES[kind][1]) is True)

    @property
    def honoured(self) -> dict[str, Any]:
        """The part of the filter that the server accepted, as the acknowledgement has it."""
        granted: dict[str, Any] = {_CHANGES[kind][1]: True for kind in sorted(self.kinds)}
        if self.uris:
            granted["resourceSubscriptions"] = sorted(self.uris)
        if self.tasks:
            granted["taskIds"] = sorted(self.tasks)
        return granted

    @property
    def mark(self) -> dict[str, Any]:
        """The `_meta` of every message of the stream: the request's id, with its JSON type."""
        return {SUBSCRIPTION_ID: self._call.id}

    def tell(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification on the stream."""
        self._call.notify(method, {**params, "_meta": self.mark})


class ServerSession:
    """The server's side of one connection.

    Attributes
    ----------
    server : Server
        The server that answers.
    client_params : InitializeRequestParams or None
        The params of `initialize`; None before it and in the modern era.
    client_info, client_capabilities : mapping
        The client's `clientInfo` and `capabilities` in `initialize`, as received; empty in the modern era.
    clients : SeenClients
        The clients that have sent requests on this connection, in either era.
    """

    def __init__(
        self, server: Server[Any], channel: Channel, options: InitializationOptions | None = None
    ) -> None:
        self.server = server
        self._declared: ServerDeclaration = options or server
        self.client_params: types.InitializeRequestParams | None = None
        self.client_info: Mapping[str, Any] = {}
        self.clients = SeenClients()
        self.client_capabilities: Mapping[str, Any] = {}
        self._era: Era | None = None
        self._used = False  # until then `initialize` may be sent again, by a gateway's client
        self._log_level = "debug"
        self._subscribed: set[str] = set()
        self._listeners: set[Listener] = set()
        self._connection = Connection(channel, self)

    @property
    def info(self) -> Mapping[str, Any]:
        """The `serverInfo` that this client sees; it changes when the server is renamed."""
        return self._declared.info

    async def serve(self) -> None:
        """Serve until the connection is closed."""
        await self._connection.serve()

    # -- notifications to the client ------------------------------------------------------------

    def announce(self, kind: str) -> None:
        """Tell the client that a list ("tools", "resources", "prompts") changed."""
        method, _ = _CHANGES[kind]
        if self._era is not None:
            self._connection.notify(method, {})
        for listener in self._listeners:
            if kind in listener.kinds:
                listener.tell(method, {})

    def hears(self, kind: str) -> bool:
        """Whether `announce` reaches the client; from any thread."""
        return self._era is not None or any(kind in each.kinds for each in list(self._listeners))

    def resource_updated(self, uri: str) -> None:
        """Tell the client, if it subscribed, that the resource `uri` has a new value.

        Subscriptions to pages of it (`uri?offset=100`) are notified too.
        """
        for subscribed in _parts(uri, self._subscribed):
            self._connection.notify("notifications/resources/updated", {"uri": subscribed})
        for listener in self._listeners:
            for subscribed in _parts(uri, listener.uris):
                listener.tell("notifications/resources/updated", {"uri": subscribed})

    def task_changed(self, task: Task) -> None:
        """Send a task's state to the listeners that asked for it and belong to the task's sender."""
        for listener in self._listeners:
            if task.id in listener.tasks and task.sender == listener.sender:
                listener.tell("notifications/tasks", task.detailed)

    # -- the connection's handler ---------------------------------------------------------------

    def notification(self, notification: Notification) -> None:
        """Pass a notification to the server, which drops those without a handler, such as `initialized`."""
        self.server.notice(self, notification)

    async def request(self, call: InboundRequest) -> Any:
        """Answer one request by the rules of its era."""
        if is_modern(call.method, call.params):
            era = modern_era(call.params)
            level = RequestContext.requested_level(call.meta)
        else:
            era = self._legacy_era(call)
            level = self._log_level
        about_task = call.method in era.task_requests
        if call.method in _STANDARD and call.method not in era.client_requests and not about_task:
            raise _unknown(call.method)
        context = RequestContext(call, era, self, self.server.lifespan_context, level)
        if era.rounds:  # a legacy client is recorded by `initialize`
            self.clients.note(context.client_info)
        current_request.set(context)
        own = _OWN.get(call.method)
        if own is not None:
            if call.method == "resources/subscribe":
                self._check_room(_uri(call))  # first: the handler must not hear of what is refused
            # A handler of the server comes next: by raising, it can refuse a subscription.
            if self.server.handles(call.method):
                await self.server.answer(call.method, call.params, context)
            result = await getattr(self, own)(call)
        elif about_task:
            result = await self.server.answer_about_task(call.params, context)
        elif call.method in era.rounds:
            result = await self.server.answer_in_rounds(call.method, call.params, context)
        else:
            result = await self.server.answer(call.method, call.params, context)
        if era.unknown_blocks:
            result = _with_known_blocks(result, era.unknown_blocks)
        return era.complete(call.method, result, self.info, self.server.cache_hints)

    def _legacy_era(self, call: InboundRequest) -> Era:
        if self._era is None and call.method not in _OPENING:
            raise McpError(INVALID_REQUEST, "Send initialize before any other request.")
        if self._era is None or (call.method == "initialize" and not self._used):
            return negotiate(call.params.get("protocolVersion"))
        if call.method == "initialize":
            raise McpError(INVALID_REQUEST, "This session is initialized already.")
        self._used = self._used or call.method not in _OPENING
        return self._era

    # -- methods that the session answers itself ------------------------------------------------

    async def _initialize(self, call: InboundRequest) -> dict[str, Any]:
        params = parameters(types.InitializeRequestParams, call.params)
        self.client_params = params
        self.client_info = call.params["clientInfo"]
        self.clients.note(self.client_info, stays=True)
        self.client_capabilities = call.params["capabilities"]
        self._era = negotiate(params.protocolVersion)
        context = current_request.get()
        return initialized(self._era, self._declared, context.profile, context.rights)

    async def _discover(self, call: InboundRequest) -> dict[str, Any]:
        context = current_request.get()
        said = discovered(self._declared, context.profile, context.rights)
        return {**said, "_meta": self.server.status()} if self.server.status else said

    async def _ping(self, call: InboundRequest) -> dict[str, Any]:
        return {}

    async def _forget_sender(self, call: InboundRequest) -> dict[str, Any]:
        self.server.forget(call.sender)
        return {}

    async def _set_level(self, call: InboundRequest) -> dict[str, Any]:
        level = call.params.get("level")
        if level not in LOG_LEVELS:
            raise McpError(INVALID_PARAMS, f"level must be one of {', '.join(LOG_LEVELS)}.")
        self._log_level = level
        return {}

    async def _subscribe(self, call: InboundRequest) -> dict[str, Any]:
        self._subscribed.add(_uri(call))
        return {}

    def _check_room(self, uri: str) -> None:
        if len(self._subscribed) >= MAX_SUBSCRIPTIONS and uri not in self._subscribed:
            raise McpError(INVALID_PARAMS, f"No more than {MAX_SUBSCRIPTIONS} subscriptions a session.")

    async def _unsubscribe(self, call: InboundRequest) -> dict[str, Any]:
        self._subscribed.discard(_uri(call))
        return {}

    async def _listen(self, call: InboundRequest) -> dict[str, Any]:
        wanted = call.params.get("notifications")
        if not isinstance(wanted, dict):
            raise McpError(INVALID_PARAMS, "params.notifications must be an object.")
        listener = Listener(call, wanted, _promised(self._declared.capabilities))
        async with self._subscribed_to(listener):
            listener.tell("notifications/subscriptions/acknowledged", {"notifications": listener.honoured})
            self._listeners.add(listener)
            try:
                await self.server.stopping()
            finally:
                self._listeners.discard(listener)
        return {"_meta": listener.mark}

    @asynccontextmanager
    async def _subscribed_to(self, listener: Listener) -> AsyncIterator[None]:
        """Subscribe the client to the listener's URIs, and unsubscribe it at the end of the block.

        This calls the handlers of the legacy methods, so that a server needs one pair of handlers for both
        eras. A URI that they refuse is removed from the listener, and so is a task of another sender.
        """
        listener.tasks = self.server.tasks_of(listener.sender, listener.tasks)
        granted: set[str] = set()
        try:
            for uri in listener.uris:
                with suppress(McpError):
                    await self._tell_handler("resources/subscribe", uri)
                    granted.add(uri)
            listener.uris = frozenset(granted)
            yield
        finally:
            with anyio.move_on_after(UNSUBSCRIBE_SECONDS, shield=True):
                for uri in granted:
                    with suppress(McpError):
                        await self._tell_handler("resources/unsubscribe", uri)

    async def _tell_handler(self, method: str, uri: str) -> None:
        if self.server.handles(method):
            await self.server.answer(method, {"uri": uri}, current_request.get())


_OWN: Final = {
    "initialize": "_initialize",
    "server/discover": "_discover",
    "ping": "_ping",
    FORGET_SENDER: "_forget_sender",
    "logging/setLevel": "_set_level",
    "resources/subscribe": "_subscribe",
    "resources/unsubscribe": "_unsubscribe",
    "subscriptions/listen": "_listen",
}


def _promised(capabilities: types.ServerCapabilities) -> list[str]:
    """Return the lists for which the server declares `listChanged`; listeners can have only these."""
    declared = {kind: getattr(capabilities, kind) for kind in _CHANGES}
    return [kind for kind, capability in declared.items() if capability and capability.listChanged]


def _parts(uri: str, subscribed: Collection[str]) -> list[str]:
    return [other for other in subscribed if other == uri or other.startswith(f"{uri}?")]


def _texts(wanted: Any) -> frozenset[str]:
    if not isinstance(wanted, list):
        return frozenset()
    return frozenset(item for item in wanted[:MAX_SUBSCRIPTIONS] if isinstance(item, str))


def _unknown(method: str) -> McpError:
    return McpError(METHOD_NOT_FOUND, f"Unknown method {safe_line(method)!r}.")


def _uri(call: InboundRequest) -> str:
    uri = call.params.get("uri")
    if not isinstance(uri, str):
        raise McpError(INVALID_PARAMS, "params.uri must be a string.")
    return uri


def _with_known_blocks(result: Any, unknown: Collection[str]) -> Any:
    """Replace content types that the client's protocol version lacks by a text block that describes them.

    The result of `tools/call` or `prompts/get` is changed in place; any other is returned as it is.
    """
    if isinstance(result, types.CallToolResult):
        result.content = [_in_words(block) if block.type in unknown else block for block in result.content]
    elif isinstance(result, types.GetPromptResult):
        result.messages = [
            message.model_copy(update={"content": _in_words(message.content)})
            if message.content.type in unknown
            else message
            for message in result.messages
        ]
    return result


def _in_words(block: Any) -> types.TextContent:
    if isinstance(block, types.ResourceLink):
        described = f" ({block.description})" if block.description else ""
        return types.TextContent(text=f"{block.name}{described}: read the resource {block.uri}")
    kind = getattr(block, "mimeType", None) or block.type
    return types.TextContent(
        text=f"[{block.type} content, {kind}, which this version of the protocol has not]"
    )


# -- clients -------------------------------------------------------------------------------------
#
# The clients of one connection: name, version, and since when they are connected.
#
# A legacy session has one client, which stays until the session ends. In the modern era each request names
# its client, and one channel may carry several: such a client counts as connected while it sends requests.

MAX_CLIENTS: Final = 16
"""Clients kept per connection: few share an endpoint. A new one replaces the longest silent."""

QUIET_SECONDS: Final = 600.0
"""Seconds. A modern client that is silent for longer counts as gone, for it does not say goodbye."""


@dataclass(slots=True)
class _Seen:
    since: float
    last: float


class SeenClients:
    """The connected clients. `note` is called on the event loop's thread, `said` on any thread."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], _Seen] = {}

    def note(self, info: Mapping[str, Any], *, stays: bool = False) -> None:
        """Record a request of a client; with `stays` it counts as connected until the session ends."""
        name, version = info.get("name"), info.get("version")
        if not isinstance(name, str) or not name:
            return
        key = (name[:MAX_LINE_CHARS], version[:MAX_LINE_CHARS] if isinstance(version, str) else "")
        now = time.time()
        seen = self._seen.get(key)
        if seen is None:
            if len(self._seen) >= MAX_CLIENTS:
                del self._seen[min(self._seen, key=lambda each: self._seen[each].last)]
            seen = self._seen[key] = _Seen(now, now)
        if stays:
            seen.last = math.inf
        elif seen.last < now:
            seen.last = now

    def said(self) -> list[dict[str, str]]:
        """Return the connected clients, safe to show: `name`, `version` and `since` (ISO 8601, UTC)."""
        oldest = time.time() - QUIET_SECONDS
        return [
            {"name": safe_line(name), "version": safe_line(version), "since": _time(seen.since)}
            for (name, version), seen in list(self._seen.items())  # a copy: `note` runs on another thread
            if seen.last >= oldest
        ]


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
