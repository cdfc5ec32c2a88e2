# SPDX-License-Identifier: BSD-3-Clause
"""A connected server as an object in the notebook's namespace: `weather.tools.forecast(city="Paris")`.

Blocking calls, calls to await, and events for the view. `LiveConnection` holds the connection open,
`blocking` waits in a cell, and `mcp_jupyter.widgets` draws the panel.

Threads: blocking methods may be called from any thread but the background loop's; listeners are called on
the kernel's main thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from .. import errors, types
from .._ipython.cards import counted
from .._ipython.questions import Question
from .._util.text import safe_block, safe_line
from ..client.client import Client
from .blocking import wait, wait_opened
from .calls import MAX_CALLS, Call, Report, Work
from .client_thread import ClientThread
from .display import Items
from .exports import tool_schemas
from .functions import Tools, check_prompt
from .live_connection import ConnectionLog, LiveConnection, MakeClient
from .questions import Notice, Questions
from .results import CallResult, PromptResult, ReadResult, ToolError
from .tracebacks import ConnectionClosed, DefinitionChanged, RequestTimeout

__all__ = [
    "Aio",
    "ConnectedServer",
    "Event",
    "PostToMain",
    "View",
]

Event = Literal["lists", "state", "log", "questions", "calls"]
"""What changed at a server; the argument of a listener."""

PostToMain = Callable[[Callable[[], None]], None]
"""Calls a function on the kernel's main thread, between cells. May be called from any thread."""


class View(Protocol):
    """Draws servers and questions in a notebook; main thread only. `ipython_extension` passes the widgets."""

    def panel(self, server: ConnectedServer) -> object:
        """Return the object that IPython displays for a server."""

    def form(self, question: Question) -> Any:
        """Return a form for a question: an object with `widget` and `close()`."""


CLOSE_SECONDS: Final = 8.0
"""Seconds. Ending a child process takes three steps of at most 2 s each."""


class ConnectedServer:
    """One server, connected under a name.

    Made by `%mcp_connect` (or `Connections.connect`), not by hand.

    Parameters
    ----------
    alias : str
        Its name in the notebook.
    make_client : callable
        See `MakeClient`.
    background : ClientThread
        The thread that the connection runs on.
    post : callable or None
        See `PostToMain`; None where nothing can run between cells.
    view : View, optional
        Draws the panel, and the questions that arrive while no cell waits. Without it there is no panel, and
        such a question is cancelled at once.
    sampling : function, optional
        See `LiveConnection`.
    roots : sequence of Path
        See `LiveConnection`.

    Attributes
    ----------
    tools : Tools
        ``tools.forecast(city="Paris")`` blocks until the answer is there; the stop button cancels the call at
        the server.
    aio : Aio
        The same for async code: ``await weather.aio.tools.forecast(city="Paris")``.
    log : ConnectionLog
    questions : Questions
    drift : sequence of str
        While recording: how the tools differ from those recorded before.
    """

    def __init__(
        self,
        alias: str,
        make_client: MakeClient,
        background: ClientThread,
        post: PostToMain | None,
        *,
        view: View | None = None,
        sampling: Callable[..., Any] | None = None,
        roots: tuple[Path, ...] = (),
    ) -> None:
        self.alias = alias
        self.log = ConnectionLog()
        self.questions = Questions(alias, lambda: self._changed("questions"), self.log.add)
        self._background = background
        self._post = post
        self._view = view
        if post is not None and view is not None:
            self.questions.add_taker(partial(_take, post, view))
        self._connection = LiveConnection(
            make_client, self.questions, self.log, self._changed, sampling=sampling, roots=roots
        )
        self._life: Future[None] | None = None
        self._calls: set[Call] = set()
        self._listeners: list[Callable[[Event], None]] = []
        self._told: set[Event] = set()  # posted to the main thread, and not yet delivered
        self.panel: Any = None  # made by `widgets` at the first display; all displays share it
        self.tools = Tools(lambda: self.definitions, self.call)
        self.aio = Aio(self)
        self.drift: Sequence[str] = ()

    # -- life ------------------------------------------------------------------------------------

    def open(self, timeout: float) -> None:
        """Connect, and wait until the server's lists have been read.

        Parameters
        ----------
        timeout : float
            Seconds.

        Raises
        ------
        McpError, ConnectionClosed, OSError
            The server cannot be reached, or it refuses.
        RequestTimeout
            The connection was not open within `timeout`.
        KeyboardInterrupt
            The user interrupted; the attempt has been cancelled.
        """
        __tracebackhide__ = True
        opened: Future[None] = Future()
        self._life = self._background.spawn(self._connection.live, opened, name=f"mcp {self.alias}")
        try:
            wait_opened(opened, self.questions, timeout, self.alias)
        except BaseException:
            self._life.cancel()
            raise

    def close(self) -> None:
        """Disconnect. Calls under way fail, and a child process is ended. Idempotent."""
        life, self._life = self._life, None
        if life is None:
            return
        self._background.post(self._connection.close)
        try:
            life.result(CLOSE_SECONDS)
        except TimeoutError:
            life.cancel()

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return self._connection.state == "open"

    @property
    def state(self) -> str:
        """One of open, opening, closed, or failed with the reason."""
        connection = self._connection
        if connection.state != "failed":
            return connection.state
        return f"failed: {safe_block(connection.reason).rstrip('.')}"

    @property
    def summary(self) -> str:
        """The state and the number of tools, resources (with templates, as in the panel) and prompts."""
        numbers = {
            "tool": len(self.definitions),
            "resource": len(self.resources) + len(self.templates),
            "prompt": len(self.prompts),
        }
        counts = [counted(number, what) for what, number in numbers.items() if number]
        return "; ".join([self.state, ", ".join(counts) or "nothing to call"])

    # -- what it has -----------------------------------------------------------------------------

    @property
    def definitions(self) -> Mapping[str, types.Tool]:
        """Its tools by name, as last listed."""
        return self._connection.lists.tools

    @property
    def resources(self) -> Items[types.Resource]:
        """Its resources, as last listed."""
        return Items(self._connection.lists.resources, "resource")

    @property
    def templates(self) -> Items[types.ResourceTemplate]:
        """Its resource templates, as last listed."""
        return Items(self._connection.lists.templates, "resource template")

    @property
    def prompts(self) -> Items[types.Prompt]:
        """Its prompts, as last listed."""
        return Items(self._connection.lists.prompts, "prompt")

    @property
    def changed(self) -> Mapping[str, Sequence[str]]:
        """Tools whose definition changed since the connection was made, and how it changed.

        Calls of these tools are refused until `accept_changes`.
        """
        return self._connection.changed

    def accept_changes(self, *names: str) -> None:
        """Accept the present definitions of these tools; without names, of all changed tools."""
        wanted = names or tuple(self.changed)
        self._background.spawn(self._connection.accept_changes, wanted, name="accept").result(CLOSE_SECONDS)

    def tool_schemas(self, style: Literal["anthropic", "openai"]) -> list[dict[str, Any]]:
        """Return the tools in the form that a model's API takes."""
        return tool_schemas(self.definitions, style)

    # -- blocking --------------------------------------------------------------------------------

    def call(
        self, name: str, arguments: Mapping[str, Any] | None = None, *, timeout: float | None = None
    ) -> CallResult:
        """Call a tool and wait.

        Parameters
        ----------
        timeout : float, optional
            Seconds; by default the time-out of the connection (300).

        Raises
        ------
        ToolError
            The tool failed.
        McpError, RequestTimeout, ConnectionClosed
            The server refuses, does not answer in time, or is gone.
        """
        __tracebackhide__ = True
        result: CallResult = self._wait(self.start_call(name, arguments or {}, timeout=timeout))
        return self.checked(result, name)

    def checked(self, result: CallResult, name: str) -> CallResult:
        """Return the result; log a warning if it does not match the tool's output schema.

        Runs on the caller's thread: a slow check must not hold up the other servers.
        """
        if result.problems:
            self.log.add("warning", f"{name}: the answer does not fit the tool's output schema")
        return result

    def read(self, uri: str) -> ReadResult:
        """Read a resource and wait."""
        __tracebackhide__ = True
        result: ReadResult = self._wait(self.start_read(uri))
        return result

    def prompt(self, name: str, /, **arguments: str) -> PromptResult:
        """Get a prompt, filled in, and wait.

        Raises
        ------
        TypeError
            An argument is missing or unknown; nothing was sent.
        """
        __tracebackhide__ = True
        self.check_prompt(name, arguments)
        result: PromptResult = self._wait(self.start_prompt(name, arguments))
        return result

    def check_prompt(self, name: str, arguments: Iterable[str]) -> None:
        """Raise TypeError if an argument of a listed prompt is missing or unknown."""
        __tracebackhide__ = True
        check_prompt(next((each for each in self.prompts if each.name == name), None), arguments)

    def _wait(self, call: Call) -> Any:
        __tracebackhide__ = True
        return wait(call, self.questions, self.alias)

    # -- not blocking ----------------------------------------------------------------------------

    def start_call(self, name: str, arguments: Mapping[str, Any], *, timeout: float | None = None) -> Call:
        """Start calling a tool.

        Raises
        ------
        ConnectionClosed
            The server is not connected, or too many calls are under way.
        DefinitionChanged
            The tool's definition changed (see `changed`).
        """
        if name in self.changed:
            raise DefinitionChanged(
                f"{self.alias}: {'; '.join(map(safe_block, self.changed[name]))}, since you connected. "
                f"Look at {self.alias}.tools[{name!r}]; if it is well, {self.alias}.accept_changes({name!r})."
            )

        async def work(client: Client, report: Report) -> CallResult:
            raw = await client.call_tool(name, arguments, timeout=timeout, progress_callback=report)
            result = CallResult(raw, self.definitions.get(name))
            if raw.isError:
                raise ToolError(result, name=name, server=self.alias)
            return result

        return self._start("tools/call", name, arguments, work)

    def start_read(self, uri: str) -> Call:
        """Start reading a resource."""

        async def work(client: Client, report: Report) -> ReadResult:
            return ReadResult(await client.read_resource(uri))

        return self._start("resources/read", uri, {}, work)

    def start_prompt(self, name: str, arguments: Mapping[str, str]) -> Call:
        """Start getting a prompt."""

        async def work(client: Client, report: Report) -> PromptResult:
            return PromptResult(await client.get_prompt(name, arguments))

        return self._start("prompts/get", name, arguments, work)

    def _start(
        self,
        what: str,
        name: str,
        arguments: Mapping[str, Any],
        work: Callable[[Client, Report], Any],
    ) -> Call:
        if not self.is_open:
            raise ConnectionClosed(
                f"{self.alias} is not connected ({self.state}); run its %mcp_connect again."
            )
        if len(self._calls) >= MAX_CALLS:
            raise ConnectionClosed(f"{MAX_CALLS} calls of {self.alias} are under way; wait for some to end.")
        call = Call(what, name, arguments, self._bound(name, work))
        call.starts_on(self._background.post)
        self._calls.add(call)
        self.log.add("call", f"{name}({', '.join(arguments)})")  # no values: they may be secret
        call.add_listener(self._call_changed)
        try:
            self._background.spawn(call.run, name=f"{self.alias} {what}")
        except BaseException:
            self._calls.discard(call)
            raise
        return call

    def _bound(self, name: str, work: Callable[[Client, Report], Any]) -> Work:
        async def bound(report: Report) -> Any:
            client = self._connection.client
            if client is None:
                raise ConnectionClosed(
                    f"{self.alias} is not connected ({self.state}); run its %mcp_connect again."
                )
            try:
                return await work(client, report)
            except errors.RequestTimeout as exc:
                said = f"{self.alias}, {safe_line(name)}: {exc} `%mcp_connect --timeout` waits longer."
                raise RequestTimeout(said) from None
            except errors.ConnectionClosed as exc:
                said = f"{self.alias}, {safe_line(name)}: {safe_block(str(exc))} Run its %mcp_connect again."
                raise ConnectionClosed(said) from None

        return bound

    # -- events ----------------------------------------------------------------------------------

    def add_listener(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` on the main thread when something changes."""
        self._listeners.append(listener)

    def remove_listener(self, listener: Callable[[Event], None]) -> None:
        """Stop calling `listener`."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def _call_changed(self, call: Call) -> None:
        if call.done():
            self._calls.discard(call)
            self.log.add("call", f"{call.name}: {'ended' if call.error is None else call.error}")
        self._changed("calls")

    def _changed(self, event: str) -> None:
        known: Event = event  # type: ignore[assignment]
        if self._post and self._listeners and known not in self._told:  # a posted event covers this one
            self._told.add(known)
            self._post(lambda: self._tell(known))

    def _tell(self, event: Event) -> None:
        self._told.discard(event)
        for listener in list(self._listeners):
            listener(event)

    # -- display -----------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"<MCP server {self.alias}: {self.summary}>"

    def _ipython_display_(self) -> None:
        """Show the panel, or the tools in plain IPython, which has no widgets."""
        from IPython.display import display

        if self._view is None:
            from .functions import card_of

            display(card_of(self.definitions, repr(self)))
        else:
            display(self._view.panel(self))


class Aio:
    """A server's tools, resources and prompts for async code.

    Attributes
    ----------
    tools : Tools
        ``await aio.tools.forecast(city="Paris")``; cancelling the task cancels the call at the server.
    """

    def __init__(self, server: ConnectedServer) -> None:
        self._server = server
        self.tools = Tools(lambda: server.definitions, self.call)

    async def call(
        self, name: str, arguments: Mapping[str, Any] | None = None, *, timeout: float | None = None
    ) -> CallResult:
        """Call a tool (see `ConnectedServer.call`)."""
        __tracebackhide__ = True
        result: CallResult = await _ended(self._server.start_call(name, arguments or {}, timeout=timeout))
        return self._server.checked(result, name)

    async def read(self, uri: str) -> ReadResult:
        """Read a resource."""
        __tracebackhide__ = True
        result: ReadResult = await _ended(self._server.start_read(uri))
        return result

    async def prompt(self, name: str, /, **arguments: str) -> PromptResult:
        """Get a prompt, filled in (see `ConnectedServer.prompt`)."""
        __tracebackhide__ = True
        self._server.check_prompt(name, arguments)
        result: PromptResult = await _ended(self._server.start_prompt(name, arguments))
        return result


async def _ended(call: Call) -> Any:
    """Wait for a call on the caller's own loop and return its result."""
    __tracebackhide__ = True
    loop = asyncio.get_running_loop()
    over = asyncio.Event()

    def changed(changed: Call) -> None:
        if changed.done() and not loop.is_closed():
            loop.call_soon_threadsafe(over.set)

    call.add_listener(changed)
    try:
        await over.wait()
    except asyncio.CancelledError:
        call.cancel()
        raise
    return call.result()


def _take(post: PostToMain, view: View, item: Question | Notice) -> None:
    """Show an item under the last cell, for when no cell waits and no panel is displayed."""
    post(lambda: _appear(view, item))


def _appear(view: View, item: Question | Notice) -> None:
    from IPython.display import display

    display(item.thing if isinstance(item, Notice) else view.form(item).widget)
