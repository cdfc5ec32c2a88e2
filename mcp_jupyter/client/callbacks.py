# SPDX-License-Identifier: BSD-3-Clause
"""The server's side of the conversation as the client's user sees it: callbacks.

Owns which capabilities a client declares, how the server's requests become calls of the user's functions,
and how its notifications are handed out. Knows no transport and no handshake.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import anyio
from pydantic import ValidationError

from .. import types
from ..engine.connection import InboundRequest
from ..errors import McpError
from ..protocol.codes import INTERNAL_ERROR, METHOD_NOT_FOUND
from ..protocol.frames import Notification
from ..protocol.limits import MAX_STREAM_BACKLOG
from .answering import Answerer, Callback, RequestContext, malformed
from .elicitation import Elicitor
from .sampling import Sampler
from .streams import printable
from .tape import Tape

if TYPE_CHECKING:
    from .session import ClientSession
    from .subscriptions import Subscriptions

__all__ = ["Callback", "Callbacks", "RequestContext"]

log = logging.getLogger(__name__)

MAX_SHOWN_CHARS: Final = 200
"""Of a method's name, and of what a callback failed with."""

MAX_AT_ONCE: Final = 8
"""Input requests of one round that are answered at the same time; a person sees no more at once."""

_LOG: Final = "notifications/message"

_NOTIFICATIONS: Final[Mapping[str, type[types.Notification]]] = {
    "notifications/tools/list_changed": types.ToolListChangedNotification,
    "notifications/prompts/list_changed": types.PromptListChangedNotification,
    "notifications/resources/list_changed": types.ResourceListChangedNotification,
    "notifications/resources/updated": types.ResourceUpdatedNotification,
    "notifications/elicitation/complete": types.ElicitCompleteNotification,
}

_CALLBACK_OF: Final[Mapping[str, str]] = {
    "sampling/createMessage": "sampling_callback",
    "elicitation/create": "elicitation_callback",
    "roots/list": "list_roots_callback",
}
"""What a server may ask, and which argument of a session answers it."""


class Callbacks:
    """Answers the server's requests and hands out its notifications: the `Handler` of a client.

    Parameters
    ----------
    session : ClientSession
        For the context of the callbacks.
    sampling, elicitation, list_roots : async function, optional
        Called with the params (`list_roots` with nothing), or with a `RequestContext` before; they return
        the result, or `types.ErrorData`. What is not given is not declared, and is refused.
    sampling_capabilities : SamplingCapability, optional
        What the model behind `sampling` can do beyond text.
    logging : async function, optional
        Called with each log message's params.
    message : async function, optional
        Called with each notification that a list or a resource changed, or that the person is done at the
        URL of an elicitation.
    subscriptions : Subscriptions
        Told first, of notifications that are about them.
    change : function, optional
        Called with the notifications that `message` is for, as they arrive and not in turn.

    Attributes
    ----------
    tape : Tape or None
        Told of the server's notifications, and of its questions once they are answered.
    """

    def __init__(
        self,
        session: ClientSession,
        *,
        sampling: Callback | None,
        sampling_capabilities: types.SamplingCapability | None,
        elicitation: Callback | None,
        list_roots: Callback | None,
        logging: Callback | None,
        message: Callback | None,
        subscriptions: Subscriptions,
        change: Callable[[Notification], None] | None,
    ) -> None:
        self.tape: Tape | None = None
        self._session = session
        self._subscriptions = subscriptions
        self._answerers: dict[str, Answerer] = {}
        self._capabilities: dict[str, Any] = {}
        if sampling is not None:
            self._answerers["sampling/createMessage"] = sampler = Sampler(sampling, sampling_capabilities)
            self._capabilities["sampling"] = sampler.capability
        elif sampling_capabilities is not None:
            raise ValueError("sampling_capabilities= needs a sampling_callback.")
        if elicitation is not None:
            self._answerers["elicitation/create"] = elicitor = Elicitor(elicitation)
            self._capabilities["elicitation"] = elicitor.capability
        if list_roots is not None:
            self._answerers["roots/list"] = Answerer(list_roots)
            self._capabilities["roots"] = {"listChanged": True}
        self._logging = logging
        self._message = message
        self._change = change
        # A flood costs its oldest members, never memory.
        self._waiting: deque[Notification] = deque(maxlen=MAX_STREAM_BACKLOG)
        self._arrived = anyio.Event()

    @property
    def capabilities(self) -> dict[str, Any]:
        """What the client declares: what there are callbacks for."""
        return self._capabilities

    @property
    def takes_urls(self) -> bool:
        """Whether the person may be sent to a URL."""
        return "url" in self._capabilities.get("elicitation", {})

    async def request(self, call: InboundRequest) -> Any:
        """Answer one request of the server's (legacy versions)."""
        if call.method == "ping":
            return {}
        answerer = self._answerers.get(call.method)
        if answerer is None:
            raise McpError(METHOD_NOT_FOUND, f"This client does not offer {_shown(call.method)}.")
        answering = answerer(RequestContext(self._session, call.id, call.meta), call.params)
        return await self._kept(call.method, call.params, answering)

    async def fulfil(self, requests: Mapping[str, Any]) -> dict[str, Any]:
        """Answer the input requests of one round, `MAX_AT_ONCE` of them at a time (2026-07-28).

        Raises
        ------
        McpError
            A request is malformed, of an unknown kind, or one that there is no callback for: then none is
            answered. Or a callback failed or refused, for which a round has no words: then the others are
            cancelled.
        """
        questions = [(key, *self._question(key, request)) for key, request in requests.items()]
        limiter = anyio.CapacityLimiter(MAX_AT_ONCE)
        answers: dict[str, Any] = {}
        failures: list[McpError] = []

        async def answer(key: str, method: str, params: Mapping[str, Any]) -> None:
            try:
                async with limiter:
                    answers[key] = await self._answer(key, method, params)
            except McpError as exc:
                failures.append(exc)
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            for question in questions:
                tasks.start_soon(answer, *question)
        if failures:
            raise failures[0]
        return answers

    def _question(self, key: str, request: Any) -> tuple[str, Mapping[str, Any]]:
        """The method and the params of an input request that can be answered."""
        method = request.get("method") if isinstance(request, dict) else None
        params = (request.get("params") or {}) if isinstance(request, dict) else None
        if not isinstance(method, str) or not isinstance(params, dict):
            raise McpError(INTERNAL_ERROR, f"The server's input request {_shown(key)} is malformed.")
        if method not in _CALLBACK_OF:
            text = f"The server asks for input of an unknown kind: {_shown(method)}."
            raise McpError(METHOD_NOT_FOUND, text)
        if method not in self._answerers:
            raise McpError(
                METHOD_NOT_FOUND,
                f"The server asks for {method}, which this client did not offer: "
                f"the session has no {_CALLBACK_OF[method]}.",
            )
        return method, params

    async def _answer(self, key: str, method: str, params: Mapping[str, Any]) -> Any:
        """Answer one input request: the boundary to the user's functions, which may raise anything."""
        meta = params.get("_meta")
        context = RequestContext(self._session, key, meta if isinstance(meta, dict) else {})
        try:
            return await self._kept(method, params, self._answerers[method](context, params))
        except (McpError, anyio.get_cancelled_exc_class()):
            raise
        except BaseException as exc:
            words = printable(f"{type(exc).__name__}: {exc}", MAX_SHOWN_CHARS)
            raise McpError(INTERNAL_ERROR, f"The {_CALLBACK_OF[method]} failed: {words}") from exc

    async def _kept(self, method: str, params: Mapping[str, Any], answering: Awaitable[Any]) -> Any:
        """An answer, of which the tape is told."""
        asked = {"asked": method, "params": params}
        try:
            answer = await answering
        except McpError as exc:
            if self.tape is not None:
                self.tape.heard(asked | {"refused": exc.to_dict()})
            raise
        if self.tape is not None:
            self.tape.heard(asked | {"answered": answer})
        return answer

    def notification(self, notification: Notification) -> None:
        """Keep a notification for `run`, when there is somebody to hand it to."""
        if self._subscriptions.notice(notification):
            return
        if self.tape is not None and (notification.method == _LOG or notification.method in _NOTIFICATIONS):
            self.tape.heard({"notification": notification.method, "params": notification.params})
        if self._change is not None and notification.method in _NOTIFICATIONS:
            self._change(notification)
        wanted = self._logging if notification.method == _LOG else self._message
        if wanted is not None:
            self._waiting.append(notification)
            self._arrived.set()

    async def run(self) -> None:
        """Hand out notifications, one after the other, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived = anyio.Event()
            while self._waiting:
                await self._call(self._waiting.popleft())

    async def hand_out(self, notification: Notification) -> None:
        """Hand out one notification now, before those that wait."""
        if self._change is not None and notification.method in _NOTIFICATIONS:
            self._change(notification)
        await self._call(notification)

    async def _call(self, notification: Notification) -> None:
        try:
            if notification.method == _LOG:
                if self._logging is not None:
                    params = types.LoggingMessageNotificationParams.from_wire(notification.params)
                    await self._logging(params)
            elif (model := _NOTIFICATIONS.get(notification.method)) is not None and self._message is not None:
                wire = {"method": notification.method, "params": notification.params}
                await self._message(model.from_wire(wire))
        except ValidationError as exc:
            log.debug("%s", malformed(f"{notification.method} is", exc))
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException:
            log.exception("The callback for %s failed", notification.method)


def _shown(text: str) -> str:
    return printable(text, MAX_SHOWN_CHARS)
