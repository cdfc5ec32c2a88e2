# SPDX-License-Identifier: BSD-3-Clause
"""The server's side of the conversation as the client's user sees it: callbacks.

Owns which capabilities a client declares, how the server's requests become calls of the user's functions,
and how its notifications are handed out. Knows no transport and no handshake.
"""

from __future__ import annotations

import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import anyio
from pydantic import TypeAdapter, ValidationError

from .. import types
from ..engine.connection import InboundRequest
from ..errors import McpError
from ..protocol.codes import INVALID_PARAMS, METHOD_NOT_FOUND
from ..protocol.frames import Notification
from ..protocol.limits import MAX_STREAM_BACKLOG
from .streams import printable

if TYPE_CHECKING:
    from .session import ClientSession

__all__ = ["Callback", "Callbacks", "RequestContext", "malformed"]

log = logging.getLogger(__name__)

Callback: TypeAlias = Callable[..., Awaitable[Any]]
"""An async function of the user's."""

MAX_SHOWN_CHARS: Final = 200
"""Of what is wrong with a message; it may repeat parts of the message."""

_NOTIFICATIONS: Final[Mapping[str, type[types.Notification]]] = {
    "notifications/tools/list_changed": types.ToolListChangedNotification,
    "notifications/prompts/list_changed": types.PromptListChangedNotification,
    "notifications/resources/list_changed": types.ResourceListChangedNotification,
    "notifications/resources/updated": types.ResourceUpdatedNotification,
}


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What a callback may know of the request it answers.

    Attributes
    ----------
    session : ClientSession
        The session it came in on; it may be used to call the server back.
    request_id
        Its id.
    meta : mapping
        The `_meta` of its params.
    """

    session: ClientSession
    request_id: types.RequestId
    meta: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Answerer:
    """A user's function for one method of the server's."""

    function: Callback
    with_context: bool
    params: TypeAdapter[Any] | None

    @classmethod
    def of(cls, function: Callback, params: Any = None) -> _Answerer:
        """It takes the params, or the context and the params, as its signature has it."""
        parameters = inspect.signature(function).parameters.values()
        required = [
            p
            for p in parameters
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        adapter = None if params is None else TypeAdapter(params)
        return cls(function, len(required) > (params is not None), adapter)

    async def __call__(self, context: RequestContext, params: Mapping[str, Any]) -> Any:
        arguments: list[Any] = [context] if self.with_context else []
        if self.params is not None:
            try:
                arguments.append(self.params.validate_python(params))
            except ValidationError as exc:
                raise McpError(INVALID_PARAMS, malformed("The params are", exc)) from None
        result = await self.function(*arguments)
        if isinstance(result, types.ErrorData):
            raise McpError(result.code, result.message, result.data)
        return result


class Callbacks:
    """Answers the server's requests and hands out its notifications: the `Handler` of a client.

    Parameters
    ----------
    session : ClientSession
        For the context of the callbacks.
    sampling, elicitation, list_roots : async function, optional
        Called with the params (`list_roots` with nothing), or with a `RequestContext` before; they return
        the result, or `types.ErrorData`. What is not given is not declared, and is refused.
    logging : async function, optional
        Called with each log message's params.
    message : async function, optional
        Called with each notification that a list or a resource changed.
    """

    def __init__(
        self,
        session: ClientSession,
        *,
        sampling: Callback | None,
        elicitation: Callback | None,
        list_roots: Callback | None,
        logging: Callback | None,
        message: Callback | None,
    ) -> None:
        self._session = session
        self._answerers: dict[str, _Answerer] = {}
        if sampling is not None:
            self._answerers["sampling/createMessage"] = _Answerer.of(
                sampling, types.CreateMessageRequestParams
            )
        if elicitation is not None:
            self._answerers["elicitation/create"] = _Answerer.of(elicitation, types.ElicitRequestParams)
        if list_roots is not None:
            self._answerers["roots/list"] = _Answerer.of(list_roots)
        self._logging = logging
        self._message = message
        # A flood costs its oldest members, never memory.
        self._waiting: deque[Notification] = deque(maxlen=MAX_STREAM_BACKLOG)
        self._arrived = anyio.Event()

    @property
    def capabilities(self) -> dict[str, Any]:
        """What the client declares: what there are callbacks for. Elicitation by URL is not among it."""
        declared: dict[str, dict[str, Any]] = {
            "sampling/createMessage": {"sampling": {}},
            "elicitation/create": {"elicitation": {"form": {}}},
            "roots/list": {"roots": {"listChanged": True}},
        }
        return {name: value for method in self._answerers for name, value in declared[method].items()}

    async def request(self, call: InboundRequest) -> Any:
        """Answer one request of the server's."""
        if call.method == "ping":
            return {}
        answerer = self._answerers.get(call.method)
        if answerer is None:
            raise McpError(
                METHOD_NOT_FOUND, f"This client does not offer {printable(call.method, MAX_SHOWN_CHARS)}."
            )
        return await answerer(RequestContext(self._session, call.id, call.meta), call.params)

    def notification(self, notification: Notification) -> None:
        """Keep a notification for `run`, when there is somebody to hand it to."""
        wanted = self._logging if notification.method == "notifications/message" else self._message
        if wanted is not None:
            self._waiting.append(notification)
            self._arrived.set()

    async def run(self) -> None:
        """Hand out notifications, one after the other, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived = anyio.Event()
            while self._waiting:
                await self._hand_out(self._waiting.popleft())

    async def _hand_out(self, notification: Notification) -> None:
        try:
            if notification.method == "notifications/message":
                assert self._logging is not None
                await self._logging(types.LoggingMessageNotificationParams.from_wire(notification.params))
            elif (model := _NOTIFICATIONS.get(notification.method)) is not None:
                assert self._message is not None
                wire = {"method": notification.method, "params": notification.params}
                await self._message(model.from_wire(wire))
        except ValidationError as exc:
            log.debug("%s", malformed(f"{notification.method} is", exc))
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException:
            log.exception("The callback for %s failed", notification.method)


def malformed(what: str, error: ValidationError) -> str:
    """One sentence on what is wrong with a message."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return printable(f"{what} malformed: {place}: {first['msg']}", MAX_SHOWN_CHARS)
