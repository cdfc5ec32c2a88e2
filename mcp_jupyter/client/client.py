# SPDX-License-Identifier: BSD-3-Clause
"""The client that users open: it connects to a server, and lists and calls what the server has.

It adds to `ClientSession` the connection (`connect`), lists of all pages, and the cache of results.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, get_args

from pydantic import AnyUrl, ValidationError

from .. import types
from ..engine.connection import ProgressCallback
from ..errors import INTERNAL_ERROR, METHOD_NOT_FOUND, McpError
from ..protocol.eras import SERVER_INFO
from ..protocol.frames import Notification
from ..protocol.limits import MAX_PAGES
from .cache import Key, ResultCache
from .callbacks import Callback
from .config.servers_json import HttpServerParameters
from .config.targets import Server, Target, server_of
from .connect import EraChoice, Opened, connected
from .session import READ_TIMEOUT_SECONDS, ClientSession
from .transport import ReadHalf, WriteHalf

if TYPE_CHECKING:
    import httpx2

    from .cassettes import Track

__all__ = ["Client"]

MAX_ITEMS: Final = 100_000
"""Items of one list: more are of no use to a user or a model, and must not fill the memory."""

log = logging.getLogger(__name__)

_DISCOVER: Final[Key] = ("server/discover", None)

_Item = TypeVar("_Item")
_Page = TypeVar("_Page", bound=types.PaginatedResult)


class Client:
    """A client of one server: ``async with Client("https://example.com/mcp") as client``.

    The client finds out which transport and which era (version) the server supports.

    Parameters
    ----------
    target
        A URL (``http://``, ``https://``); a command, as a list of words or one text, without a shell;
        `StdioServerParameters`; a server object such as `FastMCP`, served in memory; a path to a JSON file
        of servers (``mcpServers`` or ``servers``, as Claude, Cursor and VS Code have), or its contents as a
        mapping. A server object has one client at a time. `mcp_jupyter.client.config.servers_json` describes
        such files.
    name : str, optional
        The entry of the file; needed when it has several.
    headers : mapping, optional
        For a URL: sent with each request.
    auth : httpx2.Auth, optional
        For a URL: adds credentials. Results of scope "private" are then not kept, as credentials may change.
    env, cwd : optional
        For a command: variables added to its environment, and its working directory.
    era : {"auto", "legacy", "modern"}
        "auto" tries `server/discover` (2026-07-28) and falls back to `initialize` (until 2025-11-25); the
        others force one of the two.
    read_timeout_seconds : float
        Seconds to wait for a result where a call has no time-out of its own.
    client_info, logging_callback, message_handler, sampling_callback, sampling_capabilities, \
elicitation_callback, list_roots_callback : optional
        As for `ClientSession`.
    cassette : Track, optional
        Records calls, or answers them from a recording (`mcp_jupyter.client.cassettes`). A replay opens no
        connection and ignores the target, which may be None.

    Raises
    ------
    ValueError
        The target is none of these kinds, or an option does not fit it (`ConfigError` for a file).

    Notes
    -----
    Entering the context raises `McpError`, `RequestTimeout`, `ConnectionClosed` or `OSError` when the server
    cannot be reached; the methods raise the first three.

    A modern server says how long its lists and resources may be used again (`ttlMs`). For that time they come
    from a cache, unless a call has ``refresh=True`` or a notification reports a change. Results of a legacy
    server are not kept.

    A list that the server does not declare in its capabilities is empty, with a warning in the log; no
    request is sent. (`session.list_tools` and its like always send one.)
    """

    def __init__(
        self,
        target: Target | None,
        *,
        name: str | None = None,
        headers: Mapping[str, str] | None = None,
        auth: httpx2.Auth | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        era: EraChoice = "auto",
        read_timeout_seconds: float = READ_TIMEOUT_SECONDS,
        client_info: types.Implementation | None = None,
        logging_callback: Callback | None = None,
        message_handler: Callback | None = None,
        sampling_callback: Callback | None = None,
        sampling_capabilities: types.SamplingCapability | None = None,
        elicitation_callback: Callback | None = None,
        list_roots_callback: Callback | None = None,
        cassette: Track | None = None,
    ) -> None:
        if era not in get_args(EraChoice):
            raise ValueError(f"era must be one of {', '.join(get_args(EraChoice))}, not {era!r}.")
        self._cassette = cassette
        self._server: Server | None = None
        if cassette is None or cassette.mode != "replay":
            if target is None:
                raise ValueError("target=None is for a replay.")
            self._server = server_of(target, name=name, headers=headers, env=env, cwd=cwd)
            if auth is not None and not isinstance(self._server, HttpServerParameters):
                raise ValueError("auth= is for a URL.")
        self._auth = auth
        self._era = era
        self._session_options: dict[str, Any] = {
            "client_info": client_info,
            "read_timeout_seconds": read_timeout_seconds,
            "logging_callback": logging_callback,
            "message_handler": message_handler,
            "sampling_callback": sampling_callback,
            "sampling_capabilities": sampling_capabilities,
            "elicitation_callback": elicitation_callback,
            "list_roots_callback": list_roots_callback,
        }
        self._cache = ResultCache(keep_private=auth is None)
        self._opened: Opened | None = None
        self._life = AsyncExitStack()

    async def __aenter__(self) -> Self:
        if self._opened is not None:
            raise RuntimeError("This client is open already; make another one.")
        async with AsyncExitStack() as stack:
            if self._cassette is None:
                opening = self._connected()
            else:
                opening = self._cassette.connected(self._connected, self._new_session)
            self._opened = await stack.enter_async_context(opening)
            self._life = stack.pop_all()
        if self._is_modern:
            self._keep(_DISCOVER, self._opened.result, self._cache.changes)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._opened = None
        self._cache.clear()
        return await self._life.__aexit__(kind, value, trace)

    def _connected(self) -> AbstractAsyncContextManager[Opened]:
        assert self._server is not None, "only a replay does without"
        return connected(self._server, self._new_session, era=self._era, auth=self._auth)

    def _new_session(self, read: ReadHalf, write: WriteHalf) -> ClientSession:
        # A user looks at the results: they are returned as received, and the notebook shows what is wrong.
        options: dict[str, Any] = {"check_results": False, "change_listener": self._changed}
        return ClientSession(read, write, **options, **self._session_options)

    def _changed(self, notification: Notification) -> None:
        uri = notification.params.get("uri")
        self._cache.changed(notification.method, uri if isinstance(uri, str) else None)

    # -- the server ----------------------------------------------------------------------------

    @property
    def session(self) -> ClientSession:
        """The session, for single pages and requests that have no method here.

        Raises
        ------
        RuntimeError
            The client is not open.
        """
        return self._open.session

    @property
    def protocol_version(self) -> str:
        """The negotiated version."""
        version = self._open.session.protocol_version
        assert version is not None, "a session that was opened has one"
        return version

    @property
    def server_info(self) -> types.Implementation | None:
        """The server's name and version; None if a modern server does not send them."""
        result = self._open.result
        if isinstance(result, types.InitializeResult):
            return result.serverInfo
        try:
            return types.Implementation.from_wire((result.meta or {}).get(SERVER_INFO))
        except ValidationError:
            return None

    @property
    def server_capabilities(self) -> types.ServerCapabilities:
        """The capabilities that the server declares."""
        return self._open.result.capabilities

    @property
    def instructions(self) -> str | None:
        """The server's instructions for its use."""
        return self._open.result.instructions

    @property
    def _open(self) -> Opened:
        if self._opened is None:
            raise RuntimeError("This client is not open: use it within `async with Client(...) as client`.")
        return self._opened

    @property
    def _is_modern(self) -> bool:
        return self._opened is not None and isinstance(self._opened.result, types.DiscoverResult)

    async def discover(self, *, refresh: bool = False) -> types.DiscoverResult:
        """Return what a modern server says about itself, and update the properties of this client with it.

        Parameters
        ----------
        refresh : bool
            Whether to ask the server even if an earlier result may still be used.

        Raises
        ------
        McpError
            METHOD_NOT_FOUND for a legacy server, which describes itself only when the session is opened.
        """
        opened = self._open
        if not self._is_modern:
            raise McpError(
                METHOD_NOT_FOUND, f"server/discover does not exist in version {self.protocol_version}."
            )
        kept: types.DiscoverResult | None = None if refresh else self._cache.get(_DISCOVER)
        if kept is not None:
            return kept
        asked_at = self._cache.changes
        result = await opened.session.discover()
        if self._opened is opened:
            self._opened = replace(opened, result=result)
            self._keep(_DISCOVER, result, asked_at)
        return result

    async def ping(self) -> None:
        """Check that the server responds: with `ping`, or `server/discover` for a modern server."""
        if self._is_modern:
            await self.discover(refresh=True)
        else:
            await self.session.send_ping()

    # -- lists: all pages ----------------------------------------------------------------------

    async def list_tools(self, *, refresh: bool = False) -> list[types.Tool]:
        """Return all tools.

        Parameters
        ----------
        refresh : bool
            Whether to ask the server even if an earlier result may still be used.
        """
        return await self._listed("tools/list", self.session.list_tools, lambda page: page.tools, refresh)

    async def list_resources(self, *, refresh: bool = False) -> list[types.Resource]:
        """Return all resources (see `list_tools`)."""
        return await self._listed(
            "resources/list", self.session.list_resources, lambda page: page.resources, refresh
        )

    async def list_resource_templates(self, *, refresh: bool = False) -> list[types.ResourceTemplate]:
        """Return all resource templates (see `list_tools`)."""
        return await self._listed(
            "resources/templates/list",
            self.session.list_resource_templates,
            lambda page: page.resourceTemplates,
            refresh,
        )

    async def list_prompts(self, *, refresh: bool = False) -> list[types.Prompt]:
        """Return all prompts (see `list_tools`)."""
        return await self._listed(
            "prompts/list", self.session.list_prompts, lambda page: page.prompts, refresh
        )

    async def _listed(
        self,
        method: str,
        ask: Callable[[str | None], Awaitable[_Page]],
        items_of: Callable[[_Page], list[_Item]],
        refresh: bool,
    ) -> list[_Item]:
        capability = method.partition("/")[0]
        if getattr(self.server_capabilities, capability) is None:
            log.warning("The server declares no %s, so %s was not asked for.", capability, method)
            return []
        key = (method, None)
        kept: list[_Item] | None = None if refresh else self._cache.get(key)
        if kept is not None:
            return kept
        asked_at = self._cache.changes
        items: list[_Item] = []
        before: list[_Item] = []
        expires = float("inf")
        seen: set[str | None] = set()
        cursor: str | None = None
        while True:
            page = await ask(cursor)
            found = items_of(page)
            expires = min(expires, self._expiry(page))
            seen.add(cursor)
            cursor = page.nextCursor
            if cursor in seen and cursor is not None:
                log.warning(
                    "The server gave a cursor of %s twice. The list ends with page %d.", method, len(seen)
                )
                cursor = None
                found = [] if found == before else found  # the server ignores cursors: the same page again
            items += found
            before = found
            if cursor is None:
                self._cache.put(key, items, expires, asked_at)
                return items
            if len(seen) >= MAX_PAGES or len(items) > MAX_ITEMS:
                raise McpError(
                    INTERNAL_ERROR,
                    f"The server's answers to {method} do not end: {len(seen)} pages, {len(items)} items.",
                )

    # -- tools, resources, prompts -------------------------------------------------------------

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
            The arguments, as the tool's input schema describes them.
        timeout : float, optional
            Seconds to wait for this result.
        progress_callback : async function, optional
            Called with (progress, total or None, message or None).
        """
        return await self.session.call_tool(
            name, arguments, timeout=timeout, progress_callback=progress_callback
        )

    async def read_resource(self, uri: str | AnyUrl, *, refresh: bool = False) -> types.ReadResourceResult:
        """Read a resource: ``content, mime_type = ...`` for its first part, ``.contents`` for all."""
        key = ("resources/read", str(uri))
        kept: types.ReadResourceResult | None = None if refresh else self._cache.get(key)
        if kept is not None:
            return kept
        asked_at = self._cache.changes
        result = await self.session.read_resource(uri)
        self._keep(key, result, asked_at)
        return result

    async def get_prompt(
        self, name: str, arguments: Mapping[str, str] | None = None
    ) -> types.GetPromptResult:
        """Return a prompt, filled in with `arguments`."""
        return await self.session.get_prompt(name, arguments)

    async def complete(
        self,
        ref: types.PromptReference | types.ResourceTemplateReference,
        argument: Mapping[str, str],
        context_arguments: Mapping[str, str] | None = None,
    ) -> types.CompleteResult:
        """Return values that complete an argument (see `ClientSession.complete`)."""
        return await self.session.complete(ref, argument, context_arguments)

    async def set_logging_level(self, level: types.LoggingLevel) -> None:
        """Ask for log messages of this severity and above."""
        await self.session.set_logging_level(level)

    # -- subscriptions -------------------------------------------------------------------------

    @asynccontextmanager
    async def subscribed(
        self,
        *,
        tools: bool = False,
        prompts: bool = False,
        resources: bool = False,
        uris: Iterable[str | AnyUrl] = (),
    ) -> AsyncIterator[types.SubscriptionFilter]:
        """Subscribe to changes while the body runs; `message_handler` gets the notifications.

        Parameters
        ----------
        tools, prompts, resources : bool
            Whether to subscribe to changes of that list. A legacy server reports them in any case.
        uris : iterable of str
            Resources to subscribe to.

        Yields
        ------
        SubscriptionFilter
            The changes that the server reports, of those that were asked for.

        Notes
        -----
        A subscription that a modern server ends is not opened again; `ClientSession.listen` reports its end.
        """
        wanted = types.SubscriptionFilter(
            toolsListChanged=tools or None,
            promptsListChanged=prompts or None,
            resourcesListChanged=resources or None,
            resourceSubscriptions=[str(uri) for uri in uris] or None,
        )
        async with self.session.subscribed(wanted) as subscription:
            yield subscription.granted

    # -- the cache -----------------------------------------------------------------------------

    def _expiry(self, result: object) -> float:
        if self._is_modern and isinstance(result, types.CacheableResult):
            return self._cache.expiry(result)
        return 0.0

    def _keep(self, key: Key, result: types.Result, asked_at: int) -> None:
        self._cache.put(key, result, self._expiry(result), asked_at)
