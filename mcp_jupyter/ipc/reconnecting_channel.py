# SPDX-License-Identifier: BSD-3-Clause
"""A channel to a notebook that outlives its kernel: an MCP session goes on after a restart.

It notices that the kernel is gone, answers the client meanwhile, finds the kernel again and repeats to it
what the client had told the one before. It knows the kernel by its id only, so a new name or a new process
makes no difference. `Session` holds what must be repeated.

Theory of operation
-------------------
`ResumingLink` hands each message of the client to `_kernel`, which is one of two objects:

* `_Present` passes messages on. It notes the requests that the kernel owes an answer (`_asked`), the kernel's
  own requests to the client (`_questions`), and in `Session` what a new kernel must know: the handshake, the
  log level, the subscriptions.
* `_Absent` answers at once, because no kernel serves: lists are empty, subscriptions are kept, all other
  requests fail with an error that says what to do.

When the kernel goes away, this happens in order:

1. The socket's `closed` calls `lost`, and `_Absent` takes the place of `_Present`: from now on no message is
   lost without an answer.
2. The client hears, in this order: that the kernel's open requests are cancelled; an error for each of its
   own requests that is open; that the lists have changed. A `subscriptions/listen` stays open.
3. `_keep`, the link's only task, waits for the connection file of a kernel with this id, and dials it.
4. `introduce` sends the client's own `initialize` again, with an id that no client has. The answer must name
   the protocol version of before: then `initialized`, the log level and the subscriptions follow.
5. `_Present` of the new kernel takes the place of `_Absent`, and the client hears again that the lists have
   changed.

Where a step of 3 to 5 fails, `_keep` begins again after a pause. Where the kernel refuses the session, the
link closes: the client gets 404 and initialises anew.

Rules for maintainers:

* Everything here runs on the thread of one asyncio loop.
* No `await` may come between the last message of `introduce` and the replacement of `_kernel`. A subscription
  that the client makes in between would reach neither kernel.
* A response of the client goes to the kernel that asked, never to its successor: its user has answered
  another question. `_questions` belongs to one `_Present` for that reason.
* The message that fails a request says that its effect is not known. A client must not repeat it unasked.
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
from ..errors import INTERNAL_ERROR, ConnectionClosed, FrameError, LinkError, McpError
from ..protocol.frames import ErrorResponse, Message, Notification, Request, RequestId, Response
from .connect import dial
from .discovery import POLL_SECONDS, Discovery
from .files import ConnectionInfo
from .session import CANCELLED, LISTEN, Session, answer, cancelled_id

__all__ = ["REPLAY_SECONDS", "ResumingLink"]

log = logging.getLogger(__name__)

REPLAY_SECONDS: Final = 30.0
"""Seconds. A kernel that has just started may be busy with imports; after this time it is dialled again."""

_LOST: Final = (
    "The kernel of notebook {!r} went away while this request was running. "
    "Whether it took effect is not known. When the kernel is back, run its cells again."
)

_LEFT: Final = "The kernel of notebook {!r} went away."


class _Kernel(Protocol):
    """Takes the client's messages: `_Present` or `_Absent`."""

    def send(self, message: Message) -> None: ...

    async def drain(self) -> None: ...

    def close(self) -> None: ...


class _Absent:
    """Answers the client while no kernel serves."""

    def __init__(self, link: ResumingLink) -> None:
        self._link = link

    def send(self, message: Message) -> None:
        frame, link = message.frame, self._link
        if isinstance(frame, Request):
            if frame.method == LISTEN:
                link.session.listens(message, frame)  # the kernel that comes back will answer it
            else:
                link.deliver(Message.of(answer(frame, link.session, link.name)))
        elif isinstance(frame, Notification):
            link.session.noticed(frame)

    async def drain(self) -> None:
        await checkpoint()

    def close(self) -> None:
        """Do nothing: no connection is open."""


class _Present:
    """Passes messages between client and kernel, and notes what the next kernel must know."""

    def __init__(self, link: ResumingLink, channel: Channel) -> None:
        self._link = link
        self._channel = channel
        self._asked: dict[RequestId, Request] = {}  # the client's requests without an answer
        # This kernel's requests without an answer, each with the client's request that it belongs to.
        self._questions: dict[RequestId, RequestId | None] = {}
        self._own: set[RequestId] = set()  # ids of our requests: the client must not see their answers
        self._welcome: Response | ErrorResponse | None = None  # the answer to `initialize`
        self._news = anyio.Event()
        self.gone = False

    def start(self) -> None:
        self._channel.start(self)

    async def introduce(self, session: Session) -> None:
        """Start, and repeat to the kernel what it must know of the session.

        Raises
        ------
        LinkError
            The kernel is gone again, or does not answer: it must be looked for anew.
        McpError
            The kernel refuses this session.
        """
        self.start()
        opening = session.opening(self._new_id)
        if opening is not None:
            self.send(opening)
            with anyio.move_on_after(REPLAY_SECONDS):
                await self._news.wait()
            self._check(self._welcome, session)
        # From here until `_find` has replaced `_kernel` nothing is awaited, so the session cannot change.
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
                return  # it answers a question of the kernel before this one
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
        # A closed channel also calls `closed`, which answers the request.
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
        log.warning("A kernel sent an invalid message: %s", error)
        # The answer to a request cannot be read, say because it is too large: the client must not wait for
        # it.
        if error.request_id is not None and self._asked.pop(error.request_id, None) is not None:
            self._link.session.ended(error.request_id)
            self._link.deliver(Message.of(ErrorResponse(error.request_id, error.to_dict())))

    def closed(self) -> None:
        self.gone = True
        self._news.set()  # `introduce` may be waiting for a welcome that will not come
        unanswered = [id_ for id_, request in self._asked.items() if request.method != LISTEN]
        self._link.lost(self, unanswered, self._questions)


class ResumingLink(Channel):
    """A channel to the notebook with one kernel id. Use `ResumingLink.open`.

    While the kernel is away, lists are empty, `ping`, `logging/setLevel` and subscriptions are
    accepted, and any other request gets an error that says what to do. Answers may arrive during `send`.

    Attributes
    ----------
    name : str
        The notebook's name; a kernel may come back with another one.
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
        self._prefix = f"resume-{secrets.token_hex(4)}-"  # random, so that it cannot be a client's id
        self._first = _Present(self, channel)
        self._kernel: _Kernel = self._first

    @classmethod
    async def open(cls, info: ConnectionInfo, discovery: Discovery, owner: TaskGroup) -> ResumingLink:
        """Open a channel to a live kernel.

        Parameters
        ----------
        discovery : Discovery
            Where the kernel is looked for when it is gone.
        owner : TaskGroup
            Runs the link's only task; cancelling it closes the link.

        Raises
        ------
        LinkError
            The kernel cannot be reached. A session must begin with a live kernel.
        """
        link = cls(info, await dial(info), discovery)
        owner.start_soon(link._keep, name=f"link to {info.name}")
        return link

    # -- called by the client's connection ---------------------------------------------------------

    def start(self, sink: Sink) -> None:
        """Begin to deliver to `sink`."""
        self._sink = sink
        if self._closed:
            sink.closed()
        else:
            self._first.start()

    def send(self, message: Message) -> None:
        """Pass a message to the kernel, or answer it in the kernel's place.

        Raises
        ------
        ConnectionClosed
            After `close`. A kernel that is away does not raise.
        """
        if self._closed:
            raise ConnectionClosed("The link to the notebook is closed.")
        self._kernel.send(message)

    @property
    def is_away(self) -> bool:
        """Whether no kernel serves now."""
        return not self._back.is_set()

    async def back(self) -> None:
        """Wait until a kernel serves or the link is closed. The caller bounds the wait."""
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
        self._back.set()  # end every wait in `back`
        self._kernel.close()
        if self._sink is not None:
            self._sink.closed()

    # -- called by _Present and _Absent ------------------------------------------------------------

    def new_id(self) -> RequestId:
        """Make an id for a request of our own."""
        return f"{self._prefix}{next(self._ids)}"

    def deliver(self, message: Message) -> None:
        """Give a message to the client."""
        if self._sink is not None and not self._closed:
            self._sink.message(message)

    def lost(
        self, kernel: _Kernel, unanswered: list[RequestId], questions: Mapping[RequestId, RequestId | None]
    ) -> None:
        """Replace a kernel that is gone by `_Absent`, and answer the requests it leaves open.

        Parameters
        ----------
        unanswered : list of RequestId
            The client's requests that get an error now.
        questions : mapping
            The kernel's requests, which are cancelled, each with the client's request that it belongs to.
        """
        if self._closed or self._kernel is not kernel:
            return  # it was gone before it took the place of `_Absent`: `introduce` sees to that
        # This comes first, because the client may send during each `deliver` below.
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
                    # Before the search, so that a kernel that closes at once is not dialled in a tight loop.
                    await anyio.sleep(POLL_SECONDS)
                    await self._find()
        except Exception:  # the top of the task: its failure must not end the links that share the group
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
            # Another search would end the same way; the client can initialise a new session.
            log.warning("The session with notebook %r cannot go on: %s", info.name, exc)
            self.close()
            return
        else:
            self.name = info.name
            self._kernel = kernel
            self._lost = anyio.Event()
            self._back.set()
        finally:
            if self._kernel is not kernel:  # failed, cancelled or refused
                kernel.close()
        self._tell_changes()
