# SPDX-License-Identifier: BSD-3-Clause
"""What a user's function may ask and say while it runs.

Functions run on the event loop, on a kernel's main thread or on a worker thread; a `Context` works on
all of them: what it sends is posted to the loop's thread. Sending returns at once, so its methods may
be awaited or not; who sends faster than the loop can loses the oldest messages.
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
"""Of a message that the client's model writes, where the call does not say: some pages of text."""

S = TypeVar("S", default=Any)
L = TypeVar("L", default=Any)
R = TypeVar("R", default=Any)


class _Sent:
    """The result of a message that is on its way already: `await` it or leave it."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        return
        yield


_SENT = _Sent()


class ReadResource:
    """What `Context.read_resource` gives: `.content` and `.mime_type`, or both by unpacking."""

    __slots__ = ("content", "mime_type")

    def __init__(self, content: str | bytes, mime_type: str | None) -> None:
        self.content = content
        self.mime_type = mime_type

    def __iter__(self) -> Generator[Any, None, None]:
        yield self.content
        yield self.mime_type


class Context(Generic[S, L, R]):
    """The request behind a call. Declare a parameter of this type and it is filled in.

    As in the SDK it may be written with the types of session, lifespan context and HTTP request:
    `Context[ServerSession, AppContext]`. They change nothing here.

    Attributes
    ----------
    request_context : RequestContext
        The protocol's view: id, meta, session, `lifespan_context`.
    """

    def __init__(self, request: RequestContext, server: FastMCP, post: Poster) -> None:
        self.request_context = request
        self._server = server
        self._poster = post
        self._waiting: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque(maxlen=MAX_STREAM_BACKLOG)
        self._flushing = False

    # -- what it says ----------------------------------------------------------------------------

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
        """Send a log message, when the caller wants messages of this level.

        Parameters
        ----------
        message : Any
            Text, or a value: its JSON form is sent.

        Raises
        ------
        ValueError
            When `level` is not one of the protocol's eight levels.
        """
        if level not in LOG_LEVELS:
            raise ValueError(f"level must be one of {', '.join(LOG_LEVELS)}, not {level!r}")
        data = message if type(message) is str else plain(message, readable)
        self._send(self.request_context.log, level, data, logger_name)
        return _SENT

    def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> Awaitable[None]:
        """Report progress, when the caller asked for it; a number that does not rise is not sent."""
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
            with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                self._poster.soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False  # first: what comes from now on sees to itself
        while self._waiting:
            function, args = self._waiting.popleft()
            function(*args)

    def as_task(self) -> bool:
        """Answer the caller with a handle now, and go on as a task, where the client takes tasks.

        The client asks how the task stands; what is elicited from here on it answers there. Without it the
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
        """Let go of the HTTP connection in a long call; the client polls for the rest (SEP-1699).

        What is sent from here on waits for it. Only clients of 2025-11-25 over Streamable HTTP
        know how: for others nothing happens.
        """
        self._send(self.request_context.close_stream)
        return _SENT

    # -- what it asks ----------------------------------------------------------------------------

    async def read_resource(self, uri: str) -> ReadResource:
        """Read a resource of this server; unpacks to (content, mime_type).

        Raises
        ------
        McpError
            When there is no such resource.
        """
        return await self._poster.run(self._server.read_resource(uri, self.request_context))

    async def elicit(
        self, message: str, schema: type[Any] | Mapping[str, Any], *, key: str | None = None
    ) -> Elicited:
        """Ask the user for values: `answer = await ctx.elicit("Which region?", Region)`.

        The client asks. In a notebook the question appears there too when the client is silent for 20 s or
        cannot ask; the first answer counts.

        Parameters
        ----------
        schema : class or mapping
            A pydantic model, dataclass or TypedDict whose fields are text, numbers, booleans, dates, choices
            (Literal, enum) or lists of choices; or a JSON Schema of the like, sent as it is.
        key : str, optional
            Names the question, where a client gets several at once.

        Returns
        -------
        Elicited
            `.action` is "accept", "decline" or "cancel"; `.data` the values, when accepted: of the class
            given, or a dict.

        Raises
        ------
        MissingCapability
            The client cannot ask its user, and there is nobody at a notebook.
        TypeError
            A form cannot have such a field.
        ToolError
            The values do not fit the schema.
        RequestTimeout
            No answer within ten minutes, or the time that the host gives a call.
        """
        form = Form(schema)
        answer = await self.session.elicit(message, form.schema, key=key)
        return Elicited(answer.action, form.read(answer.content) if answer.action == "accept" else None)

    async def elicit_url(
        self, message: str, url: str, elicitation_id: str | None = None, *, key: str | None = None
    ) -> Elicited:
        """Ask the person to visit a URL, for what no client may see (a password, a payment).

        "accept" means that the person agreed, not that they are done there.
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
            Text is the user's.
        max_tokens : int
        system_prompt, temperature, stop_sequences, model_preferences, tools, tool_choice, key, ... : optional
            See `RequestSession.create_message`.

        Raises
        ------
        MissingCapability
            The client has no model for us, and there is nobody at a notebook.
        """
        given = messages if isinstance(messages, list | tuple) else [messages]
        return await self.session.create_message(
            [_sampling_message(message) for message in given], max_tokens=max_tokens, **options
        )

    async def list_roots(self, *, key: str | None = None) -> list[types.Root]:
        """The directories the client works in."""
        return (await self.session.list_roots(key=key)).roots

    # -- what it knows ---------------------------------------------------------------------------

    @property
    def request_id(self) -> str:
        """The request's id, as text."""
        return str(self.request_context.request_id)

    @property
    def client_id(self) -> str | None:
        """The id a client gave itself in `_meta`, if it did."""
        value = self.request_context.meta.get("client_id")
        return value if isinstance(value, str) else None

    @property
    def session(self) -> RequestSession:
        """The client, with the SDK's names: `create_message`, `elicit`, `list_roots`, ..."""
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
    """A number as JSON has it; NumPy's are not."""
    return value if type(value) in (int, float) else float(value)


# -- forms ---------------------------------------------------------------------------------------
#
# A form to be filled in by a person: its JSON Schema from a class, and what was entered as that class.
#
# The protocol allows flat objects of strings, numbers, booleans and choices (spec, client/elicitation,
# "Requested Schema"). Knows pydantic and JSON Schema; does not know who is asked, nor how.

_FIELD_TYPES: Final = ("string", "number", "integer", "boolean")


@dataclass(frozen=True, slots=True)
class Elicited:
    """What a person did with a question, and what they entered where they accepted it."""

    action: Literal["accept", "decline", "cancel"]
    data: Any = None


class Form:
    """A form.

    Parameters
    ----------
    wanted : class or mapping
        A class that pydantic can read, or a JSON Schema, which is sent as it is.

    Attributes
    ----------
    schema : mapping
        JSON Schema, as the client gets it.

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
            raise TypeError(f"{wanted!r} is no form: {exc}") from None
        if schema.get("type") != "object":
            raise TypeError(f"{wanted!r} is no form: it has no fields.")
        fields = {name: _field(name, part, schema) for name, part in schema.get("properties", {}).items()}
        schema.pop("$defs", None)
        self.schema = {**schema, "properties": fields}

    def read(self, content: Mapping[str, Any] | None) -> Any:
        """What was entered, checked: as the class, or a dict where the form was a schema.

        Raises
        ------
        ToolError
            It does not fit; the message names the fields.
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
    """One property without references and without null: a form's field is entered or left out."""
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
    """Whether a form may have such a property: a value, a choice of strings, or a list of such a choice.

    A choice has an `enum`, or alternatives with a `const` and a title (spec 2025-11-25, SEP-1330).
    """
    is_list = part.get("type") == "array"
    offered = choices(part.get("items") if is_list else part, part)
    if not offered:
        return not is_list and part.get("type") in _FIELD_TYPES
    return all(isinstance(value, str) for _, value in offered)
