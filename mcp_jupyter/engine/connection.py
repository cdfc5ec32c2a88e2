# SPDX-License-Identifier: BSD-3-Clause
"""One conversation: requests in flight both ways, cancellation, progress, time-outs.

Knows JSON-RPC and the two notifications that are about requests (cancelled, progress). Does not know
what a tool is, which era is spoken, or what carries the messages. Both the server and the client side
use it, so a client callback may send requests of its own without a deadlock.

Everything here belongs to one event loop's thread. Every inbound request is a task of the group that
`serve` owns; when `serve` ends, all of them have ended.

This file is the exception-to-wire boundary: whatever a handler raises becomes one answer, and nothing
a handler raises ends the conversation, the loop or the process.
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

from ..errors import ConnectionClosed, FrameError, McpError, RequestTimeout
from ..protocol.codes import INTERNAL_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND
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

Awaited in turn, so perhaps after what came later. One that has to know the order of arrival has an attribute
`arrived`, a function called with the notification's params at once; it must neither wait nor raise.
"""

CANCELLED = "notifications/cancelled"
PROGRESS = "notifications/progress"
UNCANCELLABLE = frozenset({"initialize"})
"""A client must not cancel its initialize (spec, "Cancellation")."""


class InboundRequest:
    """A request of the other side while it is being worked on.

    Attributes
    ----------
    id, method, params
        As received; `params` is not validated.
    sender, headers, rights
        Who sent it, and what came with it (see `Message`).
    related : RequestId or None
        Our request that it belongs to, where the channel says so.
    connection : Connection
        The conversation it came in on.
    """

    __slots__ = (
        "answered",
        "connection",
        "headers",
        "id",
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
        self.related = message.related
        self.answered = False
        self.task: anyio.TaskHandle[None] | None = None

    def cancel(self) -> None:
        """Stop the work on it."""
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
        """Ask the other side something in the course of this request (see `Connection.request`)."""
        return await self.connection.request(method, params, timeout=timeout, related=self.id)


class Handler(Protocol):
    """What a conversation is about: the MCP-aware part above a `Connection`."""

    async def request(self, call: InboundRequest) -> Any:
        """Answer a request with a result (a mapping or a model) or raise `McpError`.

        It is cancelled when the other side cancels the request or leaves.
        """

    def notification(self, notification: Notification) -> None:
        """Take notice, in the order of arrival. Must not block."""


class _Pending:
    """A request of ours that waits for its answer. Progress runs in the task that waits."""

    __slots__ = ("answer", "arrived", "is_lasting", "method", "progress", "wakeup")

    def __init__(self, method: str, on_progress: ProgressCallback | None, is_lasting: bool = False) -> None:
        self.method = method
        self.is_lasting = is_lasting
        self.wakeup = anyio.Event()
        self.arrived: Callable[[Mapping[str, Any]], None] | None = getattr(on_progress, "arrived", None)
        self.answer: Response | ErrorResponse | Exception | None = None
        # A flood of progress costs its oldest members, never memory.
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
            # "Method not found" alone leaves open which of many questions was meant.
            error = McpError(error.code, f"{error.message} (method: {self.method})", error.data)
        raise error


class Connection:
    """One conversation over one channel.

    Parameters
    ----------
    channel : Channel
        What carries the messages; not yet started.
    handler : Handler
        Who answers the other side's requests.
    """

    def __init__(self, channel: Channel, handler: Handler) -> None:
        self._channel = channel
        self._handler = handler
        self._inbound: dict[RequestId, InboundRequest] = {}
        self._pending: dict[RequestId, _Pending] = {}
        prefix = channel.id_prefix
        self._ids: Iterator[RequestId] = (f"{prefix}{n}" if prefix else n for n in itertools.count(1))
        self._over = anyio.Event()
        self._tasks: anyio.abc.TaskGroup | None = None

    # -- life ----------------------------------------------------------------------------------

    async def serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Run the conversation until either side closes it.

        Whoever runs this owns every task of the conversation: when it returns or is cancelled, none
        is left, requests of ours have failed with `ConnectionClosed`, and the channel is closed.
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
        """End the conversation. Idempotent."""
        self._channel.close()
        self.closed()

    @property
    def is_closed(self) -> bool:
        """Whether the conversation is over."""
        return self._over.is_set()

    async def wait_closed(self) -> None:
        """Wait until the conversation is over."""
        await self._over.wait()

    # -- what arrives: the channel's sink ------------------------------------------------------

    def message(self, message: Message) -> None:
        """Route one message."""
        frame = message.frame
        if isinstance(frame, Request):
            self._begin(frame, message)
        elif isinstance(frame, Notification):
            self._notice(frame)
        elif (pending := self._answered_by(frame, message)) is not None:
            pending.settle(frame)

    def _answered_by(self, frame: Response | ErrorResponse, message: Message) -> _Pending | None:
        """The request of ours that a response belongs to.

        An error without an id is what a peer sends that could not read our request. It can only be meant for
        the request that the channel relates it to, or for the only one in flight. A channel with several
        senders does not tell which of them was asked.
        """
        if frame.id is not None:
            id_ = matching_id(frame.id, self._pending)
        elif message.related is not None:
            id_ = message.related
        elif message.sender:
            id_ = None
        else:
            in_flight = [id_ for id_, pending in self._pending.items() if not pending.is_lasting]
            id_ = in_flight[0] if len(in_flight) == 1 else None
        return None if id_ is None else self._pending.get(id_)

    def fault(self, error: FrameError) -> None:
        """Answer what was no message, so that its sender need not wait."""
        self._post(ErrorResponse(error.request_id, error.to_dict()))

    def closed(self) -> None:
        """The other side is gone: end what is under way."""
        if not self._over.is_set():
            self._over.set()
            for pending in list(self._pending.values()):
                pending.settle(ConnectionClosed("The other side closed the connection."))

    def _begin(self, request: Request, message: Message) -> None:
        if self._tasks is None or self._over.is_set():
            return
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
        """The exception-to-wire boundary. Results are serialised here, where a failure costs one answer.

        A cancelled request gets none (spec, "Cancellation").
        """
        try:
            answer = Message.of(Response(call.id, await self._handler.request(call)))
            if not has_too_many_containers(answer.raw):
                return answer
            # A client that counts, as ours does, would end the whole conversation.
            error = McpError(
                INTERNAL_ERROR,
                f"The result has more than {MAX_CONTAINERS:,} lists and objects, and was not sent. "
                "Ask for a part of it.",
            )
        except McpError as exc:
            error = exc
        except BaseException as exc:
            if anyio.current_effective_deadline() == -math.inf:
                return None  # cancelled; any other cancellation is an accident of the handler's own
            log.error("%s failed", call.method, exc_info=exc)
            error = McpError(INTERNAL_ERROR, f"The server failed to answer: {type(exc).__name__}.")
        return _error_message(call.id, error)

    # -- what we send --------------------------------------------------------------------------

    def notify(self, method: str, params: Mapping[str, Any], *, related: RequestId | None = None) -> None:
        """Send a notification; silently dropped when the other side is gone.

        Parameters
        ----------
        related : RequestId, optional
            The other side's request that it belongs to.
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

        When the caller is cancelled or the time is over, the other side is told so.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None waits as long as the connection lives.
        on_progress : ProgressCallback, optional
            Awaited in this task, in order; asks the other side for progress.
        request_id : str, optional
            An id that the caller must know, never used before. All other requests are numbered.
        on_behalf : InboundRequest, optional
            A request of another conversation that this one passes on, with its sender, headers and rights.

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
            message = replace(message, sender=said.sender, headers=said.headers, rights=said.rights)
        # The caller names a request that lasts, such as a subscription.
        pending = self._pending[id_] = _Pending(method, on_progress, is_lasting=request_id is not None)
        try:
            self._channel.send(message)
            # A scope costs as much as the rest of the wait.
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
            self.closed()


def _found(id_: Any, table: Mapping[RequestId, _Entry]) -> _Entry | None:
    """The request that a notification names; True must not find 1."""
    if type(id_) not in (int, str) or (known := matching_id(id_, table)) is None:
        return None
    return table[known]


def _error_message(id_: RequestId, error: McpError) -> Message:
    try:
        return Message.of(ErrorResponse(id_, error.to_dict()))
    except TypeError:
        bare = McpError(error.code, error.message)
        return Message.of(ErrorResponse(id_, bare.to_dict()))
