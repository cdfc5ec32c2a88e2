# SPDX-License-Identifier: BSD-3-Clause
"""A conversation's way to one notebook: a link, and on it a client that says what the host says.

Owns which of the host's requests each message of the notebook belongs to. Knows neither names nor URIs:
params are already the notebook's own, and what comes back is given on as it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import anyio
from anyio.abc import TaskStatus

from ..engine.channel import Channel, Sink
from ..engine.connection import CANCELLED, Connection, InboundRequest
from ..errors import FrameError, McpError
from ..protocol.codes import INTERNAL_ERROR
from ..protocol.eras import SUBSCRIPTION_ID
from ..protocol.frames import Message, Notification, RequestId
from .catalog import KINDS, Index, Notebook
from .names import Rewriting
from .scope import Scope

__all__ = [
    "OPEN_SECONDS",
    "Hear",
    "Host",
    "Listener",
    "Part",
    "Reach",
]


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


# -- listening -----------------------------------------------------------------------------------
#
# One `subscriptions/listen` request of a host, and its parts at the notebooks that it names.
#
# Owns which part of its filter is for whom, and what is told to the host. Opens nothing.
#
# Source: spec 2026-07-28, basic/utilities/subscriptions.

MAX_SUBSCRIPTIONS: Final = 1024
"""URIs, and tasks, of one request: as many as a notebook takes."""

_ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"
_URIS: Final = "resourceSubscriptions"
_TASKS: Final = "taskIds"


class Listener:
    """One open request.

    Parameters
    ----------
    call : InboundRequest
    wanted : mapping
        Its filter.
    """

    def __init__(self, call: InboundRequest, wanted: Mapping[str, Any]) -> None:
        self._call = call
        self._wanted = wanted
        self.kinds = frozenset(kind for kind in KINDS if wanted.get(f"{kind}ListChanged") is True)

    @property
    def mark(self) -> dict[str, Any]:
        """The `_meta` that ties every message of the stream to its request."""
        return {SUBSCRIPTION_ID: self._call.id}

    def tell(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification of the stream."""
        self._call.notify(method, {**params, "_meta": self.mark})

    def parts(self, index: Index, scope: Scope) -> list[Part]:
        """What is for one notebook each; what leads to none is left out."""
        parts: dict[str, Part] = {}
        for key, find in ((_URIS, index.resource), (_TASKS, index.task)):
            for outside in _texts(self._wanted.get(key)):
                found = find(outside, scope)
                if found is not None:
                    notebook, own = found
                    part = parts.setdefault(notebook.kernel_id, Part(notebook, self))
                    part.names.setdefault(key, {})[own] = outside
        return list(parts.values())

    def acknowledge(self, parts: Iterable[Part]) -> None:
        """Say which part of the filter is served."""
        honoured: dict[str, Any] = {f"{kind}ListChanged": True for kind in sorted(self.kinds)}
        for part in parts:
            for key, granted in part.granted.items():
                honoured.setdefault(key, []).extend(granted)
        self.tell(_ACKNOWLEDGED, {"notifications": honoured})


class Part:
    """What one notebook is listened to for.

    Attributes
    ----------
    names : dict of str to dict
        URIs and task ids: the notebook's own, and the hub's for each.
    granted : dict of str to list of str
        Those that the notebook serves, in the hub's words.
    acknowledged : Event
        It has said so, or will not.
    """

    def __init__(self, notebook: Notebook, listener: Listener) -> None:
        self.notebook = notebook
        self.names: dict[str, dict[str, str]] = {}
        self.granted: dict[str, list[str]] = {}
        self.acknowledged = anyio.Event()
        self._listener = listener
        self._words = Rewriting(notebook.label, notebook.kernel_id)

    @property
    def wanted(self) -> dict[str, Any]:
        """The filter of the request to the notebook."""
        return {key: list(names) for key, names in self.names.items()}

    def hear(self, method: str, params: Mapping[str, Any]) -> None:
        """Take a notification of the notebook's stream."""
        if method != _ACKNOWLEDGED:
            self._listener.tell(method, self._words.notice(params))
            return
        said = params.get("notifications")
        for key, names in self.names.items():
            served = _texts(said.get(key)) if isinstance(said, Mapping) else []
            self.granted[key] = [names[own] for own in served if own in names]
        self.acknowledged.set()


def _texts(value: object) -> list[str]:
    items = value[:MAX_SUBSCRIPTIONS] if isinstance(value, list) else []
    return [item for item in items if isinstance(item, str)]
