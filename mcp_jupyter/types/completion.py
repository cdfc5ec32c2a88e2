# SPDX-License-Identifier: BSD-3-Clause
"""Completion of the arguments of prompts and resource templates (spec, server/utilities/completion)."""

from typing import Annotated, Literal

from ._base import BY_TYPE, Request, RequestParams, Result, WireModel
from .metadata import BaseMetadata

__all__ = [
    "CompleteRequest",
    "CompleteRequestParams",
    "CompleteResult",
    "Completion",
    "CompletionArgument",
    "CompletionContext",
    "PromptReference",
    "ResourceTemplateReference",
]


class PromptReference(BaseMetadata):
    """Names a prompt."""

    type: Literal["ref/prompt"] = "ref/prompt"


class ResourceTemplateReference(WireModel):
    """Names a resource or a resource template by its URI (called ResourceReference up to 2025-03-26)."""

    type: Literal["ref/resource"] = "ref/resource"
    uri: str


class CompletionArgument(WireModel):
    """The argument being typed, and what has been typed."""

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
    """Up to 100 values, and how many there are in all."""

    values: list[str]
    total: int | None = None
    hasMore: bool | None = None


class CompleteResult(Result):
    """The values found."""

    completion: Completion
