# SPDX-License-Identifier: BSD-3-Clause
"""`FastMCP`, a server made of decorated functions.

It registers functions as tools, resources and prompts, and runs the server. What it serves may be changed
from any thread; announcements are posted to the event loop's thread. `Handlers` answers the requests, a
`Runner` runs the functions, and a transport carries the messages.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from abc import ABC, abstractmethod
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, get_args

import anyio

from ... import types
from ..._util.absent import OVER_HTTP, PAGE
from ...engine.channel import Channel
from ...errors import ToolError
from ...protocol.rights import Floor
from ..client_requests import AskUser
from ..content import ContentTable, default_rows
from ..context import RequestContext
from ..lowlevel.server import TASK_AFTER_SECONDS, NotificationOptions, Server, no_lifespan, opened
from ..models import Instructions
from ..oversight import Approver, Ask, Journal, no_journal
from ..runner import InlineRunner, Poster, Runner
from .catalog import PAGE_SIZE, Catalog
from .context import Context, ReadResource
from .handlers import Handlers
from .prompts import Prompt
from .resources import Resource
from .tools import Tool

__all__ = [
    "FastMCP",
    "Settings",
    "Standalone",
    "Transport",
]


# -- standalone ----------------------------------------------------------------------------------
#
# Run a server in a program of its own: over stdio, or over HTTP on its own port. Members of the SDK's
# `FastMCP` that are missing here raise an error that says what to use.

Transport = Literal["stdio", "sse", "streamable-http"]

_IN_MEMORY: Final = "Ask it as a client does: async with mcp_jupyter.Client(mcp) as client."

_ABSENT: Final = {
    "sse_app": OVER_HTTP,
    "streamable_http_app": OVER_HTTP,
    "session_manager": OVER_HTTP,
    "custom_route": "Serve other URLs with a server of their own.",
    "call_tool": _IN_MEMORY,
    "get_prompt": _IN_MEMORY,
    "add_resource": "@mcp.resource(URI) makes a function a resource.",
    "add_prompt": "@mcp.prompt() makes a function a prompt.",
    "get_context": "Declare a parameter of type Context: it is filled in.",
}
"""Members of the first-generation SDK's `FastMCP` that are missing here, and what to use in their place."""


class Standalone(ABC):
    """The part of `FastMCP` that runs the server.

    Attributes
    ----------
    settings : Settings
        Where and how it is served over HTTP.
    """

    settings: Settings

    @property
    @abstractmethod
    def name(self) -> str:
        """The server's name."""

    @abstractmethod
    def running(self) -> AbstractAsyncContextManager[None]:
        """Return the context of the server's whole life, in which `serve` may be called many times."""

    @abstractmethod
    async def serve(self, channel: Channel) -> None:
        """Serve one channel until it is closed; call it within `running`."""

    @abstractmethod
    def user_code_here(self) -> AbstractAsyncContextManager[None]:
        """Return a context that keeps user code on the current event loop (see `FastMCP`)."""

    if not TYPE_CHECKING:  # with `__getattr__`, type checkers would accept any attribute

        def __getattr__(self, name: str) -> Any:
            if name in _ABSENT:
                raise AttributeError(f"FastMCP has no {name}. {_ABSENT[name]} {PAGE}")
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def run(
        self,
        transport: Transport = "stdio",
        mount_path: str | None = None,
        *,
        host: str | None = None,
        port: int | None = None,
        token: str | None = None,
    ) -> None:
        """Serve until the client leaves (stdio), or the process is interrupted or terminated.

        Over HTTP it prints its URL, and who can call it, on stderr.

        Parameters
        ----------
        transport : "stdio", "sse" or "streamable-http"
            How clients connect.
        mount_path : str, optional
            Only "/": a server has its own port.
        host, port : str, int, optional
            Where to listen, for HTTP; those of `settings` when left out.
        token : str, optional
            Every HTTP request must carry it in `Authorization: Bearer`. Without it, every user and every
            program of this machine can call the server; a `host` that other machines can reach is refused.

        Raises
        ------
        ValueError
            The transport or `mount_path` is unknown; the token is too short or has characters that a header
            cannot carry; or other machines can reach `host`, and there is no token.
        RuntimeError
            An event loop runs in this thread already, as in a notebook.
        """
        if transport not in get_args(Transport):
            raise ValueError(f"Unknown transport {transport!r}: use {', '.join(get_args(Transport))}.")
        if (mount_path or self.settings.mount_path) != "/":
            raise ValueError(f"A server cannot be mounted at {mount_path!r}. {OVER_HTTP}")
        if _loop_runs():
            raise RuntimeError(
                "An event loop runs here already. In a notebook use %load_ext mcp_jupyter; in async code "
                "await run_stdio_async()."
            )
        try:
            if transport == "stdio":
                anyio.run(self.run_stdio_async)
            else:
                anyio.run(self._run_http, transport, host, port, token)
        except KeyboardInterrupt:
            return

    async def run_stdio_async(self) -> None:
        """Serve one client on this process's stdin and stdout. User code stays on the current event loop."""
        from ..standalone import serve_on_thread
        from ..stdio import StdioChannel, protocol_stdin, protocol_stdout

        self._log()
        with protocol_stdin() as source, protocol_stdout() as target:
            channel = StdioChannel(source, target)

            async def serve() -> None:
                async with self.running():
                    await self.serve(channel)

            await serve_on_thread(self, serve)

    async def run_streamable_http_async(
        self, *, host: str | None = None, port: int | None = None, token: str | None = None
    ) -> None:
        """Serve over Streamable HTTP, as `run` does, until cancelled or terminated.

        User code stays on the current event loop.
        """
        await self._run_http("streamable-http", host, port, token)

    async def run_sse_async(
        self,
        mount_path: str | None = None,
        *,
        host: str | None = None,
        port: int | None = None,
        token: str | None = None,
    ) -> None:
        """Serve over HTTP+SSE, as `run` does, until cancelled or terminated."""
        await self._run_http("sse", host, port, token)

    async def _run_http(
        self, transport: Transport, host: str | None, port: int | None, token: str | None
    ) -> None:
        from ..http.admission import check_token
        from ..http.app import END_SECONDS, announced, serve_http
        from ..standalone import serve_on_thread

        self._log()
        settings = self.settings
        host = settings.host if host is None else host
        port = settings.port if port is None else port
        token = None if token is None else check_token(token)
        path = settings.sse_path if transport == "sse" else settings.streamable_http_path

        async def serve() -> None:
            async with serve_http(
                self,
                host=host,
                port=port,
                token=token,
                path=settings.streamable_http_path,
                sse_path=settings.sse_path,
                messages_path=settings.message_path,
                transports=(transport,),
            ) as bound:
                said = announced(self.name, host, bound, path, has_token=token is not None)
                sys.stderr.writelines(f"{line}\n" for line in said)
                sys.stderr.flush()
                await anyio.sleep_forever()

        await serve_on_thread(self, serve, end_seconds=END_SECONDS)

    def _log(self) -> None:
        if self.settings.log_level is not None:
            logging.basicConfig(level=self.settings.log_level)


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


# -- server --------------------------------------------------------------------------------------

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class FastMCP(Standalone):
    """An MCP server.

    Parameters
    ----------
    name : str
        The server's name; "FastMCP" when left out.
    instructions : str or callable, optional
        What the server is for, written for the model; or a function that returns it (see `Server`).
    lifespan : callable, optional
        `async with lifespan(server) as context` (without `server`, if it takes no argument) surrounds the
        server's life; tools find the context as `ctx.request_context.lifespan_context`.
    dependencies : collection of str
        Packages that `jupyter mcp install` and `dev` install with the server.
    tools : iterable of Tool
        Tools to register at once.
    version, title, description, website_url, icons : optional
        The server's description of itself for clients.
    runner : Runner, optional
        Runs the functions. When left out: on the event loop of `running`, or on that of `user_code_here`.
    content : ContentTable, optional
        Converts the functions' values to content.
    page_size : int
        Items of one answer to a list request.
    result_budget : int, optional
        Characters of one result; as many as the host takes when left out (see `host_profiles`). The client
        gets the beginning of a longer result, and a link to all of it, which is kept for a while.
    task_after : float, optional
        Seconds after which a call goes on as a task, for clients that take tasks; None: only calls of tools
        with `task` become tasks.
    cache_seconds, cache_scope, status, ask_user : optional
        See `Server`.
    post : callable, optional
        Calls a function on the event loop's thread, from any thread; a `Poster` when left out.
    approver : async callable, optional
        Has the user decide about calls of tools that are marked as destructive or open-world, or that have
        `ask=`. It takes a `Proposal` and returns a `Decision` (see `server.oversight`). When left out, nobody
        is asked.
    approve : "marked", "writing" or "all"
        For which tools the approver is asked in any case (see `asks_by`).
    journal : Journal, optional
        Opens a record of each call, read and prompt (see `server.oversight`).
    host, port, ... : optional
        How the server is served over HTTP (see `Settings`).

    Attributes
    ----------
    settings : Settings
        How the server is served over HTTP.
    dependencies : list of str
        As given.
    clients : callable
        Returns the connected clients (see `Server.clients`).
    constant_tools : ConstantTools
        The tools for hosts that need them.
    """

    def __init__(
        self,
        name: str | None = None,
        instructions: Instructions = None,
        *,
        lifespan: Callable[..., AbstractAsyncContextManager[Any]] | None = None,
        dependencies: Collection[str] = (),
        tools: Iterable[Tool] = (),
        version: str | None = None,
        title: str | None = None,
        description: str | None = None,
        website_url: str | None = None,
        icons: list[types.Icon] | None = None,
        runner: Runner | None = None,
        content: ContentTable | None = None,
        page_size: int = PAGE_SIZE,
        result_budget: int | None = None,
        task_after: float | None = TASK_AFTER_SECONDS,
        cache_seconds: float = 0,
        cache_scope: Literal["private", "public"] = "private",
        post: Callable[..., None] | None = None,
        status: Callable[[], Mapping[str, Any]] | None = None,
        ask_user: AskUser | None = None,
        approver: Approver | None = None,
        approve: Floor = "marked",
        journal: Journal = no_journal,
        **settings: Any,
    ) -> None:
        self.settings = Settings.of(settings)
        self._server: Server[Any] = Server(
            name or "FastMCP",
            version,
            instructions,
            title=title,
            description=description,
            website_url=website_url,
            icons=icons,
            status=status,
            task_after=task_after,
            cache_seconds=cache_seconds,
            cache_scope=cache_scope,
            ask_user=ask_user,
            lifespan=self._life,
        )
        self._server.notification_options = NotificationOptions(True, True, True)
        self.dependencies, self.clients = list(dependencies), self._server.clients
        self._lifespan = no_lifespan if lifespan is None else lifespan
        self._kept_here: tuple[Runner, Any] | None = None  # runner and lifespan context of `user_code_here`
        self._given_runner, self._given_post = runner, post
        self._poster: Poster | None = None
        self._catalog = Catalog()
        table = content or ContentTable(default_rows())
        self._handlers = Handlers(self._catalog, table, self._context, page_size, result_budget)
        self._handlers.approver, self._handlers.floor = approver, approve
        self._handlers.journal = journal
        self._server.on_forget = self._handlers.results.forget
        self._handlers.add_to(self._server)
        self.constant_tools = self._handlers.constant_tools
        self.add(*tools)

    @property
    def name(self) -> str:
        """The server's name. Only clients that connect later see a new one."""
        return self._server.name

    @name.setter
    def name(self, name: str) -> None:
        self._server.rename(name)

    @property
    def instructions(self) -> str | None:
        """The instructions for the model, as a client with an unknown host gets them."""
        return self._server.instructions_for()

    @property
    def result_budget(self) -> int | None:
        """Characters of one result; None for as many as the host takes.

        It may be set while the server runs. Clients are then told that the list of tools changed, because
        some hosts read the size there.
        """
        return self._handlers.result_budget

    @result_budget.setter
    def result_budget(self, budget: int | None) -> None:
        self._handlers.result_budget = budget
        self.announce(["tools"])

    @property
    def _mcp_server(self) -> Server[Any]:
        """The low-level server, under the name by which programs for the first-generation SDK reach it."""
        return self._server

    # -- what it serves --------------------------------------------------------------------------

    @property
    def tools(self) -> Mapping[str, Tool]:
        """The tools by name; a snapshot."""
        return self._catalog.tools

    @property
    def resources(self) -> Mapping[str, Resource]:
        """The resources and templates by URI; a snapshot."""
        return self._catalog.resources

    @property
    def prompts(self) -> Mapping[str, Prompt]:
        """The prompts by name; a snapshot."""
        return self._catalog.prompts

    async def list_tools(self) -> list[types.Tool]:
        """Return the definitions of the tools."""
        return [tool.definition for tool in self.tools.values()]

    async def list_resources(self) -> list[types.Resource]:
        """Return the definitions of the resources with a plain URI."""
        return [item for item in self._definitions() if isinstance(item, types.Resource)]

    async def list_resource_templates(self) -> list[types.ResourceTemplate]:
        """Return the definitions of the resources with a template."""
        return [item for item in self._definitions() if isinstance(item, types.ResourceTemplate)]

    def _definitions(self) -> list[types.Resource | types.ResourceTemplate]:
        return [resource.definition for resource in self.resources.values() if resource.listed]

    async def list_prompts(self) -> list[types.Prompt]:
        """Return the definitions of the prompts."""
        return [prompt.definition for prompt in self.prompts.values()]

    def asks(self, tool: Tool) -> Ask:
        """Return when the user is asked before a tool runs; "never" without an approver."""
        return self._handlers.asks(tool)

    def add(self, *items: Tool | Resource | Prompt) -> None:
        """Register items, replacing those of the same name or URI, and tell clients."""
        self.announce(self._catalog.add(*items))

    def renew(self) -> None:
        """Rebuild the definitions of tools whose function or classes were redefined, and tell clients.

        A notebook calls this after each cell, which may have redefined a class in a tool's annotations. A
        tool that can no longer be served stays in the list; a call of it returns the reason as an error.
        """
        fresh = []
        for tool in self._catalog.tools.values():
            with suppress(ValueError):
                if (now := tool.renewed()) is not tool:
                    fresh.append(now)
        if fresh:
            self.add(*fresh)

    def remove(self, name: str) -> list[str]:
        """Remove every tool, resource or prompt of that name or URI, and tell clients.

        Returns
        -------
        list of str
            The kinds that were removed: "tools", "resources", "prompts".
        """
        kinds = self._catalog.remove(name)
        self.announce(kinds)
        return kinds

    def remove_tool(self, name: str) -> None:
        """Remove a tool, and tell clients.

        Raises
        ------
        ToolError
            The name is unknown.
        """
        if name not in self._catalog.tools:
            raise ToolError(f"Unknown tool {name!r}.")
        self.announce(self._catalog.remove(name, tools_only=True))

    def announce(self, kinds: Iterable[str]) -> None:
        """Tell clients that lists changed: "tools", "resources", "prompts". From any thread."""
        for kind in sorted(kinds):
            self._tell(self._server.changed, kind)

    def resource_updated(self, uri: str) -> None:
        """Tell the clients that subscribed to `uri` that its value changed. From any thread."""
        self._tell(self._server.resource_updated, uri)

    def _tell(self, function: Callable[..., None], *args: Any) -> None:
        post = self._given_post or self._poster
        if post is not None:  # otherwise the server is not running and has no clients
            with suppress(RuntimeError):  # the loop is closed, so all clients have gone
                post(function, *args)

    # -- decorators ------------------------------------------------------------------------------

    def tool(self, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Make a function a tool: `@mcp.tool()`.

        Parameters
        ----------
        name : str, optional
            The function's name when left out.
        title, description : str, optional
            Title for the user; description for the model (the docstring when left out).
        annotations : ToolAnnotations, optional
            Hints: `readOnlyHint`, `destructiveHint`, `idempotentHint`, `openWorldHint`.
        structured_output : bool, optional
            False: no structured output. True: raise an error if the return annotation gives none.
        concurrent : bool
            Run at once, in parallel with other calls; a sync function runs in a thread.
        executor : Executor or str, optional
            Run at once, in an executor: a `concurrent.futures.Executor`, a Dask Client, an ipyparallel view,
            or the name of one in the function's module (in the notebook), looked up at each call.
        timeout : float, optional
            Seconds that a call may take.
        task : bool or "required"
            True: a call becomes a task that the client polls, if the client takes tasks. "required": refuse
            other clients.
        icons, meta : optional
            Icons of the tool; `_meta` of its definition.
        ask : "never", "once" or "always", optional
            When the user is asked before it runs, if the server has an approver. "once": at the first call of
            a host, until the function is defined again.
        preview : callable, optional
            Returns what a call would do, for the question to the user: `preview=count_rows`. It takes any of
            the tool's parameters, by name, must change nothing, and has 10 s.

        Raises
        ------
        ValueError
            The name or a parameter cannot be used; the message says what to do.
        """
        _refuse_bare(name, "tool")

        def register(function: F) -> F:
            self.add(Tool.of(function, name=name, **options))
            return function

        return register

    def resource(self, uri: str, **options: Any) -> Callable[[F], F]:
        """Make a function a resource: `@mcp.resource("data://sales")`.

        Parameters
        ----------
        uri : str
            A URI with `{variables}` is a template; they are the function's parameters.
        name, title, description : str, optional
            The function's name and docstring when left out.
        mime_type : str, optional
            Derived from the value when left out.
        concurrent : bool
            Read at once, in parallel with other calls.
        paths : bool
            Accept absolute paths and drive letters as values of the variables. A value with a `..` segment or
            a NUL character is always refused.
        icons, annotations, meta : optional
            Icons of the resource; hints for the client (`types.Annotations`); `_meta` of its definition.

        Raises
        ------
        ValueError
            The URI, its variables and the function's parameters do not fit together.
        """
        _refuse_bare(uri, "resource")

        def register(function: F) -> F:
            self.add(Resource.of(uri, function, **options))
            return function

        return register

    def prompt(self, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Make a function a prompt: `@mcp.prompt()`.

        It returns text, a message (`UserMessage`, `AssistantMessage`), content, or a list of these.

        Parameters
        ----------
        name, title, description : str, optional
            The function's name and docstring when left out.
        icons, meta : optional
            Icons of the prompt; `_meta` of its definition.

        Raises
        ------
        ValueError
            The name or a parameter cannot be used.
        """
        _refuse_bare(name, "prompt")

        def register(function: F) -> F:
            self.add(Prompt.of(function, name=name, **options))
            return function

        return register

    def completion(self) -> Callable[[F], F]:
        """Make a function complete arguments: `@mcp.completion()`.

        It gets `(ref, argument, context)` as in the SDK: `ref` names a prompt or a resource template,
        `argument` has a `name` and the `value` typed so far, `context.arguments` has the values filled in
        already. It returns values, a `types.Completion`, or None. For None, and without such a function, the
        values that the argument's type allows (Literal, enum, bool) are offered.
        """

        def register(function: F) -> F:
            self._handlers.completer = function
            return function

        return register

    def add_tool(self, function: Callable[..., Any], name: str | None = None, **options: Any) -> None:
        """Register a function as a tool, with the options of `tool`."""
        self.add(Tool.of(function, name=name, **options))

    # -- serving ---------------------------------------------------------------------------------

    def _context(self, request: RequestContext) -> Context:
        assert self._poster is not None, "conversations are served within `running`"
        return Context(request, self, self._poster)

    async def read_resource(self, uri: str, request: RequestContext) -> ReadResource:
        """Read one resource during a request; the first item, if it has several.

        Raises
        ------
        McpError
            There is no such resource, or its function failed.
        """
        params = types.ReadResourceRequestParams(uri=uri)
        item = (await self._handlers.read_resource(request, params)).contents[0]
        if isinstance(item, types.BlobResourceContents):
            return ReadResource(b64decode(item.blob), item.mimeType)
        return ReadResource(item.text, item.mimeType)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the server (lifespan, runner) while the context is open; `serve` works only within it.

        Raises
        ------
        RuntimeError
            The server is running already.
        """
        if self._poster is not None:
            raise RuntimeError("This server is running: within one `running()`, `serve` each conversation.")
        given = self._given_runner or (self._kept_here and self._kept_here[0])
        # The owner of a given runner closes it; a runner made here is closed here.
        with nullcontext(given) if given else InlineRunner() as self._handlers.runner:
            self._poster = Poster()
            try:
                async with self._server.running():
                    yield
            finally:
                self._poster = None

    @asynccontextmanager
    async def user_code_here(self) -> AsyncIterator[None]:
        """Keep user code on the current event loop: the lifespan, and functions that run in turn.

        Within the context, `running` belongs to another thread, with an asyncio loop. Without it, user code
        shares the event loop of `running`.
        """
        from ..standalone import open_loop_runner

        async with opened(self._lifespan, self) as context, open_loop_runner() as runner:
            self._kept_here = runner, context
            try:
                yield
            finally:
                self._kept_here = None

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[Any]:
        if self._kept_here is not None:
            yield self._kept_here[1]
            return
        async with opened(self._lifespan, self) as context:
            yield context

    async def serve(self, channel: Channel) -> None:
        """Serve one channel until it is closed; call it within `running`."""
        await self._server.serve(channel)


def _refuse_bare(name: Any, decorator: str) -> None:
    if callable(name):
        raise TypeError(f"Write @mcp.{decorator}(...), with parentheses.")


# -- settings ------------------------------------------------------------------------------------
#
# How a standalone server is served: the first-generation SDK's `mcp.settings`.

_ACCESS: Final = 'mcp.run("streamable-http", token=...) asks every client for a token.'

_REFUSED: Final[Mapping[str, str]] = {
    "auth": _ACCESS,
    "auth_server_provider": _ACCESS,
    "token_verifier": _ACCESS,
    "transport_security": "Requests must name the host it listens on; no page of another origin is served.",
}
"""Arguments of the SDK's `FastMCP` that are refused, and what to use in their place."""


@dataclass
class Settings:
    """How a server is served: arguments of `FastMCP`, which may be changed until the server runs.

    Attributes
    ----------
    host, port : str, int
        Where to listen, for HTTP.
    streamable_http_path, sse_path, message_path : str
        The paths of the URLs.
    mount_path : str
        Only "/"; `run` refuses another one.
    log_level : str, optional
        Level of the program's log on stderr; None leaves logging as it is.
    json_response, stateless_http, event_store, retry_interval, session_idle_timeout, max_sessions,
    max_request_body_size, debug, warn_on_duplicate_tools, ... : optional
        Accepted for compatibility, without effect: answers are JSON or events as needed, idle sessions end by
        themselves, streams can be resumed, and bodies are bounded.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    streamable_http_path: str = "/mcp"
    sse_path: str = "/sse"
    message_path: str = "/messages"
    mount_path: str = "/"
    log_level: str | None = None
    json_response: bool = False
    stateless_http: bool = False
    event_store: Any = None
    retry_interval: int | None = None
    session_idle_timeout: float | None = None
    max_sessions: int | None = None
    max_request_body_size: int | None = None
    debug: bool = False
    warn_on_duplicate_resources: bool = True
    warn_on_duplicate_tools: bool = True
    warn_on_duplicate_prompts: bool = True

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Settings:
        """Make settings of the other keyword arguments of `FastMCP`.

        Raises
        ------
        TypeError
            An argument is unknown.
        ValueError
            An argument cannot be honoured; the message says what to use.
        """
        for name, instead in _REFUSED.items():
            if given.get(name) is not None:
                raise ValueError(f"FastMCP does not take {name}. {instead} {PAGE}")
        wanted = {name: value for name, value in given.items() if name not in _REFUSED}
        if unknown := wanted.keys() - cls.__dataclass_fields__.keys():
            raise TypeError(f"FastMCP: unknown argument {sorted(unknown)[0]!r}.")
        return cls(**wanted)
