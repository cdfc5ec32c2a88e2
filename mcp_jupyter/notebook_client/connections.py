# SPDX-License-Identifier: BSD-3-Clause
"""The connected servers of one notebook, by their names in it.

Owns which name is which server, the thread they share, and which cassettes are open. Main thread only;
cassettes belong to the thread of the connections.

Most notebooks that load the extension call nobody: what a connection needs is imported by the first one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any, Final, Literal

from .. import errors, types
from ..client.client import Client
from ..errors import CassetteError
from .blocking import wait, wait_opened
from .calls import MAX_CALLS, Call, Report, Work
from .client_thread import Background
from .exports import tool_schemas
from .functions import Tools
from .live_connection import Keeper, LogBook, MakeClient
from .questions import Notice, Question, Questions
from .results import CallResult, PromptResult, ReadResult, ToolError
from .text import clean, one_line
from .tracebacks import ConnectionClosed, DefinitionChanged, RequestTimeout

if TYPE_CHECKING:
    import httpx2

    from ..client.cassettes import Cassette, Mode, Track
    from ..client.config.targets import Target
    from .client_thread import Background

__all__ = [
    "HOW_TO_RECORD",
    "Aio",
    "ConnectedServer",
    "Connections",
    "Event",
    "PostToMain",
    "Recording",
    "Wanted",
    "notebook_being_run",
]


OPEN_SECONDS: Final = 60.0
"""`npx` and `uvx` may have to download a server first."""

SIGN_IN_SECONDS: Final = 330.0
"""A person signs in meanwhile: five minutes, and the opening itself."""

SAVE_SECONDS: Final = 10.0
"""For recordings to be written at the end of a cell: the largest that is allowed takes less."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recording:
    """Whether calls are recorded or replayed, and where.

    Attributes
    ----------
    mode : {"off", "record", "replay"}
    path : Path or None
        The cassette; needed unless `mode` is "off".
    redact : sequence of str
        Patterns (regular expressions) of what must not be written, beside what is known to be secret.
    no_redact : sequence of str
        Names of parameters that are written although they are called like a secret.
    place : str, optional
        The cell that connects: run again, it records, or plays, anew. Of several cells that connect a server
        the calls of all are kept, one after the other.
    """

    mode: Mode = "off"
    path: Path | None = None
    redact: Sequence[str] = ()
    no_redact: Sequence[str] = ()
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A connection as it was asked for.

    Attributes
    ----------
    target
        See `mcp_jupyter.Client`; it is not used on replay.
    options : mapping
        Further arguments of `Client`.
    sign_in : callable, optional
        Makes the `httpx2.Auth` of a person who signs in; given how to show them something.
    sampling : function, optional
        See `Keeper`.
    roots : sequence of Path
    recording : Recording
    """

    target: Target | None
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    sign_in: Callable[[Callable[[object], None]], httpx2.Auth] | None = None
    sampling: Callable[..., Any] | None = None
    roots: Sequence[Path] = ()
    recording: Recording = field(default_factory=Recording)


class Connections:
    """The servers of one notebook.

    Parameters
    ----------
    post : callable or None
        See `PostToMain`; None in plain IPython, where nothing runs between cells.
    """

    def __init__(self, post: PostToMain | None) -> None:
        self._post = post
        self._background: Background | None = None
        self._servers: dict[str, ConnectedServer] = {}
        self._targets: dict[str, Target | None] = {}
        self._cassettes: dict[tuple[Path, str, tuple[str, ...], tuple[str, ...]], Cassette] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._servers))

    def __len__(self) -> int:
        return len(self._servers)

    def __getitem__(self, alias: str) -> ConnectedServer:
        return self._servers[alias]

    def __contains__(self, alias: object) -> bool:
        return alias in self._servers

    @property
    def servers(self) -> Mapping[str, ConnectedServer]:
        """The servers by name."""
        return dict(self._servers)

    def connect(self, alias: str, wanted: Wanted) -> ConnectedServer:
        """Connect a server under a name. One that has the name is disconnected once the new one is connected.

        Raises
        ------
        ValueError, ConfigError, CassetteError
            The target, an option or the cassette cannot be used.
        McpError, RequestTimeout, ConnectionClosed, OSError
            The server cannot be reached.
        """
        from ..client.client import Client
        from .client_thread import Background

        if self._is_taken(alias, wanted.target):
            self.disconnect(alias)
        if self._background is None:
            self._background = Background()
        mode = wanted.recording.mode
        tracks: list[Track] = []

        def make_client(**callbacks: Any) -> Client:
            if mode != "off":
                tracks.append(self._cassette(wanted.recording).track(alias, wanted.recording.place))
            track = tracks[0] if tracks else None
            if mode == "replay":  # no target, no credential
                return Client(None, cassette=track, **callbacks)
            auth = wanted.sign_in(server.questions.show) if wanted.sign_in else None
            return Client(wanted.target, auth=auth, cassette=track, **wanted.options, **callbacks)

        server = ConnectedServer(
            alias,
            make_client,
            self._background,
            self._post,
            sampling=wanted.sampling,
            roots=tuple(wanted.roots),
        )
        server.open(SIGN_IN_SECONDS if wanted.sign_in else OPEN_SECONDS)
        self.disconnect(alias)
        self._servers[alias], self._targets[alias] = server, wanted.target
        server.drift = tuple(tracks[0].drift) if tracks else ()
        return server

    def _is_taken(self, alias: str, target: Target | None) -> bool:
        """Whether this is the server object that the name has already: it has one client at a time."""
        return hasattr(target, "running") and self._targets.get(alias) is target

    def disconnect(self, alias: str) -> ConnectedServer | None:
        """Disconnect a server; None when there is none of that name."""
        server = self._servers.pop(alias, None)
        self._targets.pop(alias, None)
        if server is not None:
            server.close()
        return server

    def close(self) -> None:
        """Disconnect all, and end their thread."""
        for alias in list(self._servers):
            self.disconnect(alias)
        if self._background is not None:
            self._background.stop()

    def _cassette(self, recording: Recording) -> Cassette:
        from ..client.cassettes import Cassette

        if recording.path is None:
            raise CassetteError(HOW_TO_RECORD)
        redact, no_redact = tuple(recording.redact), tuple(recording.no_redact)
        key = (recording.path, recording.mode, redact, no_redact)
        known = self._cassettes.get(key)
        if known is None or (recording.mode == "replay" and not known.is_current):
            known = self._cassettes[key] = Cassette.open(
                recording.path, recording.mode, redact=redact, no_redact=no_redact
            )
        return known

    def save(self) -> None:
        """Write what was recorded and is not written yet: after a cell the kernel may be killed."""
        if self._background is None or all(cassette.is_saved for cassette in self._cassettes.values()):
            return
        with suppress(TimeoutError, errors.ConnectionClosed):  # it is tried again, soon and at the end
            self._background.spawn(self._save, name="save recordings").result(SAVE_SECONDS)

    async def _save(self) -> None:
        for cassette in self._cassettes.values():
            if not cassette.is_saved:
                try:
                    await cassette.save_async()
                except CassetteError as exc:
                    log.warning("The recording is not saved: %s", exc)


# -- runners -------------------------------------------------------------------------------------
#
# Find the notebook's file under programs that run notebooks and do not tell the kernel which one it is.
#
# `jupyter execute`, `jupyter nbconvert --execute` and papermill start the kernel as their child: their
# command line and their working directory say which notebook they run.

HOW_TO_RECORD: Final = (
    "The path of this notebook is not known here, so neither is its cassette: give %mcp_connect the option "
    "--cassette FILE, or run `pytest --nbmake --mcp-cassettes=record NOTEBOOK.ipynb` (or =replay), "
    "`jupyter execute NOTEBOOK.ipynb` or `papermill --inject-paths` with one notebook."
)

MAX_PARENTS: Final = 3
"""Processes above the kernel that are looked at: on Windows a virtual environment's python.exe is between."""

MAX_PROGRAM_WORDS: Final = 4
"""Of a command line, the words among which the program is: `python -m papermill`, `jupyter nbconvert`."""

_RUNNERS: Final = frozenset({"jupyter-execute", "jupyter-nbconvert", "nbconvert", "papermill"})

_VALUES: Final = {"--output": 1, "--parameters": 2, "--parameters_raw": 2, "-p": 2, "-r": 2}
"""How many words after an option may be names of notebooks that are not the one that is run."""


def notebook_being_run() -> Path | None:
    """The file of the notebook that a program above this kernel runs; None where that is not known."""
    import psutil

    try:
        for process in psutil.Process().parents()[:MAX_PARENTS]:
            name = notebook_in(process.cmdline())
            if name is not None:
                path = Path(process.cwd(), name)
                return path if path.is_file() else None
    except psutil.Error:
        pass
    return None


def notebook_in(words: Sequence[str]) -> str | None:
    """The notebook that a command line runs, as it names it; None when it runs none, or several."""
    programs = [PureWindowsPath(word).name.removesuffix(".exe") for word in words[:MAX_PROGRAM_WORDS]]
    found = [program for program in programs if program in _RUNNERS]
    if not found:
        return None
    notebooks = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in _VALUES:
            del rest[: _VALUES[word]]
        elif word.endswith(".ipynb") and not word.startswith("-"):
            notebooks.append(word)
    is_alone = len(notebooks) == 1 or (found[0] == "papermill" and len(notebooks) == 2)  # and its output
    return notebooks[0] if is_alone else None


# -- connected -----------------------------------------------------------------------------------
#
# A connected server as an object in the notebook's namespace: `weather.tools.forecast(city="Paris")`.
#
# Owns what a person may do with a server, blocking or not. How the connection is held is the `Keeper`'s, how
# a cell waits is `blocking`'s, what it looks like is drawn in `mcp_jupyter.widgets`.
#
# Threads: what blocks may be called from any thread but the background loop's; listeners are called on the
# kernel's main thread.

Event = Literal["lists", "state", "log", "questions", "calls"]
"""What changed at a server, as listeners are told."""

PostToMain = Callable[[Callable[[], None]], None]
"""Has a function called on the kernel's main thread, between cells; from any thread."""

CLOSE_SECONDS: Final = 8.0
"""Ending a child process takes three steps of 2 s at most."""


class ConnectedServer:
    """One server, connected under a name.

    Made by `%mcp_connect` (or `Connections.connect`), not by hand.

    Parameters
    ----------
    alias : str
        Its name in the notebook.
    make_client : callable
        See `MakeClient`.
    background : Background
        Where the connection lives.
    post : callable or None
        See `PostToMain`; None where nothing runs between cells. Then a question is put by a cell that waits
        for its call, or else cancelled at once; it has no panel.
    sampling : function, optional
        See `Keeper`.
    roots : sequence of Path
        See `Keeper`.

    Attributes
    ----------
    tools : Tools
        ``tools.forecast(city="Paris")`` blocks until the answer is there; the stop button cancels the call at
        the server.
    aio : Aio
        The same for async code: ``await weather.aio.tools.forecast(city="Paris")``.
    log : LogBook
    questions : Questions
    drift : sequence of str
        While recording: how its tools differ from those recorded before.
    """

    def __init__(
        self,
        alias: str,
        make_client: MakeClient,
        background: Background,
        post: PostToMain | None,
        *,
        sampling: Callable[..., Any] | None = None,
        roots: tuple[Path, ...] = (),
    ) -> None:
        self.alias = alias
        self.log = LogBook()
        self.questions = Questions(alias, lambda: self._changed("questions"), self.log.add)
        self._background = background
        self._post = post
        if post is not None:
            self.questions.add_taker(partial(_take, post))
        self._keeper = Keeper(
            make_client, self.questions, self.log, self._changed, sampling=sampling, roots=roots
        )
        self._life: Future[None] | None = None
        self._calls: set[Call] = set()
        self._listeners: list[Callable[[Event], None]] = []
        self._told: set[Event] = set()  # posted to the main thread, and not yet delivered
        self.panel: Any = None  # made by `widgets` when it is first displayed; all displays show the one
        self.tools = Tools(lambda: self.definitions, self.call)
        self.aio = Aio(self)
        self.drift: Sequence[str] = ()

    # -- life ------------------------------------------------------------------------------------

    def open(self, timeout: float) -> None:
        """Connect, and wait until the server has said what it has.

        Parameters
        ----------
        timeout : float
            Seconds.

        Raises
        ------
        McpError, ConnectionClosed, OSError
            The server cannot be reached or refuses.
        RequestTimeout
            It took too long.
        KeyboardInterrupt
            The person did not want to wait; the attempt is ended.
        """
        __tracebackhide__ = True
        opened: Future[None] = Future()
        self._life = self._background.spawn(self._keeper.live, opened, name=f"mcp {self.alias}")
        try:
            wait_opened(opened, self.questions, timeout, self.alias)
        except BaseException:
            self._life.cancel()
            raise

    def close(self) -> None:
        """Disconnect. Calls under way fail, a child process is ended. Idempotent."""
        life, self._life = self._life, None
        if life is None:
            return
        self._background.post(self._keeper.close)
        try:
            life.result(CLOSE_SECONDS)
        except TimeoutError:
            life.cancel()

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return self._keeper.state == "open"

    @property
    def state(self) -> str:
        """One of open, opening, closed, or failed with the reason."""
        keeper = self._keeper
        return f"failed: {clean(keeper.reason).rstrip('.')}" if keeper.state == "failed" else keeper.state

    @property
    def summary(self) -> str:
        """Its state and how much it has, on one line."""
        lists = {"tool": self.definitions, "resource": self.resources, "prompt": self.prompts}
        counts = [f"{len(each)} {what}{'s' * (len(each) != 1)}" for what, each in lists.items() if each]
        return "; ".join([self.state, ", ".join(counts) or "nothing to call"])

    # -- what it has -----------------------------------------------------------------------------

    @property
    def definitions(self) -> Mapping[str, types.Tool]:
        """Its tools by name, as last listed."""
        return self._keeper.lists.tools

    @property
    def resources(self) -> list[types.Resource]:
        """Its resources, as last listed."""
        return list(self._keeper.lists.resources)

    @property
    def templates(self) -> list[types.ResourceTemplate]:
        """Its resource templates, as last listed."""
        return list(self._keeper.lists.templates)

    @property
    def prompts(self) -> list[types.Prompt]:
        """Its prompts, as last listed."""
        return list(self._keeper.lists.prompts)

    @property
    def changed(self) -> Mapping[str, Sequence[str]]:
        """Tools that are not what they were when the connection was made, and how they differ.

        They are not called until `accept_changes`.
        """
        return self._keeper.changed

    def accept_changes(self, *names: str) -> None:
        """Take these tools (all, without any name) for what they are now."""
        wanted = names or tuple(self.changed)
        self._background.spawn(self._keeper.accept_changes, wanted, name="accept").result(CLOSE_SECONDS)

    def tool_schemas(self, style: Literal["anthropic", "openai"]) -> list[dict[str, Any]]:
        """Its tools as a model's API takes them, for a loop of one's own."""
        return tool_schemas(self.definitions, style)

    # -- blocking --------------------------------------------------------------------------------

    def call(
        self, name: str, arguments: Mapping[str, Any] | None = None, *, timeout: float | None = None
    ) -> CallResult:
        """Call a tool and wait.

        Parameters
        ----------
        timeout : float, optional
            Seconds; by default what the connection was made with (300).

        Raises
        ------
        ToolError
            The tool failed.
        McpError, RequestTimeout, ConnectionClosed
            The server refuses, is silent, or is gone.
        """
        __tracebackhide__ = True
        result: CallResult = self._wait(self.start_call(name, arguments or {}, timeout=timeout))
        return self.checked(result, name)

    def checked(self, result: CallResult, name: str) -> CallResult:
        """A tool's answer, of which the log says when it is not what the tool promised.

        On the caller's thread: a check may take its time, which is not the other servers'.
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
        """Get a prompt, filled in, and wait."""
        __tracebackhide__ = True
        result: PromptResult = self._wait(self.start_prompt(name, arguments))
        return result

    def _wait(self, call: Call) -> Any:
        __tracebackhide__ = True
        return wait(call, self.questions, self.alias)

    # -- not blocking ----------------------------------------------------------------------------

    def start_call(self, name: str, arguments: Mapping[str, Any], *, timeout: float | None = None) -> Call:
        """Begin to call a tool.

        Raises
        ------
        ConnectionClosed
            The server is not connected, or too many calls are under way.
        DefinitionChanged
            The tool is not what it was (see `changed`).
        """
        if name in self.changed:
            raise DefinitionChanged(
                f"{self.alias}: {'; '.join(map(clean, self.changed[name]))}, since you connected. "
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
        """Begin to read a resource."""

        async def work(client: Client, report: Report) -> ReadResult:
            return ReadResult(await client.read_resource(uri))

        return self._start("resources/read", uri, {}, work)

    def start_prompt(self, name: str, arguments: Mapping[str, str]) -> Call:
        """Begin to get a prompt."""

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
            client = self._keeper.client
            if client is None:
                raise ConnectionClosed(
                    f"{self.alias} is not connected ({self.state}); run its %mcp_connect again."
                )
            try:
                return await work(client, report)
            except errors.RequestTimeout as exc:
                said = f"{self.alias}, {one_line(name)}: {exc} `%mcp_connect --timeout` waits longer."
                raise RequestTimeout(said) from None
            except errors.ConnectionClosed as exc:
                said = f"{self.alias}, {one_line(name)}: {clean(str(exc))} Run its %mcp_connect again."
                raise ConnectionClosed(said) from None

        return bound

    # -- who is told -----------------------------------------------------------------------------

    def add_listener(self, listener: Callable[[Event], None]) -> None:
        """Have a function called, on the main thread, when something changes."""
        self._listeners.append(listener)

    def remove_listener(self, listener: Callable[[Event], None]) -> None:
        """Call it no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def _call_changed(self, call: Call) -> None:
        if call.done():
            self._calls.discard(call)
            self.log.add("call", f"{call.name}: {'ended' if call.error is None else call.error}")
        self._changed("calls")

    def _changed(self, event: str) -> None:
        known: Event = event  # type: ignore[assignment]
        if self._post and self._listeners and known not in self._told:  # what is posted tells of this too
            self._told.add(known)
            self._post(lambda: self._tell(known))

    def _tell(self, event: Event) -> None:
        self._told.discard(event)
        for listener in list(self._listeners):
            listener(event)

    # -- what a person sees ------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"<MCP server {self.alias}: {self.summary}>"

    def _ipython_display_(self) -> None:
        """Show the panel, or in plain IPython, which has no widgets, the tools."""
        from IPython.display import display

        if self._post is None:
            from .functions import card_of

            display(card_of(self.definitions, repr(self)))
            return
        from ..widgets.panel import panel_of  # ipywidgets are wanted by those who look only

        display(panel_of(self))


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
        """Get a prompt, filled in."""
        __tracebackhide__ = True
        result: PromptResult = await _ended(self._server.start_prompt(name, arguments))
        return result


async def _ended(call: Call) -> Any:
    """The result of a call, awaited on the caller's own loop."""
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


def _take(post: PostToMain, item: Question | Notice) -> None:
    """Where no cell waits and no panel is open, what is for the user appears under the last cell."""
    post(lambda: _appear(item))


def _appear(item: Question | Notice) -> None:
    from IPython.display import display

    from ..widgets.questions import question_form

    display(item.thing if isinstance(item, Notice) else question_form(item))
