# SPDX-License-Identifier: BSD-3-Clause
"""Tools: listing and calling (spec, server/tools). JSON Schemas are carried as they are, uninterpreted."""

from typing import Annotated, Any, ClassVar, Literal

from .base import (
    BY_TYPE,
    BaseMetadata,
    CacheableResult,
    Flag,
    Icon,
    InputResponseRequestParams,
    JSONObject,
    Meta,
    NullableWireModel,
    PaginatedRequest,
    PaginatedResult,
    Request,
    Result,
    TaskAugmentedRequestParams,
    WireModel,
)
from .content import ContentBlock

__all__ = [
    "CallToolRequest",
    "CallToolRequestParams",
    "CallToolResult",
    "ListToolsRequest",
    "ListToolsResult",
    "Tool",
    "ToolAnnotations",
    "ToolExecution",
]


class ToolAnnotations(WireModel):
    """Hints about the effects of a tool. A client must not trust them unless it trusts the server.

    Absent hints mean: not read-only, destructive, not idempotent, open world.
    """

    title: str | None = None
    readOnlyHint: bool | None = None
    destructiveHint: bool | None = None
    idempotentHint: bool | None = None
    openWorldHint: bool | None = None


class ToolExecution(WireModel):
    """Whether a call may or must run as a task (2025-11-25, experimental)."""

    taskSupport: Literal["forbidden", "optional", "required"] | None = None


class Tool(BaseMetadata):
    """A tool, with the JSON Schemas of its arguments and its structured output, kept as received."""

    description: str | None = None
    inputSchema: JSONObject
    outputSchema: JSONObject | None = None
    annotations: ToolAnnotations | None = None
    execution: ToolExecution | None = None
    icons: list[Icon] | None = None
    meta: Meta = None


class ListToolsRequest(PaginatedRequest):
    """Ask for a page of tools."""

    method: Literal["tools/list"] = "tools/list"


class ListToolsResult(CacheableResult, PaginatedResult):
    """A page of tools."""

    tools: list[Tool]


class CallToolRequestParams(TaskAugmentedRequestParams, InputResponseRequestParams):
    """Params of `tools/call`."""

    name: str
    arguments: JSONObject | None = None


class CallToolRequest(Request):
    """Call a tool."""

    method: Literal["tools/call"] = "tools/call"
    params: CallToolRequestParams


class CallToolResult(Result, NullableWireModel):
    """The result of a call or, with `isError`, the error of the tool.

    `structuredContent` is an object up to 2025-11-25 and any JSON value, `null` too, since 2026-07-28.
    `CallToolResult(content=[], structuredContent=None)` sends `null`; without the argument the member is
    absent. `"structuredContent" in result.model_fields_set` tells the two apart.
    """

    nullable: ClassVar[frozenset[str]] = frozenset({"structuredContent"})
    implied: ClassVar[frozenset[str]] = frozenset({"isError"})

    content: list[Annotated[ContentBlock, BY_TYPE]]
    structuredContent: Any = None
    isError: Flag = False
