# SPDX-License-Identifier: BSD-3-Clause
"""A client's session with one server, in either era: a typed method for each request and notification.

`requests` sends them. The names of methods, arguments and callback types are those of the first-generation
SDK.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self, TypeAlias, TypeVar

from pydantic import AnyUrl

from .. import types
from .._util.tasks import owned_tasks
from .._util.text import MAX_MESSAGE_CHARS, safe_line
from .._version import __version__
from ..engine.connection import ProgressCallback
from ..errors import InvalidToolOutput, UncheckableSchema
from ..protocol.frames import Notification
from ..protocol.limits import MAX_PAGES, MAX_TOOLS
from ..protocol.validation import JsonSchema
from .callbacks import Callback, Callbacks
from .requests import Interceptor, RequestSender
from .subscriptions import Subscription, Subscriptions
from .transport import ReadHalf, WriteHalf, joined, seconds

__all__ = [
    "ClientSession",
    "ElicitationFnT",
    "ListRootsFnT",
    "LoggingFnT",
    "MessageHandlerFnT",
    "OutputSchemas",
    "RequestContext",
    "SamplingFnT",
]

log = logging.getLogger(__name__)

READ_TIMEOUT_SECONDS: Final = 300.0
"""Five minutes: a call may wait for a cell that the user runs, but a caller must not wait for ever."""

_ATOMS: Final = frozenset({str, int, float, bool, type(None)})

_Result = TypeVar("_Result", bound=types.Result)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The request that a callback answers.

    Attributes
    ----------
    session : ClientSession
        The session of the request. A callback may send requests of its own over it.
    request_id
        The request's id; for an input request, its key in the server's result.
    meta : mapping
        The `_meta` of its params.
    lifespan_context : None
        Only servers have one.
    """

    session: ClientSession
    request_id: types.RequestId
    meta: Mapping[str, Any]
    lifespan_context: None = None


SamplingFnT: TypeAlias = Callable[
    [RequestContext, types.CreateMessageRequestParams], Awaitable[types.CreateMessageResult | types.ErrorData]
]
ElicitationFnT: TypeAlias = Callable[
    [RequestContext, types.ElicitRequestParams], Awaitable[types.ElicitResult | types.ErrorData]
]
ListRootsFnT: TypeAlias = Callable[[RequestContext], Awaitable[types.ListRootsResult | types.ErrorData]]
LoggingFnT: TypeAlias = Callable[[types.LoggingMessageNotificationParams], Awaitable[None]]
MessageHandlerFnT: TypeAlias = Callable[[Any], Awaitable[None]]
"""Takes a notification (`types.ServerNotification`)."""


class ClientSession:
    """A session with a server: ``async with ClientSession(read, write) as session``.

    Begin with `initialize` (any server) or `discover` (servers of 2026-07-28).

    Parameters
    ----------
    read, write
        What a client transport yields. They are closed with the session.
    client_info : Implementation, optional
        This client's name and version.
    read_timeout_seconds : timedelta or float, optional
        How long to wait for a result where a call has no time-out of its own: `READ_TIMEOUT_SECONDS`.
    logging_callback : async function, optional
        Called with the params of each log message (`types.LoggingMessageNotificationParams`).
    message_handler : async function, optional
        Called with each notification that a list or a resource changed, or that the user is done at the URL
        of an elicitation.
    sampling_callback, elicitation_callback, list_roots_callback : async function, optional
        Answer the server's requests (see `Callbacks`), in both eras. The client declares the capabilities
        that it has callbacks for; elicitation by URL if the callback's params are annotated as
        `types.ElicitRequestParams`.
    sampling_capabilities : SamplingCapability, optional
        What the model behind `sampling_callback` can do. A server may give it tools only if ``tools`` is set.
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
    Every method that sends a request raises `McpError` for the server's error,
    `RequestTimeout` when there is no result in time, and `ConnectionClosed` when the server is gone.
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
            lambda request_id, meta: RequestContext(self, request_id, meta),
            sampling=sampling_callback,
            sampling_capabilities=sampling_capabilities,
            elicitation=elicitation_callback,
            list_roots=list_roots_callback,
            logging=logging_callback,
            message=message_handler,
            is_taken=self._subscriptions.notice,
            change=self._changed,
        )
        self._requests = RequestSender(
            joined(read, write),
            self._callbacks,
            client_info or types.Implementation(name="mcp_jupyter", version=__version__),
            READ_TIMEOUT_SECONDS if timeout is None else timeout,
            "info" if logging_callback is not None else None,
            self._learn_headers,
        )
        self._life = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(owned_tasks())
            await tasks.start(self._requests.connection.serve)
            tasks.start_soon(self._callbacks.notices.run)
            tasks.start_soon(self._requests.keep_session)
            self._life = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._requests.connection.close()
        return await self._life.__aexit__(kind, value, trace)

    def _changed(self, notification: Notification) -> None:
        if notification.method == "notifications/tools/list_changed" and self._output_schemas is not None:
            self._output_schemas.forget()
        if self._change_listener is not None:
            self._change_listener(notification)

    @property
    def protocol_version(self) -> str | None:
        """The negotiated version; None before `initialize` or `discover`."""
        return self._requests.version

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """The capabilities that this client declares."""
        return self._callbacks.capabilities

    def get_server_capabilities(self) -> types.ServerCapabilities | None:
        """The capabilities that the server declared; None before `initialize` or `discover`."""
        return self._requests.server_capabilities

    async def wait_closed(self) -> str:
        """Wait until the connection is closed, by either side.

        Returns
        -------
        str
            Why, in the transport's words; empty when this side ended it.
        """
        await self._requests.connection.wait_closed()
        return self._requests.reason

    # -- opening -------------------------------------------------------------------------------

    async def initialize(self) -> types.InitializeResult:
        """Open a legacy session: ask for our latest legacy version, take any of them.

        Raises
        ------
        McpError
            Among others UNSUPPORTED_PROTOCOL_VERSION when the server wants a version this client does not
            know; the connection is closed then (spec 2025-11-25, "Version Negotiation").
        """
        return await self._requests.initialize()

    async def discover(self) -> types.DiscoverResult:
        """Ask a modern server what it can do; from then on every request carries version and capabilities.

        Raises
        ------
        McpError
            Among others UNSUPPORTED_PROTOCOL_VERSION, when there is no modern version that both know. After
            an error `initialize` may still succeed.
        """
        return await self._requests.discover()

    def resume(self, opening: types.InitializeResult | types.DiscoverResult, version: str) -> None:
        """Open the session with a recorded result, in place of `initialize` or `discover`.

        Raises
        ------
        McpError
            This client does not support the version.
        """
        self._requests.resume(opening, version)

    def intercept(self, interceptor: Interceptor) -> None:
        """Pass every request through `interceptor` from now on (a cassette's recorder or replayer)."""
        self._requests.intercept(interceptor)

    async def send_ping(self, *, timeout: float | None = None) -> types.EmptyResult:
        """Check that the server responds (legacy versions)."""
        return await self._requests.request("ping", {}, types.EmptyResult, timeout=timeout)

    # -- tools ---------------------------------------------------------------------------------

    async def list_tools(
        self, cursor: str | None = None, *, params: types.PaginatedRequestParams | None = None
    ) -> types.ListToolsResult:
        """Return one page of the tools; `nextCursor` leads to the next.

        A tool whose arguments cannot be repeated in headers as its schema asks (`x-mcp-header`) is left out,
        where the transport has such headers, and logged.
        """
        result = await self._requests.request("tools/list", _page(cursor, params), types.ListToolsResult)
        if (headers := self._requests.param_headers) is not None:
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
            The arguments, as the tool's input schema describes them. Models and dates are sent as JSON, bytes
            as base64.
        timeout, read_timeout_seconds : float, timedelta, optional
            Seconds for all of it, including the user's time at a form.
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
        params: dict[str, Any] = {"name": name, "arguments": _without_bytes(arguments or {})}
        if meta is not None:
            params["_meta"] = dict(meta)
        result = await self._requests.request(
            "tools/call",
            params,
            types.CallToolResult,
            timeout=seconds(read_timeout_seconds) if timeout is None else timeout,
            on_progress=progress_callback,
        )
        schemas = self._output_schemas
        if schemas is not None and schemas.problem(name, result) is not None:
            await self._look_up(name)  # the schema may have changed since it was listed
            if (problem := schemas.problem(name, result)) is not None:
                raise problem
        return result

    async def _learn_headers(self, tool: str) -> bool:
        """List the tool whose call had the wrong headers; return whether it needs other headers now.

        Source: spec 2026-07-28, basic/transports/streamable-http, "Client Behavior".
        """
        if (headers := self._requests.param_headers) is None:
            return False
        before = headers.annotations_of(tool)
        await self._look_up(tool)
        return headers.annotations_of(tool) != before

    async def _look_up(self, tool: str) -> None:
        """List the tools up to the page with this one."""
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
        """Return one page of the resources."""
        return await self._requests.request(
            "resources/list", _page(cursor, params), types.ListResourcesResult
        )

    async def list_resource_templates(
        self, cursor: str | None = None, *, params: types.PaginatedRequestParams | None = None
    ) -> types.ListResourceTemplatesResult:
        """Return one page of the resource templates."""
        return await self._requests.request(
            "resources/templates/list", _page(cursor, params), types.ListResourceTemplatesResult
        )

    async def read_resource(self, uri: str | AnyUrl) -> types.ReadResourceResult:
        """Read a resource: ``content, mime_type = ...`` for its first part, ``.contents`` for all."""
        return await self._requests.request("resources/read", {"uri": str(uri)}, types.ReadResourceResult)

    async def subscribe_resource(self, uri: str | AnyUrl) -> types.EmptyResult:
        """Subscribe to changes of a resource, which `message_handler` gets (legacy versions)."""
        return await self._requests.subscribe(str(uri))

    async def unsubscribe_resource(self, uri: str | AnyUrl) -> types.EmptyResult:
        """End a subscription to a resource (legacy versions)."""
        return await self._requests.unsubscribe(str(uri))

    def listen(
        self,
        *,
        tools: bool = False,
        prompts: bool = False,
        resources: bool = False,
        uris: Iterable[str | AnyUrl] = (),
        timeout: float | None = None,
    ) -> AbstractAsyncContextManager[Subscription]:
        """Subscribe to changes while the body runs (2026-07-28); `message_handler` gets the notifications.

        As in ::

            async with session.listen(tools=True, uris=["note://1"]) as subscription: ...

        Parameters
        ----------
        tools, prompts, resources : bool
            Whether to subscribe to changes of that list.
        uris : iterable of str
            Resources to subscribe to.
        timeout : float, optional
            Seconds for the server to acknowledge.

        Returns
        -------
        async context manager of Subscription
            Entered once the server has acknowledged; `granted` says which changes it will report. Leaving the
            context ends the subscription. A subscription that the server ends (`ended`, `error`) is not
            opened again.

        Raises
        ------
        McpError
            The negotiated version has no such subscriptions: see `subscribe_resource`.
        """
        self._requests.check("subscriptions/listen")
        wanted = types.SubscriptionFilter(
            toolsListChanged=tools or None,
            promptsListChanged=prompts or None,
            resourcesListChanged=resources or None,
            resourceSubscriptions=[str(uri) for uri in uris] or None,
        )
        return self.subscribed(wanted, timeout)

    def subscribed(
        self, wanted: types.SubscriptionFilter, timeout: float | None = None
    ) -> AbstractAsyncContextManager[Subscription]:
        """Subscribe to changes while the body runs, in either era (see `listen`).

        A legacy server reports changes of lists by itself; resources are subscribed to one by one.
        """
        seconds = self._requests.timeout if timeout is None else timeout
        return self._subscriptions.open(self._requests, wanted, seconds)

    # -- prompts and completion ----------------------------------------------------------------

    async def list_prompts(
        self, cursor: str | None = None, *, params: types.PaginatedRequestParams | None = None
    ) -> types.ListPromptsResult:
        """Return one page of the prompts."""
        return await self._requests.request("prompts/list", _page(cursor, params), types.ListPromptsResult)

    async def get_prompt(
        self, name: str, arguments: Mapping[str, str] | None = None
    ) -> types.GetPromptResult:
        """Return a prompt, filled in with `arguments`."""
        params = {"name": name, "arguments": arguments or {}}
        return await self._requests.request("prompts/get", params, types.GetPromptResult)

    async def complete(
        self,
        ref: types.PromptReference | types.ResourceTemplateReference,
        argument: Mapping[str, str],
        context_arguments: Mapping[str, str] | None = None,
    ) -> types.CompleteResult:
        """Return values that complete an argument.

        Parameters
        ----------
        ref : PromptReference or ResourceTemplateReference
            The prompt or resource template that has the argument.
        argument : mapping
            Its `name`, and the `value` typed so far.
        context_arguments : mapping, optional
            Arguments that already have a value (2025-06-18 and later).
        """
        params: dict[str, Any] = {"ref": ref, "argument": argument}
        if context_arguments is not None:
            params["context"] = {"arguments": context_arguments}
        return await self._requests.request("completion/complete", params, types.CompleteResult)

    # -- other requests and notifications ------------------------------------------------------

    async def set_logging_level(self, level: types.LoggingLevel) -> types.EmptyResult:
        """Ask for log messages of this severity and above.

        A legacy server is asked now, a modern one with each request from now on.
        """
        await self._requests.set_log_level(level)
        return types.EmptyResult()

    async def send_request(
        self,
        method: str | types.Request | types.ClientRequest,
        params: Mapping[str, Any] | types.WireModel | type[_Result] | None = None,
        result_type: type[_Result] = types.Result,  # type: ignore[assignment]
        request_read_timeout_seconds: timedelta | float | None = None,
        *,
        timeout: float | None = None,
        progress_callback: ProgressCallback | None = None,
    ) -> _Result:
        """Send any request, also one that is not part of the protocol.

        Parameters
        ----------
        method : str or model
            A `types.Request` stands for its method and params; then the second argument is the result's type.
        params : mapping or model, optional
            The request's params.
        result_type : type
            The model that the result is read into; `types.Result` keeps all members.
        timeout, request_read_timeout_seconds, progress_callback
            As for `call_tool`.
        """
        if not isinstance(method, str):
            result_type = params if isinstance(params, type) else result_type
            request: types.Request = _unwrapped(method)
            method, params = request.method, request.params
        assert not isinstance(params, type), "a method is followed by its params"
        return await self._requests.request(
            method,
            _wire(params),
            result_type,
            timeout=seconds(request_read_timeout_seconds) if timeout is None else timeout,
            on_progress=progress_callback,
        )

    async def send_notification(
        self, notification: types.Notification | types.ClientNotification, related_request_id: Any = None
    ) -> None:
        """Send a notification of the protocol, unless the version lacks it, or one of your own."""
        sent = _unwrapped(notification)
        self._requests.notify(sent.method, _wire(sent.params))

    async def send_progress_notification(
        self,
        progress_token: types.ProgressToken,
        progress: float,
        total: float | None = None,
        message: str | None = None,
    ) -> None:
        """Report progress under a token that the server gave (legacy versions)."""
        params = {"progressToken": progress_token, "progress": progress, "total": total, "message": message}
        given = {name: value for name, value in params.items() if value is not None}
        self._requests.notify("notifications/progress", given)

    async def send_roots_list_changed(self) -> None:
        """Tell the server that the roots changed (legacy versions)."""
        self._requests.notify("notifications/roots/list_changed", {})


def _page(cursor: str | None, params: types.PaginatedRequestParams | None) -> dict[str, Any]:
    """Return the params of a request for a page.

    Raises
    ------
    ValueError
        Both a cursor and params are given.
    """
    if params is None:
        return {} if cursor is None else {"cursor": cursor}
    if cursor is not None:
        raise ValueError("Give cursor or params, not both: params has a cursor.")
    return _wire(params)


def _unwrapped(message: Any) -> Any:
    """Take a request or notification out of the union that the first-generation SDK wraps it in."""
    return getattr(message, "root", message)


def _wire(params: Mapping[str, Any] | types.WireModel | None) -> dict[str, Any]:
    if isinstance(params, types.WireModel):
        return params.model_dump(by_alias=True, exclude_none=True, mode="json")
    return dict(params or {})


def _without_bytes(value: Any) -> Any:
    """Replace bytes by base64 text in the common alphabet, which every decoder takes."""
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, dict) and not _ATOMS.issuperset(map(type, value.values())):
        return {key: _without_bytes(item) for key, item in value.items()}
    if isinstance(value, list | tuple) and not _ATOMS.issuperset(map(type, value)):
        return [_without_bytes(item) for item in value]
    return value


# -- output schemas ------------------------------------------------------------------------------
#
# Source: spec 2025-06-18 and later, server/tools, "Output Schema".


class OutputSchemas:
    """The output schemas of the tools as listed last; each is compiled when its tool is first called."""

    def __init__(self) -> None:
        self._listed: dict[str, dict[str, Any]] = {}
        self._ready: dict[str, JsonSchema | None] = {}

    def learn(self, tools: Iterable[types.Tool]) -> None:
        """Keep the schemas of one page of the list."""
        for tool in tools:
            schema = tool.outputSchema
            if self._listed.get(tool.name) == schema:
                continue
            self._ready.pop(tool.name, None)
            self._listed.pop(tool.name, None)
            if schema is not None and len(self._listed) < MAX_TOOLS:
                self._listed[tool.name] = schema

    def forget(self) -> None:
        """Drop all schemas: the list has changed."""
        self._listed.clear()
        self._ready.clear()

    def problem(self, name: str, result: types.CallToolResult) -> InvalidToolOutput | None:
        """Return what is wrong with the structured content of a successful call; None when it is valid."""
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
            # The schema may use keywords that this client cannot check; that does not make the result wrong.
            self._ready[name] = None
            log.warning("Results of the tool %s are not checked: %s", safe_line(name), exc)
            return []

    def _schema(self, name: str) -> JsonSchema | None:
        if name not in self._ready:
            self._ready[name] = JsonSchema(self._listed[name])
        return self._ready[name]
