# SPDX-License-Identifier: BSD-3-Clause
"""A client's conversation with one server, in either era: the methods a client may call, as functions.

Owns the table of methods, what each takes and gives. Does not know how a question becomes an answer
(`conversation`), how messages travel, nor how a connection is found.

Names and results are those of the first-generation SDK.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from pydantic import AnyUrl

from .. import types
from .._version import __version__
from ..engine.connection import ProgressCallback
from ..engine.tasks import owned_tasks
from ..errors import McpError
from ..protocol.codes import HEADER_MISMATCH
from ..protocol.frames import Notification
from .callbacks import Callback, Callbacks
from .conversation import Conversation
from .streams import ReadHalf, WriteHalf, joined
from .subscriptions import Subscription, Subscriptions
from .tape import Tape

__all__ = ["ClientSession", "ReadResourceResult"]

READ_TIMEOUT_SECONDS: Final = 300.0
"""A call may wait for a person's cell; after five minutes without an answer somebody should know."""

MAX_PAGES: Final = 1000
"""Of tools that are searched for one; a server whose cursors never end must not keep us asking."""

_ATOMS: Final = frozenset({str, int, float, bool, type(None)})

_Result = TypeVar("_Result", bound=types.Result)


class ReadResourceResult(types.ReadResourceResult):
    """The contents of a resource; ``content, mime_type = result`` unpacks the first part.

    A pydantic model iterates over its fields, as pairs of name and value, and only ``dict(model)`` makes use
    of that. This one yields the first part's text or bytes, then its MIME type. All else of a model
    (``model_dump()``, comparison, ``repr``) is as ever, and ``result.contents`` has all parts.
    """

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        for part in self.contents[:1]:
            yield part.text if isinstance(part, types.TextResourceContents) else base64.b64decode(part.blob)
            yield part.mimeType


class ClientSession:
    """One conversation with a server: ``async with ClientSession(read, write) as session``.

    Begin with `initialize` (any server) or `discover` (servers of 2026-07-28).

    Parameters
    ----------
    read, write
        What a client transport yields. They are closed with the session.
    client_info : Implementation, optional
        How the client introduces itself.
    read_timeout_seconds : float
        Seconds to wait for an answer where a call does not say otherwise.
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
        *,
        client_info: types.Implementation | None = None,
        read_timeout_seconds: float = READ_TIMEOUT_SECONDS,
        logging_callback: Callback | None = None,
        message_handler: Callback | None = None,
        sampling_callback: Callback | None = None,
        sampling_capabilities: types.SamplingCapability | None = None,
        elicitation_callback: Callback | None = None,
        list_roots_callback: Callback | None = None,
        change_listener: Callable[[Notification], None] | None = None,
    ) -> None:
        self._subscriptions = Subscriptions()
        self._callbacks = Callbacks(
            self,
            sampling=sampling_callback,
            sampling_capabilities=sampling_capabilities,
            elicitation=elicitation_callback,
            list_roots=list_roots_callback,
            logging=logging_callback,
            message=message_handler,
            subscriptions=self._subscriptions,
            change=change_listener,
        )
        self._conversation = Conversation(
            joined(read, write),
            self._callbacks,
            client_info or types.Implementation(name="mcp_jupyter", version=__version__),
            read_timeout_seconds,
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

    @property
    def protocol_version(self) -> str | None:
        """The version that is spoken; None before `initialize` or `discover`."""
        return self._conversation.version

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What this client declares."""
        return self._callbacks.capabilities

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

    async def list_tools(self, cursor: str | None = None) -> types.ListToolsResult:
        """One page of the tools; `nextCursor` leads to the next.

        A tool whose arguments cannot be repeated in headers as its schema asks (`x-mcp-header`) is left out,
        where the transport has such headers, and logged.
        """
        page = await self._conversation.ask("tools/list", _page(cursor), types.ListToolsResult)
        if (headers := self._conversation.param_headers) is not None:
            page.tools = headers.learn(page.tools)
        return page

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        progress_callback: ProgressCallback | None = None,
    ) -> types.CallToolResult:
        """Call a tool. A tool that fails gives a result with `isError`, not an exception.

        Parameters
        ----------
        arguments : mapping, optional
            What the tool's input schema asks for; models and dates are written as JSON, bytes as base64.
        timeout : float, optional
            Seconds for all of it: a person's time at a form that the server asks for is included.
        progress_callback : async function, optional
            Called with (progress, total or None, message or None).
        """

        async def learn_headers(error: McpError) -> bool:
            return error.code == HEADER_MISMATCH and await self._learn_headers(name)

        return await self._conversation.ask(
            "tools/call",
            {"name": name, "arguments": _without_bytes(arguments or {})},
            types.CallToolResult,
            timeout=timeout,
            on_progress=progress_callback,
            remedy=learn_headers,
        )

    async def _learn_headers(self, tool: str) -> bool:
        """Look the tool up, whose call lacked headers or had wrong ones; whether it needs others now.

        Source: spec 2026-07-28, basic/transports/streamable-http, "Client Behavior".
        """
        if (headers := self._conversation.param_headers) is None:
            return False
        before, cursor = headers.annotations_of(tool), None
        for _ in range(MAX_PAGES):
            page = await self.list_tools(cursor)
            previous, cursor = cursor, page.nextCursor
            if cursor in (None, previous) or any(listed.name == tool for listed in page.tools):
                break
        return headers.annotations_of(tool) != before

    # -- resources -----------------------------------------------------------------------------

    async def list_resources(self, cursor: str | None = None) -> types.ListResourcesResult:
        """One page of the resources."""
        return await self._conversation.ask("resources/list", _page(cursor), types.ListResourcesResult)

    async def list_resource_templates(self, cursor: str | None = None) -> types.ListResourceTemplatesResult:
        """One page of the resource templates."""
        return await self._conversation.ask(
            "resources/templates/list", _page(cursor), types.ListResourceTemplatesResult
        )

    async def read_resource(self, uri: str | AnyUrl) -> ReadResourceResult:
        """Read a resource: ``content, mime_type = ...`` for its first part, ``.contents`` for all."""
        return await self._conversation.ask("resources/read", {"uri": str(uri)}, ReadResourceResult)

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

    async def list_prompts(self, cursor: str | None = None) -> types.ListPromptsResult:
        """One page of the prompts."""
        return await self._conversation.ask("prompts/list", _page(cursor), types.ListPromptsResult)

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

    # -- methods of one's own ------------------------------------------------------------------

    async def send_request(
        self,
        method: str,
        params: Mapping[str, Any] | types.WireModel | None = None,
        result_type: type[_Result] = types.Result,  # type: ignore[assignment]
        *,
        timeout: float | None = None,
        progress_callback: ProgressCallback | None = None,
    ) -> _Result:
        """Ask any method, also one that is no part of the protocol.

        Parameters
        ----------
        params : mapping or model, optional
        result_type : type
            The model that the answer is read into; `types.Result` keeps all members.
        timeout, progress_callback
            As for `call_tool`.
        """
        if isinstance(params, types.WireModel):
            params = params.model_dump(by_alias=True, exclude_none=True, mode="json")
        return await self._conversation.ask(
            method, params or {}, result_type, timeout=timeout, on_progress=progress_callback
        )

    # -- settings ------------------------------------------------------------------------------

    async def set_logging_level(self, level: types.LoggingLevel) -> None:
        """Ask for log messages of this severity and above.

        A modern server is told with each request from now on, a legacy one at once.
        """
        await self._conversation.set_log_level(level)

    async def send_progress_notification(
        self,
        progress_token: types.ProgressToken,
        progress: float,
        total: float | None = None,
        message: str | None = None,
    ) -> None:
        """Report progress under a token that the server gave (legacy versions)."""
        said = {"progressToken": progress_token, "progress": progress, "total": total, "message": message}
        if not self._conversation.is_modern:
            given = {name: value for name, value in said.items() if value is not None}
            self._conversation.connection.notify("notifications/progress", given)

    async def send_roots_list_changed(self) -> None:
        """Tell the server that the roots changed (legacy versions; a modern server asks when it likes)."""
        if not self._conversation.is_modern:
            self._conversation.connection.notify("notifications/roots/list_changed", {})


def _page(cursor: str | None) -> dict[str, Any]:
    return {} if cursor is None else {"cursor": cursor}


def _without_bytes(value: Any) -> Any:
    """The same with its bytes as base64 text in the common alphabet, which every decoder takes."""
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, dict) and not _ATOMS.issuperset(map(type, value.values())):
        return {key: _without_bytes(item) for key, item in value.items()}
    if isinstance(value, list | tuple) and not _ATOMS.issuperset(map(type, value)):
        return [_without_bytes(item) for item in value]
    return value
