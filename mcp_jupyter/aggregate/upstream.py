# SPDX-License-Identifier: BSD-3-Clause
"""One session's connection to one notebook, on which requests of the host are forwarded.

What the notebook sends during a forwarded request (progress, log messages, questions) goes to the host as
part of the host's own request. Params are already in the notebook's own names here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, Final

import anyio

from ..engine.connection import CANCELLED, Connection, InboundRequest
from ..errors import INTERNAL_ERROR, McpError
from ..ipc.reconnecting_channel import ResumingLink
from ..protocol.frames import Message, Notification, RequestId
from ..server.session import Listener
from .catalog import Index
from .notebook import Notebook
from .scope import Scope

__all__ = ["NotebookListener", "OnNotification", "Upstream", "notebook_listeners"]

OPEN_SECONDS: Final = 10.0
"""Seconds for a handshake. An engine answers in milliseconds, unless something holds its interpreter."""

OnNotification = Callable[[str, Mapping[str, Any]], None]
"""Takes a notification's method and params."""

_UNRELATED: Final = frozenset(
    {
        "notifications/message",
        "notifications/resources/updated",
        "notifications/elicitation/complete",
        "notifications/progress",
    }
)
"""Notifications that go to the host outside of any request. The catalog reports changed lists."""


class _Questions:
    """Handler of the notebook's requests: each goes to the host, as part of the host's request."""

    def __init__(self, host: Connection, forwarded: Mapping[RequestId, Any]) -> None:
        self._host = host
        self._forwarded = forwarded

    async def request(self, call: InboundRequest) -> Any:
        """Ask the host and return its answer."""
        if call.method == "ping":
            return {}
        forwarded = None if call.related is None else self._forwarded.get(call.related)
        return await self._host.request(
            call.method, call.params, related=None if forwarded is None else forwarded[0].id
        )

    def notification(self, notification: Notification) -> None:
        """Ignore it: `Upstream.message` has passed it on, or the connection has acted on it."""


class Upstream(Connection):
    """A client of one notebook, for one session and protocol version.

    Parameters
    ----------
    link : ResumingLink
        The link to the notebook; not yet started.
    host : Connection
        The connection to the host.
    notebook : Notebook
        Its URIs and task ids are rewritten in notifications that belong to no request.
    """

    def __init__(self, link: ResumingLink, host: Connection, notebook: Notebook) -> None:
        self._forwarded: dict[RequestId, tuple[InboundRequest, OnNotification]] = {}
        super().__init__(link, _Questions(host, self._forwarded))
        self.link = link
        self._host = host
        self._notebook = notebook
        self._numbers = itertools.count(1)

    def message(self, message: Message) -> None:
        """Handle one message. Notifications go to the request that they belong to, or to the host."""
        frame = message.frame
        if not isinstance(frame, Notification) or frame.method == CANCELLED:
            super().message(message)
        elif message.related is None:
            if frame.method in _UNRELATED:
                self._host.notify(frame.method, self._notebook.rewriting.notification(frame.params))
        elif message.related in self._forwarded:  # otherwise the request has been answered
            self._forwarded[message.related][1](frame.method, frame.params)

    async def initialize(self, params: Mapping[str, Any], level: str) -> None:
        """Open a legacy session with the params of the host's own.

        Parameters
        ----------
        level : str
            The lowest level of log messages that the host wants.

        Raises
        ------
        McpJupyterError
            The notebook refuses or does not answer.
        """
        said = await self.request("initialize", params, timeout=OPEN_SECONDS)
        if said.get("protocolVersion") != params.get("protocolVersion"):
            raise McpError(INTERNAL_ERROR, "The notebook does not speak this session's protocol version.")
        self.notify("notifications/initialized", {})
        await self.set_level(level)

    async def set_level(self, level: str) -> None:
        """Set the lowest level of log messages that the notebook sends."""
        await self.request("logging/setLevel", {"level": level}, timeout=OPEN_SECONDS)

    async def forward(
        self, call: InboundRequest, method: str, params: Mapping[str, Any], heard: OnNotification
    ) -> dict[str, Any]:
        """Forward a request of the host and return its result.

        Cancelling this cancels the request in the notebook.

        Parameters
        ----------
        call : InboundRequest
            The host's request. Its sender, headers and rights are forwarded.
        method, params
            In the notebook's own names. A progress token stays the host's.
        heard : callable
            Called with each notification that belongs to the request.

        Raises
        ------
        McpJupyterError
            See `Connection.request`.
        """
        id_ = f"forwarded-{next(self._numbers)}"
        self._forwarded[id_] = call, heard
        try:
            return await self.request(method, params, request_id=id_, on_behalf=call)
        finally:
            del self._forwarded[id_]


# -- subscriptions -------------------------------------------------------------------------------
#
# A host's `subscriptions/listen` request may name resources and tasks of several notebooks. Each notebook
# gets a separate request with its part of the filter, and its notifications go into the host's stream.

_ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"
_URIS: Final = "resourceSubscriptions"
_TASKS: Final = "taskIds"


class NotebookListener:
    """The part of a host's `subscriptions/listen` request that one notebook serves.

    Attributes
    ----------
    uris, tasks : dict of str to str
        The notebook's own URIs and task ids, each with the host's name for it.
    granted_uris, granted_tasks : frozenset of str
        Those that the notebook serves, by the host's names.
    acknowledged : Event
        Set when the notebook has said which ones it serves, or has failed.
    """

    def __init__(self, notebook: Notebook, listener: Listener) -> None:
        self.notebook = notebook
        self.uris: dict[str, str] = {}
        self.tasks: dict[str, str] = {}
        self.granted_uris: frozenset[str] = frozenset()
        self.granted_tasks: frozenset[str] = frozenset()
        self.acknowledged = anyio.Event()
        self._listener = listener

    @property
    def wanted(self) -> dict[str, list[str]]:
        """The filter of the request to the notebook."""
        return {_URIS: [*self.uris], _TASKS: [*self.tasks]}

    def heard(self, method: str, params: Mapping[str, Any]) -> None:
        """Take a notification of the notebook's stream."""
        if method != _ACKNOWLEDGED:
            self._listener.tell(method, self.notebook.rewriting.notification(params))
            return
        said = params.get("notifications")
        served = said if isinstance(said, Mapping) else {}
        self.granted_uris = _granted(self.uris, served.get(_URIS))
        self.granted_tasks = _granted(self.tasks, served.get(_TASKS))
        self.acknowledged.set()


def _granted(names: Mapping[str, str], served: object) -> frozenset[str]:
    items = served if isinstance(served, list) else []
    return frozenset(names[own] for own in items if isinstance(own, str) and own in names)


def notebook_listeners(listener: Listener, index: Index, scope: Scope) -> list[NotebookListener]:
    """Split a host's request by notebook, leaving out what is unknown or out of scope."""
    found: dict[str, NotebookListener] = {}

    def at(notebook: Notebook) -> NotebookListener:
        return found.setdefault(notebook.kernel_id, NotebookListener(notebook, listener))

    for uri in listener.uris:
        if (resource := index.resource(uri, scope)) is not None:
            at(resource[0]).uris[resource[1]] = uri
    for task_id in listener.tasks:
        if (task := index.task(task_id, scope)) is not None:
            at(task[0]).tasks[task[1]] = task_id
    return list(found.values())
