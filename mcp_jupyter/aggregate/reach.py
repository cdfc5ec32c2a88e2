# SPDX-License-Identifier: BSD-3-Clause
"""A conversation's way to one notebook: a link, and on it a client that says what the host says.

Owns which of the host's requests each message of the notebook belongs to. Knows neither names nor URIs:
params are already the notebook's own, and what comes back is given on as it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

import anyio
from anyio.abc import TaskStatus

from ..engine.channel import Channel, Sink
from ..engine.connection import CANCELLED, Connection, InboundRequest
from ..errors import FrameError, McpError
from ..protocol.codes import INTERNAL_ERROR
from ..protocol.frames import Message, Notification, RequestId

__all__ = ["OPEN_SECONDS", "Hear", "Host", "Reach"]

OPEN_SECONDS: Final = 10.0
"""For a handshake: an engine answers in milliseconds, unless something holds its interpreter."""

Hear = Callable[[str, Mapping[str, Any]], None]
"""Takes a notification's method and params."""


class Host(Protocol):
    """Whom the notebook talks to, through the hub."""

    async def ask(self, method: str, params: Mapping[str, Any], related: RequestId | None) -> Any:
        """Put a question of the notebook to the host, in the course of its request `related`."""


class _Tap(Channel):
    """A channel whose notifications go another way than to the `Connection`, with their `related`."""

    def __init__(self, channel: Channel, hear: Callable[[Notification, RequestId | None], None]) -> None:
        self._channel = channel
        self._hear = hear
        self._sink: Sink | None = None

    def start(self, sink: Sink) -> None:
        self._sink = sink
        self._channel.start(self)

    def send(self, message: Message) -> None:
        self._channel.send(message)

    async def drain(self) -> None:
        await self._channel.drain()

    def close(self) -> None:
        self._channel.close()

    # -- the channel's sink --

    def message(self, message: Message) -> None:
        assert self._sink is not None
        frame = message.frame
        if isinstance(frame, Notification) and frame.method != CANCELLED:
            self._hear(frame, message.related)
        else:
            self._sink.message(message)

    def fault(self, error: FrameError) -> None:
        assert self._sink is not None
        self._sink.fault(error)

    def closed(self) -> None:
        assert self._sink is not None
        self._sink.closed()


class _Answering:
    """The handler of the conversation with the notebook."""

    def __init__(self, put: Callable[[InboundRequest], Awaitable[Any]]) -> None:
        self._put = put

    async def request(self, call: InboundRequest) -> Any:
        return await self._put(call)

    def notification(self, notification: Notification) -> None:
        """None comes this way but those about questions, which the connection has seen to: see `_Tap`."""


class Reach:
    """One conversation's client of one notebook.

    Parameters
    ----------
    channel : Channel
        To the notebook; not yet started.
    host : Host
        Answers the notebook's questions.
    hear : callable
        Takes notifications that belong to no request.
    """

    def __init__(self, channel: Channel, host: Host, hear: Hear) -> None:
        self._host = host
        self._hear_unrelated = hear
        self._calls: dict[RequestId, tuple[InboundRequest, Hear]] = {}
        self._ids = itertools.count(1)
        self._connection = Connection(_Tap(channel, self._heard), _Answering(self._put))

    async def serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Run it until either side closes it."""
        await self._connection.serve(task_status=task_status)

    def close(self) -> None:
        """End it."""
        self._connection.close()

    @property
    def is_closed(self) -> bool:
        """Whether it is over."""
        return self._connection.is_closed

    async def initialize(self, params: Mapping[str, Any], level: str | None) -> None:
        """The legacy handshake, in the host's words.

        Raises
        ------
        McpJupyterError
            The notebook will not have it, or does not answer.
        """
        said = await self._connection.request("initialize", params, timeout=OPEN_SECONDS)
        if said.get("protocolVersion") != params.get("protocolVersion"):
            raise McpError(INTERNAL_ERROR, "The notebook does not speak this session's protocol version.")
        self.notify("notifications/initialized", {})
        if level is not None:
            await self.set_level(level)

    async def set_level(self, level: str) -> None:
        """Say from which level on log messages are wanted."""
        await self._connection.request("logging/setLevel", {"level": level}, timeout=OPEN_SECONDS)

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Pass a notification of the host on."""
        self._connection.notify(method, params)

    async def request(
        self, call: InboundRequest, method: str, params: Mapping[str, Any], hear: Hear
    ) -> dict[str, Any]:
        """Pass a request of the host on, and wait for its result.

        Parameters
        ----------
        call : InboundRequest
            The host's.
        method, params
            As the notebook must see it. A progress token stays the host's.
        hear : callable
            Takes the notifications that belong to it.

        Raises
        ------
        McpJupyterError
            As `Connection.request`.
        """
        id_ = f"hub-{next(self._ids)}"
        self._calls[id_] = call, hear
        try:
            return await self._connection.request(method, params, request_id=id_, on_behalf=call)
        finally:
            del self._calls[id_]

    def _heard(self, notification: Notification, related: RequestId | None) -> None:
        if related is None:
            self._hear_unrelated(notification.method, notification.params)
        elif related in self._calls:  # else its request is over
            self._calls[related][1](notification.method, notification.params)

    async def _put(self, call: InboundRequest) -> Any:
        if call.method == "ping":
            return {}
        asked = None if call.related is None else self._calls.get(call.related)
        return await self._host.ask(call.method, call.params, None if asked is None else asked[0].id)
