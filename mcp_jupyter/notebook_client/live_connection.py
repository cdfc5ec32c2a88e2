# SPDX-License-Identifier: BSD-3-Clause
"""Hold one server's connection open on the background loop and keep its lists up to date.

`LiveConnection` opens and closes the `Client`, and answers what needs no question to the user (roots, a
sampling function).

Threads: everything here is for the background loop's thread, except that other threads may read the values
(`lists`, `state`, `reason`): these are immutable and replaced as a whole.
"""

from __future__ import annotations

import inspect
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol, TypeVar

import anyio
import anyio.to_thread

from .. import types
from .._util.tasks import owned_tasks
from .._util.text import MAX_MESSAGE_CHARS, MAX_PAGE_CHARS, safe_block, safe_line, shorten
from ..client.cassettes.compare import drift
from ..client.client import Client
from ..errors import ConnectionClosed, McpError, RequestTimeout
from .questions import Questions

__all__ = [
    "ConnectionLog",
    "Lists",
    "LiveConnection",
    "LogLine",
    "MakeClient",
    "State",
]


State = Literal["opening", "open", "closed", "failed"]

RELIST_SECONDS: Final = 0.5
"""Seconds. Lists are read again at most this often, however often a server reports changes."""

HEAR_SECONDS: Final = 5.0
"""Seconds. How long to wait, before reading the lists, for the server to acknowledge that it reports changes.
If it acknowledges later, the lists are read again."""

_LISTS: Final = ("tools", "resources", "templates", "prompts")

_CHANGED: Final[Mapping[type[types.Notification], tuple[str, ...]]] = {
    types.ToolListChangedNotification: ("tools",),
    types.ResourceListChangedNotification: ("resources", "templates"),
    types.PromptListChangedNotification: ("prompts",),
}

_T = TypeVar("_T")


class MakeClient(Protocol):
    """Make the client of one server with these callbacks; target and options are already set."""

    def __call__(self, **callbacks: Any) -> Client: ...


@dataclass(frozen=True, slots=True)
class Lists:
    """What a server has, as last listed."""

    tools: Mapping[str, types.Tool] = field(default_factory=lambda: MappingProxyType({}))
    resources: tuple[types.Resource, ...] = ()
    templates: tuple[types.ResourceTemplate, ...] = ()
    prompts: tuple[types.Prompt, ...] = ()


class LiveConnection:
    """Holds one connection.

    Parameters
    ----------
    make_client : callable
        See `MakeClient`.
    questions : Questions
        Where the server's questions go.
    log : ConnectionLog
        Where its messages go.
    changed : callable
        Called on the loop's thread with "lists", "state" or "log" when that changed.
    sampling : function, optional
        Answers `sampling/createMessage`: takes `types.CreateMessageRequestParams`, returns text or a
        `types.CreateMessageResult`. A function that is not async runs in a worker thread.
    roots : sequence of Path
        Folders that the server may know about.

    Attributes
    ----------
    client : Client or None
        The open client.
    lists : Lists
    state : {"opening", "open", "closed", "failed"}
    reason : str
        Why it failed.
    changed : mapping of str to sequence of str
        Tools whose definition changed since it was first listed, and how. A server may turn harmless tools
        into harmful ones after the user has connected.
    """

    def __init__(
        self,
        make_client: MakeClient,
        questions: Questions,
        log: ConnectionLog,
        changed: Callable[[str], None],
        *,
        sampling: Callable[..., Any] | None = None,
        roots: Sequence[Path] = (),
    ) -> None:
        self._make_client = make_client
        self._questions = questions
        self._log = log
        self._changed = changed
        self._sampling = sampling
        self._roots = tuple(roots)
        self._closing: anyio.Event | None = None
        self._stale: set[str] = set()
        self._is_stale: anyio.Event | None = None
        self.client: Client | None = None
        self.lists = Lists()
        self.state: State = "opening"
        self.reason = ""
        self.changed: Mapping[str, tuple[str, ...]] = MappingProxyType({})
        self._pinned: dict[str, types.Tool] = {}

    # -- life ------------------------------------------------------------------------------------

    async def live(self, opened: Future[None]) -> None:
        """Open the connection, and hold it until `close` is called or the server ends it."""
        self._closing, self._is_stale = anyio.Event(), anyio.Event()
        try:
            async with self._client() as client, owned_tasks() as tasks:
                self.client = client
                # The order matters: a list that changes while it is read must be read again. `_follow` starts
                # last and handles the changes that were reported until then.
                hears = anyio.Event()
                tasks.start_soon(self._hear, client, hears)
                with anyio.move_on_after(HEAR_SECONDS):
                    await hears.wait()
                for name in _LISTS:
                    await self._list(name)
                self._set("open")
                opened.set_result(None)
                for work in (self._watch, self._follow):
                    tasks.start_soon(work, client)
                await self._closing.wait()
            self._set("failed" if self.reason else "closed")
        except BaseException as exc:
            # If the server closed the connection, `_watch` has set the reason already.
            self.reason = self.reason or shorten(f"{type(exc).__name__}: {exc}", MAX_MESSAGE_CHARS)
            self._set("closed" if isinstance(exc, anyio.get_cancelled_exc_class()) else "failed")
            if not opened.done():
                opened.set_exception(exc)
            if isinstance(exc, anyio.get_cancelled_exc_class()):
                raise
        finally:
            self.client = None

    def close(self) -> None:
        """Ask for the connection to be closed. Idempotent."""
        if self._closing is not None:
            self._closing.set()

    def _client(self) -> Client:
        callbacks: dict[str, Any] = {
            "elicitation_callback": self._questions.elicitation,
            "sampling_callback": self._questions.sampling if self._sampling is None else self._sample,
            "logging_callback": self._logged,
            "message_handler": self._message,
        }
        if self._roots:
            callbacks["list_roots_callback"] = self._list_roots
        return self._make_client(**callbacks)

    async def _watch(self, client: Client) -> None:
        """Notice that the server is gone, even while no request is under way."""
        reason = await client.session.wait_closed()
        self.reason = shorten(reason or "The server closed the connection.", MAX_MESSAGE_CHARS)
        self.close()

    def _set(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self._log.add("state", f"{state}: {self.reason}" if self.reason else state)
            self._changed("state")

    # -- lists -----------------------------------------------------------------------------------

    async def _hear(self, client: Client, hears: anyio.Event) -> None:
        """Subscribe to changes of the lists; a server that cannot report them is not asked again.

        Parameters
        ----------
        hears : Event
            Set once the subscription is acknowledged, or has failed.
        """
        try:
            async with client.subscribed(tools=True, prompts=True, resources=True):
                hears.set()
                if self.state == "open":  # it took too long: the lists were read meanwhile
                    self._mark_stale(_LISTS)
                await anyio.sleep_forever()
        except (McpError, RequestTimeout, ConnectionClosed) as exc:
            self._log.add("debug", f"Changes of lists are not told: {exc}")
        finally:
            hears.set()

    def _mark_stale(self, names: Collection[str]) -> None:
        if self._is_stale is not None:
            self._stale.update(names)
            self._is_stale.set()

    async def _follow(self, client: Client) -> None:
        """Read the lists that changed."""
        while True:
            assert self._is_stale is not None
            await self._is_stale.wait()
            self._is_stale = anyio.Event()
            stale, self._stale = sorted(self._stale), set()
            for name in stale:
                await self._list(name)
            self._changed("lists")
            await anyio.sleep(RELIST_SECONDS)

    async def _list(self, name: str) -> None:
        """Read one list if the server has it; a failure leaves the other lists alone."""
        client = self.client
        assert client is not None
        has = client.server_capabilities
        try:
            if name == "tools" and has.tools is not None:
                tools = await client.list_tools()
                found: Any = MappingProxyType({tool.name: tool for tool in tools})
                self._compare(found)
            elif name == "resources" and has.resources is not None:
                found = tuple(await client.list_resources())
            elif name == "templates" and has.resources is not None:
                found = tuple(await client.list_resource_templates())
            elif name == "prompts" and has.prompts is not None:
                found = tuple(await client.list_prompts())
            else:
                return
        except (McpError, RequestTimeout) as exc:
            self._log.add("warning", f"The {name} could not be listed: {exc}")
            return
        self.lists = replace(self.lists, **{name: found})

    def _compare(self, tools: Mapping[str, types.Tool]) -> None:
        """Compare tools with their first definitions."""
        changed: dict[str, tuple[str, ...]] = {}
        for name, tool in tools.items():
            pinned = self._pinned.setdefault(name, tool)
            if pinned != tool and (lines := drift([_wire(pinned)], [_wire(tool)])):
                changed[name] = tuple(lines)
        for name in changed.keys() - self.changed.keys():
            self._log.add("warning", "; ".join(changed[name]))
        self.changed = MappingProxyType(changed)

    async def accept_changes(self, names: Collection[str]) -> None:
        """Accept the present definitions of these tools."""
        self._pinned |= {name: tool for name, tool in self.lists.tools.items() if name in names}
        self._compare(self.lists.tools)
        self._changed("lists")

    async def _message(self, notification: types.Notification) -> None:
        names = _CHANGED.get(type(notification), ())
        if names:
            self._mark_stale(names)
        if isinstance(notification, types.ResourceUpdatedNotification):
            self._log.add("info", f"changed: {notification.params.uri}")
            self._changed("log")

    # -- what the server says and asks ---------------------------------------------------------------

    async def _logged(self, params: types.LoggingMessageNotificationParams) -> None:
        said = params.data if isinstance(params.data, str) else repr(params.data)
        self._log.add(params.level, f"{params.logger}: {said}" if params.logger else said)
        self._changed("log")

    async def _list_roots(self) -> types.ListRootsResult:
        roots = [types.Root(uri=root.absolute().as_uri(), name=root.name or None) for root in self._roots]
        return types.ListRootsResult(roots=roots)

    async def _sample(self, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
        assert self._sampling is not None
        answer = await _run(self._sampling, params)
        if isinstance(answer, types.CreateMessageResult):
            return answer
        said = types.TextContent(type="text", text=str(answer))
        return types.CreateMessageResult(role="assistant", content=said, model="a function of the notebook")


def _wire(tool: types.Tool) -> dict[str, Any]:
    return tool.model_dump(by_alias=True, exclude_none=True, mode="json")


async def _run(function: Callable[..., Any], params: types.CreateMessageRequestParams) -> Any:
    if inspect.iscoroutinefunction(function):
        return await function(params)
    answer = await anyio.to_thread.run_sync(function, params, abandon_on_cancel=True)
    return await answer if isinstance(answer, Awaitable) else answer


# -- log -----------------------------------------------------------------------------------------
#
# The events of a connection, one per line, for the user to read. The log is bounded.
#
# Threads: `add` is for any thread; `lines` returns a copy.

MAX_LINES: Final = 500
"""More lines than a user scrolls through; a server that floods the log loses its own oldest lines."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line.

    Attributes
    ----------
    time : float
        Seconds since the epoch.
    kind : str
        A severity of the protocol ("info", "error"), or "call", "question", "state".
    text : str
        Safe to show.
    """

    time: float
    kind: str
    text: str


class ConnectionLog:
    """The last `MAX_LINES` lines of one connection."""

    def __init__(self) -> None:
        self._lines: deque[LogLine] = deque(maxlen=MAX_LINES)
        self._lock = threading.Lock()

    def add(self, kind: str, text: str) -> LogLine:
        """Add a line and return it."""
        line = LogLine(time.time(), safe_line(kind, 20), safe_block(text, MAX_PAGE_CHARS))
        with self._lock:
            self._lines.append(line)
        return line

    @property
    def lines(self) -> tuple[LogLine, ...]:
        """The lines that are kept, oldest first."""
        with self._lock:
            return tuple(self._lines)

    def __repr__(self) -> str:
        """The lines without their times, which differ from run to run."""
        return "\n".join(f"{line.kind}: {line.text}" for line in self.lines)
