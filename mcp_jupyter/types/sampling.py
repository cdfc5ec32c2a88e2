# SPDX-License-Identifier: BSD-3-Clause
"""Sampling: a server asks the client's model for a message (spec, client/sampling)."""

from typing import Annotated, Literal, TypeAlias

from ._base import (
    BY_TYPE,
    JSONObject,
    Meta,
    Number,
    Request,
    Result,
    TaskAugmentedRequestParams,
    WireModel,
)
from .content import SamplingMessageContentBlock
from .metadata import Role
from .tools import Tool

__all__ = [
    "CreateMessageRequest",
    "CreateMessageRequestParams",
    "CreateMessageResult",
    "IncludeContext",
    "ModelHint",
    "ModelPreferences",
    "SamplingMessage",
    "ToolChoice",
]

IncludeContext: TypeAlias = Literal["none", "thisServer", "allServers"]
"""Whose context the client adds. All but `none` are deprecated since 2025-11-25."""

_Block: TypeAlias = Annotated[SamplingMessageContentBlock, BY_TYPE]


class SamplingMessage(WireModel):
    """One message of the conversation: a block, or since 2025-11-25 a list of blocks."""

    role: Role
    content: _Block | list[_Block]
    meta: Meta = None

    @property
    def content_as_list(self) -> list[SamplingMessageContentBlock]:
        """The blocks, also where there is only one."""
        return self.content if isinstance(self.content, list) else [self.content]


class ModelHint(WireModel):
    """Part of the name of a model that would do, as in "claude" or "haiku"."""

    name: str | None = None


class ModelPreferences(WireModel):
    """What matters in choosing a model, each from 0 to 1; hints in order of preference."""

    hints: list[ModelHint] | None = None
    costPriority: Number | None = None
    speedPriority: Number | None = None
    intelligencePriority: Number | None = None


class ToolChoice(WireModel):
    """Whether the model may, must or must not use tools; absent means `auto`."""

    mode: Literal["auto", "required", "none"] | None = None


class CreateMessageRequestParams(TaskAugmentedRequestParams):
    """Params of `sampling/createMessage`."""

    messages: list[SamplingMessage]
    maxTokens: int
    modelPreferences: ModelPreferences | None = None
    systemPrompt: str | None = None
    includeContext: IncludeContext | None = None
    temperature: Number | None = None
    stopSequences: list[str] | None = None
    metadata: JSONObject | None = None
    tools: list[Tool] | None = None
    toolChoice: ToolChoice | None = None


class CreateMessageRequest(Request):
    """Ask for a message. A request of the legacy versions; an input request since 2026-07-28."""

    method: Literal["sampling/createMessage"] = "sampling/createMessage"
    params: CreateMessageRequestParams


class CreateMessageResult(Result):
    """The model's message. `stopReason` is an open set: `endTurn`, `maxTokens`, `toolUse` and others."""

    role: Role
    content: _Block | list[_Block]
    model: str
    stopReason: str | None = None

    @property
    def content_as_list(self) -> list[SamplingMessageContentBlock]:
        """The blocks, also where there is only one."""
        return self.content if isinstance(self.content, list) else [self.content]
