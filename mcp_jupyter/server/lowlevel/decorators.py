# SPDX-License-Identifier: BSD-3-Clause
"""The first-generation SDK's decorators: each makes an async function the handler of a method.

Owns how these functions are called and what their values become. Knows no conversation: the table that
the handlers go into is the server's.
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
from ...protocol.validation import JsonSchema
from ..content import Content, ContentTable, default_rows, plain, readable
from ..context import RequestContext
from .helper_types import ReadResourceContents

__all__ = [
    "MAX_COMPLETIONS",
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
"""Takes the request's context and its validated params; returns the result (a model or mapping)."""

NotificationHandler = Callable[[Any], Awaitable[None]]
"""Takes the notification's validated params."""

MAX_PAGES: Final = 100
"""Of the server's own list, followed to find the definition of a tool."""


class Decorators(abc.ABC):
    """Makes functions handlers; `Server` is one."""

    def __init__(self) -> None:
        self._known_tools = KnownTools()
        self._list_tools: Handler | None = None

    @abc.abstractmethod
    def add_handler(self, method: str, params: type[types.WireModel], handler: Handler) -> None:
        """Answer `method` with `handler`."""

    @abc.abstractmethod
    def add_notification_handler(
        self, method: str, params: type[types.WireModel], handler: NotificationHandler
    ) -> None:
        """Tell `handler` of each notification `method`."""

    # -- tools -----------------------------------------------------------------------------------

    def list_tools(self) -> Callable[[F], F]:
        """The function lists the tools: ``async def f() -> list[types.Tool]``.

        Like those of the other lists it may take the `types.ListToolsRequest`, with its cursor, and return
        a `types.ListToolsResult`, which is one page.
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
        """The function calls a tool: ``async def f(name: str, arguments: dict) -> ...``.

        It returns a list of content, a dict (structured output), a tuple of both, a
        `types.CallToolResult`, or any other value, which is converted. What it raises is the result too,
        with `isError`.

        Parameters
        ----------
        validate_input : bool
            Whether the arguments are checked against the `inputSchema` of the tool as it was listed; what
            does not fit is a result with `isError` (SEP-1303). Output is checked wherever the tool has an
            `outputSchema`.
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
                except Exception as exc:
                    if context.is_own(exc):
                        raise
                    text = types.TextContent(type="text", text=explained(exc))
                    return types.CallToolResult(content=[text], isError=True)

            self.add_handler("tools/call", types.CallToolRequestParams, handle)
            return function

        return register

    async def _known_tool(self, context: RequestContext, name: str) -> KnownTool | None:
        """The tool as it was listed; where it was not yet, the list is asked for."""
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
        """The function lists the resources: ``async def f() -> list[types.Resource]``."""
        return self._lists(
            "resources/list", types.ListResourcesRequest, types.ListResourcesResult, "resources"
        )

    def list_resource_templates(self) -> Callable[[F], F]:
        """The function lists the templates: ``async def f() -> list[types.ResourceTemplate]``."""
        return self._lists(
            "resources/templates/list",
            types.ListResourceTemplatesRequest,
            types.ListResourceTemplatesResult,
            "resourceTemplates",
        )

    def read_resource(self) -> Callable[[F], F]:
        """The function reads a resource: ``async def f(uri: str) -> str | bytes | ...``.

        It returns text, bytes, or an iterable of `ReadResourceContents(content, mime_type)`. The URI is
        text as received; a parameter annotated `pydantic.AnyUrl` gets that.
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
        """The function hears of a subscription: ``async def f(uri: str) -> None``; raises to refuse it.

        The server itself keeps who subscribed, for `resource_updated`. A modern client subscribes with
        `subscriptions/listen`: the function hears of each URI, and at its end of the unsubscription.
        """
        return self._hears_uri("resources/subscribe", types.SubscribeRequestParams)

    def unsubscribe_resource(self) -> Callable[[F], F]:
        """The function hears of the end of a subscription: ``async def f(uri: str) -> None``."""
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
        """The function lists the prompts: ``async def f() -> list[types.Prompt]``."""
        return self._lists("prompts/list", types.ListPromptsRequest, types.ListPromptsResult, "prompts")

    def get_prompt(self) -> Callable[[F], F]:
        """The function gets a prompt.

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
        """The function completes an argument: ``async def f(ref, argument, context)``.

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
        """The function hears which log messages a session wants: ``async def f(level) -> None``.

        The session itself keeps to it. Modern clients say it with each request.
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
        """The function hears of the client's progress: ``async def f(token, progress, total, message)``."""

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
    """A function that lists, as a handler; it takes the request, or nothing and has one page."""
    takes_request = bool(inspect.signature(function).parameters)

    async def page(context: RequestContext, params: types.PaginatedRequestParams) -> R:
        if params.cursor is not None and not takes_request:
            raise McpError(INVALID_PARAMS, "There is no such cursor: this list has one page.")
        value = await _told(function(request(params=params)) if takes_request else function())
        if isinstance(value, result):
            return value.model_copy()
        return result.model_validate({field: list(value)})

    return page


def _uri_for(function: Callable[..., Any]) -> Callable[[str], Any]:
    """What a function takes as URI: text as received, unless its parameter is annotated `AnyUrl`."""
    try:
        (parameter, *_) = inspect.signature(function, eval_str=True).parameters.values()
    except NameError:  # an annotation for type checkers only
        return str
    kind = parameter.annotation
    if kind in (parameter.empty, str) or not isinstance(kind, type):
        return str
    from pydantic import AnyUrl  # here: its module takes 20 ms to import, and few handlers ask for it

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
    """What a function answers; what it raises becomes an error of the request, in its own words."""
    try:
        return await answer
    except McpError:
        raise
    except Exception as exc:
        raise McpError(INTERNAL_ERROR, explained(exc)) from exc


# -- tools ---------------------------------------------------------------------------------------
#
# What a low-level server listed as its tools, to check calls of them and their output against.
#
# Owns the checks. Does not know how tools are listed or called.


class KnownTool:
    """A tool's definition, with its schemas ready once they are needed.

    Attributes
    ----------
    headers : mapping
        The arguments that a client repeats in headers (`x-mcp-header`).
    """

    def __init__(self, definition: types.Tool) -> None:
        self.definition = definition
        self._schemas: dict[str, JsonSchema] = {}
        try:
            self.headers: Mapping[str, tuple[str, ...]] = param_headers(definition.inputSchema)
        except HeaderError:
            self.headers = {}  # clients drop the tool; one that does not has no headers for it

    def check_arguments(self, arguments: dict[str, Any]) -> None:
        """Check the arguments of a call.

        Raises
        ------
        ToolError
            They do not fit the `inputSchema`, in words that a caller can act on (SEP-1303).
        """
        self._check("inputSchema", self.definition.inputSchema, arguments, "Input")

    def check_output(self, result: types.CallToolResult) -> None:
        """Check the structured output of a call that did not fail.

        Raises
        ------
        ToolError
            It does not fit the `outputSchema`, or there is none where there should be.
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
    """The tools by name, as they were listed last."""

    def __init__(self) -> None:
        self._tools: dict[str, KnownTool] = {}

    def get(self, name: str) -> KnownTool | None:
        """The tool of that name, if it was listed."""
        return self._tools.get(name)

    def learn(self, definitions: Iterable[types.Tool], *, more: bool = False) -> None:
        """Take in the list; with `more`, another page of it."""
        listed = dict(self._tools) if more else {}
        for definition in definitions:
            known = self._tools.get(definition.name)
            unchanged = known is not None and known.definition == definition
            listed[definition.name] = known if known and unchanged else KnownTool(definition)
        self._tools = listed

    def forget(self) -> None:
        """The list changed."""
        self._tools = {}


# -- values --------------------------------------------------------------------------------------
#
# What a handler's value becomes in an answer. Knows neither requests nor the table of handlers.

MAX_ERROR_CHARS: Final = 8000
"""Of the text of a tool's error: most hosts hand on no more, and its beginning and its end say most."""

_ERROR_END_CHARS: Final = 1500

MAX_COMPLETIONS: Final = 100
"""Values in one answer (spec, server/utilities/completion)."""

_TABLE: Final = ContentTable(default_rows())


def tool_result(value: Any) -> types.CallToolResult:
    """The result of a tool: a result, content, structured output, (content, structured output), or any value.

    Raises
    ------
    TypeError
        Structured output without a JSON form.
    """
    if isinstance(value, types.CallToolResult):
        return value.model_copy()  # the handler's own stays as it is
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], dict):
        shown, structured = value
        result = types.CallToolResult(content=_content(shown).blocks)
        # Read back: what is structured must survive the other side's parser.
        result.structuredContent = from_json(dumps(plain(structured)))
        return result
    content = _content(value)
    result = types.CallToolResult(content=content.blocks)
    if content.structured is not None:  # set to None it would be sent as null
        result.structuredContent = content.structured
    return result


def _content(value: Any) -> Content:
    """As any value's, but an empty list is a list of content."""
    return Content([]) if isinstance(value, list) and not value else _TABLE.convert(value)


def read(uri: str, value: Any) -> types.ReadResourceResult:
    """The contents of a resource: of text, bytes, or parts.

    Raises
    ------
    TypeError
        It is none of these.
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
    """The answer to a request for completion; of more than `MAX_COMPLETIONS` values the first."""
    found = value or types.Completion(values=[])
    if len(found.values) > MAX_COMPLETIONS:
        total = found.total or len(found.values)
        found = types.Completion(values=found.values[:MAX_COMPLETIONS], total=total, hasMore=True)
    return types.CompleteResult(completion=found)


def explained(error: BaseException) -> str:
    """What a handler raised, in its own words; where they are no sentence, with the exception's name."""
    text = readable(error)
    if not text or isinstance(error, KeyError):  # its text is the key
        text = ": ".join(filter(None, (type(error).__name__, text)))
    return error_text(text)


def error_text(text: str) -> str:
    """The text of an error in at most `MAX_ERROR_CHARS` characters: its beginning and its end."""
    if len(text) <= MAX_ERROR_CHARS:
        return text
    between = f"\n[... of {len(text)} characters, those between are left out ...]\n"
    head = MAX_ERROR_CHARS - _ERROR_END_CHARS - len(between)
    return text[:head] + between + text[-_ERROR_END_CHARS:]
