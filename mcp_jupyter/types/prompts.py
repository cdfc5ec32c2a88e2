# SPDX-License-Identifier: BSD-3-Clause
"""Prompts: listing and getting (spec, server/prompts)."""

from typing import Annotated, Literal

from ._base import (
    BY_TYPE,
    CacheableResult,
    InputResponseRequestParams,
    Meta,
    PaginatedRequest,
    PaginatedResult,
    Request,
    Result,
    WireModel,
)
from .content import ContentBlock
from .metadata import BaseMetadata, Icon, Role

__all__ = [
    "GetPromptRequest",
    "GetPromptRequestParams",
    "GetPromptResult",
    "ListPromptsRequest",
    "ListPromptsResult",
    "Prompt",
    "PromptArgument",
    "PromptMessage",
]


class PromptArgument(BaseMetadata):
    """An argument of a prompt; its value is always text."""

    description: str | None = None
    required: bool | None = None


class Prompt(BaseMetadata):
    """A prompt or a template of one."""

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
