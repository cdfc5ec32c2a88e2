# SPDX-License-Identifier: BSD-3-Clause
"""The first-generation SDK's decorators: each makes an async function the handler of a method.

Owns how these functions are called and what their values become. Knows no conversation: the table that
the handlers go into is the server's.
"""

from __future__ import annotations

import abc
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from ... import types
from ...errors import McpError
from ...protocol import codes
from ..context import RequestContext
from .tools import KnownTool, KnownTools
from .values import completed, explained, read, tool_result

__all__ = ["Decorators", "Handler", "NotificationHandler"]

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
            raise McpError(codes.INVALID_PARAMS, "There is no such cursor: this list has one page.")
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
            raise McpError(codes.INVALID_PARAMS, "params.uri must be a URL.") from None

    return as_url


async def _told(answer: Awaitable[Any]) -> Any:
    """What a function answers; what it raises becomes an error of the request, in its own words."""
    try:
        return await answer
    except McpError:
        raise
    except Exception as exc:
        raise McpError(codes.INTERNAL_ERROR, explained(exc)) from exc
