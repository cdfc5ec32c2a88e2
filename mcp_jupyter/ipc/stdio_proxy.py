# SPDX-License-Identifier: BSD-3-Clause
"""Pass messages between a host's channel and a notebook's link, as the bytes they came in.

Theory of operation. A host gives its server two or three seconds to answer the opening, and a kernel may take
longer. Until there is a link, the relay therefore answers `initialize`, `server/discover` and `ping` itself,
and keeps everything else in order until `connect`. A handshake that it answered is then sent to the kernel,
and the kernel's answer is not passed to the host; the kept messages follow after it. With a link, an opening
goes to the kernel, and the relay answers it if the kernel is late. Whichever answer comes second is dropped.
The rule that a maintainer must not break: the host gets one answer for each request.

Everything here runs on the thread of one asyncio loop.
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
"""Seconds for a kernel to answer an opening; it takes milliseconds, unless C code holds the GIL."""

MAX_WAITING: Final = 256
"""Messages kept for a kernel that starts. A host sends a handful before it has the lists."""

_OPENING: Final = frozenset({"initialize", "server/discover", "ping"})

_EARLY: Final = _OPENING | {"tools/list"}
"""Requests that the relay may answer while there is no link."""

_FULL: Final = "More than {} requests wait for the notebook, which is still starting. Send this one later."
_OTHER_VERSION: Final = "The notebook's kernel speaks protocol version {}, not {}: start the server again."

Answer: TypeAlias = Callable[[Request], Response | ErrorResponse | None]
"""Answers an opening for the kernel; returns None if only the kernel can answer."""


class Relay:
    """Passes messages between one host and one notebook. It is the sink of the host's channel.

    Parameters
    ----------
    host : Channel
        Not yet started.
    answer : Answer, optional
        Without it, the relay answers nothing.

    Attributes
    ----------
    over : anyio.Event
        Set when one of the two sides has closed.
    caught_up : anyio.Event
        Set when the kernel has answered the requests that waited for it.
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
        self._unanswered: set[RequestId] = set()  # requests that waited for the kernel
        self._refusal = ""
        self._timers: dict[RequestId, asyncio.TimerHandle] = {}
        self._dropped: dict[RequestId, str | None] = {}  # with the version that the relay told the host

    def start(self) -> None:
        """Start taking the host's messages."""
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
        """Pass messages to `link`, which is not yet started, from now on; first those that wait."""
        self._link = link
        link.start(_Kernel(self))
        if self._handshake is None:
            self._release()
        else:
            self._pass(link, self._handshake)

    def refuse(self, reason: str) -> None:
        """Answer waiting requests, and those that come before there is a link, with an error."""
        self._refusal = reason
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            if isinstance(message.frame, Request):
                self._fail(message.frame.id, reason)
            else:
                self._waiting.append(message)  # the kernel must still get notifications/initialized

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
        """Pass on, answer or keep a message of the host."""
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
        """Answer the host, which may be waiting."""
        self._pass(self._host, Message.of(ErrorResponse(error.request_id, error.to_dict())))

    def closed(self) -> None:
        self.over.set()

    def _answered_here(self, message: Message, request: Request) -> bool:
        answer = None if self._answer is None else self._answer(request)
        if answer is None:
            return False
        if request.method == "initialize" and isinstance(answer, Response):
            if self._handshake is not None:  # some gateways send a handshake of their own first
                self._dropped.clear()
            self._handshake = message
            self._dropped[request.id] = str(answer.result.get("protocolVersion"))
        self._pass(self._host, Message.of(answer))
        return True

    def _late(self, message: Message, request: Request) -> None:
        """Answer an opening that the kernel has not answered in time."""
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
            return  # a response without a kernel's request, or a notification beyond the limit
        elif (cancelled := cancelled_id(frame)) is not None:
            self._waiting = [each for each in self._waiting if not _is_request(each, cancelled)]
            return
        self._waiting.append(message)

    def _fail(self, id_: RequestId, reason: str) -> None:
        self._pass(self._host, Message.of(ErrorResponse(id_, McpError(INTERNAL_ERROR, reason).to_dict())))

    # -- from the kernel ---------------------------------------------------------------------------

    def from_kernel(self, message: Message) -> None:
        """Pass a message to the host, unless the relay has answered the host already."""
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
        """Check that the kernel agrees with the answer that the relay gave; then release what waits."""
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
        """Do nothing: the link has answered the sender."""

    def closed(self) -> None:
        self._relay.over.set()


def _is_request(message: Message, id_: RequestId) -> bool:
    return isinstance(message.frame, Request) and message.frame.id == id_


# -- starting ------------------------------------------------------------------------------------
#
# A notebook that serves its host from the first moment, before its kernel has started.
#
# The host's opening is answered at once. Everything else waits, within limits, for the kernel or for the
# reason of its failure. The code that starts the kernel calls `ready` or `failed`.

CATCH_UP_SECONDS: Final = 10.0
"""Seconds for a kernel that has just started to answer the requests that waited, after the host closed its
end. The first call is slow, because it imports what it needs."""

WAIT_SECONDS: Final = 600.0
"""Seconds for a notebook to run all its cells. Most hosts give up a request long before; the others get an
error that says what is happening."""

_RUNNING: Final = "The notebook {!r} has been running its cells for {:g} s. Send the request again later."


class StartingNotebook:
    """Serves one host with a notebook that is about to start.

    Parameters
    ----------
    name : str
        The notebook's name in messages.
    answer : Answer
        Answers the host's opening.
    constant_tools : "yes", "no" or "auto", optional
        See `AttachedNotebook`.

    Attributes
    ----------
    failure : McpJupyterError or None
        The reason why the notebook cannot be served.
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
        """Wait until the host's first request has been answered. The caller bounds the wait."""
        await self._opened.wait()

    def ready(self, info: ConnectionInfo, discovery: Discovery) -> None:
        """Pass waiting messages to the kernel, which serves now; `discovery` finds it after a restart."""
        self._kernel = info, discovery
        self._decided.set()

    def failed(self, failure: McpJupyterError) -> None:
        """Answer waiting requests with the reason, and end the session: there will be no kernel."""
        self.failure = failure
        self._decided.set()

    # -- for the transport -------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the task group of the link for as long as the context lasts."""
        async with owned_tasks() as self._tasks:
            yield

    async def serve(self, channel: Channel) -> None:
        """Serve the session until it is closed; call this within `running`."""
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
# Mark requests about tools with the client's choice of the constant tools.
#
# The kernel has a setting of its own. `attach` and `run` serve one client, and may choose another one for it.

_ABOUT_TOOLS: Final = frozenset({"tools/list", "tools/call"})


def with_constant_tools(link: Channel, mode: Mode | None) -> Channel:
    """Return `link`, not yet started, with a mode; with None, the kernel's own setting applies."""
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
