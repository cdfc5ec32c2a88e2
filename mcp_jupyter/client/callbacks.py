# SPDX-License-Identifier: BSD-3-Clause
"""Answer the server's requests with the user's callbacks, and pass the server's notifications to them.

The callbacks also decide which capabilities the client declares. An answer to a form gets the form's
defaults, and is checked against its schema before it is sent.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from types import UnionType
from typing import Any, Final, TypeAlias, Union, get_args, get_origin

import anyio
from pydantic import TypeAdapter, ValidationError

from .. import types
from .._util.tasks import NoticeQueue
from .._util.text import MAX_MESSAGE_CHARS, safe_line
from ..engine.connection import InboundRequest
from ..errors import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, McpError, UncheckableSchema
from ..protocol.frames import Notification
from ..protocol.limits import MAX_OPEN_QUESTIONS, MAX_STREAM_BACKLOG
from ..protocol.validation import JsonSchema

__all__ = [
    "Answerer",
    "Callback",
    "Callbacks",
    "Elicitor",
    "Event",
    "Sampler",
    "malformed",
    "with_defaults",
]


log = logging.getLogger(__name__)

Callback: TypeAlias = Callable[..., Awaitable[Any]]
"""An async function of the user."""

Event: TypeAlias = dict[str, Any]
"""An event in the course of a request, as JSON: one of

* ``{"progress": ..., "total": ..., "message": ...}`` (the last two where they were given),
* ``{"notification": method, "params": ...}``: a log message, or a notification of a change,
* ``{"asked": method, "params": ..., "answered": result}``, or ``"refused": error``: a request of the
  server.
"""

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
"""The requests a server may send, and the argument of `ClientSession` that answers each."""


class Callbacks:
    """The `Handler` of a client's connection.

    Parameters
    ----------
    new_context : function
        Makes the context that a callback may take, given the request's id and `_meta`.
    sampling, elicitation, list_roots : async function, optional
        Called with the params (`list_roots` without), or with a context and the params; they return the
        result, or `types.ErrorData`. The capability of a missing callback is not declared.
    sampling_capabilities : SamplingCapability, optional
        What the model behind `sampling` can do beyond text.
    logging : async function, optional
        Called with each log message's params.
    message : async function, optional
        Called with each notification that a list or a resource changed, or that the user is done at the URL
        of an elicitation.
    is_taken : function
        Called first with each notification; returns whether it has been processed completely.
    change : function
        Called with the notifications for `message` at the moment they arrive.

    Attributes
    ----------
    notices : NoticeQueue
        Notifications that wait for their callbacks; its `run` is a task of the session.
    observe : function or None
        Called with the server's notifications, and with its requests once they are answered.
    """

    def __init__(
        self,
        new_context: Callable[[types.RequestId, Mapping[str, Any]], object],
        *,
        sampling: Callback | None,
        sampling_capabilities: types.SamplingCapability | None,
        elicitation: Callback | None,
        list_roots: Callback | None,
        logging: Callback | None,
        message: Callback | None,
        is_taken: Callable[[Notification], bool],
        change: Callable[[Notification], None],
    ) -> None:
        self.observe: Callable[[Event], None] | None = None
        self._new_context = new_context
        self._is_taken = is_taken
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
        self.notices: NoticeQueue[Notification] = NoticeQueue(self._call, MAX_STREAM_BACKLOG)

    @property
    def capabilities(self) -> dict[str, Any]:
        """The capabilities that the client declares."""
        return self._capabilities

    @property
    def takes_urls(self) -> bool:
        """Whether the user may be asked to visit a URL."""
        return "url" in self._capabilities.get("elicitation", {})

    async def request(self, call: InboundRequest) -> Any:
        """Answer a request of the server (legacy versions)."""
        if call.method == "ping":
            return {}
        answerer = self._answerers.get(call.method)
        if answerer is None:
            raise McpError(METHOD_NOT_FOUND, f"This client does not offer {safe_line(call.method)}.")
        answering = answerer(self._new_context(call.id, call.meta), call.params)
        return await self._observed(call.method, call.params, answering)

    async def fulfil(self, requests: Mapping[str, Any]) -> dict[str, Any]:
        """Answer the input requests of one round, `MAX_OPEN_QUESTIONS` of them at a time (2026-07-28).

        Raises
        ------
        McpError
            A request is malformed, of an unknown kind, or without a callback; then no request is answered.
            Or a callback failed or refused, which a round cannot express; then the others are cancelled.
        """
        questions = [(key, *self._question(key, request)) for key, request in requests.items()]
        limiter = anyio.CapacityLimiter(MAX_OPEN_QUESTIONS)
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
        """Return the method and the params of an input request, after checking that it can be answered."""
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
        context = self._new_context(key, meta if isinstance(meta, dict) else {})
        try:
            return await self._observed(method, params, self._answerers[method](context, params))
        except (McpError, anyio.get_cancelled_exc_class()):
            raise
        except BaseException as exc:
            words = safe_line(f"{type(exc).__name__}: {exc}")
            raise McpError(INTERNAL_ERROR, f"The {_CALLBACK_OF[method]} failed: {words}") from exc

    async def _observed(self, method: str, params: Mapping[str, Any], answering: Awaitable[Any]) -> Any:
        """Await an answer and report it, or the refusal, to `observe`."""
        outcome: Event = {}
        try:
            answer = await answering
            outcome = {"answered": answer}
            return answer
        except McpError as exc:
            outcome = {"refused": exc.to_dict()}
            raise
        finally:
            if outcome and self.observe is not None:
                self.observe({"asked": method, "params": params, **outcome})

    def notification(self, notification: Notification) -> None:
        """Queue a notification for its callback, if there is one."""
        if self._is_taken(notification):
            return
        is_change = notification.method in _NOTIFICATIONS
        if self.observe is not None and (notification.method == _LOG or is_change):
            self.observe({"notification": notification.method, "params": notification.params})
        if is_change:
            self._change(notification)
        wanted = self._logging if notification.method == _LOG else self._message
        if wanted is not None:
            self.notices.put(notification)

    async def hand_out(self, notification: Notification) -> None:
        """Give a notification to its callback now, before the queued ones."""
        if notification.method in _NOTIFICATIONS:
            self._change(notification)
        await self.notices.handle(notification)

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


# -- one callback --------------------------------------------------------------------------------


class Answerer:
    """A user's function that answers one method of the server.

    It takes the params, or a context and the params, depending on its signature.

    Parameters
    ----------
    function : async function
        Returns the result, or `types.ErrorData` to refuse.
    params : type, optional
        The type of the method's params; without it the function takes no params.
    """

    def __init__(self, function: Callback, params: Any = None) -> None:
        required = [
            p
            for p in inspect.signature(function).parameters.values()
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        self._function = function
        # A required parameter in addition to the params is the context.
        self._with_context = len(required) > (params is not None)
        self._params: TypeAdapter[Any] | None = None if params is None else TypeAdapter(params)

    async def __call__(self, context: object, params: Mapping[str, Any]) -> Any:
        """Call the function and return its result.

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

    async def _ask(self, context: object, params: Any) -> Any:
        arguments = [context] if self._with_context else []
        result = await self._function(*arguments, *([] if self._params is None else [params]))
        if isinstance(result, types.ErrorData):
            raise McpError(result.code, result.message, result.data)
        return result


def malformed(what: str, error: ValidationError) -> str:
    """Return one sentence on what is wrong with a message."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return safe_line(f"{what} malformed: {place}: {first['msg']}", MAX_MESSAGE_CHARS)


# -- elicitation ---------------------------------------------------------------------------------
#
# Formats (`email`, `date`) are not checked: only the server knows how strict it is.
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

    async def __call__(self, context: object, params: Mapping[str, Any]) -> types.ElicitResult:
        """Return the user's answer; the content of an accepted form includes its defaults.

        Raises
        ------
        McpError
            The callback refused, the mode was not declared, the form's schema is invalid, or the answer does
            not fit the form.
        """
        asked = self._read(params)
        if isinstance(asked, types.ElicitRequestURLParams):
            if "url" not in self.capability:
                raise McpError(INVALID_PARAMS, "This client did not declare elicitation by URL.")
            return types.ElicitResult(action=(await self._result(context, asked)).action)
        form = _checkable(asked.requestedSchema)  # before the user fills it in
        result = await self._result(context, asked)
        if result.action != "accept":
            return types.ElicitResult(action=result.action)
        result.content = with_defaults(asked.requestedSchema, result.content or {})
        _check(form, result.content)
        return result

    async def _result(self, context: object, asked: Any) -> types.ElicitResult:
        try:
            return types.ElicitResult.model_validate(await self._ask(context, asked))
        except ValidationError as exc:
            text = malformed("The elicitation callback's answer is", exc)
            raise McpError(INTERNAL_ERROR, text) from None


def _annotated(function: Callback) -> tuple[Any, ...]:
    """Return the types in the annotations of a function's parameters, with unions split."""
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
    """Return `content` with the form's default for each field that it leaves out (SEP-1034)."""
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
    """Compile the schema of a form, to check answers with it."""
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

    async def __call__(self, context: object, params: Mapping[str, Any]) -> Any:
        """Return the model's answer.

        Raises
        ------
        McpError
            The callback refused, or the request has tools although that capability was not declared: the
            specification requires this error.
        """
        asked = self._read(params)
        given = (asked.tools, asked.toolChoice)
        if "tools" not in self.capability and any(value is not None for value in given):
            raise McpError(INVALID_PARAMS, "This client did not declare that its model takes tools.")
        return await self._ask(context, asked)
