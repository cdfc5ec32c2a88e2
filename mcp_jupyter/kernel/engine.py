# SPDX-License-Identifier: BSD-3-Clause
"""The engine of one kernel: a thread with an event loop that serves the notebook's tools.

The engine joins a `FastMCP` (what is served), a `KernelRunner` (how calls run) and a `Listener` (how
connections arrive), and starts and stops them.

Threads: public methods are called on the kernel's main thread, unless they say "from any thread". Methods
whose names begin with `_serve` run on the engine's thread. `post` passes work from the main thread to the
engine's, the runner and `post_to_main` from the engine's to the main thread.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import Context
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from IPython.core.interactiveshell import InteractiveShell

from .._ipython.identity import SESSION_NAME, Identity, identify, why_unreachable
from .._ipython.private import autoreload_magics, main_loop
from ..errors import LinkError
from ..ipc.files import ConnectionInfo, default_runtime_dir
from ..ipc.listener import Listener
from ..ipc.names import RememberedNames
from ..ipc.rendezvous import approval_floor
from ..server.fastmcp import FastMCP
from .approvals import Approvals, allowed_tools
from .call_code import code_of
from .content import kernel_table
from .instructions import NotebookInstructions
from .journal import Entry, Journal, JournalFile
from .owner_methods import owner_methods
from .questions import DrawForm, NotebookQuestions
from .runner import KernelRunner
from .status import shown_resources
from .variables import Variables, calls_resource, cells_resource, status_resource, variables_resource

__all__ = [
    "STATUS_KEY",
    "Engine",
]


log = logging.getLogger(__name__)

START_SECONDS: Final = 10.0
"""The loop and the socket start in milliseconds, but a slow file system may take seconds."""

STOP_SECONDS: Final = 5.0
"""How long to wait for the engine's thread. Connections are cancelled at once; a thread that takes longer is
left behind as a daemon."""

STATUS_KEY: Final = "mcp-jupyter/notebook"
"""The key in the `_meta` of `server/discover` under which the notebook says what it is doing."""


class Engine:
    """Serves one kernel's notebook.

    Parameters
    ----------
    shell : InteractiveShell
        The kernel's shell. Tools run in its namespace.
    draw : DrawForm, optional
        Draws the form of a question to the user.

    Attributes
    ----------
    server : FastMCP
        The notebook's MCP server.
    table : ContentTable
        Converts returned values to content.
    variables : Variables
        The variables that are served.
    questions : NotebookQuestions
        The questions that calls ask the user.
    instructions : NotebookInstructions
        The text about the notebook that hosts get.
    journal : Journal
        What clients had the notebook do.
    approvals : Approvals
        Asks the user about calls.
    """

    def __init__(self, shell: InteractiveShell, draw: DrawForm | None = None) -> None:
        self._identity = identify(shell.user_ns)
        self._main_loop = _main_loop(shell)
        self._runner = KernelRunner(shell, self._main_loop, self._after_call)
        self.questions = NotebookQuestions(shell, self.post_to_main, draw)
        self.journal = Journal(
            lambda: self._identity.path or self._identity.name,
            lambda: self.variables.versions,
            shell.compile.format_code_name,
            self.post,
        )
        self.approvals = Approvals(
            lambda: (self.name, self._identity.file),
            self.journal.cell_of,
            default_runtime_dir(),
            allowed_tools(),
        )
        assert shell.display_formatter is not None
        self.table = kernel_table(shell.display_formatter)
        self.server = FastMCP(
            self._identity.name,
            instructions=lambda chars, rights: self.instructions(chars, rights),
            runner=self._runner,
            content=self.table,
            post=self.post,
            status=lambda: {STATUS_KEY: self.status()},
            ask_user=self.questions.ask,
            journal=self.journal,
            approver=self.approvals,
            approve=approval_floor(default_runtime_dir()),
        )
        self._shell = shell
        read_only = kernel_table(shell.display_formatter, close_figures=False)
        self.variables = Variables(shell.user_ns, read_only, self.server)
        self.instructions = NotebookInstructions(
            self.server, self.variables, shell.user_ns, lambda: self._identity.file
        )
        self.server.constant_tools.mode = "auto"
        self.server.constant_tools.preface = lambda request: self.instructions.data_line(
            request.rights.may_read
        )
        self._events = shell.events
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._posted: set[tuple[Any, ...]] = set()
        self._http_port: int | None = None
        self.server.add(status_resource(self.activity))

    # -- start and stop --------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name this notebook is served under."""
        assert self._listener is not None
        return self._listener.info.name

    @property
    def name_note(self) -> str:
        """A sentence that says why `name` differs from the file's or the chosen name; else empty."""
        assert self._listener is not None
        return self._listener.naming.note

    @property
    def unreachable(self) -> str:
        """Sentences that say why Jupyter Server cannot reach the kernel, and what to do; else empty."""
        why = why_unreachable(default_runtime_dir())
        return why and (
            f"Your Jupyter Server cannot reach this kernel, because {why}. Assistants can connect only on "
            f"the kernel's own machine: there, run `jupyter mcp connect {self.name}`."
        )

    def start(self) -> None:
        """Begin to serve.

        Raises
        ------
        LinkError
            No place to listen was found (the message says where it tried), or the start takes too long.
        """
        self._runner.open()
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._serve, args=(ready,), name="mcp-engine", daemon=True)
        # A breakpoint in a cell must not stop the engine, nor list its thread.
        self._thread.pydev_do_not_trace = True  # type: ignore[attr-defined]
        self._thread.is_pydev_daemon_thread = True  # type: ignore[attr-defined]
        self._thread.start()
        try:
            self._await_start(ready)
        except BaseException:
            self._runner.close()
            raise
        self._events.register("post_run_cell", self._after_cell)
        self.questions.open()
        atexit.register(self.stop)

    def _await_start(self, ready: Future[None]) -> None:
        try:
            ready.result(START_SECONDS)
        except OSError as exc:  # TimeoutError is a subclass
            if not ready.cancel():  # the engine's thread has failed, or has started just now
                if ready.exception() is not None:
                    raise LinkError(f"The notebook cannot be served: {exc}.") from exc
                return
            raise LinkError(
                f"The engine did not start within {START_SECONDS:g} s: the file system of "
                f"{default_runtime_dir()} may be slow. Run the cell again."
            ) from None
        except BaseException:  # the user interrupted the wait
            if not ready.cancel() and self._loop is not None:
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._end)
            raise

    def stop(self) -> None:
        """Stop serving: close all connections and remove the connection file. Idempotent."""
        atexit.unregister(self.stop)
        loop, thread = self._loop, self._thread
        if os.getpid() != self._pid or loop is None or thread is None:
            return  # never started, already stopped, or a forked child, which has no engine
        self._thread = None
        self.questions.close()
        with contextlib.suppress(ValueError):
            self._events.unregister("post_run_cell", self._after_cell)
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._end)
        thread.join(STOP_SECONDS)
        self._runner.close()
        if self.journal.file is not None:
            self.journal.file.close()

    def _after_cell(self, _: object) -> None:
        # A subshell's cells run on other threads, perhaps while a cell runs on the main one.
        if threading.current_thread() is threading.main_thread():
            self.variables.after_cell()
            self.journal.after_cell()
            self.server.renew()

    def _after_call(self) -> None:
        self.variables.after_cell()
        if autoreload_magics(self._shell):  # it reloads before a call and may have changed tools' parameters
            self.server.renew()

    def remove(self, name: str) -> list[str]:
        """Stop serving everything with this name or URI (see `FastMCP.remove`)."""
        kinds = self.server.remove(name)
        self.variables.forget(name)
        return kinds

    def _end(self) -> None:
        assert self._stop is not None
        self._stop.set()

    def rename(self, name: str) -> None:
        """Serve the notebook under another name from now on.

        Raises
        ------
        LinkError
            The engine is not serving, or the name cannot be published.
        """
        assert self._listener is not None
        self._wait(self._listener.rename(name))

    def _named(self, info: ConnectionInfo) -> None:
        """Take over the notebook's present path and name, which may have changed."""
        if info.path is not None and info.path != self._identity.file:
            self._identity = Identity(info.kernel_id, info.path)
            self.server.name = self._identity.name
            # Jupyter Server sets it to this path at the next start; other libraries read the path from it.
            os.environ[SESSION_NAME] = info.path

    def serve_http(self, port: int) -> None:
        """Serve over HTTP too, on the loopback interface. A private file holds the port and the token.

        Parameters
        ----------
        port : int
            The port; 0 takes a free one.

        Raises
        ------
        LinkError
            The port is taken, or the engine already serves over HTTP on another port.
        """
        self._wait(self._serve_http(port))

    def _wait(self, coroutine: Coroutine[Any, Any, None]) -> None:
        if self._loop is None or self._thread is None:
            coroutine.close()
            raise LinkError("The engine is not serving.")
        done = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            done.result(START_SECONDS)
        except TimeoutError:
            done.cancel()
            raise LinkError(
                f"The engine did not answer within {START_SECONDS:g} s. Run the cell again."
            ) from None

    # -- the engine's thread -----------------------------------------------------------------------

    def _serve(self, ready: Future[None]) -> None:
        try:
            asyncio.run(self._serve_until_stopped(ready))
        except BaseException as exc:
            if ready.cancelled():
                log.info("The engine could not start, after its caller had given up: %s", exc)
                return
            if ready.done():
                raise
            ready.set_exception(exc)

    async def _serve_until_stopped(self, ready: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        who = self._identity
        opening = Listener.open(
            self.server.serve,
            name=who.name,
            kernel_id=who.kernel_id,
            path=who.file,
            remembered=RememberedNames(),
            named=self._named,
            methods=owner_methods(self),
        )
        async with (
            self.server.running(),
            contextlib.AsyncExitStack() as self._fronts,
            opening as self._listener,
        ):
            if ready.set_running_or_notify_cancel():  # else the caller has given up: close everything at once
                ready.set_result(None)
                await self._stop.wait()

    async def _serve_http(self, port: int) -> None:
        from .http import serve_kernel_http  # here: most kernels do not need tornado's HTTP server

        if self._http_port is not None:
            if port in (0, self._http_port):  # the cell ran again
                return
            raise LinkError(f"This notebook serves over HTTP already, on port {self._http_port}.")
        # In a task of its own: anyio's cancel scopes must be closed by the task that opened them.
        opened: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._keep_http(port, opened, serve_kernel_http))
        self._fronts.push_async_callback(asyncio.wait, [task])
        self._http_port = await opened

    async def _keep_http(self, port: int, opened: asyncio.Future[int], front: Callable[..., Any]) -> None:
        assert self._stop is not None
        try:
            where = front(self.server, self._identity.kernel_id, port, default_runtime_dir())
            async with where as address:
                opened.set_result(address.port)
                await self._stop.wait()
        except LinkError as exc:
            if opened.done():
                raise
            opened.set_exception(exc)

    def post(self, function: Callable[..., None], *args: Any) -> None:
        """Schedule a function on the engine's thread; from any thread.

        A call that is posted again before it ran is made once: a cell that defines three tools causes one
        notification about the list.
        """
        call = (function, *args)
        with self._lock:
            if self._loop is None or call in self._posted:
                return
            self._posted.add(call)
        with contextlib.suppress(RuntimeError):  # the loop is closed, so no client is left to be told
            self._loop.call_soon_threadsafe(self._serve_posted, call)

    def post_to_main(self, function: Callable[[], None]) -> None:
        """Schedule a function on the kernel's main thread, between cells; from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: the kernel ends
            # In an empty context: in that of a call, displays would go to the call's result.
            self._main_loop.call_soon_threadsafe(function, context=Context())

    def _serve_posted(self, call: tuple[Any, ...]) -> None:
        with self._lock:
            self._posted.discard(call)
        call[0](*call[1:])

    # -- status ------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Return what the notebook is doing and how much it serves; from any thread."""
        activity = self._runner.activity
        resources = shown_resources(self.server)
        return {
            "path": self._identity.file,
            "state": activity.state,
            "cell": activity.cell,
            "tools": len(self.server.tools),
            "resources": len(resources),
            "prompts": len(self.server.prompts),
            "clients": self.server.clients(),
        }

    def activity(self) -> dict[str, Any]:
        """Return what the notebook is doing, how much it serves, and for what its calls wait; any thread."""
        activity = self._runner.activity
        return {
            "name": self.name,
            **self.status(),
            "call": activity.call,
            "seconds": activity.seconds,
            "waiting": self._runner.waiting,
        }

    def inspect(self) -> None:
        """Let clients read the list of variables, the cells that ran, and the journal of calls."""
        self.server.add(
            variables_resource(self._shell), cells_resource(self._shell), calls_resource(self.said_calls)
        )

    # -- calls -------------------------------------------------------------------------------------

    @property
    def paused(self) -> bool:
        """Whether calls are refused, because the user paused them."""
        return self._runner.paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        self._runner.paused = paused

    def said(self, entry: Entry) -> dict[str, Any]:
        """Return an entry of the journal as JSON, with the code that repeats the call in a cell."""
        code = code_of(entry, self.server, self._shell.user_ns)
        return entry.to_json(self.variables.versions, code)

    def said_calls(self) -> list[dict[str, Any]]:
        """Return the journal as JSON, the oldest call first."""
        return [self.said(entry) for entry in self.journal.entries()]

    def stop_call(self, entry: Entry, reason: str) -> bool:
        """Stop a call; its caller gets the reason as an error. Return whether it was waiting or running."""
        return self.approvals.stop(entry, reason) or self._runner.stop(entry, reason)

    def clients(self) -> list[dict[str, Any]]:
        """Return the connected clients, each with its principals and the time of its last call."""
        entries = self.journal.entries()
        found: list[dict[str, Any]] = []
        for client in self.server.clients():
            name = client["name"], client["version"]
            theirs = [each for each in entries if (each.host, each.version) == name]
            last = max((each.time for each in theirs), default=None)
            said = None if last is None else datetime.fromtimestamp(last, UTC).isoformat(timespec="seconds")
            principals = sorted({each.principal for each in theirs})
            found.append({**client, "principals": principals, "lastCall": said})
        return found

    def write_journal(self, path: Path) -> None:
        """Append each finished call to a file from now on, instead of to the one before.

        Raises
        ------
        OSError
            The file cannot be opened, or other users may read or write it.
        """
        before, self.journal.file = self.journal.file, JournalFile(path)
        if before is not None:
            before.close()


def _main_loop(shell: InteractiveShell) -> asyncio.AbstractEventLoop:
    loop = main_loop(shell)
    if loop is None:  # IPython loads extensions that its configuration names before the kernel has a loop
        raise LinkError("The kernel is still starting. Run `%load_ext mcp_jupyter` in a cell.")
    return loop
