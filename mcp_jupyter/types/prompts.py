# SPDX-License-Identifier: BSD-3-Clause
"""Prompts: listing, getting and completing arguments (spec, server/prompts)."""

from typing import Annotated, Literal

from .base import (
    BY_TYPE,
    BaseMetadata,
    CacheableResult,
    Icon,
    InputResponseRequestParams,
    Meta,
    PaginatedRequest,
    PaginatedResult,
    Request,
    RequestParams,
    Result,
    Role,
    WireModel,
)
from .content import ContentBlock

__all__ = [
    "CompleteRequest",
    "CompleteRequestParams",
    "CompleteResult",
    "Completion",
    "CompletionArgument",
    "CompletionContext",
    "GetPromptRequest",
    "GetPromptRequestParams",
    "GetPromptResult",
    "ListPromptsRequest",
    "ListPromptsResult",
    "Prompt",
    "PromptArgument",
    "PromptMessage",
    "PromptReference",
    "ResourceTemplateReference",
]


class PromptArgument(BaseMetadata):
    """An argument of a prompt; its value is always text."""

    description: str | None = None
    required: bool | None = None


class Prompt(BaseMetadata):
    """A prompt, or a template of one when it has arguments."""

    description: str | None = None
    arguments: list[PromptArgument] | None = None
    icons: list[Icon] | None = None
    meta: Meta = None


class PromptMessage(WireModel):
    """One message of a prompt."""

    role: Role
    content: Annotated[ContentBlock, BY_TYPE]


class ListPromptsRequest(PaginatedRequest):
    """Ask for a page of prompts."""

    method: Literal["prompts/list"] = "prompts/list"


class ListPromptsResult(CacheableResult, PaginatedResult):
    """A page of prompts."""

    prompts: list[Prompt]


class GetPromptRequestParams(InputResponseRequestParams):
    """Params of `prompts/get`."""

    name: str
    arguments: dict[str, str] | None = None


class GetPromptRequest(Request):
    """Ask for a prompt, filled in."""

    method: Literal["prompts/get"] = "prompts/get"
    params: GetPromptRequestParams


class GetPromptResult(Result):
    """A prompt, filled in."""

    description: str | None = None
    messages: list[PromptMessage]


# -- completion ----------------------------------------------------------------------------------
#
# Completion of the arguments of prompts and resource templates (spec, server/utilities/completion).


class PromptReference(BaseMetadata):
    """A prompt, by its name."""

    type: Literal["ref/prompt"] = "ref/prompt"


class ResourceTemplateReference(WireModel):
    """A resource or a resource template, by its URI (called ResourceReference up to 2025-03-26)."""

    type: Literal["ref/resource"] = "ref/resource"
    uri: str


class CompletionArgument(WireModel):
    """The argument to complete, and its value so far."""

    name: str
    value: str


class CompletionContext(WireModel):
    """Arguments already filled in (2025-06-18 and later)."""

    arguments: dict[str, str] | None = None


class CompleteRequestParams(RequestParams):
    """Params of `completion/complete`."""

    ref: Annotated[PromptReference | ResourceTemplateReference, BY_TYPE]
    argument: CompletionArgument
    context: CompletionContext | None = None


class CompleteRequest(Request):
    """Ask for values that would complete an argument."""

    method: Literal["completion/complete"] = "completion/complete"
    params: CompleteRequestParams


class Completion(WireModel):
    """Up to 100 values, and their total number."""

    values: list[str]
    total: int | None = None
    hasMore: bool | None = None


class CompleteResult(Result):
    """The values found."""

    completion: Completion
