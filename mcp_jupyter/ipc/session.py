# SPDX-License-Identifier: BSD-3-Clause
"""What a client has told its kernel and a restarted kernel must be told again.

`Session` is pure state: it selects the messages that matter after a restart, and makes them again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from .._version import __version__
from ..errors import INTERNAL_ERROR, INVALID_REQUEST, McpError
from ..protocol.eras import SUBSCRIPTION_ID, is_modern, modern_era
from ..protocol.frames import (
    ErrorResponse,
    Message,
    Notification,
    Request,
    RequestId,
    Response,
    is_request_id,
)
from ..protocol.limits import MAX_SUBSCRIPTIONS

__all__ = [
    "CANCELLED",
    "LISTEN",
    "Session",
    "answer",
    "cancelled_id",
]


INITIALIZED: Final = "notifications/initialized"
CANCELLED: Final = "notifications/cancelled"
LISTEN: Final = "subscriptions/listen"

_LISTS: Final[Mapping[str, str]] = {
    "notifications/tools/list_changed": "toolsListChanged",
    "notifications/resources/list_changed": "resourcesListChanged",
    "notifications/prompts/list_changed": "promptsListChanged",
}
"""The notification for each list, and the key that asks for it in `subscriptions/listen`."""


NewId = Callable[[], RequestId]
"""Returns a new id for a request of our own."""


class Session:
    """The state of one client's session with one notebook.

    Attributes
    ----------
    version : str or None
        The negotiated protocol version; None before the handshake.
    """

    def __init__(self) -> None:
        self.version: str | None = None
        self._opening: Mapping[str, Any] = {}
        self._initialized = False
        self._level: Request | None = None
        self._subscriptions: dict[str, Request] = {}
        self._listens: dict[RequestId, Message] = {}

    # -- record ------------------------------------------------------------------------------------

    def granted(self, request: Request, answer: Response) -> bool:
        """Record a request of the client that was answered with a result.

        Most answers need not be read, so they stay unparsed.

        Returns
        -------
        bool
            Whether the request could be recorded.
        """
        match request.method:
            case "initialize":
                self._opening, self.version = request.params, str(answer.result.get("protocolVersion"))
            case "logging/setLevel":
                self._level = request
            case "resources/subscribe":
                return self._subscribed(request)
            case "resources/unsubscribe":
                self._subscriptions.pop(str(request.params.get("uri")), None)
        return True

    def _subscribed(self, request: Request) -> bool:
        uri = str(request.params.get("uri"))
        if uri not in self._subscriptions and len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            return False
        self._subscriptions[uri] = request
        return True

    def noticed(self, notification: Notification) -> None:
        """Record a notification of the client."""
        if notification.method == INITIALIZED:
            self._initialized = True
        elif (cancelled := cancelled_id(notification)) is not None:
            self.ended(cancelled)

    def listens(self, message: Message, request: Request) -> None:
        """Record a `subscriptions/listen` (modern era), which stays open until it is answered."""
        self._listens[request.id] = message

    def ended(self, request_id: RequestId) -> None:
        """Record that a request of the client has ended."""
        self._listens.pop(request_id, None)

    # -- messages for a new kernel ------------------------------------------------------------------

    def opening(self, new_id: NewId) -> Message | None:
        """Return the handshake, or None before the first one."""
        if self.version is None:
            return None
        return Message.of(Request(new_id(), "initialize", self._opening))

    def rest(self, new_id: NewId) -> list[Message]:
        """Return the messages that follow the handshake."""
        messages = [Message.of(Notification(INITIALIZED))] if self._initialized else []
        again = [*([self._level] if self._level else []), *self._subscriptions.values()]
        return messages + [Message.of(Request(new_id(), item.method, item.params)) for item in again]

    def standing(self) -> list[Message]:
        """Return the client's own open requests, to be sent again unchanged."""
        return list(self._listens.values())

    # -- messages for the client --------------------------------------------------------------------

    def changes(self) -> list[Message]:
        """Return notifications that all lists have changed, in the form that this client expects."""
        messages = []
        for method, wish in _LISTS.items():
            if self._initialized:
                messages.append(Message.of(Notification(method)))
            for id_, listen in self._listens.items():
                if _filter_of(listen).get(wish) is True:
                    meta = {"_meta": {SUBSCRIPTION_ID: id_}}
                    messages.append(Message.of(Notification(method, meta), related=id_))
        return messages


def cancelled_id(notification: Notification) -> RequestId | None:
    """Return the id of the request that a notification cancels; None for other notifications."""
    id_ = notification.params.get("requestId") if notification.method == CANCELLED else None
    return id_ if is_request_id(id_) else None


def _filter_of(listen: Message) -> Mapping[str, Any]:
    assert isinstance(listen.frame, Request)
    wishes = listen.frame.params.get("notifications")
    return wishes if isinstance(wishes, dict) else {}


# -- standin -------------------------------------------------------------------------------------
#
# Replies to a client while its notebook's kernel is down.
#
# Lists are empty, so that the client shows nothing that it cannot call. Requests that can take effect later
# are accepted and recorded in the session. All others get an error that says what to do.

_EMPTY: Final[Mapping[str, str]] = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}

_ACCEPTED: Final = frozenset({"ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"})
"""Methods of the legacy era only; modern clients do not use them."""


def answer(request: Request, session: Session, name: str) -> Response | ErrorResponse:
    """Answer for the kernel of the notebook called `name`; `session` records what a new kernel must know."""
    try:
        return Response(request.id, _result(request, session, name))
    except McpError as exc:
        return ErrorResponse(request.id, exc.to_dict())


def _result(request: Request, session: Session, name: str) -> dict[str, Any]:
    method = request.method
    if is_modern(method, request.params):
        era = modern_era(request.params)
        if method in _EMPTY:
            server_info = {"name": name, "version": __version__}
            completed: dict[str, Any] = era.complete(method, {_EMPTY[method]: []}, server_info)
            return completed
    elif method in _EMPTY:
        return {_EMPTY[method]: []}
    elif method in _ACCEPTED:
        if not session.granted(request, Response(request.id, {})):
            raise McpError(INVALID_REQUEST, f"More than {MAX_SUBSCRIPTIONS} subscriptions in one session.")
        return {}
    raise McpError(
        INTERNAL_ERROR,
        f"The kernel of notebook {name!r} is not serving. Run its cells again, "
        "first the one with `%load_ext mcp_jupyter`, then repeat the request.",
    )
