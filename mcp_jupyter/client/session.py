# SPDX-License-Identifier: BSD-3-Clause
"""A client's conversation with one server, in either era: the methods a client may call, as functions.

Owns the table of methods, what each takes and gives. Does not know how a question becomes an answer
(`requests`), how messages travel, nor how a connection is found.

Names and results are those of the first-generation SDK.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self

from pydantic import AnyUrl

from .. import types
from .._util.tasks import owned_tasks
from .._util.text import MAX_MESSAGE_CHARS, safe_line
from .._version import __version__
from ..engine.connection import ProgressCallback
from ..errors import InvalidToolOutput, McpError, UncheckableSchema
from ..protocol.codes import HEADER_MISMATCH
from ..protocol.frames import Notification
from ..protocol.validation import JsonSchema
from .callbacks import (
    Callback,
    Callbacks,
    ElicitationFnT,
    ListRootsFnT,
    LoggingFnT,
    MessageHandlerFnT,
    SamplingFnT,
)
from .params import Messages, page, seconds, without_bytes
from .recording_hook import Tape
from .requests import Conversation
from .subscriptions import Subscription, Subscriptions
from .transport import ReadHalf, WriteHalf, joined

__all__ = [
    "ClientSession",
    "ElicitationFnT",
    "ListRootsFnT",
    "LoggingFnT",
    "MessageHandlerFnT",
    "OutputSchemas",
    "SamplingFnT",
]


READ_TIMEOUT_SECONDS: Final = 300.0
"""A call may wait for a person's cell; after five minutes without an answer somebody should know."""

MAX_PAGES: Final = 1000
"""Of tools that are searched for one; a server whose cursors never end must not keep us asking."""


class ClientSession(Messages):
    """One conversation with a server: ``async with ClientSession(read, write) as session``.

    Begin with `initialize` (any server) or `discover` (servers of 2026-07-28).

    Parameters
    ----------
    read, write
        What a client transport yields. They are closed with the session.
    client_info : Implementation, optional
        How the client introduces itself.
    read_timeout_seconds : timedelta or float, optional
        How long to wait for an answer where a call does not say otherwise: `READ_TIMEOUT_SECONDS`.
    logging_callback : async function, optional
        Called with the params of each log message (`types.LoggingMessageNotificationParams`).
    message_handler : async function, optional
        Called with each notification that a list or a resource changed, or that the person is done at the
        URL of an elicitation.
    sampling_callback, elicitation_callback, list_roots_callback : async function, optional
        Answer the server's requests (see `Callbacks`), in both eras; the client declares what it has
        callbacks for. Elicitation by URL it declares when the callback's params are annotated as such
        (`types.ElicitRequestParams`).
    sampling_capabilities : SamplingCapability, optional
        What the model behind `sampling_callback` can do: without ``tools`` in it no server may give it any.
    check_results : bool
        Whether `call_tool` raises when structured content does not fit the tool's listed `outputSchema`.
    change_listener : function, optional
        Called with the notifications of `message_handler` at the moment they arrive, before anything that
        arrives later; it must neither wait nor raise.

    Raises
    ------
    ValueError
        `read` and `write` belong to different connections, or there are `sampling_capabilities` without a
        callback.

    Notes
    -----
    Every method that asks the server something raises `McpError` for the server's error,
    `RequestTimeout` when there is no answer in time, and `ConnectionClosed` when the server is gone.
    """

    def __init__(
        self,
        read: ReadHalf,
        write: WriteHalf,
        read_timeout_seconds: timedelta | float | None = None,
        sampling_callback: Callback | None = None,
        elicitation_callback: Callback | None = None,
        list_roots_callback: Callback | None = None,
        logging_callback: Callback | None = None,
        message_handler: Callback | None = None,
        client_info: types.Implementation | None = None,
        *,
        sampling_capabilities: types.SamplingCapability | None = None,
        check_results: bool = True,
        change_listener: Callable[[Notification], None] | None = None,
    ) -> None:
        self._subscriptions = Subscriptions()
        self._output_schemas = OutputSchemas() if check_results else None
        self._change_listener = change_listener
        timeout = seconds(read_timeout_seconds)
        self._callbacks = Callbacks(
            self,
            sampling=sampling_callback,
            sampling_capabilities=sampling_capabilities,
            elicitation=elicitation_callback,
            list_roots=list_roots_callback,
            logging=logging_callback,
            message=message_handler,
            subscriptions=self._subscriptions,
            change=self._changed,
        )
        self._conversation = Conversation(
            joined(read, write),
            self._callbacks,
            client_info or types.Implementation(name="mcp_jupyter", version=__version__),
            READ_TIMEOUT_SECONDS if timeout is None else timeout,
            "info" if logging_callback is not None else None,
        )
        self._life = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(owned_tasks())
            await tasks.start(self._conversation.connection.serve)
            tasks.start_soon(self._callbacks.run)
            tasks.start_soon(self._conversation.keep_session)
            self._life = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._conversation.connection.close()
        return await self._life.__aexit__(kind, value, trace)

    def _changed(self, notification: Notification) -> None:
        if notification.method == "notifications/tools/list_changed" and self._output_schemas is not None:
            self._output_schemas.forget()
        if self._change_listener is not None:
            self._change_listener(notification)

    @property
    def protocol_version(self) -> str | None:
        """The version that is spoken; None before `initialize` or `discover`."""
        return self._conversation.version

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What this client declares."""
        return self._callbacks.capabilities

    def get_server_capabilities(self) -> types.ServerCapabilities | None:
        """What the server has declared; None before `initialize` or `discover`."""
        return self._conversation.server_capabilities

    async def wait_closed(self) -> str:
        """Wait until the conversation is over, whoever ended it.

        Returns
        -------
        str
            Why, in the transport's words; empty when this side ended it.
        """
        await self._conversation.connection.wait_closed()
        return self._conversation.reason

    # -- opening -------------------------------------------------------------------------------

    async def initialize(self) -> types.InitializeResult:
        """Open a legacy session: ask for our latest legacy version, take any of them.

        Raises
        ------
        McpError
            Among others UNSUPPORTED_PROTOCOL_VERSION when the server wants a version this client does not
            know; the connection is closed then (spec 2025-11-25, "Version Negotiation").
        """
        return await self._conversation.initialize()

    async def discover(self) -> types.DiscoverResult:
        """Ask a modern server what it can do; from then on every request carries version and capabilities.

        Raises
        ------
        McpError
            Among others UNSUPPORTED_PROTOCOL_VERSION, when there is no modern version that both know. After
            an error `initialize` may still succeed.
        """
        return await self._conversation.discover()

    def resume(self, opening: types.InitializeResult | types.DiscoverResult, version: str) -> None:
        """Be as after an opening that was recorded, in place of `initialize` or `discover`.

        Raises
        ------
        McpError
            It is in a version that this client does not know.
        """
        self._conversation.resume(opening, version)

    def play_through(self, tape: Tape) -> None:
        """Let a tape stand between this session and its server from now on: it keeps, or it answers."""
        self._conversation.play_through(tape)

    async def send_ping(self, *, timeout: float | None = None) -> types.EmptyResult:
        """Ask whether the server is there (legacy versions)."""
        return await self._conversation.ask("ping", {}, types.EmptyResult, timeout=timeout)

    # -- tools ---------------------------------------------------------------------------------

    async def list_tools(
        self, cursor: str | None = None, *, params: types.PaginatedRequestParams | None = None
    ) -> types.ListToolsResult:
        """One page of the tools; `nextCursor` leads to the next.

        A tool whose arguments cannot be repeated in headers as its schema asks (`x-mcp-header`) is left out,
        where the transport has such headers, and logged.
        """
        result = await self._conversation.ask("tools/list", page(cursor, params), types.ListToolsResult)
        if (headers := self._conversation.param_headers) is not None:
            result.tools = headers.learn(result.tools)
        if self._output_schemas is not None:
            self._output_schemas.learn(result.tools)
        return result

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        read_timeout_seconds: timedelta | float | None = None,
        progress_callback: ProgressCallback | None = None,
        *,
        meta: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> types.CallToolResult:
        """Call a tool. A tool that fails gives a result with `isError`, not an exception.

        Parameters
        ----------
        arguments : mapping, optional
            What the tool's input schema asks for; models and dates are written as JSON, bytes as base64.
        timeout, read_timeout_seconds : float, timedelta, optional
            Seconds for all of it: a person's time at a form that the server asks for is included.
        progress_callback : async function, optional
            Called with (progress, total or None, message or None).
        meta : mapping, optional
            Members for the request's `_meta`.

        Raises
        ------
        InvalidToolOutput
            The structured content does not fit the `outputSchema` that the tool was listed with, and the
            session checks results.
        """

        async def learn_headers(error: McpError) -> bool:
            return error.code == HEADER_MISMATCH and await self._learn_headers(name)

        params = {"name": name, "arguments": without_bytes(arguments or {})}
        result = await self._conversation.ask(
            "tools/call",
            params if meta is None else {**params, "_meta": dict(meta)},
            types.CallToolResult,
            timeout=seconds(read_timeout_seconds) if timeout is None else timeout,
            on_progress=progress_callback,
            remedy=learn_headers,
        )
        schemas = self._output_schemas
        if schemas is not None and schemas.problem(name, result) is not None:
            await self._look_up(name)  # it may have changed since
            if (problem := schemas.problem(name, result)) is not None:
                raise problem
        return result

    async def _learn_headers(self, tool: str) -> bool:
        """Look the tool up, whose call lacked headers or had wrong ones; whether it needs others now.

        Source: spec 2026-07-28, basic/transports/streamable-http, "Client Behavior".
        """
        if (headers := self._conversation.param_headers) is None:
            return False
        before = headers.annotations_of(tool)
        await self._look_up(tool)
        return headers.annotations_of(tool) != before

    async def _look_up(self, tool: str) -> None:
        """List the tools as far as this one."""
        cursor = None
        for _ in range(MAX_PAGES):
            result = await self.list_tools(cursor)
            previous, cursor = cursor, result.nextCursor
            if cursor in (None, previous) or any(listed.name == tool for listed in result.tools):
                break

    # -- resources -----------------------------------------------------------------------------

    async def list_resources(
        self, cursor: str | None = None, *, params: types.PaginatedRequestParams | None = None
    ) -> types.ListResourcesResult:
        """One page of the resources."""
        return await self._conversation.ask("resources/list", page(cursor, params), types.ListResourcesResult)

    async def list_resource_templates(
        self, cursor: str | None = None, *, params: types.PaginatedRequestParams | None = None
    ) -> types.ListResourceTemplatesResult:
        """One page of the resource templates."""
        return await self._conversation.ask(
            "resources/templates/list", page(cursor, params), types.ListResourceTemplatesResult
        )

    async def read_resource(self, uri: str | AnyUrl) -> types.ReadResourceResult:
        """Read a resource: ``content, mime_type = ...`` for its first part, ``.contents`` for all."""
        return await self._conversation.ask("resources/read", {"uri": str(uri)}, types.ReadResourceResult)

    async def subscribe_resource(self, uri: str | AnyUrl) -> types.EmptyResult:
        """Ask to be told (`message_handler`) when a resource changes (legacy versions)."""
        result = await self._conversation.ask("resources/subscribe", {"uri": str(uri)}, types.EmptyResult)
        self._conversation.subscribed.add(str(uri))
        return result

    async def unsubscribe_resource(self, uri: str | AnyUrl) -> types.EmptyResult:
        """Be told no more (legacy versions)."""
        self._conversation.subscribed.discard(str(uri))
        return await self._conversation.ask("resources/unsubscribe", {"uri": str(uri)}, types.EmptyResult)

    def listen(
        self,
        *,
        tools: bool = False,
        prompts: bool = False,
        resources: bool = False,
        uris: Iterable[str | AnyUrl] = (),
        timeout: float | None = None,
    ) -> AbstractAsyncContextManager[Subscription]:
        """Be told (`message_handler`) of changes while the body runs (2026-07-28).

        As in ::

            async with session.listen(tools=True, uris=["note://1"]) as subscription: ...

        Parameters
        ----------
        tools, prompts, resources : bool
            Whether to hear that such a list changed.
        uris : iterable of str
            Resources to hear of when they change.
        timeout : float, optional
            Seconds for the server to acknowledge.

        Returns
        -------
        async context manager of Subscription
            Entered once the server has acknowledged; `granted` says what it will tell of. Leaving it ends the
            subscription. A subscription that ends before (`ended`, `error`) is not made again.
        """
        wanted = types.SubscriptionFilter(
            toolsListChanged=tools or None,
            promptsListChanged=prompts or None,
            resourcesListChanged=resources or None,
            resourceSubscriptions=[str(uri) for uri in uris] or None,
        )
        seconds = self._conversation.timeout if timeout is None else timeout
        return self._subscriptions.listen(self._conversation, wanted, seconds)

    # -- prompts and completion ----------------------------------------------------------------

    async def list_prompts(
        self, cursor: str | None = None, *, params: types.PaginatedRequestParams | None = None
    ) -> types.ListPromptsResult:
        """One page of the prompts."""
        return await self._conversation.ask("prompts/list", page(cursor, params), types.ListPromptsResult)

    async def get_prompt(
        self, name: str, arguments: Mapping[str, str] | None = None
    ) -> types.GetPromptResult:
        """A prompt, filled in."""
        params = {"name": name, "arguments": arguments or {}}
        return await self._conversation.ask("prompts/get", params, types.GetPromptResult)

    async def complete(
        self,
        ref: types.PromptReference | types.ResourceTemplateReference,
        argument: Mapping[str, str],
        context_arguments: Mapping[str, str] | None = None,
    ) -> types.CompleteResult:
        """Values that would complete an argument.

        Parameters
        ----------
        argument : mapping
            Its `name`, and the `value` typed so far.
        context_arguments : mapping, optional
            Arguments already decided (2025-06-18 and later).
        """
        params: dict[str, Any] = {"ref": ref, "argument": argument}
        if context_arguments is not None:
            params["context"] = {"arguments": context_arguments}
        return await self._conversation.ask("completion/complete", params, types.CompleteResult)

    # -- settings ------------------------------------------------------------------------------

    async def set_logging_level(self, level: types.LoggingLevel) -> types.EmptyResult:
        """Ask for log messages of this severity and above.

        A modern server is told with each request from now on, a legacy one at once.
        """
        await self._conversation.set_log_level(level)
        return types.EmptyResult()


# -- output schemas ------------------------------------------------------------------------------
#
# What the tools of a server promise to return, and whether a result keeps it.
#
# Owns the output schemas of the tools as they were listed last. Does not know how tools are listed or called.
# Source: spec 2025-06-18 and later, server/tools, "Output Schema".

log = logging.getLogger(__name__)

MAX_TOOLS: Final = 10_000
"""Whose schemas are kept; what is listed beyond them is not checked."""


class OutputSchemas:
    """Output schemas by the tool's name; each is made ready when its tool is first called."""

    def __init__(self) -> None:
        self._listed: dict[str, dict[str, Any]] = {}
        self._ready: dict[str, JsonSchema | None] = {}

    def learn(self, tools: Iterable[types.Tool]) -> None:
        """Take in a page of the list."""
        for tool in tools:
            schema = tool.outputSchema
            if self._listed.get(tool.name) == schema:
                continue
            self._ready.pop(tool.name, None)
            self._listed.pop(tool.name, None)
            if schema is not None and len(self._listed) < MAX_TOOLS:
                self._listed[tool.name] = schema

    def forget(self) -> None:
        """The list has changed."""
        self._listed.clear()
        self._ready.clear()

    def problem(self, name: str, result: types.CallToolResult) -> InvalidToolOutput | None:
        """What is wrong with the structured content of a call that did not fail; None when nothing is."""
        if result.isError or name not in self._listed:
            return None
        shown = safe_line(name)
        if "structuredContent" not in result.model_fields_set:
            return InvalidToolOutput(
                f"The tool {shown!r} has an outputSchema, but gave no structured content."
            )
        wrong = self._wrong(name, result.structuredContent)
        if not wrong:
            return None
        text = (
            f"The structured content of the tool {shown!r} does not fit its outputSchema: {'; '.join(wrong)}"
        )
        return InvalidToolOutput(safe_line(text, MAX_MESSAGE_CHARS))

    def _wrong(self, name: str, value: Any) -> list[str]:
        try:
            schema = self._schema(name)
            return [] if schema is None else schema.problems(value)
        except UncheckableSchema as exc:
            # Its author may use what our checks have not: the result is no worse for that.
            self._ready[name] = None
            log.warning("Results of the tool %s are not checked: %s", safe_line(name), exc)
            return []

    def _schema(self, name: str) -> JsonSchema | None:
        if name not in self._ready:
            self._ready[name] = JsonSchema(self._listed[name])
        return self._ready[name]
