# SPDX-License-Identifier: BSD-3-Clause
"""A client's conversation with one server, in either era: the methods a client may call, as functions.

Owns what a client remembers of a conversation (its version, its capabilities, its log level) and the
meaning of results. Does not know how messages travel, nor how a connection is found or made again.

Names and results are those of the first-generation SDK.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from pydantic import AnyUrl, ValidationError

from .. import types
from .._version import __version__
from ..engine.connection import Connection, ProgressCallback
from ..errors import ConnectionClosed, McpError
from ..protocol.codes import INTERNAL_ERROR, METHOD_NOT_FOUND, UNSUPPORTED_PROTOCOL_VERSION
from ..protocol.eras import (
    CLIENT_CAPABILITIES,
    CLIENT_INFO,
    LATEST_LEGACY,
    LATEST_MODERN,
    LOG_LEVEL,
    PROTOCOL_VERSION,
    Era,
    era_of,
)
from ..protocol.methods import LEGACY_VERSIONS
from .callbacks import Callback, Callbacks, malformed
from .streams import ClientChannel, ReadHalf, WriteHalf, joined, owned_tasks, printable

__all__ = ["ClientSession", "ReadResourceResult"]

READ_TIMEOUT_SECONDS: Final = 300.0
"""A call may wait for a person's cell; after five minutes without an answer somebody should know."""

MAX_SHOWN_CHARS: Final = 64
"""Of a word of the server's in an error message."""

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
        Called with each notification that a list or a resource changed.
    sampling_callback, elicitation_callback, list_roots_callback : async function, optional
        Answer the server's requests (see `Callbacks`); the client declares what it has callbacks for.

    Raises
    ------
    ValueError
        `read` and `write` belong to different connections.

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
        elicitation_callback: Callback | None = None,
        list_roots_callback: Callback | None = None,
    ) -> None:
        self._channel = joined(read, write)
        self._callbacks = Callbacks(
            self,
            sampling=sampling_callback,
            elicitation=elicitation_callback,
            list_roots=list_roots_callback,
            logging=logging_callback,
            message=message_handler,
        )
        self._connection = Connection(self._channel, self._callbacks)
        self._client_info = client_info or types.Implementation(name="mcp_jupyter", version=__version__)
        self._timeout = read_timeout_seconds
        self._era: Era | None = None
        self._envelope: dict[str, Any] | None = None
        self._log_level: str | None = "info" if logging_callback is not None else None
        self._life = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(owned_tasks())
            await tasks.start(self._connection.serve)
            tasks.start_soon(self._callbacks.run)
            self._life = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._connection.close()
        return await self._life.__aexit__(kind, value, trace)

    @property
    def protocol_version(self) -> str | None:
        """The version that is spoken; None before `initialize` or `discover`."""
        return None if self._era is None else self._era.version

    # -- opening -------------------------------------------------------------------------------

    async def initialize(self) -> types.InitializeResult:
        """Open a legacy session: ask for our latest legacy version, take any of them.

        Raises
        ------
        McpError
            Among others UNSUPPORTED_PROTOCOL_VERSION when the server wants a version this client does not
            know; the connection is closed then (spec 2025-11-25, "Version Negotiation").
        """
        params = {
            "protocolVersion": LATEST_LEGACY,
            "capabilities": self._callbacks.capabilities,
            "clientInfo": self._client_info,
        }
        result = await self._send("initialize", params, types.InitializeResult)
        if result.protocolVersion not in LEGACY_VERSIONS:
            self._connection.close()
            raise _unsupported([result.protocolVersion], list(LEGACY_VERSIONS))
        self._era, self._envelope = era_of(result.protocolVersion), None
        self._connection.notify("notifications/initialized", {})
        return result

    async def discover(self) -> types.DiscoverResult:
        """Ask a modern server what it can do; from then on every request carries version and capabilities.

        Raises
        ------
        McpError
            Among others UNSUPPORTED_PROTOCOL_VERSION. After an error `initialize` may still succeed.
        """
        envelope = {
            PROTOCOL_VERSION: LATEST_MODERN,
            CLIENT_CAPABILITIES: self._callbacks.capabilities,
            CLIENT_INFO: self._client_info,
        }
        result = await self._send("server/discover", {"_meta": envelope}, types.DiscoverResult)
        if LATEST_MODERN not in result.supportedVersions:
            raise _unsupported(result.supportedVersions, [LATEST_MODERN])
        self._era, self._envelope = era_of(LATEST_MODERN), envelope
        return result

    async def send_ping(self, *, timeout: float | None = None) -> types.EmptyResult:
        """Ask whether the server is there (legacy versions)."""
        return await self._request("ping", {}, types.EmptyResult, timeout=timeout)

    # -- tools ---------------------------------------------------------------------------------

    async def list_tools(self, cursor: str | None = None) -> types.ListToolsResult:
        """One page of the tools; `nextCursor` leads to the next."""
        return await self._request("tools/list", _page(cursor), types.ListToolsResult)

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
            What the tool's input schema asks for; models and dates are written as JSON.
        timeout : float, optional
            Seconds to wait for this answer.
        progress_callback : async function, optional
            Called with (progress, total or None, message or None).
        """
        params = {"name": name, "arguments": arguments or {}}
        return await self._request(
            "tools/call", params, types.CallToolResult, timeout=timeout, on_progress=progress_callback
        )

    # -- resources -----------------------------------------------------------------------------

    async def list_resources(self, cursor: str | None = None) -> types.ListResourcesResult:
        """One page of the resources."""
        return await self._request("resources/list", _page(cursor), types.ListResourcesResult)

    async def list_resource_templates(self, cursor: str | None = None) -> types.ListResourceTemplatesResult:
        """One page of the resource templates."""
        return await self._request(
            "resources/templates/list", _page(cursor), types.ListResourceTemplatesResult
        )

    async def read_resource(self, uri: str | AnyUrl) -> ReadResourceResult:
        """Read a resource: ``content, mime_type = ...`` for its first part, ``.contents`` for all."""
        return await self._request("resources/read", {"uri": str(uri)}, ReadResourceResult)

    async def subscribe_resource(self, uri: str | AnyUrl) -> types.EmptyResult:
        """Ask to be told (`message_handler`) when a resource changes (legacy versions)."""
        return await self._request("resources/subscribe", {"uri": str(uri)}, types.EmptyResult)

    async def unsubscribe_resource(self, uri: str | AnyUrl) -> types.EmptyResult:
        """Be told no more (legacy versions)."""
        return await self._request("resources/unsubscribe", {"uri": str(uri)}, types.EmptyResult)

    # -- prompts and completion ----------------------------------------------------------------

    async def list_prompts(self, cursor: str | None = None) -> types.ListPromptsResult:
        """One page of the prompts."""
        return await self._request("prompts/list", _page(cursor), types.ListPromptsResult)

    async def get_prompt(
        self, name: str, arguments: Mapping[str, str] | None = None
    ) -> types.GetPromptResult:
        """A prompt, filled in."""
        params = {"name": name, "arguments": arguments or {}}
        return await self._request("prompts/get", params, types.GetPromptResult)

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
        return await self._request("completion/complete", params, types.CompleteResult)

    # -- settings ------------------------------------------------------------------------------

    async def set_logging_level(self, level: types.LoggingLevel) -> None:
        """Ask for log messages of this severity and above.

        A modern server is told with each request from now on, a legacy one at once.
        """
        if self._envelope is None:
            await self._request("logging/setLevel", {"level": level}, types.EmptyResult)
        self._log_level = level

    async def send_roots_list_changed(self) -> None:
        """Tell the server that the roots changed (legacy versions; a modern server asks when it likes)."""
        if self._envelope is None:
            self._connection.notify("notifications/roots/list_changed", {})

    # -- asking --------------------------------------------------------------------------------

    async def _request(
        self,
        method: str,
        params: Mapping[str, Any],
        model: type[_Result],
        *,
        timeout: float | None = None,
        on_progress: ProgressCallback | None = None,
    ) -> _Result:
        """Ask within an opened conversation."""
        if self._era is None:
            raise RuntimeError("Await session.initialize() or session.discover() first.")
        if method not in self._era.client_requests:
            raise McpError(METHOD_NOT_FOUND, f"{method} does not exist in version {self._era.version}.")
        if self._envelope is not None:
            meta = {**self._envelope, **({LOG_LEVEL: self._log_level} if self._log_level else {})}
            params = {**params, "_meta": meta}
        return await self._send(method, params, model, timeout=timeout, on_progress=on_progress)

    async def _send(
        self,
        method: str,
        params: Mapping[str, Any],
        model: type[_Result],
        *,
        timeout: float | None = None,
        on_progress: ProgressCallback | None = None,
    ) -> _Result:
        try:
            answer = await self._connection.request(
                method, params, timeout=self._timeout if timeout is None else timeout, on_progress=on_progress
            )
            result = model.from_wire(answer)
        except ConnectionClosed as exc:
            reason = self._channel.reason if isinstance(self._channel, ClientChannel) else ""
            raise ConnectionClosed(reason or str(exc)) from None
        except ValidationError as exc:
            raise McpError(INTERNAL_ERROR, malformed(f"The server's answer to {method} is", exc)) from None
        if not result.is_complete:
            kind = printable(str(result.resultType), MAX_SHOWN_CHARS)
            raise McpError(
                INTERNAL_ERROR, f"The server answered {method} with {kind!r}, which is not supported."
            )
        return result


def _page(cursor: str | None) -> dict[str, Any]:
    return {} if cursor is None else {"cursor": cursor}


def _unsupported(theirs: list[str], ours: list[str]) -> McpError:
    named = printable(", ".join(theirs), MAX_SHOWN_CHARS)
    return McpError(
        UNSUPPORTED_PROTOCOL_VERSION,
        f"The server speaks protocol version {named}; this client speaks {', '.join(ours)}.",
        {"supported": ours, "requested": named},
    )
