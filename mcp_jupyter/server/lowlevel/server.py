# SPDX-License-Identifier: BSD-3-Clause
"""The low-level server: a table of one handler per method, and the sessions that it serves.

The server derives its capabilities from the table, runs the lifespan and announces changes to all sessions.
While it runs it belongs to one event loop's thread; call `changed` and `resource_updated` there. `FastMCP`
and the `Decorators` fill the table.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

import anyio
from pydantic import ValidationError

from ..._util.tasks import NoticeQueue, owned_tasks
from ..._util.text import safe_line
from ..._version import __version__
from ...engine.channel import Channel, ReadHalf, WriteHalf, joined
from ...engine.connection import InboundRequest
from ...errors import METHOD_NOT_FOUND, McpError
from ...protocol.frames import Notification
from ...protocol.limits import MAX_STREAM_BACKLOG
from ...protocol.rights import EVERY_RIGHT, Rights
from ...types import (
    CompletionsCapability,
    Icon,
    LoggingCapability,
    PromptsCapability,
    ResourcesCapability,
    ServerCapabilities,
    ToolsCapability,
    WireModel,
)
from ..client_requests import AskUser
from ..context import RequestContext, current_request
from ..host_profiles import DEFAULT, HostProfile
from ..models import InitializationOptions, Instructions, instructions_for, parameters
from ..session import ServerSession
from ..suspended_calls import SuspendedCalls
from ..tasks import Task, Tasks
from .decorators import Decorators, Handler, NotificationHandler

__all__ = [
    "Handler",
    "NotificationOptions",
    "Server",
    "no_lifespan",
    "opened",
]

log = logging.getLogger(__name__)


# -- lifespan ------------------------------------------------------------------------------------
#
# The user's context manager around the time that a server runs.

L = TypeVar("L")


@asynccontextmanager
async def no_lifespan() -> AsyncIterator[dict[str, Any]]:
    """Default lifespan: sets up nothing and yields an empty dict."""
    yield {}


def opened(
    lifespan: Callable[..., AbstractAsyncContextManager[L]], server: Any
) -> AbstractAsyncContextManager[L]:
    """Return the context manager that `lifespan` makes; it gets the server if it takes an argument."""
    return lifespan(server) if inspect.signature(lifespan).parameters else lifespan()


# -- server --------------------------------------------------------------------------------------

TASK_AFTER_SECONDS: Final = 60.0
"""Seconds. Hosts end a silent call after one to five minutes, but can poll a task for hours."""


CanAsk: TypeAlias = Callable[[Mapping[str, Any]], bool]
"""Takes the params of a request as received; returns whether its handler may send requests to the client."""


def _may_ask(params: Mapping[str, Any]) -> bool:
    """Return True, the default: every handler can reach the client through `Server.request_context`."""
    return True


@dataclass(frozen=True)
class NotificationOptions:
    """The lists whose changes a server declares to announce (`listChanged`)."""

    prompts_changed: bool = False
    resources_changed: bool = False
    tools_changed: bool = False


class _Strict(ServerSession):
    """A session that ends at the first exception of a handler, for tests."""

    failure: BaseException | None = None

    async def request(self, call: InboundRequest) -> Any:
        try:
            return await super().request(call)
        except Exception as exc:
            self.failure = exc.__cause__ if isinstance(exc, McpError) else exc
            if self.failure is not None:
                self._connection.close()
            raise


class Server(Decorators, Generic[L]):
    """An MCP server made of handlers: `@server.call_tool()` and its like, or `add_handler`.

    `run` serves one connection. `running` and `serve` serve any number over every transport, as for
    `FastMCP`: `serve_stdio(server)`, `serve_http(server, port=8000)`.

    Parameters
    ----------
    name : str
        The server's name for programs.
    version : str, optional
        The server's version; by default that of this package.
    instructions : str or callable, optional
        Tells the model what the server is for and how to use it. A function is called for each client on the
        event loop's thread, with the number of characters that its host shows and its `Rights`.
    lifespan : callable, optional
        Async context manager around the time that the server runs. It gets the server if it takes an
        argument, and yields the value of `request_context.lifespan_context`.
    title, description, website_url, icons : optional
        The server's presentation to users.
    task_after : float, optional
        Seconds after which a tool call continues as a task, for clients that accept tasks (SEP-2663). None:
        only calls that request it become tasks.
    cache_seconds, cache_scope : float, str
        How long clients may reuse lists and resources, and whether one copy may serve all clients
        (2026-07-28). `ttlMs` and `cacheScope` in a handler's result take precedence.
    status : callable, optional
        Returns the members that `server/discover` adds to its `_meta`; called for each request.
    ask_user : AskUser, optional
        Asks the user in the notebook, in addition to the client.
    """

    def __init__(
        self,
        name: str,
        version: str | None = None,
        instructions: Instructions = None,
        lifespan: Callable[..., AbstractAsyncContextManager[L]] = no_lifespan,  # type: ignore[assignment]
        *,
        title: str | None = None,
        description: str | None = None,
        website_url: str | None = None,
        icons: list[Icon] | None = None,
        status: Callable[[], Mapping[str, Any]] | None = None,
        task_after: float | None = TASK_AFTER_SECONDS,
        cache_seconds: float = 0,
        cache_scope: Literal["private", "public"] = "private",
        ask_user: AskUser | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.version = version or __version__
        self.instructions = instructions
        self.notification_options = NotificationOptions()
        self._public: dict[str, Any] = {
            "title": title,
            "description": description,
            "website_url": website_url,
            "icons": icons,
        }
        self.cache_hints: Mapping[str, Any] = {
            "ttlMs": round(cache_seconds * 1000),
            "cacheScope": cache_scope,
        }
        self.lifespan_context: Any = None
        self.status = status
        self.ask_user = ask_user
        self._lifespan = lifespan
        self._handlers: dict[str, tuple[type[WireModel], Handler]] = {}
        self._can_ask: dict[str, CanAsk] = {}
        self._notice_handlers: dict[str, tuple[type[WireModel], NotificationHandler]] = {}
        self._sessions: dict[ServerSession, NoticeQueue[Notification]] = {}
        self._running = False
        self._stopping: anyio.Event | None = None
        self._task_after = task_after
        self._tasks = Tasks(self._task_changed)
        self._suspended: SuspendedCalls | None = None
        self.on_forget: Callable[[str], None] = lambda sender: None

    # -- table of handlers -----------------------------------------------------------------------

    def add_handler(
        self, method: str, params: type[WireModel], handler: Handler, can_ask: CanAsk = _may_ask
    ) -> None:
        """Answer requests for `method`, the protocol's or your own, with `handler`.

        Parameters
        ----------
        params : type
            The model for the request's params, such as `types.RequestParams`.
        handler : async function
            Takes the `RequestContext` and the params, and returns a `types.Result` or a mapping. It
            raises `McpError` to answer with an error.
        can_ask : callable, optional
            See `CanAsk`. A call that cannot ask the client costs less (see `suspended_calls`).

        Notes
        -----
        The session itself also handles `logging/setLevel`, `resources/subscribe` and `resources/unsubscribe`,
        after the handler; it does not use the handler's result.
        """
        self._handlers[method], self._can_ask[method] = (params, handler), can_ask

    def add_notification_handler(
        self, method: str, params: type[WireModel], handler: NotificationHandler
    ) -> None:
        """Call `handler` for each notification of `method`, in order, one at a time for each session."""
        self._notice_handlers[method] = (params, handler)

    def handles(self, method: str) -> bool:
        """Whether the table has a handler for `method`."""
        return method in self._handlers

    async def answer(self, method: str, params: Mapping[str, Any], context: RequestContext) -> Any:
        """Answer one request from the table.

        Raises
        ------
        McpError
            METHOD_NOT_FOUND, INVALID_PARAMS, or the error that the handler raised.
        """
        try:
            model, handler = self._handlers[method]
        except KeyError:
            raise McpError(METHOD_NOT_FOUND, f"Unknown method {safe_line(method)!r}.") from None
        return await handler(context, parameters(model, params))

    async def answer_in_rounds(self, method: str, params: Mapping[str, Any], context: RequestContext) -> Any:
        """Answer one request, or one round of a call that asks the client (see `suspended_calls`)."""
        assert self._suspended is not None, "sessions are served within `running`"
        work = partial(self.answer, method, params, context)
        can_ask = partial(self._can_ask.get(method, _may_ask), params)
        return await self._suspended.answer(context, params, work, can_ask)

    async def answer_about_task(self, params: Mapping[str, Any], context: RequestContext) -> Any:
        """Answer a request about a task (see `Tasks`)."""
        return await self._tasks.answer(context, params)

    def tasks_of(self, sender: str, ids: Iterable[str]) -> frozenset[str]:
        """Return those of `ids` that are tasks of the sender."""
        return self._tasks.owned(sender, ids)

    @property
    def request_context(self) -> RequestContext:
        """The request that is being handled.

        Raises
        ------
        LookupError
            This is not called in a handler.
        """
        return current_request.get()

    # -- identity and capabilities ---------------------------------------------------------------

    def get_capabilities(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: Mapping[str, dict[str, Any]] | None = None,
    ) -> ServerCapabilities:
        """Return the capabilities that follow from the handlers in the table."""
        changes = notification_options or self.notification_options
        has = self._handlers.__contains__
        return ServerCapabilities(
            prompts=PromptsCapability(listChanged=changes.prompts_changed) if has("prompts/list") else None,
            resources=ResourcesCapability(subscribe=True, listChanged=changes.resources_changed)
            if has("resources/list")
            else None,
            tools=ToolsCapability(listChanged=changes.tools_changed) if has("tools/list") else None,
            logging=LoggingCapability(),
            completions=CompletionsCapability() if has("completion/complete") else None,
            experimental=dict(experimental_capabilities) if experimental_capabilities else None,
        )

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: Mapping[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """Return the server's identity, capabilities and instructions, for `run`."""
        return InitializationOptions(
            server_name=self.name,
            server_version=self.version,
            capabilities=self.get_capabilities(notification_options, experimental_capabilities),
            instructions=self.instructions_for(),
            **self._public,
        )

    @cached_property
    def info(self) -> Mapping[str, Any]:
        """`serverInfo`, as on the wire."""
        return InitializationOptions(
            server_name=self.name,
            server_version=self.version,
            capabilities=ServerCapabilities(),
            **self._public,
        ).info

    def rename(self, name: str) -> None:
        """Change the server's name; call it on the event loop's thread."""
        self.name = name
        self.__dict__.pop("info", None)  # the cached property

    @property
    def capabilities(self) -> ServerCapabilities:
        """The capabilities that `initialize` and `server/discover` return."""
        return self.get_capabilities()

    def instructions_for(self, profile: HostProfile = DEFAULT, rights: Rights = EVERY_RIGHT) -> str | None:
        """Return the instructions for one client."""
        return instructions_for(self.instructions, profile, rights)

    # -- life ------------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the server: open its lifespan around any number of connections.

        Raises
        ------
        RuntimeError
            The server is running already.
        """
        if self._running:
            raise RuntimeError(
                "This server is running: within one `running()`, call `serve` for each connection."
            )
        self._running = True
        self._stopping = anyio.Event()
        try:
            async with opened(self._lifespan, self) as self.lifespan_context, owned_tasks() as group:
                self._suspended = SuspendedCalls(group, self._tasks.adopt, self._task_after)
                try:
                    yield
                finally:
                    self._stopping.set()
        finally:
            self._running = False

    async def stopping(self) -> None:
        """Wait until the server is about to stop."""
        if self._stopping is not None:
            await self._stopping.wait()

    async def serve(self, channel: Channel) -> None:
        """Serve one connection until it is closed; call it within `running`."""
        await self._serve_session(ServerSession(self, channel))

    async def run(
        self,
        read_stream: ReadHalf,
        write_stream: WriteHalf,
        initialization_options: InitializationOptions | None = None,
        raise_exceptions: bool = False,
    ) -> None:
        """Run the server for one connection, until that is closed.

        Parameters
        ----------
        read_stream, write_stream
            The halves that `stdio_server` yields.
        initialization_options : InitializationOptions, optional
            Identity, capabilities and instructions, instead of the server's own.
        raise_exceptions : bool
            Whether to end with the first exception that a handler raises, and to raise it here; for tests. An
            exception that becomes a result with `isError` does not count.

        Raises
        ------
        ValueError
            The streams belong to different connections.
        """
        kind = _Strict if raise_exceptions else ServerSession
        session = kind(self, joined(read_stream, write_stream), initialization_options)
        async with self.running():
            await self._serve_session(session)
        if isinstance(session, _Strict) and session.failure is not None:
            raise session.failure

    async def _serve_session(self, session: ServerSession) -> None:
        notices = self._sessions[session] = NoticeQueue(self._handle_notice, MAX_STREAM_BACKLOG)
        try:
            async with owned_tasks() as tasks:
                tasks.start_soon(notices.run)
                await session.serve()
        finally:
            del self._sessions[session]

    def clients(self, told: str | None = None) -> list[dict[str, str]]:
        """The clients that are connected now, from any thread (see `SeenClients.said`).

        Parameters
        ----------
        told : str, optional
            A kind of list, as for `changed`: only the clients that are told about its changes.
        """
        sessions = [each for each in list(self._sessions) if told is None or each.hears(told)]
        return [client for session in sessions for client in session.clients.said()]

    def notice(self, session: ServerSession, notification: Notification) -> None:
        """Queue a client's notification for its handler, if there is one."""
        notices = self._sessions.get(session)
        if notices is not None and notification.method in self._notice_handlers:
            notices.put(notification)

    async def _handle_notice(self, notification: Notification) -> None:
        model, handler = self._notice_handlers[notification.method]
        try:
            params = model.from_wire(notification.params)
        except ValidationError:
            log.debug("%s is malformed", notification.method)
        else:
            await handler(params)

    def changed(self, kind: str) -> None:
        """Tell every client that a list changed: "tools", "resources" or "prompts"."""
        if kind == "tools":
            self._known_tools.forget()
        for session in list(self._sessions):
            session.announce(kind)

    def forget(self, sender: str) -> None:
        """Drop the state of a sender: its tasks, its suspended calls and its kept results (`on_forget`)."""
        self._tasks.forget(sender)
        if self._suspended is not None:
            self._suspended.forget(sender)
        self.on_forget(sender)

    def _task_changed(self, task: Task) -> None:
        for session in list(self._sessions):
            session.task_changed(task)

    def resource_updated(self, uri: str) -> None:
        """Tell the clients that subscribed to `uri` that its value changed."""
        for session in list(self._sessions):
            session.resource_updated(uri)
