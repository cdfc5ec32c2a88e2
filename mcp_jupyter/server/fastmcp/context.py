# SPDX-License-Identifier: BSD-3-Clause
"""`Context`: what a running function sends to the client and asks of it.

Functions run on the event loop's thread, a kernel's main thread or a worker thread. A `Context` works on all
of them, because it posts messages to the loop's thread. The methods that send return at once, so awaiting
them is optional. A function that sends faster than the loop can process loses its oldest messages.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Literal

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from typing_extensions import TypeVar

from ... import types
from ..._util.json_schema import Schema, alternatives, choices, kinds, resolve
from ...errors import ToolError
from ...protocol.limits import MAX_STREAM_BACKLOG
from ...protocol.validation import JsonSchema
from ..client_requests import RequestSession
from ..content import plain, readable
from ..context import LOG_LEVELS, RequestContext
from ..models import describe
from ..runner import Poster
from .signatures import Untitled

if TYPE_CHECKING:
    from .server import FastMCP

__all__ = [
    "Context",
    "Elicited",
    "Form",
    "ReadResource",
]


MAX_TOKENS: Final = 1024
"""Default length, in tokens, of a message that the client's model writes: a page or two of text."""

S = TypeVar("S", default=Any)
L = TypeVar("L", default=Any)
R = TypeVar("R", default=Any)


class _Sent:
    """What the sending methods return: the message is already on its way, so awaiting it is optional."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        return
        yield


_SENT = _Sent()


class ReadResource:
    """The result of `Context.read_resource`: `.content` and `.mime_type`; it unpacks into both."""

    __slots__ = ("content", "mime_type")

    def __init__(self, content: str | bytes, mime_type: str | None) -> None:
        self.content = content
        self.mime_type = mime_type

    def __iter__(self) -> Generator[Any, None, None]:
        yield self.content
        yield self.mime_type


class Context(Generic[S, L, R]):
    """The request that a function answers. The server fills a parameter of this type.

    As in the SDK, the annotation may name the types of session, lifespan context and HTTP request
    (`Context[ServerSession, AppContext]`); they have no effect here.

    Attributes
    ----------
    request_context : RequestContext
        The request with its id, `_meta`, session and `lifespan_context`.
    """

    def __init__(self, request: RequestContext, server: FastMCP, post: Poster) -> None:
        self.request_context = request
        self._server = server
        self._poster = post
        self._waiting: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque(maxlen=MAX_STREAM_BACKLOG)
        self._flushing = False

    # -- messages to the client ------------------------------------------------------------------

    def debug(self, message: Any, *, logger_name: str | None = None) -> Awaitable[None]:
        """Send a log message of level "debug"."""
        return self.log("debug", message, logger_name=logger_name)

    def info(self, message: Any, *, logger_name: str | None = None) -> Awaitable[None]:
        """Send a log message of level "info"."""
        return self.log("info", message, logger_name=logger_name)

    def warning(self, message: Any, *, logger_name: str | None = None) -> Awaitable[None]:
        """Send a log message of level "warning"."""
        return self.log("warning", message, logger_name=logger_name)

    def error(self, message: Any, *, logger_name: str | None = None) -> Awaitable[None]:
        """Send a log message of level "error"."""
        return self.log("error", message, logger_name=logger_name)

    def log(self, level: str, message: Any, *, logger_name: str | None = None) -> Awaitable[None]:
        """Send a log message, if the caller wants messages of this level.

        Parameters
        ----------
        message : Any
            A text, or a value, whose JSON form is sent.

        Raises
        ------
        ValueError
            `level` is not one of the protocol's eight levels.
        """
        if level not in LOG_LEVELS:
            raise ValueError(f"level must be one of {', '.join(LOG_LEVELS)}, not {level!r}")
        data = message if type(message) is str else plain(message, readable)
        self._send(self.request_context.log, level, data, logger_name)
        return _SENT

    def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> Awaitable[None]:
        """Report progress, if the caller asked for it. `progress` must rise from call to call to be sent."""
        done, of = _number(progress), None if total is None else _number(total)
        if math.isfinite(done):
            self._send(self.request_context.progress, done, of, message)
        return _SENT

    def _send(self, function: Callable[..., None], *args: Any) -> None:
        if self._poster.is_here:
            function(*args)
            return
        self._waiting.append((function, args))
        if not self._flushing:
            self._flushing = True
            with suppress(RuntimeError):  # the loop is closed, so the client has gone
                self._poster.soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False  # before the queue is read: a message added later must schedule a new flush
        while self._waiting:
            function, args = self._waiting.popleft()
            function(*args)

    def as_task(self) -> bool:
        """Answer the call with a task's handle now and go on as that task, if the client takes tasks.

        The client then polls the task, and gets later questions of the function there. For other clients the
        call goes on as before.

        Returns
        -------
        bool
            Whether the client takes tasks.
        """
        request = self.request_context
        if request.may_become_task:
            self._poster(request.become_task)
        return request.may_become_task

    def close_sse_stream(self) -> Awaitable[None]:
        """Close the HTTP connection of a long call; the client resumes the stream later (SEP-1699).

        Messages sent in between wait for it. This has an effect only for clients of version 2025-11-25 over
        Streamable HTTP.
        """
        self._send(self.request_context.close_stream)
        return _SENT

    # -- requests --------------------------------------------------------------------------------

    async def read_resource(self, uri: str) -> ReadResource:
        """Read a resource of this server. The result unpacks to (content, mime_type).

        Raises
        ------
        McpError
            There is no such resource, or its function failed.
        """
        return await self._poster.run(self._server.read_resource(uri, self.request_context))

    async def elicit(
        self, message: str, schema: type[Any] | Mapping[str, Any], *, key: str | None = None
    ) -> Elicited:
        """Ask the user for values: `answer = await ctx.elicit("Which region?", Region)`.

        The client shows the question. In a notebook it appears there too, after 20 s or if the client cannot
        ask; the first answer counts.

        Parameters
        ----------
        schema : class or mapping
            A pydantic model, dataclass or TypedDict whose fields are text, numbers, booleans, dates, choices
            (Literal, enum) or lists of choices; or a JSON Schema of such an object, which is sent unchanged.
        key : str, optional
            A name for the question, if the function asks several at once.

        Returns
        -------
        Elicited
            `.action` is "accept", "decline" or "cancel". `.data` has the accepted values: an instance of the
            class, or a dict.

        Raises
        ------
        MissingCapability
            The client cannot ask its user, and no user can be asked at a notebook.
        TypeError
            A form cannot have such a field.
        ToolError
            The values do not fit the schema.
        RequestTimeout
            There was no answer within ten minutes, or within the time that the host gives a call.
        """
        form = Form(schema)
        answer = await self.session.elicit(message, form.schema, key=key)
        return Elicited(answer.action, form.read(answer.content) if answer.action == "accept" else None)

    async def elicit_url(
        self, message: str, url: str, elicitation_id: str | None = None, *, key: str | None = None
    ) -> Elicited:
        """Ask the user to visit a URL, for data that the client must not see (a password, a payment).

        "accept" means that the user agreed to visit it, not that they have finished there.
        """
        answer = await self.session.elicit_url(message, url, elicitation_id, key=key)
        return Elicited(answer.action, None)

    async def sample(
        self, messages: Any, *, max_tokens: int = MAX_TOKENS, **options: Any
    ) -> types.CreateMessageResult:
        """Have the client's model write a message: `(await ctx.sample("Name a colour.")).content.text`.

        Parameters
        ----------
        messages : str, SamplingMessage, or a list of these
            A text is sent as a message of the user.
        max_tokens : int
            Maximum length of the answer.
        system_prompt, temperature, stop_sequences, model_preferences, tools, tool_choice, key, ... : optional
            See `RequestSession.create_message`.

        Raises
        ------
        MissingCapability
            The client does not offer its model, and no user can be asked at a notebook.
        """
        given = messages if isinstance(messages, list | tuple) else [messages]
        return await self.session.create_message(
            [_sampling_message(message) for message in given], max_tokens=max_tokens, **options
        )

    async def list_roots(self, *, key: str | None = None) -> list[types.Root]:
        """Return the directories in which the client works."""
        return (await self.session.list_roots(key=key)).roots

    # -- properties of the request ---------------------------------------------------------------

    @property
    def request_id(self) -> str:
        """The request's id as text."""
        return str(self.request_context.request_id)

    @property
    def client_id(self) -> str | None:
        """The `client_id` in the request's `_meta`, if it is a text."""
        value = self.request_context.meta.get("client_id")
        return value if isinstance(value, str) else None

    @property
    def session(self) -> RequestSession:
        """The client, with the method names of the SDK: `create_message`, `elicit`, `list_roots`, ..."""
        return RequestSession(self.request_context, self._poster.run)

    @property
    def fastmcp(self) -> FastMCP:
        """The server."""
        return self._server

    @property
    def meta(self) -> Mapping[str, Any]:
        """The request's `_meta`."""
        return self.request_context.meta


def _sampling_message(message: Any) -> types.SamplingMessage:
    if isinstance(message, types.SamplingMessage):
        return message
    content = message if isinstance(message, types.WireModel) else types.TextContent(text=str(message))
    return types.SamplingMessage.model_validate({"role": "user", "content": content})


def _number(value: Any) -> float:
    """Convert a number, such as NumPy's, to one that JSON has."""
    return value if type(value) in (int, float) else float(value)


# -- forms ---------------------------------------------------------------------------------------
#
# Derive a form's JSON Schema from a class, and convert the entered values to that class.
#
# The protocol allows flat objects of strings, numbers, booleans and choices (spec, client/elicitation,
# "Requested Schema").

_FIELD_TYPES: Final = ("string", "number", "integer", "boolean")


@dataclass(frozen=True, slots=True)
class Elicited:
    """The user's answer to a question: their action, and the entered values if they accepted."""

    action: Literal["accept", "decline", "cancel"]
    data: Any = None


class Form:
    """A form for the user.

    Parameters
    ----------
    wanted : class or mapping
        A class that pydantic can read, or a JSON Schema, which is sent unchanged.

    Attributes
    ----------
    schema : mapping
        The JSON Schema that is sent to the client.

    Raises
    ------
    TypeError
        A form cannot have such a field; the message names it.
    """

    def __init__(self, wanted: type[Any] | Mapping[str, Any]) -> None:
        self._adapter: TypeAdapter[Any] | None = None
        if isinstance(wanted, Mapping):
            self.schema: Mapping[str, Any] = wanted
            return
        try:
            self._adapter = TypeAdapter(wanted)
            schema = self._adapter.json_schema(schema_generator=Untitled)
        except PydanticUserError as exc:
            raise TypeError(f"{wanted!r} is not a valid form: {exc}") from None
        if schema.get("type") != "object":
            raise TypeError(f"{wanted!r} is not a valid form: it has no fields.")
        fields = {name: _field(name, part, schema) for name, part in schema.get("properties", {}).items()}
        schema.pop("$defs", None)
        self.schema = {**schema, "properties": fields}

    def read(self, content: Mapping[str, Any] | None) -> Any:
        """Validate the entered values; return an instance of the class, or a dict for a form given as schema.

        Raises
        ------
        ToolError
            The values do not fit; the message names the fields.
        """
        entered = content or {}
        if self._adapter is None:
            return _checked(entered, self.schema)
        try:
            return self._adapter.validate_python(entered)
        except ValidationError as exc:
            raise ToolError(f"What was entered does not fit: {describe(exc)}") from None


def _checked(entered: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    problems = JsonSchema(schema).problems(dict(entered))
    if problems:
        raise ToolError(f"What was entered does not fit: {'; '.join(problems)}")
    return dict(entered)


def _field(name: str, part: Schema, root: Schema) -> dict[str, Any]:
    """Return a property without references and null: a form has optional fields instead of null."""
    part = dict(resolve(part, root))
    offered = [each for each in alternatives(part) if kinds(each) != ["null"]]
    if len(offered) == 1:
        rest = {key: value for key, value in part.items() if key not in ("anyOf", "oneOf")}
        if rest.get("default", ...) is None:
            del rest["default"]
        return _field(name, {**offered[0], **rest}, root)
    if "const" in part:
        part = {"type": "string", "enum": [part.pop("const")], **part}
    if "items" in part:
        part["items"] = _field(name, part["items"], root)
    if not _is_field(part):
        raise TypeError(
            f"A form cannot have the field {name!r}: use str, int, float, bool, dates, a choice of strings "
            "(Literal, enum) or a list of such a choice."
        )
    return part


def _is_field(part: Schema) -> bool:
    """Tell whether a form may have the property: a value, a choice of strings, or a list of such a choice.

    A choice has an `enum`, or alternatives with a `const` and a title (spec 2025-11-25, SEP-1330).
    """
    is_list = part.get("type") == "array"
    offered = choices(part.get("items") if is_list else part, part)
    if not offered:
        return not is_list and part.get("type") in _FIELD_TYPES
    return all(isinstance(value, str) for _, value in offered)
