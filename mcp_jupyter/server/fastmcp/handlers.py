# SPDX-License-Identifier: BSD-3-Clause
"""Answer requests from the catalogue: lists, calls, reads, prompts, completion.

This is the boundary between users' functions and the protocol: values become results, and exceptions become
tool errors or JSON-RPC errors. The `Runner` runs the functions, and the `ContentTable` converts their values.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

from ... import types
from ..._util.json_schema import allowed_values
from ..._util.text import safe_line
from ...errors import INTERNAL_ERROR, INVALID_PARAMS, McpError, UnknownName
from ...protocol.limits import MAX_COMPLETIONS
from ...protocol.rights import Floor
from ..constant_tools import READ_MORE, is_name
from ..content import ContentTable
from ..context import RequestContext
from ..definitions import ResultFacts, always_loaded, for_host
from ..host_profiles import HostProfile
from ..lowlevel.decorators import error_text
from ..lowlevel.server import Server
from ..oversight import NO_RECORD, Approver, Ask, Journal, Kind, Proposal, Record, asks_by, no_journal
from ..runner import Invocation, Runner, converted
from .catalog import Catalog, Pages
from .constant_tools import ConstantTools
from .context import Context
from .prompts import Prompt
from .resources import Resource
from .results import Draft, KeptResults, Presenter
from .tools import Tool, explain, parameters_of

__all__ = [
    "Handlers",
    "complete",
]


PROVENANCE: Final = "mcp-jupyter/provenance"
"""The key in the `_meta` of a tool's result under which a journal says what the result is made of."""

ASKS_USER: Final = "anthropic/requiresUserInteraction"
"""The key in the `_meta` of a tool that waits for a person at each call. Claude's hosts read it."""

PREVIEW_SECONDS: Final = 10.0
"""How long a preview may take: the user waits for the question."""

MAX_KEPT_LISTS: Final = 32
"""Cached lists of tool definitions: one for each combination of host profile and budget in use."""

T = TypeVar("T")


class Handlers:
    """Handlers of the requests for tools, resources and prompts.

    Parameters
    ----------
    catalog : Catalog
        What the server serves.
    table : ContentTable
        Converts values to content.
    context : callable
        Makes a request's `Context`, which functions get.
    page_size : int
        Items of one answer to a list request.
    result_budget : int or None
        Characters of one result; None for as many as the host takes. May be changed at any time.

    Attributes
    ----------
    constant_tools : ConstantTools
        The tools for hosts that need them.
    runner : Runner
        Runs the functions; set before the first request.
    results : KeptResults
        Values that were too large for one answer.
    completer : callable or None
        The server's own `completion` function.
    journal : Journal
        Opens the record of each request for a user's function.
    approver : Approver or None
        Has the user decide about calls.
    floor : "marked", "writing" or "all"
        For which tools the approver is asked in any case.
    """

    runner: Runner

    def __init__(
        self,
        catalog: Catalog,
        table: ContentTable,
        context: Callable[[RequestContext], Context],
        page_size: int,
        result_budget: int | None,
    ) -> None:
        self.constant_tools = ConstantTools(catalog, self.read_resource)
        self.result_budget = result_budget
        self.completer: Callable[..., Any] | None = None
        self.journal: Journal = no_journal
        self.approver: Approver | None = None
        self.floor: Floor = "marked"
        self._catalog = catalog
        self._table = table
        self._context = context
        self._pages = Pages(page_size)
        self.results = KeptResults()
        self._definitions: dict[HostProfile, tuple[Mapping[str, Tool], dict[str, types.Tool]]] = {}

    def add_to(self, server: Server[Any]) -> None:
        """Register the handlers with a server."""
        add = server.add_handler
        add("tools/list", types.PaginatedRequestParams, self._list_tools)
        add("tools/call", types.CallToolRequestParams, self._call, self._tool_can_ask)
        add("resources/list", types.PaginatedRequestParams, self._list_resources)
        add("resources/templates/list", types.PaginatedRequestParams, self._list_templates)
        add("resources/read", types.ReadResourceRequestParams, self.read_resource, self._resource_can_ask)
        add("resources/subscribe", types.SubscribeRequestParams, self._check_subscription)
        add("prompts/list", types.PaginatedRequestParams, self._list_prompts)
        add("prompts/get", types.GetPromptRequestParams, self._get_prompt, self._prompt_can_ask)
        add("completion/complete", types.CompleteRequestParams, self._complete)

    # -- lists -----------------------------------------------------------------------------------

    async def _list_tools(
        self, request: RequestContext, params: types.PaginatedRequestParams
    ) -> types.ListToolsResult:
        known = self._definitions_for(request) | self.constant_tools.listed(request)
        page, rest = self._pages.page(request, known, params.cursor)
        return types.ListToolsResult(tools=page, nextCursor=rest)

    def _definitions_for(self, request: RequestContext) -> dict[str, types.Tool]:
        """Return the definitions by name, cached for each state of the catalogue, profile and budget."""
        tools, profile = self._catalog.tools, self._profile(request)
        kept = self._definitions.get(profile)
        if kept is not None and kept[0] is tools:  # the catalogue replaces its mapping at each change
            return kept[1]
        made = [
            for_host(tool.definition.model_dump(exclude_none=True), request.profile, self._facts(tool))
            for tool in tools.values()
        ]
        for definition, tool in zip(made, tools.values(), strict=True):
            if self.asks(tool) == "always":
                definition["_meta"] = {**definition.get("_meta", {}), ASKS_USER: True}
        shown = map(types.Tool.from_wire, always_loaded(request.profile, made))
        if len(self._definitions) >= MAX_KEPT_LISTS:
            self._definitions.clear()
        self._definitions[profile] = tools, dict(zip(tools, shown, strict=True))
        return self._definitions[profile][1]

    def _facts(self, tool: Tool) -> ResultFacts:
        return ResultFacts(
            wrapped=tool.output is not None and tool.output.wrapped,
            prints=self.runner.keeps_printed,
            budget=self.result_budget,
        )

    async def _list_resources(
        self, request: RequestContext, params: types.PaginatedRequestParams
    ) -> types.ListResourcesResult:
        page, rest = self._pages.page(request, self._resources(types.Resource), params.cursor)
        return types.ListResourcesResult(resources=page, nextCursor=rest)

    async def _list_templates(
        self, request: RequestContext, params: types.PaginatedRequestParams
    ) -> types.ListResourceTemplatesResult:
        page, rest = self._pages.page(request, self._resources(types.ResourceTemplate), params.cursor)
        return types.ListResourceTemplatesResult(resourceTemplates=page, nextCursor=rest)

    def _resources(self, kind: type[T]) -> dict[str, T]:
        known = self._catalog.resources.items()
        return {
            uri: item.definition for uri, item in known if item.listed and isinstance(item.definition, kind)
        }

    async def _list_prompts(
        self, request: RequestContext, params: types.PaginatedRequestParams
    ) -> types.ListPromptsResult:
        known = {name: prompt.definition for name, prompt in self._catalog.prompts.items()}
        page, rest = self._pages.page(request, known, params.cursor)
        return types.ListPromptsResult(prompts=page, nextCursor=rest)

    # -- which functions can ask -----------------------------------------------------------------

    def _tool_can_ask(self, params: Mapping[str, Any]) -> bool:
        name = params.get("name")
        if not isinstance(name, str):
            return False
        tool = self._catalog.tools.get(name)
        # A constant tool may call a tool that asks.
        return is_name(name) if tool is None else tool.signature.can_ask

    def _resource_can_ask(self, params: Mapping[str, Any]) -> bool:
        uri = params.get("uri")
        found = self._catalog.resource_at(uri) if isinstance(uri, str) else None
        return found is not None and found[0].signature.can_ask

    def _prompt_can_ask(self, params: Mapping[str, Any]) -> bool:
        name = params.get("name")
        prompt = self._catalog.prompts.get(name) if isinstance(name, str) else None
        return prompt is not None and prompt.signature.can_ask

    # -- users' functions ------------------------------------------------------------------------

    async def _call(
        self, request: RequestContext, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        if is_name(params.name):
            return await self.constant_tools.answer(request, params, self._call_tool)
        return await self._call_tool(request, params)

    async def _call_tool(
        self, request: RequestContext, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = _named("tool", params.name, self._catalog.tools)
        if tool.headers:
            request.check_headers(tool.headers, params.arguments or {})
        profile, printed = self._profile(request), list[str]()
        by_tool = not profile.reads_results and self.constant_tools.has(READ_MORE, request)
        presenter = Presenter(tool.name, request.sender, profile, self.results, by_tool=by_tool)
        with self._record(request, "tool", tool.name, params.arguments, tool) as record:
            try:
                invocation = tool.invocation(
                    params.arguments or {},
                    self._context(request),
                    self._table,
                    page_chars=profile.page_chars,
                    failed_after=printed.append,
                    record=record,
                )
                if self.approver is not None:
                    await self._approve(self.approver, request, tool, params.arguments or {}, invocation)
                outcome = await self.runner.run(invocation)
                draft: Draft = outcome.value
                for shown in outcome.displayed:
                    draft.add(shown)
                result = presenter.result(draft, outcome.printed)
                if record.provenance is not None:
                    result.meta = {**(result.meta or {}), PROVENANCE: record.provenance}
                record.ended(result, outcome)
            except Exception as exc:
                if request.is_own(exc):
                    raise
                # A result, not a JSON-RPC error: the model must see it (spec, server/tools, Error handling).
                result = presenter.error(explain(tool.name, exc), "".join(printed))
                record.failed(exc, result)
            return result

    def _record(
        self,
        request: RequestContext,
        kind: Kind,
        name: str,
        arguments: Mapping[str, Any] | None,
        item: Tool | Resource | Prompt,
    ) -> Record:
        if isinstance(item, Resource) and item.always:
            return NO_RECORD  # the status, which programs read again and again
        schema = item.signature.schema
        request.record = self.journal(request, kind, name, arguments or {}, schema, item.function)
        return request.record

    def asks(self, tool: Tool) -> Ask:
        """Return when the user is asked before a tool runs."""
        if self.approver is None:
            return "never"
        return asks_by(self.floor, tool.definition.annotations, tool.ask)

    async def _approve(
        self,
        approver: Approver,
        request: RequestContext,
        tool: Tool,
        arguments: Mapping[str, Any],
        invocation: Invocation,
    ) -> None:
        """Have the user decide about a call, if the tool or the floor says so.

        Raises
        ------
        ToolError
            The call is denied, or the tool was changed while the user decided.
        """
        ask = self.asks(tool)
        if ask == "never":
            return

        def still() -> bool:
            now = self._catalog.tools.get(tool.name)
            return now is not None and now.function is tool.function and now.definition == tool.definition

        preview = None if tool.preview is None else partial(self._preview, tool, invocation)
        proposal = Proposal(request, tool.definition, tool.function, ask, arguments, preview, still)
        (await approver(proposal)).enforce(tool.name)

    async def _preview(self, tool: Tool, invocation: Invocation) -> str:
        """Return what a tool's preview says about a call, as text."""
        assert tool.preview is not None
        shown = Invocation(
            f"the preview of {tool.name}",
            converted(tool.preview, lambda value: self._table.convert(value).blocks),
            {name: invocation.arguments[name] for name in parameters_of(tool.preview)},
            sender=invocation.sender,
            timeout=PREVIEW_SECONDS,
        )
        blocks = (await self.runner.run(shown)).value
        return "\n".join(block.text for block in blocks if isinstance(block, types.TextContent))

    def _profile(self, request: RequestContext) -> HostProfile:
        return request.profile.within(self.result_budget)

    async def read_resource(
        self, request: RequestContext, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """Answer `resources/read`."""
        found = self._catalog.resource_at(params.uri) or self.results.resource_at(params.uri)
        if found is None:
            raise request.era.resource_not_found(params.uri)
        resource, variables = found
        context = self._context(request)
        with self._record(request, "resource", params.uri, variables, resource) as record:
            result: types.ReadResourceResult = await self._run(
                request, resource.invocation(params.uri, variables, context, self._table), record
            )
            record.ended(result)
        return result

    async def _check_subscription(
        self, request: RequestContext, params: types.SubscribeRequestParams
    ) -> types.EmptyResult:
        """Refuse a subscription with values that a read would refuse. The session keeps the subscriptions."""
        found = self._catalog.resource_at(params.uri)
        if found is not None:
            resource, variables = found
            resource.check_values(variables)
        return types.EmptyResult()

    async def _get_prompt(
        self, request: RequestContext, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        prompt = _named("prompt", params.name, self._catalog.prompts)
        context = self._context(request)
        with self._record(request, "prompt", prompt.name, params.arguments, prompt) as record:
            result: types.GetPromptResult = await self._run(
                request, prompt.invocation(params.arguments or {}, context, self._table), record
            )
            record.ended(result)
        return result

    async def _complete(
        self, request: RequestContext, params: types.CompleteRequestParams
    ) -> types.CompleteResult:
        ref = params.ref
        if isinstance(ref, types.PromptReference):
            schema = _named("prompt", ref.name, self._catalog.prompts).signature.schema
        else:
            resource = _named("resource", ref.uri, self._catalog.resources)
            schema = resource.signature.schema
            chosen = (params.context.arguments if params.context else None) or {}
            # The server's completer may use the values as paths, as the resource's function may.
            resource.check_values({**chosen, params.argument.name: params.argument.value})
        run = partial(self._run, request)
        return types.CompleteResult(completion=await complete(params, schema, self.completer, run))

    async def _run(self, request: RequestContext, invocation: Invocation, record: Record = NO_RECORD) -> Any:
        """Run a function that is not a tool: a failure is a JSON-RPC error."""
        try:
            told = replace(invocation, sender=request.sender, record=record)
            return (await self.runner.run(told)).value
        except McpError:
            raise
        except Exception as exc:
            raise McpError(INTERNAL_ERROR, error_text(explain(invocation.name, exc))) from exc


def _named(kind: str, name: str, known: Mapping[str, T]) -> T:
    try:
        return known[name]
    except KeyError:
        raise UnknownName(kind, name, known) from None


# -- completion ----------------------------------------------------------------------------------
#
# Complete an argument: ask the server's own function first, else offer the values that the type allows.
#
# Source: spec, server/utilities/completion.

MAX_SEARCHED: Final = 100_000
"""Values of an enumeration that are compared with the typed text. The limit is high, because the schema is
the server's own."""

COMPLETION_SECONDS: Final = 10.0
"""Seconds. A user who is typing does not wait longer."""


async def complete(
    params: types.CompleteRequestParams,
    schema: Mapping[str, Any],
    completer: Callable[..., Any] | None,
    run: Callable[[Invocation], Awaitable[Any]],
) -> types.Completion:
    """Complete one argument.

    Parameters
    ----------
    schema : mapping
        The JSON Schema of the arguments of what `params.ref` names.
    completer : callable, optional
        Takes `(ref, argument, context)`; returns values, a `Completion`, or None to use the type's values.
    run : async callable
        Runs an invocation and returns its value.

    Raises
    ------
    McpError
        INVALID_PARAMS: the argument is unknown.
    """
    argument = params.argument
    if argument.name not in schema["properties"]:
        known = ", ".join(schema["properties"]) or "none"
        raise McpError(
            INVALID_PARAMS, f"Unknown argument {safe_line(argument.name)!r}. Known arguments: {known}."
        )
    if completer is not None:
        ask = partial(completer, params.ref, argument, params.context)
        # At once, in parallel with a running cell: an answer is useless once the user has typed on.
        found = await run(Invocation("completion", ask, concurrent=True, timeout=COMPLETION_SECONDS))
        if found is not None:
            return _completion(found)
    typed = argument.value.casefold()
    values = allowed_values(schema["properties"][argument.name], schema, MAX_SEARCHED)
    allowed = [each if isinstance(each, str) else json.dumps(each) for each in values if each is not None]
    begin = [value for value in allowed if value.casefold().startswith(typed)]
    inside = [value for value in allowed if typed in value.casefold() and value not in begin]
    return _completion(begin + inside)


def _completion(found: types.Completion | Sequence[str]) -> types.Completion:
    if isinstance(found, types.Completion):
        values, total, more = found.values, found.total, found.hasMore
    else:
        values, total, more = [str(value) for value in found], None, None
    if len(values) > MAX_COMPLETIONS:
        total, more = total or len(values), True
    return types.Completion(
        values=values[:MAX_COMPLETIONS], total=len(values) if total is None else total, hasMore=bool(more)
    )
