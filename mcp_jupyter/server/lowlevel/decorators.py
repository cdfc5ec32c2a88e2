# SPDX-License-Identifier: BSD-3-Clause
"""The decorators of the first SDK's low-level server: each makes an async function the handler of a method.

This module calls the functions and converts their values to results. Tool calls are checked against the
schemas of the tools as they were listed. The table of handlers is left to `Server`.
"""

from __future__ import annotations

import abc
import inspect
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from ... import types
from ...errors import INTERNAL_ERROR, INVALID_PARAMS, McpError, ToolError, UncheckableSchema
from ...protocol.frames import dumps
from ...protocol.headers import HeaderError, param_headers
from ...protocol.limits import MAX_COMPLETIONS, MAX_PAGES
from ...protocol.validation import JsonSchema
from ..content import Content, ContentTable, default_rows, plain, readable
from ..context import RequestContext
from .helper_types import ReadResourceContents

__all__ = [
    "Decorators",
    "Handler",
    "KnownTool",
    "KnownTools",
    "NotificationHandler",
    "completed",
    "error_text",
    "explained",
    "read",
    "tool_result",
]


F = TypeVar("F", bound=Callable[..., Awaitable[Any]])
R = TypeVar("R", bound=types.Result)

Handler = Callable[[RequestContext, Any], Awaitable[Any]]
"""Takes the request's context and validated params; returns the result, as a model or a mapping."""

NotificationHandler = Callable[[Any], Awaitable[None]]
"""Takes the notification's validated params."""


class Decorators(abc.ABC):
    """Base class of `Server` with the decorators."""

    def __init__(self) -> None:
        self._known_tools = KnownTools()
        self._list_tools: Handler | None = None

    @abc.abstractmethod
    def add_handler(self, method: str, params: type[types.WireModel], handler: Handler) -> None:
        """Answer requests for `method` with `handler`."""

    @abc.abstractmethod
    def add_notification_handler(
        self, method: str, params: type[types.WireModel], handler: NotificationHandler
    ) -> None:
        """Call `handler` for each notification of `method`."""

    # -- tools -----------------------------------------------------------------------------------

    def list_tools(self) -> Callable[[F], F]:
        """Register the function that lists the tools: ``async def f() -> list[types.Tool]``.

        It may instead take the `types.ListToolsRequest`, with its cursor, and return a
        `types.ListToolsResult`, which is one page. The same holds for the other lists.
        """

        def register(function: F) -> F:
            page = _lister(function, types.ListToolsRequest, types.ListToolsResult, "tools")

            async def handle(
                context: RequestContext, params: types.PaginatedRequestParams
            ) -> types.ListToolsResult:
                result = await page(context, params)
                self._known_tools.learn(result.tools, more=params.cursor is not None)
                return result

            self._list_tools = handle
            self.add_handler("tools/list", types.PaginatedRequestParams, handle)
            return function

        return register

    def call_tool(self, *, validate_input: bool = True) -> Callable[[F], F]:
        """Register the function that calls a tool: ``async def f(name: str, arguments: dict) -> ...``.

        It returns a list of content, a dict (structured output), a tuple of both, a
        `types.CallToolResult`, or any other value, which is converted. An exception becomes a result with
        `isError`.

        Parameters
        ----------
        validate_input : bool
            Whether to check the arguments against the listed tool's `inputSchema`; invalid arguments give a
            result with `isError` (SEP-1303). Output is always checked if the tool has an `outputSchema`.
        """

        def register(function: F) -> F:
            async def handle(
                context: RequestContext, params: types.CallToolRequestParams
            ) -> types.CallToolResult:
                try:
                    tool = await self._known_tool(context, params.name)
                    arguments = params.arguments or {}
                    if tool is not None:
                        context.check_headers(tool.headers, arguments)
                    if tool is not None and validate_input:
                        tool.check_arguments(arguments)
                    result = tool_result(await function(params.name, arguments))
                    if tool is not None:
                        tool.check_output(result)
                    return result
                except Exception as exc:  # the boundary: a tool's failure is its result
                    if context.is_own(exc):
                        raise
                    text = types.TextContent(type="text", text=explained(exc))
                    return types.CallToolResult(content=[text], isError=True)

            self.add_handler("tools/call", types.CallToolRequestParams, handle)
            return function

        return register

    async def _known_tool(self, context: RequestContext, name: str) -> KnownTool | None:
        """Return the tool as it was listed, or None; the list is read first if the tool is unknown."""
        known = self._known_tools.get(name)
        if known is None and self._list_tools is not None:
            cursor = None
            for _ in range(MAX_PAGES):
                page = await self._list_tools(context, types.PaginatedRequestParams(cursor=cursor))
                cursor = page.nextCursor
                if cursor is None:
                    break
            known = self._known_tools.get(name)
        return known

    # -- resources -------------------------------------------------------------------------------

    def list_resources(self) -> Callable[[F], F]:
        """Register the function that lists the resources: ``async def f() -> list[types.Resource]``."""
        return self._lists(
            "resources/list", types.ListResourcesRequest, types.ListResourcesResult, "resources"
        )

    def list_resource_templates(self) -> Callable[[F], F]:
        """Register the function that lists templates: ``async def f() -> list[types.ResourceTemplate]``."""
        return self._lists(
            "resources/templates/list",
            types.ListResourceTemplatesRequest,
            types.ListResourceTemplatesResult,
            "resourceTemplates",
        )

    def read_resource(self) -> Callable[[F], F]:
        """Register the function that reads a resource: ``async def f(uri: str) -> str | bytes | ...``.

        It returns text, bytes, or an iterable of `ReadResourceContents(content, mime_type)`. The URI is
        passed as text, as received; a parameter annotated `pydantic.AnyUrl` gets an `AnyUrl`.
        """

        def register(function: F) -> F:
            wanted = _uri_for(function)

            async def handle(
                context: RequestContext, params: types.ReadResourceRequestParams
            ) -> types.ReadResourceResult:
                return read(params.uri, await _told(function(wanted(params.uri))))

            self.add_handler("resources/read", types.ReadResourceRequestParams, handle)
            return function

        return register

    def subscribe_resource(self) -> Callable[[F], F]:
        """Register the function for a new subscription: ``async def f(uri: str) -> None``.

        It raises an exception to refuse the subscription. The session itself keeps the subscriptions, for
        `resource_updated`. For `subscriptions/listen` of a modern client the function is called with each
        URI, and that of `unsubscribe_resource` when the request ends.
        """
        return self._hears_uri("resources/subscribe", types.SubscribeRequestParams)

    def unsubscribe_resource(self) -> Callable[[F], F]:
        """Register the function for the end of a subscription: ``async def f(uri: str) -> None``."""
        return self._hears_uri("resources/unsubscribe", types.UnsubscribeRequestParams)

    def _hears_uri(self, method: str, model: type[types.WireModel]) -> Callable[[F], F]:
        def register(function: F) -> F:
            wanted = _uri_for(function)

            async def handle(context: RequestContext, params: Any) -> types.EmptyResult:
                await _told(function(wanted(params.uri)))
                return types.EmptyResult()

            self.add_handler(method, model, handle)
            return function

        return register

    # -- prompts and completion ------------------------------------------------------------------

    def list_prompts(self) -> Callable[[F], F]:
        """Register the function that lists the prompts: ``async def f() -> list[types.Prompt]``."""
        return self._lists("prompts/list", types.ListPromptsRequest, types.ListPromptsResult, "prompts")

    def get_prompt(self) -> Callable[[F], F]:
        """Register the function that gets a prompt.

        ``async def f(name: str, arguments: dict[str, str] | None) -> types.GetPromptResult``
        """

        def register(function: F) -> F:
            async def handle(
                context: RequestContext, params: types.GetPromptRequestParams
            ) -> types.GetPromptResult:
                result: types.GetPromptResult = await _told(function(params.name, params.arguments))
                return result.model_copy()

            self.add_handler("prompts/get", types.GetPromptRequestParams, handle)
            return function

        return register

    def completion(self) -> Callable[[F], F]:
        """Register the function that completes an argument: ``async def f(ref, argument, context)``.

        It returns a `types.Completion`, or None for no values.
        """

        def register(function: F) -> F:
            async def handle(
                context: RequestContext, params: types.CompleteRequestParams
            ) -> types.CompleteResult:
                return completed(await _told(function(params.ref, params.argument, params.context)))

            self.add_handler("completion/complete", types.CompleteRequestParams, handle)
            return function

        return register

    # -- logging and progress --------------------------------------------------------------------

    def set_logging_level(self) -> Callable[[F], F]:
        """Register the function for a new log level of a session: ``async def f(level) -> None``.

        The session itself applies the level. Modern clients send a level with each request instead.
        """

        def register(function: F) -> F:
            async def handle(
                context: RequestContext, params: types.SetLevelRequestParams
            ) -> types.EmptyResult:
                await _told(function(params.level))
                return types.EmptyResult()

            self.add_handler("logging/setLevel", types.SetLevelRequestParams, handle)
            return function

        return register

    def progress_notification(self) -> Callable[[F], F]:
        """Register the function for client progress: ``async def f(token, progress, total, message)``."""

        def register(function: F) -> F:
            async def handle(params: types.ProgressNotificationParams) -> None:
                await function(params.progressToken, params.progress, params.total, params.message)

            self.add_notification_handler("notifications/progress", types.ProgressNotificationParams, handle)
            return function

        return register

    # -- shared ----------------------------------------------------------------------------------

    def _lists(
        self, method: str, request: Callable[..., Any], result: type[types.Result], field: str
    ) -> Callable[[F], F]:
        def register(function: F) -> F:
            self.add_handler(method, types.PaginatedRequestParams, _lister(function, request, result, field))
            return function

        return register


def _lister(
    function: Callable[..., Awaitable[Any]],
    request: Callable[..., Any],
    result: type[R],
    field: str,
) -> Callable[[RequestContext, types.PaginatedRequestParams], Awaitable[R]]:
    """Return a handler that calls a listing function: with the request, or without it for a single page."""
    takes_request = bool(inspect.signature(function).parameters)

    async def page(context: RequestContext, params: types.PaginatedRequestParams) -> R:
        if params.cursor is not None and not takes_request:
            raise McpError(INVALID_PARAMS, "Unknown cursor: this list has one page.")
        value = await _told(function(request(params=params)) if takes_request else function())
        if isinstance(value, result):
            return value.model_copy()
        return result.model_validate({field: list(value)})

    return page


def _uri_for(function: Callable[..., Any]) -> Callable[[str], Any]:
    """Return the conversion of URIs for a function: none, unless its parameter is annotated `AnyUrl`."""
    try:
        (parameter, *_) = inspect.signature(function, eval_str=True).parameters.values()
    except NameError:  # the annotation is imported for type checkers only
        return str
    kind = parameter.annotation
    if kind in (parameter.empty, str) or not isinstance(kind, type):
        return str
    from pydantic import AnyUrl  # here, because it takes 20 ms to import and few handlers need it

    if not issubclass(kind, AnyUrl):
        return str

    from .urls import ListedUrl

    adapter = TypeAdapter(ListedUrl if kind is AnyUrl else kind)

    def as_url(uri: str) -> Any:
        try:
            return adapter.validate_python(uri)
        except ValidationError:
            raise McpError(INVALID_PARAMS, "params.uri must be a URL.") from None

    return as_url


async def _told(answer: Awaitable[Any]) -> Any:
    """Await a function's value; turn its exception into an error of the request with the exception's text."""
    try:
        return await answer
    except McpError:
        raise
    except Exception as exc:
        raise McpError(INTERNAL_ERROR, explained(exc)) from exc


# -- tools ---------------------------------------------------------------------------------------
#
# The tools that a low-level server listed last: calls and their output are checked against these definitions.


class KnownTool:
    """A tool's definition; its schemas are compiled at their first use.

    Attributes
    ----------
    headers : mapping
        The arguments that clients repeat in headers (`x-mcp-header`).
    """

    def __init__(self, definition: types.Tool) -> None:
        self.definition = definition
        self._schemas: dict[str, JsonSchema] = {}
        try:
            self.headers: Mapping[str, tuple[str, ...]] = param_headers(definition.inputSchema)
        except HeaderError:
            self.headers = {}  # such a tool is invalid: clients drop it, or send no headers

    def check_arguments(self, arguments: dict[str, Any]) -> None:
        """Check the arguments of a call.

        Raises
        ------
        ToolError
            They do not fit the `inputSchema`; the message says how to correct them (SEP-1303).
        """
        self._check("inputSchema", self.definition.inputSchema, arguments, "Input")

    def check_output(self, result: types.CallToolResult) -> None:
        """Check the structured output of a call that did not fail.

        Raises
        ------
        ToolError
            It does not fit the `outputSchema`, or it is missing.
        """
        schema = self.definition.outputSchema
        if schema is None or result.isError:
            return
        if "structuredContent" not in result.model_fields_set:
            raise ToolError(
                f"Output validation error: {self.definition.name} has an outputSchema, but returned no "
                "structured output."
            )
        self._check("outputSchema", schema, result.structuredContent, "Output")

    def _check(self, kind: str, schema: dict[str, Any], value: Any, what: str) -> None:
        try:
            problems = self._schema(kind, schema).problems(value)
        except UncheckableSchema as exc:
            raise ToolError(f"{what} validation error: the {kind} cannot be used. {exc}") from None
        if problems:
            raise ToolError(f"{what} validation error: {'; '.join(problems)}")

    def _schema(self, kind: str, schema: dict[str, Any]) -> JsonSchema:
        if kind not in self._schemas:
            self._schemas[kind] = JsonSchema(schema)
        return self._schemas[kind]


class KnownTools:
    """The tools of the last list, by name."""

    def __init__(self) -> None:
        self._tools: dict[str, KnownTool] = {}

    def get(self, name: str) -> KnownTool | None:
        """Return the tool of that name, or None if it was not listed."""
        return self._tools.get(name)

    def learn(self, definitions: Iterable[types.Tool], *, more: bool = False) -> None:
        """Replace the known tools by a list; with `more`, add another page of it."""
        listed = dict(self._tools) if more else {}
        for definition in definitions:
            known = self._tools.get(definition.name)
            unchanged = known is not None and known.definition == definition  # keeps its compiled schemas
            listed[definition.name] = known if known and unchanged else KnownTool(definition)
        self._tools = listed

    def forget(self) -> None:
        """Drop all tools, because the list changed."""
        self._tools = {}


# -- values --------------------------------------------------------------------------------------
#
# Convert the values that handlers return or raise to results. These functions are pure.

MAX_ERROR_CHARS: Final = 8000
"""Characters of a tool's error: most hosts pass on no more. The beginning and the end say most."""

_ERROR_END_CHARS: Final = 1500

_TABLE: Final = ContentTable(default_rows())


def tool_result(value: Any) -> types.CallToolResult:
    """Convert a tool's value: a result, content, structured output, (content, structured output), or another.

    Raises
    ------
    TypeError
        The structured output has no JSON form.
    """
    if isinstance(value, types.CallToolResult):
        return value.model_copy()  # a copy: the session changes results, and a handler may return one twice
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], dict):
        shown, structured = value
        result = types.CallToolResult(content=_content(shown).blocks)
        # Through JSON and back, so that output which the client could not parse fails here.
        result.structuredContent = from_json(dumps(plain(structured)))
        return result
    content = _content(value)
    result = types.CallToolResult(content=content.blocks)
    if content.structured is not None:  # a member that is set to None would be sent as null
        result.structuredContent = content.structured
    return result


def _content(value: Any) -> Content:
    """Convert a value to content; an empty list means no content, not the JSON text `[]`."""
    return Content([]) if isinstance(value, list) and not value else _TABLE.convert(value)


def read(uri: str, value: Any) -> types.ReadResourceResult:
    """Convert a resource's value (text, bytes, parts, or a result) to the result of `resources/read`.

    Raises
    ------
    TypeError
        The value, or a part of it, has another type.
    """
    if isinstance(value, types.ReadResourceResult):
        return value.model_copy()
    if isinstance(value, str | bytes):
        value = [ReadResourceContents(value)]
    if not isinstance(value, Iterable):
        raise TypeError(f"A resource is str, bytes or ReadResourceContents, not {type(value).__name__}.")
    return types.ReadResourceResult(contents=[_part(uri, part) for part in value])


def _part(uri: str, part: Any) -> types.TextResourceContents | types.BlobResourceContents:
    if isinstance(part, types.TextResourceContents | types.BlobResourceContents):
        return part
    if not isinstance(part, ReadResourceContents):
        raise TypeError(f"A part of a resource is a ReadResourceContents, not {type(part).__name__}.")
    if isinstance(part.content, str):
        return types.TextResourceContents(
            uri=uri, text=part.content, mimeType=part.mime_type or "text/plain", meta=part.meta
        )
    return types.BlobResourceContents(
        uri=uri,
        blob=b64encode(part.content).decode("ascii"),
        mimeType=part.mime_type or "application/octet-stream",
        meta=part.meta,
    )


def completed(value: types.Completion | None) -> types.CompleteResult:
    """Return the result of `completion/complete`, with at most the first `MAX_COMPLETIONS` values."""
    found = value or types.Completion(values=[])
    if len(found.values) > MAX_COMPLETIONS:
        total = found.total or len(found.values)
        found = types.Completion(values=found.values[:MAX_COMPLETIONS], total=total, hasMore=True)
    return types.CompleteResult(completion=found)


def explained(error: BaseException) -> str:
    """Return an exception's text, with its type if the text alone says little."""
    text = readable(error)
    if not text or isinstance(error, KeyError):  # its text is only the key
        text = ": ".join(filter(None, (type(error).__name__, text)))
    return error_text(text)


def error_text(text: str) -> str:
    """Cut an error's text to `MAX_ERROR_CHARS` characters by leaving out the middle."""
    if len(text) <= MAX_ERROR_CHARS:
        return text
    between = f"\n[... of {len(text)} characters, those between are left out ...]\n"
    head = MAX_ERROR_CHARS - _ERROR_END_CHARS - len(between)
    return text[:head] + between + text[-_ERROR_END_CHARS:]
