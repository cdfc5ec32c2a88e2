# SPDX-License-Identifier: BSD-3-Clause
"""The JSON-RPC engine: one `Connection` per channel, used by servers and clients alike.

It pairs responses with requests and handles cancellation, progress and time-outs. Of MCP's
methods it knows `cancelled` and `progress`, which are about requests. It knows no protocol versions, no
transports, and not what a tool is.

Theory of operation
-------------------
*What arrives.* The channel calls `message` for each message, in the order of arrival, and `message` returns
at once:

1. A request is entered in `_inbound` and becomes a task of the group that `serve` owns. So a handler may take
   its time, and may send requests over the same connection, while further messages arrive.
2. `notifications/cancelled` cancels the task of the request that it names. `notifications/progress` goes to
   the request of ours that it names. The handler takes all others, before the next message is looked at.
3. A response settles the entry of `_pending` that has its id. One that matches no entry is dropped: our
   request has been cancelled or has timed out, and its answer was already on the way.

*What is sent.* `request` makes its entry in `_pending` before it sends, because a channel in memory may
deliver the response during `send`. The caller's task waits, and runs the progress callback too, so a slow
callback delays its own request only. However the wait ends, the entry goes; without an answer, the other side
is told that we have cancelled.

*How a request ends.* `_answer` turns whatever the handler returned or raised into one message; it is the only
such place. The result is serialised there, so that one without a JSON form costs one answer and not the
connection. Then `_work` marks the request as answered, frees its id and sends, with no `await` in between.

*How the connection ends.* Whoever closes it, `closed` takes effect once: our requests fail with
`ConnectionClosed`, and `serve` cancels the tasks of the other side's requests. When `serve` returns, none of
them is left.

Rules for maintainers:

* Everything here runs on the thread of one event loop. Other threads use `loop.call_soon_threadsafe`.
* `message`, `fault`, `closed` and `notify` must not wait and must not raise: channels call them while they
  read.
* No `await` may come between `call.answered = True` and `_deliver`. A notification of a request would follow
  its answer, or the other side would reuse an id that is still taken here.
* Nothing that a handler raises may leave `_answer`. It would cancel the group, and with it all other
  requests.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import anyio
from anyio.abc import TaskStatus

from ..errors import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    ConnectionClosed,
    FrameError,
    McpError,
    RequestTimeout,
)
from ..protocol.frames import (
    ErrorResponse,
    Message,
    Notification,
    Request,
    RequestId,
    Response,
    has_too_many_containers,
    matching_id,
)
from ..protocol.limits import MAX_CONTAINERS, MAX_IN_FLIGHT, MAX_STREAM_BACKLOG
from .channel import Channel

__all__ = ["Connection", "Handler", "InboundRequest", "ProgressCallback"]

log = logging.getLogger(__name__)

_Entry = TypeVar("_Entry")

ProgressCallback = Callable[[float, float | None, str | None], Awaitable[None]]
"""Called with (progress, total or None, message or None) for each progress notification.

It is awaited, so it may run after messages that arrived later have been handled. A callback that must know
the order of arrival has an attribute `arrived`: a function that is called with the params at once. It must
not wait or raise.
"""

CANCELLED = "notifications/cancelled"
PROGRESS = "notifications/progress"
UNCANCELLABLE = frozenset({"initialize"})
"""A client must not cancel its initialize (spec, "Cancellation")."""


class InboundRequest:
    """A request of the other side, from its arrival to its answer.

    Attributes
    ----------
    id, method, params
        As received; `params` is not validated.
    sender, headers, rights, label
        Who sent it, and what came with it (see `Message`).
    related : RequestId or None
        Our request that it belongs to, where the channel says so.
    connection : Connection
        The connection on which it arrived.
    """

    __slots__ = (
        "answered",
        "connection",
        "headers",
        "id",
        "label",
        "method",
        "params",
        "related",
        "rights",
        "sender",
        "task",
    )

    def __init__(self, connection: Connection, request: Request, message: Message) -> None:
        self.connection = connection
        self.id = request.id
        self.method = request.method
        self.params = request.params
        self.sender = message.sender
        self.headers = message.headers
        self.rights = message.rights
        self.label = message.label
        self.related = message.related
        self.answered = False
        self.task: anyio.TaskHandle[None] | None = None

    def cancel(self) -> None:
        """Cancel its task. It gets no answer."""
        if self.task is not None:
            self.task.cancel()

    @property
    def meta(self) -> Mapping[str, Any]:
        """The `_meta` of its params; empty when there is none."""
        meta = self.params.get("_meta")
        return meta if isinstance(meta, dict) else {}

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification that belongs to this request; dropped once that is answered."""
        if not self.answered:
            self.connection.notify(method, params, related=self.id)

    async def request(
        self, method: str, params: Mapping[str, Any], *, timeout: float | None = None
    ) -> dict[str, Any]:
        """Send a request that belongs to this one (see `Connection.request`)."""
        return await self.connection.request(method, params, timeout=timeout, related=self.id)


class Handler(Protocol):
    """The part above a `Connection` that knows MCP: it answers requests and takes notifications."""

    async def request(self, call: InboundRequest) -> Any:
        """Answer a request with a result (a mapping or a model) or raise `McpError`.

        It is cancelled when the other side cancels the request or leaves.
        """

    def notification(self, notification: Notification) -> None:
        """Take a notification, in the order of arrival. Must not block."""


class _Pending:
    """A request of ours that has no answer yet. Progress callbacks run in the task that waits."""

    __slots__ = ("answer", "arrived", "is_lasting", "method", "progress", "wakeup")

    def __init__(self, method: str, on_progress: ProgressCallback | None, is_lasting: bool = False) -> None:
        self.method = method
        self.is_lasting = is_lasting
        self.wakeup = anyio.Event()
        self.arrived: Callable[[Mapping[str, Any]], None] | None = getattr(on_progress, "arrived", None)
        self.answer: Response | ErrorResponse | Exception | None = None
        # Of a flood of progress the oldest is dropped, so that memory has a bound.
        self.progress: deque[Mapping[str, Any]] = deque(maxlen=MAX_STREAM_BACKLOG)

    def settle(self, answer: Response | ErrorResponse | Exception) -> None:
        if self.answer is None:
            self.answer = answer
            self.wakeup.set()

    def report(self, params: Mapping[str, Any]) -> None:
        if self.arrived is not None:
            self.arrived(params)
        self.progress.append(params)
        self.wakeup.set()

    async def wait(self, on_progress: ProgressCallback | None) -> dict[str, Any]:
        while True:
            await self.wakeup.wait()
            self.wakeup = anyio.Event()
            # Progress that arrived before the answer is reported before the call returns.
            while self.progress and on_progress is not None:
                item = self.progress.popleft()
                await on_progress(item["progress"], item.get("total"), item.get("message"))
            if self.answer is not None:
                return self._result(self.answer)

    def _result(self, answer: Response | ErrorResponse | Exception) -> dict[str, Any]:
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Response):
            result: dict[str, Any] = answer.result
            return result
        error = McpError.from_wire(answer.error)
        if error.code == METHOD_NOT_FOUND and self.method not in error.message:
            # Many servers say "Method not found" alone; the caller may have sent several requests.
            error = McpError(error.code, f"{error.message} (method: {self.method})", error.data)
        raise error


class Connection:
    """JSON-RPC over one channel, in both directions.

    Parameters
    ----------
    channel : Channel
        Carries the messages; not yet started.
    handler : Handler
        Answers the other side's requests.
    """

    def __init__(self, channel: Channel, handler: Handler) -> None:
        self._channel = channel
        self._handler = handler
        self._inbound: dict[RequestId, InboundRequest] = {}
        self._pending: dict[RequestId, _Pending] = {}
        # An MCP session may outlive this connection (a kernel restarts): then ids of the old and of the new
        # one must differ, or an answer to an old question would be taken for one to a new question.
        prefix = channel.id_prefix
        self._ids: Iterator[RequestId] = (f"{prefix}{n}" if prefix else n for n in itertools.count(1))
        self._over = anyio.Event()
        self._tasks: anyio.abc.TaskGroup | None = None

    # -- life ----------------------------------------------------------------------------------

    async def serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Run the connection until either side closes it.

        When this returns or is cancelled, the tasks of all requests have ended, our requests have failed with
        `ConnectionClosed`, and the channel is closed.
        """
        try:
            async with anyio.create_task_group() as self._tasks:
                self._channel.start(self)
                task_status.started()
                await self._over.wait()
                self._tasks.cancel_scope.cancel()
        finally:
            self._tasks = None
            self.close()

    def close(self) -> None:
        """Close the channel and end all requests. Idempotent."""
        self._channel.close()
        self.closed()

    @property
    def is_closed(self) -> bool:
        """Whether either side has closed the connection."""
        return self._over.is_set()

    async def wait_closed(self) -> None:
        """Wait until either side closes the connection."""
        await self._over.wait()

    # -- what arrives: the channel's sink ------------------------------------------------------

    def message(self, message: Message) -> None:
        """Start, deliver or settle what one message is about."""
        frame = message.frame
        if isinstance(frame, Request):
            self._begin(frame, message)
        elif isinstance(frame, Notification):
            self._notice(frame)
        elif (pending := self._answered_by(frame, message)) is not None:
            pending.settle(frame)

    def _answered_by(self, frame: Response | ErrorResponse, message: Message) -> _Pending | None:
        """Find the request of ours that a response answers.

        A peer that could not read our request sends an error without an id. It belongs to the request that
        the channel relates it to, or to the only one in flight. Where a channel has several senders, the
        error may come from any of them, so it belongs to none.
        """
        if frame.id is not None:
            id_ = matching_id(frame.id, self._pending)
        elif message.related is not None:
            id_ = message.related
        elif message.sender:
            id_ = None
        else:
            # A subscription stays open for hours and must not take the error of a short request.
            in_flight = [id_ for id_, pending in self._pending.items() if not pending.is_lasting]
            id_ = in_flight[0] if len(in_flight) == 1 else None
        return None if id_ is None else self._pending.get(id_)

    def fault(self, error: FrameError) -> None:
        """Answer bytes that are not a valid message with an error, so that their sender does not wait."""
        self._post(ErrorResponse(error.request_id, error.to_dict()))

    def closed(self) -> None:
        """End all requests, because the other side is gone."""
        if not self._over.is_set():
            self._over.set()
            for pending in list(self._pending.values()):
                pending.settle(ConnectionClosed("The other side closed the connection."))

    def _begin(self, request: Request, message: Message) -> None:
        if self._tasks is None or self._over.is_set():
            return  # the group is being cancelled and takes no more tasks
        if request.id in self._inbound:
            self._refuse(request, f"A request with the id {request.id!r} is still in progress.")
        elif len(self._inbound) >= MAX_IN_FLIGHT:
            self._refuse(request, f"More than {MAX_IN_FLIGHT} requests in flight; wait for answers.")
        else:
            call = self._inbound[request.id] = InboundRequest(self, request, message)
            call.task = self._tasks.create_task(self._work(call), name=request.method)

    def _refuse(self, request: Request, reason: str) -> None:
        self._post(ErrorResponse(request.id, McpError(INVALID_REQUEST, reason).to_dict()))

    def _notice(self, notification: Notification) -> None:
        params = notification.params
        if notification.method == CANCELLED:
            call = _found(params.get("requestId"), self._inbound)
            if call is not None and call.method not in UNCANCELLABLE:
                call.cancel()
        elif notification.method == PROGRESS:
            pending = _found(params.get("progressToken"), self._pending)
            if pending is not None and isinstance(params.get("progress"), int | float):
                pending.report(params)
                return
        self._handler.notification(notification)

    async def _work(self, call: InboundRequest) -> None:
        answer = await self._answer(call)
        call.answered = True
        del self._inbound[call.id]
        if answer is not None:
            self._deliver(answer)

    async def _answer(self, call: InboundRequest) -> Message | None:
        """Turn what the handler returns or raises into a message: the exception-to-wire boundary.

        A cancelled request gets no answer (spec, "Cancellation").
        """
        try:
            answer = Message.of(Response(call.id, await self._handler.request(call)))
            if not has_too_many_containers(answer.raw):
                return answer
            # A client with a limit on containers, such as ours, would close the whole connection.
            error = McpError(
                INTERNAL_ERROR,
                f"The result has more than {MAX_CONTAINERS:,} lists and objects, and was not sent. "
                "Ask for a part of it.",
            )
        except McpError as exc:
            error = exc
        except BaseException as exc:
            if anyio.current_effective_deadline() == -math.inf:
                return None  # its task is cancelled; else the handler itself raised CancelledError
            log.error("%s failed", call.method, exc_info=exc)
            error = McpError(INTERNAL_ERROR, f"The server failed to answer: {type(exc).__name__}.")
        return _error_message(call.id, error)

    # -- what we send --------------------------------------------------------------------------

    def notify(self, method: str, params: Mapping[str, Any], *, related: RequestId | None = None) -> None:
        """Send a notification; drop it when the other side is gone.

        Parameters
        ----------
        related : RequestId, optional
            The other side's request that the notification belongs to.
        """
        self._deliver(Message.of(Notification(method, params), related))

    async def request(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        timeout: float | None = None,
        related: RequestId | None = None,
        on_progress: ProgressCallback | None = None,
        request_id: str | None = None,
        on_behalf: InboundRequest | None = None,
    ) -> dict[str, Any]:
        """Send a request and wait for its result.

        When the caller is cancelled or the time is over, the other side gets `notifications/cancelled`.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None waits as long as the connection lives.
        on_progress : ProgressCallback, optional
            Awaited in this task, in order; asks the other side for progress.
        request_id : str, optional
            An id that the caller chooses and has not used before. All other requests are numbered.
        on_behalf : InboundRequest, optional
            A request of another connection that this one forwards, with what came with it (see `Message`).

        Raises
        ------
        McpError
            The other side's error.
        RequestTimeout
            No answer in time.
        ConnectionClosed
            The other side left.
        TypeError
            The params have no JSON form; nothing was sent.
        """
        if self._over.is_set():
            raise ConnectionClosed("The connection is closed.")
        id_ = next(self._ids) if request_id is None else request_id
        if on_progress is not None:
            params = {**params, "_meta": {**params.get("_meta", {}), "progressToken": id_}}
        message = Message.of(Request(id_, method, params), related)
        if on_behalf is not None:
            said = on_behalf
            message = replace(
                message, sender=said.sender, headers=said.headers, rights=said.rights, label=said.label
            )
        # Callers choose the id of requests that last, such as subscriptions, and of no others.
        pending = self._pending[id_] = _Pending(method, on_progress, is_lasting=request_id is not None)
        try:
            self._channel.send(message)
            # A cancel scope costs as much as the rest of the wait: none where there is no time-out.
            with nullcontext() if timeout is None else anyio.move_on_after(timeout):
                return await pending.wait(on_progress)
            raise RequestTimeout(f"No answer to {method} within {timeout:g} s.")
        finally:
            del self._pending[id_]
            if pending.answer is None and method not in UNCANCELLABLE:
                self.notify(CANCELLED, {"requestId": id_}, related=related)

    async def drain(self) -> None:
        """Wait until the other side keeps up."""
        await self._channel.drain()

    def _post(self, frame: ErrorResponse) -> None:
        self._deliver(Message.of(frame))

    def _deliver(self, message: Message) -> None:
        try:
            self._channel.send(message)
        except ConnectionClosed:
            self.closed()  # a channel may notice while it sends; its sink hears only what it reads


def _found(id_: Any, table: Mapping[RequestId, _Entry]) -> _Entry | None:
    """Find the request that a notification names. In Python True == 1, so only int and str are looked up."""
    if type(id_) not in (int, str) or (known := matching_id(id_, table)) is None:
        return None
    return table[known]


def _error_message(id_: RequestId, error: McpError) -> Message:
    try:
        return Message.of(ErrorResponse(id_, error.to_dict()))
    except TypeError:  # the error's data has no JSON form
        bare = McpError(error.code, error.message)
        return Message.of(ErrorResponse(id_, bare.to_dict()))
