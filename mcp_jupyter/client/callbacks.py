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
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, Union, get_args, get_origin

import anyio
from pydantic import TypeAdapter, ValidationError

from .. import types
from .._util.text import MAX_MESSAGE_CHARS, safe_line
from ..engine.connection import InboundRequest
from ..errors import McpError, UncheckableSchema
from ..protocol.codes import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND
from ..protocol.frames import Notification
from ..protocol.limits import MAX_STREAM_BACKLOG
from ..protocol.validation import JsonSchema
from .recording_hook import Tape

if TYPE_CHECKING:
    from .session import ClientSession
    from .subscriptions import Subscriptions

__all__ = [
    "Answerer",
    "Callback",
    "Callbacks",
    "ElicitationFnT",
    "Elicitor",
    "ListRootsFnT",
    "LoggingFnT",
    "MessageHandlerFnT",
    "RequestContext",
    "Sampler",
    "SamplingFnT",
    "malformed",
    "with_defaults",
]


log = logging.getLogger(__name__)

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
            raise McpError(METHOD_NOT_FOUND, f"This client does not offer {safe_line(call.method)}.")
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
            raise McpError(INTERNAL_ERROR, f"The server's input request {safe_line(key)} is malformed.")
        if method not in _CALLBACK_OF:
            text = f"The server asks for input of an unknown kind: {safe_line(method)}."
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
            words = safe_line(f"{type(exc).__name__}: {exc}")
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


# -- answering -----------------------------------------------------------------------------------
#
# One function of the user's as the answer to one method of the server's.
#
# Owns how such a function is called and what its result may be. Does not know whether the question came as a
# request or as an input request, nor what is done with the answer.

Callback: TypeAlias = Callable[..., Awaitable[Any]]
"""An async function of the user's."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What a callback may know of the request it answers.

    Attributes
    ----------
    session : ClientSession
        The session it came in on; it may be used to call the server back.
    request_id
        Its id; of an input request, the key it has in the server's result.
    meta : mapping
        The `_meta` of its params.
    lifespan_context : None
        Only servers have one.
    """

    session: ClientSession
    request_id: types.RequestId
    meta: Mapping[str, Any]
    lifespan_context: None = None


class Answerer:
    """A user's function for one method of the server's.

    It takes the params, or a `RequestContext` and the params, as its signature has it.

    Parameters
    ----------
    function : async function
        Returns the result, or `types.ErrorData` to refuse.
    params : type, optional
        What the method's params are; without it the function takes none.
    """

    def __init__(self, function: Callback, params: Any = None) -> None:
        required = [
            p
            for p in inspect.signature(function).parameters.values()
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        self._function = function
        self._with_context = len(required) > (params is not None)
        self._params: TypeAdapter[Any] | None = None if params is None else TypeAdapter(params)

    async def __call__(self, context: RequestContext, params: Mapping[str, Any]) -> Any:
        """The answer.

        Raises
        ------
        McpError
            The params are malformed, or the function refused.
        """
        return await self._ask(context, self._read(params))

    def _read(self, params: Mapping[str, Any]) -> Any:
        if self._params is None:
            return None
        try:
            return self._params.validate_python(params)
        except ValidationError as exc:
            raise McpError(INVALID_PARAMS, malformed("The params are", exc)) from None

    async def _ask(self, context: RequestContext, params: Any) -> Any:
        arguments = [context] if self._with_context else []
        result = await self._function(*arguments, *([] if self._params is None else [params]))
        if isinstance(result, types.ErrorData):
            raise McpError(result.code, result.message, result.data)
        return result


def malformed(what: str, error: ValidationError) -> str:
    """One sentence on what is wrong with a message."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return safe_line(f"{what} malformed: {place}: {first['msg']}", MAX_MESSAGE_CHARS)


# -- callback types ------------------------------------------------------------------------------
#
# The functions that a session takes, as types under the first-generation SDK's names.

SamplingFnT: TypeAlias = Callable[
    [RequestContext, types.CreateMessageRequestParams], Awaitable[types.CreateMessageResult | types.ErrorData]
]
ElicitationFnT: TypeAlias = Callable[
    [RequestContext, types.ElicitRequestParams], Awaitable[types.ElicitResult | types.ErrorData]
]
ListRootsFnT: TypeAlias = Callable[[RequestContext], Awaitable[types.ListRootsResult | types.ErrorData]]
LoggingFnT: TypeAlias = Callable[[types.LoggingMessageNotificationParams], Awaitable[None]]
MessageHandlerFnT: TypeAlias = Callable[[Any], Awaitable[None]]
"""Takes a notification (`types.ServerNotification`)."""


# -- elicitation ---------------------------------------------------------------------------------
#
# A person's answer to a form, before it is sent: defaults filled in, and checked against what was asked.
#
# Owns what is done with a form's schema, and which modes a callback can do. Does not draw forms. Formats
# (`email`, `date`) are left to the server, which alone knows how strict it is.
#
# Source: spec 2025-11-25 and 2026-07-28, client/elicitation.


class Elicitor(Answerer):
    """A user's function that answers `elicitation/create`.

    Attributes
    ----------
    capability : dict
        What the client declares. Forms always; URLs when the function's annotation says that it takes them:
        `types.ElicitRequestParams`, or a union with `types.ElicitRequestURLParams`.
    """

    def __init__(self, function: Callback) -> None:
        super().__init__(function, types.ElicitRequestParams)
        self.capability: dict[str, Any] = {"form": {}}
        if types.ElicitRequestURLParams in _annotated(function):
            self.capability["url"] = {}

    async def __call__(self, context: RequestContext, params: Mapping[str, Any]) -> types.ElicitResult:
        """The answer; of an accepted form with its defaults.

        Raises
        ------
        McpError
            Also for a mode that was not declared, a form that is no JSON Schema, and an answer that does not
            fit the form.
        """
        asked = self._read(params)
        if isinstance(asked, types.ElicitRequestURLParams):
            if "url" not in self.capability:
                raise McpError(INVALID_PARAMS, "This client did not declare elicitation by URL.")
            return types.ElicitResult(action=(await self._result(context, asked)).action)
        form = _checkable(asked.requestedSchema)  # before anybody fills it in
        result = await self._result(context, asked)
        if result.action != "accept":
            return types.ElicitResult(action=result.action)
        result.content = with_defaults(asked.requestedSchema, result.content or {})
        _check(form, result.content)
        return result

    async def _result(self, context: RequestContext, asked: Any) -> types.ElicitResult:
        try:
            return types.ElicitResult.model_validate(await self._ask(context, asked))
        except ValidationError as exc:
            text = malformed("The elicitation callback's answer is", exc)
            raise McpError(INTERNAL_ERROR, text) from None


def _annotated(function: Callback) -> tuple[Any, ...]:
    """The types in the annotations of a function's parameters, unions taken apart."""
    try:
        signature = inspect.signature(function, eval_str=True)
    except (NameError, SyntaxError, TypeError, AttributeError):  # a name that exists for type checkers only
        return ()
    found: list[Any] = []
    for parameter in signature.parameters.values():
        kind = parameter.annotation
        found += get_args(kind) if get_origin(kind) in (Union, UnionType) else [kind]
    return tuple(found)


def with_defaults(schema: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """`content` with the form's default for each field that it leaves out (SEP-1034)."""
    defaults = {
        name: field["default"]
        for name, field in _fields(schema).items()
        if isinstance(field, dict) and "default" in field
    }
    return {**defaults, **content}


def _fields(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = schema.get("properties")
    return fields if isinstance(fields, dict) else {}


def _checkable(schema: Mapping[str, Any]) -> JsonSchema:
    """The schema of a form, ready to check answers."""
    try:
        return JsonSchema(schema)
    except UncheckableSchema as exc:
        raise McpError(INVALID_PARAMS, f"The form's schema cannot be used. {exc}") from None


def _check(form: JsonSchema, content: Mapping[str, Any]) -> None:
    try:
        wrong = "; ".join(form.problems(content))
    except UncheckableSchema as exc:
        wrong = str(exc)
    if wrong:
        text = f"The elicitation callback's answer does not fit the form: {wrong}"
        raise McpError(INTERNAL_ERROR, safe_line(text, MAX_MESSAGE_CHARS))


# -- sampling ------------------------------------------------------------------------------------
#
# The client's model, before it is asked: tools go to it only where the client has said that it takes them.
#
# Owns what is declared of it. Asks no model.
#
# Source: spec 2025-11-25 and 2026-07-28, client/sampling.


class Sampler(Answerer):
    """A user's function that answers `sampling/createMessage`.

    Attributes
    ----------
    capability : dict
        What the client declares.
    """

    def __init__(self, function: Callback, capability: types.SamplingCapability | None) -> None:
        super().__init__(function, types.CreateMessageRequestParams)
        self.capability: dict[str, Any] = {}
        if capability is not None:
            self.capability = capability.model_dump(by_alias=True, exclude_none=True, mode="json")

    async def __call__(self, context: RequestContext, params: Mapping[str, Any]) -> Any:
        """The answer.

        Raises
        ------
        McpError
            Also for tools where that was not declared, which the specification asks for.
        """
        asked = self._read(params)
        given = (asked.tools, asked.toolChoice)
        if "tools" not in self.capability and any(value is not None for value in given):
            raise McpError(INVALID_PARAMS, "This client did not declare that its model takes tools.")
        return await self._ask(context, asked)
