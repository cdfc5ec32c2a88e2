# SPDX-License-Identifier: BSD-3-Clause
"""A channel to a notebook that outlives its kernel: the client's session goes on after a restart.

Owns noticing that the kernel is gone, answering for it meanwhile, finding it again and introducing the
session to it. Knows the kernel by its id only, so a new name or a new process makes no difference.
`Session` knows what must be said again; `session.answer` what is said while nobody serves.

Everything here belongs to one asyncio loop's thread.
"""

from __future__ import annotations

import itertools
import logging
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, Protocol

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from ..engine.channel import Channel, Sink
from ..errors import ConnectionClosed, FrameError, LinkError, McpError
from ..protocol.codes import INTERNAL_ERROR
from ..protocol.frames import ErrorResponse, Message, Notification, Request, RequestId, Response
from .connect import dial
from .discovery import POLL_SECONDS, Discovery
from .files import ConnectionInfo
from .session import CANCELLED, LISTEN, Session, answer, cancelled_id

__all__ = ["REPLAY_SECONDS", "ResumingLink"]

log = logging.getLogger(__name__)

REPLAY_SECONDS: Final = 30.0
"""A kernel that has just started may be busy importing; after this it is dialled anew."""

_LOST: Final = (
    "The kernel of notebook {!r} went away while this request was running. "
    "Whether it took effect is not known. When the kernel is back, run its cells again."
)

_LEFT: Final = "The kernel of notebook {!r} went away."


class _Kernel(Protocol):
    """Who takes the client's messages: the kernel, or whoever stands in for it."""

    def send(self, message: Message) -> None: ...

    async def drain(self) -> None: ...

    def close(self) -> None: ...


class _Absent:
    """Nobody serves: requests are answered here, at once."""

    def __init__(self, link: ResumingLink) -> None:
        self._link = link

    def send(self, message: Message) -> None:
        frame, link = message.frame, self._link
        if isinstance(frame, Request):
            if frame.method == LISTEN:
                link.session.listens(message, frame)
            else:
                link.deliver(Message.of(answer(frame, link.session, link.name)))
        elif isinstance(frame, Notification):
            link.session.noticed(frame)

    async def drain(self) -> None:
        await checkpoint()

    def close(self) -> None:
        """Nothing is open."""


class _Present:
    """A kernel that serves: messages pass, and what matters after a restart is noted."""

    def __init__(self, link: ResumingLink, channel: Channel) -> None:
        self._link = link
        self._channel = channel
        self._asked: dict[RequestId, Request] = {}
        self._questions: dict[RequestId, RequestId | None] = {}  # of this kernel, and what they belong to
        self._own: set[RequestId] = set()
        self._welcome: Response | ErrorResponse | None = None
        self._news = anyio.Event()
        self.gone = False

    def start(self) -> None:
        self._channel.start(self)

    async def introduce(self, session: Session) -> None:
        """Start, and say again what the kernel must know of the session.

        Raises
        ------
        LinkError
            The kernel is gone again, or does not answer: look for it anew.
        McpError
            The kernel will not have this session.
        """
        self.start()
        opening = session.opening(self._new_id)
        if opening is not None:
            self.send(opening)
            with anyio.move_on_after(REPLAY_SECONDS):
                await self._news.wait()
            self._check(self._welcome, session)
        # From here to the end nothing is awaited, so the session cannot change meanwhile.
        for message in (*session.rest(self._new_id), *session.standing()):
            self.send(message)
        if self.gone:
            raise LinkError("The kernel is gone again.")

    @staticmethod
    def _check(welcome: Response | ErrorResponse | None, session: Session) -> None:
        if welcome is None:
            raise LinkError("The kernel does not answer.")
        if isinstance(welcome, ErrorResponse):
            raise McpError(welcome.error["code"], str(welcome.error.get("message")))
        if welcome.result.get("protocolVersion") != session.version:
            raise McpError(INTERNAL_ERROR, "The kernel came back with another protocol version.")

    def _new_id(self) -> RequestId:
        id_ = self._link.new_id()
        self._own.add(id_)
        return id_

    # -- from the client ---------------------------------------------------------------------------

    def send(self, message: Message) -> None:
        frame, session = message.frame, self._link.session
        if isinstance(frame, Response | ErrorResponse):
            if frame.id is None or frame.id not in self._questions:
                return  # an answer to a question that this kernel has not asked, but the one before it
            del self._questions[frame.id]
        elif isinstance(frame, Request) and frame.id not in self._own:
            self._asked[frame.id] = frame
            if frame.method == LISTEN:
                session.listens(message, frame)
        elif isinstance(frame, Notification):
            session.noticed(frame)
            # It will not be answered (spec, "Cancellation").
            if (cancelled := cancelled_id(frame)) is not None:
                self._asked.pop(cancelled, None)
        # A channel that is closed tells its sink so too: `closed` is where we act on it.
        with suppress(ConnectionClosed):
            self._channel.send(message)

    async def drain(self) -> None:
        await self._channel.drain()

    def close(self) -> None:
        self._channel.close()

    # -- from the kernel: the channel's sink -------------------------------------------------------

    def message(self, message: Message) -> None:
        frame = message.frame
        if isinstance(frame, Response | ErrorResponse) and frame.id is not None:
            if frame.id in self._own:
                self._own.discard(frame.id)
                self._welcome = self._welcome or frame
                self._news.set()
                return
            self._answered(frame.id, frame)
        elif isinstance(frame, Request):
            self._questions[frame.id] = message.related
        elif isinstance(frame, Notification) and (cancelled := cancelled_id(frame)) is not None:
            self._questions.pop(cancelled, None)
        self._link.deliver(message)

    def _answered(self, id_: RequestId, frame: Response | ErrorResponse) -> None:
        request = self._asked.pop(id_, None)
        session = self._link.session
        session.ended(id_)
        if request is not None and isinstance(frame, Response):
            session.granted(request, frame)

    def fault(self, error: FrameError) -> None:
        log.warning("A kernel sent what is no message: %s", error)
        if error.request_id is not None and self._asked.pop(error.request_id, None) is not None:
            self._link.session.ended(error.request_id)
            self._link.deliver(Message.of(ErrorResponse(error.request_id, error.to_dict())))

    def closed(self) -> None:
        self.gone = True
        self._news.set()
        unanswered = [id_ for id_, request in self._asked.items() if request.method != LISTEN]
        self._link.lost(self, unanswered, self._questions)


class ResumingLink(Channel):
    """A channel to the notebook with one kernel id. Use `ResumingLink.open`.

    While the kernel is away, lists are empty, `ping`, `logging/setLevel` and subscriptions are
    accepted, and any other request gets an error that says what to do. Answers may arrive during `send`.

    Attributes
    ----------
    name : str
        What the notebook is called; a kernel may come back with another name.
    session : Session
        What the client has told the kernel.
    """

    def __init__(self, info: ConnectionInfo, channel: Channel, discovery: Discovery) -> None:
        self.name = info.name
        self.session = Session()
        self._kernel_id = info.kernel_id
        self._discovery = discovery
        self._sink: Sink | None = None
        self._closed = False
        self._scope = anyio.CancelScope()
        self._lost = anyio.Event()
        self._back = anyio.Event()
        self._back.set()
        self._ids = itertools.count(1)
        self._prefix = f"resume-{secrets.token_hex(4)}-"  # no client's id is like that
        self._first = _Present(self, channel)
        self._kernel: _Kernel = self._first

    @classmethod
    async def open(cls, info: ConnectionInfo, discovery: Discovery, owner: TaskGroup) -> ResumingLink:
        """Reach a live kernel.

        Parameters
        ----------
        discovery : Discovery
            Where the kernel is looked for when it is gone.
        owner : TaskGroup
            Owns the link's one task: when it is cancelled, the link closes.

        Raises
        ------
        LinkError
            When the kernel cannot be reached: no session is opened to nothing.
        """
        link = cls(info, await dial(info), discovery)
        owner.start_soon(link._keep, name=f"link to {info.name}")
        return link

    # -- the conversation's side -------------------------------------------------------------------

    def start(self, sink: Sink) -> None:
        """Begin to deliver to `sink`."""
        self._sink = sink
        if self._closed:
            sink.closed()
        else:
            self._first.start()

    def send(self, message: Message) -> None:
        """Pass a message to the kernel, or answer it in its place.

        Raises
        ------
        ConnectionClosed
            After `close` only.
        """
        if self._closed:
            raise ConnectionClosed("The link to the notebook is closed.")
        self._kernel.send(message)

    @property
    def is_away(self) -> bool:
        """Whether nobody serves."""
        return not self._back.is_set()

    async def back(self) -> None:
        """Wait until a kernel serves, or the link is closed. Whoever asks bounds the wait."""
        await self._back.wait()

    async def drain(self) -> None:
        """Wait until the kernel keeps up."""
        await self._kernel.drain()

    def close(self) -> None:
        """End the session and its task."""
        if self._closed:
            return
        self._closed = True
        self._scope.cancel()
        self._back.set()
        self._kernel.close()
        if self._sink is not None:
            self._sink.closed()

    # -- what the kernel's side calls --------------------------------------------------------------

    def new_id(self) -> RequestId:
        """An id for a request that is not the client's."""
        return f"{self._prefix}{next(self._ids)}"

    def deliver(self, message: Message) -> None:
        """Give a message to the client."""
        if self._sink is not None and not self._closed:
            self._sink.message(message)

    def lost(
        self, kernel: _Kernel, unanswered: list[RequestId], questions: Mapping[RequestId, RequestId | None]
    ) -> None:
        """A kernel is gone: its open questions are cancelled, and what it owes an answer gets one now."""
        if self._closed or self._kernel is not kernel:
            return
        self._kernel = _Absent(self)
        self._back = anyio.Event()
        self._lost.set()
        for id_, related in questions.items():
            cancelled = Notification(CANCELLED, {"requestId": id_, "reason": _LEFT.format(self.name)})
            self.deliver(Message.of(cancelled, related))
        error = McpError(INTERNAL_ERROR, _LOST.format(self.name)).to_dict()
        for id_ in unanswered:
            self.deliver(Message.of(ErrorResponse(id_, error)))
        self._tell_changes()

    def _tell_changes(self) -> None:
        for message in self.session.changes():
            self.deliver(message)

    # -- the task ------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        try:
            with self._scope:
                while True:
                    await self._lost.wait()
                    # First of all, so that a kernel that hangs up at once is not dialled in a spin.
                    await anyio.sleep(POLL_SECONDS)
                    await self._find()
        except Exception:  # the top of the link's task: its failure must not end other links
            log.exception("The link to notebook %r failed", self.name)
        finally:
            self.close()

    async def _find(self) -> None:
        try:
            info = await self._discovery.wait_for(self._kernel_id)
            kernel = _Present(self, await dial(info))
        except LinkError:
            return
        try:
            await kernel.introduce(self.session)
        except LinkError:
            return
        except McpError as exc:
            log.warning("The session with notebook %r cannot go on: %s", info.name, exc)
            self.close()
            return
        else:
            self.name = info.name
            self._kernel = kernel
            self._lost = anyio.Event()
            self._back.set()
        finally:
            if self._kernel is not kernel:
                kernel.close()
        self._tell_changes()
