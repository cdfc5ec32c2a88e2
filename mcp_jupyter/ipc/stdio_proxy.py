# SPDX-License-Identifier: BSD-3-Clause
"""Pass messages between a host's channel and a notebook's link, as the bytes they came in.

Theory of operation. A host gives its server two or three seconds to answer the opening, and a kernel may
take longer. The relay therefore answers `initialize`, `server/discover` and `ping` itself while there is no
link, and keeps everything else in order until `connect`. A handshake that it answered is then sent to the
kernel, whose answer the host never sees; only after that answer follows what waited. With a link, an
opening goes to the kernel, and is answered here when the kernel is late. The answer that comes second is
dropped: a maintainer must not break the rule that the host gets one answer for each request.

Everything here belongs to one asyncio loop's thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

import anyio
from anyio.abc import TaskGroup

from .._util.tasks import owned_tasks
from ..engine.channel import Channel, Sink
from ..errors import INTERNAL_ERROR, ConnectionClosed, FrameError, LinkError, McpError, McpJupyterError
from ..protocol.frames import ErrorResponse, Message, Notification, Request, RequestId, Response
from ..protocol.rights import EVERY_RIGHT, Mode
from .session import cancelled_id

if TYPE_CHECKING:
    from .discovery import Discovery
    from .files import ConnectionInfo

__all__ = [
    "LATE_SECONDS",
    "MAX_WAITING",
    "WAIT_SECONDS",
    "Answer",
    "Relay",
    "StartingNotebook",
    "with_constant_tools",
]

log = logging.getLogger(__name__)

LATE_SECONDS: Final = 0.3
"""For a kernel to answer an opening: it does so in milliseconds, unless C code holds Python's global lock."""

MAX_WAITING: Final = 256
"""Messages kept for a kernel that starts. A host sends a handful before it has its lists."""

_OPENING: Final = frozenset({"initialize", "server/discover", "ping"})

_EARLY: Final = _OPENING | {"tools/list"}
"""What may be answered here while there is no kernel."""

_FULL: Final = "More than {} requests wait for the notebook, which is still starting. Send this one later."
_OTHER_VERSION: Final = "The notebook's kernel speaks protocol version {}, not {}: start the server again."

Answer: TypeAlias = Callable[[Request], Response | ErrorResponse | None]
"""Answers an opening in place of the kernel; None for what only the kernel can answer."""


class Relay:
    """Between one host and one notebook. It is the sink of the host's channel.

    Parameters
    ----------
    host : Channel
        Not yet started.
    answer : Answer, optional
        Without it, nothing is answered here.

    Attributes
    ----------
    over : anyio.Event
        One of the two sides has closed.
    caught_up : anyio.Event
        The kernel has answered what waited for it.
    """

    def __init__(self, host: Channel, answer: Answer | None = None) -> None:
        self.over = anyio.Event()
        self.caught_up = anyio.Event()
        self._host = host
        self._answer = answer
        self._link: Channel | None = None
        self._connected = False
        self._handshake: Message | None = None
        self._waiting: list[Message] = []
        self._unanswered: set[RequestId] = set()  # of what waited
        self._refusal = ""
        self._timers: dict[RequestId, asyncio.TimerHandle] = {}
        self._dropped: dict[RequestId, str | None] = {}  # with the version that the host was told

    def start(self) -> None:
        """Begin to take the host's messages."""
        self._host.start(self)

    async def run(self, link: Channel) -> None:
        """Pass messages until one side closes; then close both."""
        try:
            self.connect(link)
            self.start()
            await self.over.wait()
        finally:
            self.close()

    def connect(self, link: Channel) -> None:
        """Pass messages to `link`, not yet started, from now on; first what waits."""
        self._link = link
        link.start(_Kernel(self))
        if self._handshake is None:
            self._release()
        else:
            self._pass(link, self._handshake)

    def refuse(self, reason: str) -> None:
        """Answer what waits, and what comes until there is a link, with an error."""
        self._refusal = reason
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            if isinstance(message.frame, Request):
                self._fail(message.frame.id, reason)
            else:
                self._waiting.append(message)  # the kernel must still hear that the session is initialized

    def close(self) -> None:
        """Close both sides."""
        self.over.set()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._host.close()
        if self._link is not None:
            self._link.close()

    # -- from the host: the channel's sink ---------------------------------------------------------

    def message(self, message: Message) -> None:
        """Pass a message on, answer it, or keep it."""
        frame = message.frame
        opening = frame if isinstance(frame, Request) and frame.method in _EARLY else None
        if self._connected and self._link is not None:
            if opening is not None and opening.method in _OPENING and self._answer is not None:
                loop = asyncio.get_running_loop()
                self._timers[opening.id] = loop.call_later(LATE_SECONDS, self._late, message, opening)
            self._pass(self._link, message)
        elif opening is None or not self._answered_here(message, opening):
            self._keep(message)

    def fault(self, error: FrameError) -> None:
        """Answer its sender, who may be waiting."""
        self._pass(self._host, Message.of(ErrorResponse(error.request_id, error.to_dict())))

    def closed(self) -> None:
        self.over.set()

    def _answered_here(self, message: Message, request: Request) -> bool:
        answer = None if self._answer is None else self._answer(request)
        if answer is None:
            return False
        if request.method == "initialize" and isinstance(answer, Response):
            if self._handshake is not None:  # some gateways send one of their own first
                self._dropped.clear()
            self._handshake = message
            self._dropped[request.id] = str(answer.result.get("protocolVersion"))
        self._pass(self._host, Message.of(answer))
        return True

    def _late(self, message: Message, request: Request) -> None:
        """The kernel has not answered an opening in time."""
        del self._timers[request.id]
        self._dropped[request.id] = None
        if not self._answered_here(message, request):
            del self._dropped[request.id]

    def _keep(self, message: Message) -> None:
        frame = message.frame
        is_full = len(self._waiting) >= MAX_WAITING
        if isinstance(frame, Request):
            if self._refusal or is_full:
                self._fail(frame.id, self._refusal or _FULL.format(MAX_WAITING))
                return
        elif not isinstance(frame, Notification) or is_full:
            return  # an answer to a question that no kernel has asked
        elif (cancelled := cancelled_id(frame)) is not None:
            self._waiting = [each for each in self._waiting if not _is_request(each, cancelled)]
            return
        self._waiting.append(message)

    def _fail(self, id_: RequestId, reason: str) -> None:
        self._pass(self._host, Message.of(ErrorResponse(id_, McpError(INTERNAL_ERROR, reason).to_dict())))

    # -- from the kernel ---------------------------------------------------------------------------

    def from_kernel(self, message: Message) -> None:
        """Pass a message to the host, unless the host has its answer already."""
        frame = message.frame
        if isinstance(frame, Response | ErrorResponse) and frame.id is not None:
            if frame.id in self._dropped:
                self._check(self._dropped.pop(frame.id), frame)
                return
            if (timer := self._timers.pop(frame.id, None)) is not None:
                timer.cancel()
        self._pass(self._host, message)
        if isinstance(frame, Response | ErrorResponse) and frame.id in self._unanswered:
            self._unanswered.remove(frame.id)
            self._note_progress()

    def _check(self, version: str | None, answer: Response | ErrorResponse) -> None:
        """See that the kernel agrees with what the host was told in its place; then release what waits."""
        if version is None:
            return
        if isinstance(answer, ErrorResponse):
            if not self._connected:
                self._end(str(answer.error.get("message")))
        elif (other := answer.result.get("protocolVersion")) != version:
            self._end(_OTHER_VERSION.format(other, version))
        elif not self._connected:
            self._release()

    def _end(self, reason: str) -> None:
        log.warning("The session with the notebook cannot go on: %s", reason)
        self.refuse(reason)
        self.over.set()

    def _release(self) -> None:
        assert self._link is not None
        self._connected = True
        waiting, self._waiting = self._waiting, []
        self._unanswered = {each.frame.id for each in waiting if isinstance(each.frame, Request)}
        for message in waiting:
            self._pass(self._link, message)
        self._note_progress()

    def _note_progress(self) -> None:
        if not self._unanswered:
            self.caught_up.set()

    def _pass(self, channel: Channel, message: Message) -> None:
        try:
            channel.send(message)
        except ConnectionClosed:
            self.over.set()


class _Kernel:
    """The sink of the link."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def message(self, message: Message) -> None:
        self._relay.from_kernel(message)

    def fault(self, error: FrameError) -> None:
        """The link has told its sender."""

    def closed(self) -> None:
        self._relay.over.set()


def _is_request(message: Message, id_: RequestId) -> bool:
    return isinstance(message.frame, Request) and message.frame.id == id_


# -- starting ------------------------------------------------------------------------------------
#
# A notebook as a server from the first moment, while its kernel is yet to start.
#
# The host's opening is answered at once; everything else waits for the kernel, within bounds, or for the
# reason why there is none. The code that starts the kernel calls `ready` or `failed`.

CATCH_UP_SECONDS: Final = 10.0
"""For a kernel that has just started to answer what waited for it, when the host has closed its end. The
first call is slow: it imports what it needs."""

WAIT_SECONDS: Final = 600.0
"""For a notebook to run to its end. Most hosts give a request up long before; for the others, an error that
says what goes on is better than silence."""

_RUNNING: Final = "The notebook {!r} has been running its cells for {:g} s. Send the request again later."


class StartingNotebook:
    """Serves one host with a notebook that is about to start.

    Parameters
    ----------
    name : str
        What the notebook is called in messages.
    answer : Answer
        Answers the host's opening.
    constant_tools : "yes", "no" or "auto", optional
        See `AttachedNotebook`.

    Attributes
    ----------
    failure : McpJupyterError or None
        Why the notebook cannot be served.
    """

    def __init__(self, name: str, answer: Answer, constant_tools: Mode | None = None) -> None:
        self.failure: McpJupyterError | None = None
        self._name = name
        self._answer = answer
        self._constant_tools = constant_tools
        self._opened = anyio.Event()
        self._decided = anyio.Event()
        self._kernel: tuple[ConnectionInfo, Discovery] | None = None
        self._tasks: TaskGroup | None = None

    # -- for the code that starts the kernel --------------------------------------------------------

    async def opened(self) -> None:
        """Wait until the host's first request was answered. The caller bounds the wait."""
        await self._opened.wait()

    def ready(self, info: ConnectionInfo, discovery: Discovery) -> None:
        """The kernel serves: what waits is passed to it. `discovery` finds the kernel when it restarts."""
        self._kernel = info, discovery
        self._decided.set()

    def failed(self, failure: McpJupyterError) -> None:
        """There will be no kernel: what waits is answered with the reason, and the conversation ends."""
        self.failure = failure
        self._decided.set()

    # -- for the transport -------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What stands around the conversation: the owner of its link."""
        async with owned_tasks() as self._tasks:
            yield

    async def serve(self, channel: Channel) -> None:
        """Run the conversation until it is closed; call it within `running`."""
        relay = Relay(channel, self._first)
        channel.is_patient = True
        relay.start()
        try:
            async with owned_tasks() as tasks:
                tasks.start_soon(self._connect, relay, channel)
                await relay.over.wait()
        finally:
            relay.close()

    def _first(self, request: Request) -> Response | ErrorResponse | None:
        self._opened.set()
        return self._answer(request)

    async def _connect(self, relay: Relay, channel: Channel) -> None:
        with anyio.move_on_after(WAIT_SECONDS) as waiting:
            await self._decided.wait()
        if waiting.cancelled_caught:
            relay.refuse(_RUNNING.format(self._name, WAIT_SECONDS))
            await self._decided.wait()
        if self._kernel is not None:
            from .reconnecting_channel import ResumingLink  # not needed for the first answer

            assert self._tasks is not None
            try:
                link = await ResumingLink.open(*self._kernel, self._tasks)
                relay.connect(with_constant_tools(link, self._constant_tools))
            except LinkError as exc:
                self.failure = exc
            else:
                with anyio.move_on_after(CATCH_UP_SECONDS):
                    await relay.caught_up.wait()
        channel.is_patient = False
        if self.failure is not None:
            relay.refuse(str(self.failure))
            relay.over.set()


# -- chosen --------------------------------------------------------------------------------------
#
# A link whose requests about tools say whether their client gets the constant tools.
#
# The kernel has a mode of its own. `attach` and `run` serve one client, and may set another mode for it.

_ABOUT_TOOLS: Final = frozenset({"tools/list", "tools/call"})


def with_constant_tools(link: Channel, mode: Mode | None) -> Channel:
    """`link`, not yet started, with a mode; None: as the kernel has it."""
    return link if mode is None else _Marking(link, mode)


class _Marking(Channel):
    def __init__(self, link: Channel, mode: Mode) -> None:
        self._link = link
        self._mode = mode

    def start(self, sink: Sink) -> None:
        self._link.start(sink)

    def send(self, message: Message) -> None:
        if isinstance(message.frame, Request) and message.frame.method in _ABOUT_TOOLS:
            # Without rights the client may use everything: no front has restricted it.
            rights = replace(message.rights or EVERY_RIGHT, constant_tools=self._mode)
            message = replace(message, rights=rights)
        self._link.send(message)

    async def drain(self) -> None:
        await self._link.drain()

    def close(self) -> None:
        self._link.close()
