# SPDX-License-Identifier: BSD-3-Clause
"""A server as a table of handlers, one a method; and the conversations it has under way.

Owns the table, the capabilities that follow from it, the lifespan, and the set of live sessions that
announcements go to. It does not know tools from prompts: `FastMCP` fills the table.

A server belongs to one event loop's thread while it runs; `changed` and `resource_updated` are called
there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import anyio

from ...engine.channel import Channel
from ...engine.tasks import owned_tasks
from ...errors import McpError
from ...protocol import codes
from ...types import (
    CompletionsCapability,
    Icon,
    Implementation,
    LoggingCapability,
    PromptsCapability,
    ResourcesCapability,
    ServerCapabilities,
    ToolsCapability,
    WireModel,
)
from ..context import RequestContext, current_request
from ..parameters import parameters
from ..rounds import Rounds
from ..session import ServerSession

__all__ = ["Handler", "NotificationOptions", "Server"]

L = TypeVar("L")
Handler = Callable[[RequestContext, Any], Awaitable[Any]]
"""Takes the request's context and its validated params; returns the result (a model or mapping)."""


@dataclass(frozen=True)
class NotificationOptions:
    """Which lists a server promises to announce changes of."""

    prompts_changed: bool = False
    resources_changed: bool = False
    tools_changed: bool = False


@asynccontextmanager
async def _no_lifespan(server: Any) -> AsyncIterator[dict[str, Any]]:
    yield {}


class Server(Generic[L]):
    """An MCP server made of handlers.

    Parameters
    ----------
    name : str
        Who the server is, for programs.
    version : str, optional
    instructions : str, optional
        For the model: what the server is for and how to use it.
    lifespan : callable, optional
        Async context manager around the server's life; gets the server, yields what handlers find in
        `request_context.lifespan_context`.
    title, website_url, icons : optional
        Who the server is, for people.
    status : callable, optional
        What `server/discover` adds to its `_meta`, afresh each time.
    """

    def __init__(
        self,
        name: str,
        version: str | None = None,
        instructions: str | None = None,
        lifespan: Callable[[Any], AbstractAsyncContextManager[L]] = _no_lifespan,  # type: ignore[assignment]
        *,
        title: str | None = None,
        website_url: str | None = None,
        icons: list[Icon] | None = None,
        status: Callable[[], Mapping[str, Any]] | None = None,
    ) -> None:
        from ... import __version__

        self.name = name
        self.version = version or __version__
        self.instructions = instructions
        self.notification_options = NotificationOptions()
        implementation = Implementation(
            name=name, version=self.version, title=title, websiteUrl=website_url, icons=icons
        )
        self.info: Mapping[str, Any] = implementation.model_dump(by_alias=True, exclude_none=True)
        self.lifespan_context: Any = None
        self.status = status
        self._lifespan = lifespan
        self._owner: Any = self
        self._handlers: dict[str, tuple[type[WireModel], Handler]] = {}
        self._sessions: set[ServerSession] = set()
        self._stopping: anyio.Event | None = None
        self._rounds: Rounds | None = None

    # -- the table -------------------------------------------------------------------------------

    def add_handler(self, method: str, params: type[WireModel], handler: Handler) -> None:
        """Answer `method` (of the protocol or of your own) with `handler`; its params are validated first."""
        self._handlers[method] = (params, handler)

    async def answer(self, method: str, params: Mapping[str, Any], context: RequestContext) -> Any:
        """Answer one request from the table.

        Raises
        ------
        McpError
            METHOD_NOT_FOUND, INVALID_PARAMS, or what the handler raised.
        """
        try:
            model, handler = self._handlers[method]
        except KeyError:
            raise McpError(codes.METHOD_NOT_FOUND, f"There is no method {method[:100]!r}.") from None
        return await handler(context, parameters(model, params))

    async def answer_in_rounds(self, method: str, params: Mapping[str, Any], context: RequestContext) -> Any:
        """Answer one request, or one round of a call that asks the client (see `Rounds`)."""
        assert self._rounds is not None, "conversations are served within `running`"
        return await self._rounds.answer(context, params, lambda: self.answer(method, params, context))

    @property
    def request_context(self) -> RequestContext:
        """The request being worked on.

        Raises
        ------
        LookupError
            Outside of a handler.
        """
        return current_request.get()

    # -- what it says of itself ------------------------------------------------------------------

    def get_capabilities(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: Mapping[str, dict[str, Any]] | None = None,
    ) -> ServerCapabilities:
        """What the handlers in the table amount to."""
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

    def introduction(self) -> dict[str, Any]:
        """Capabilities and instructions, as both `initialize` and `server/discover` give them."""
        said: dict[str, Any] = {"capabilities": self.get_capabilities()}
        if self.instructions is not None:
            said["instructions"] = self.instructions
        return said

    # -- life ------------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The server's whole life: its lifespan, around any number of conversations."""
        self._stopping = anyio.Event()
        async with self._lifespan(self._owner) as self.lifespan_context, owned_tasks() as tasks:
            self._rounds = Rounds(tasks)
            try:
                yield
            finally:
                self._stopping.set()

    async def stopping(self) -> None:
        """Wait until the server is about to stop."""
        if self._stopping is not None:
            await self._stopping.wait()

    async def serve(self, channel: Channel) -> None:
        """Run one conversation until it is closed; call it within `running`."""
        session = ServerSession(self, channel)
        self._sessions.add(session)
        try:
            await session.serve()
        finally:
            self._sessions.discard(session)

    def changed(self, kind: str) -> None:
        """Tell every client that a list changed: "tools", "resources" or "prompts"."""
        for session in list(self._sessions):
            session.announce(kind)

    def resource_updated(self, uri: str) -> None:
        """Tell the clients that subscribed to `uri` that its value changed."""
        for session in list(self._sessions):
            session.resource_updated(uri)
