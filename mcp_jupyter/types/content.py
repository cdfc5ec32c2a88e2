# SPDX-License-Identifier: BSD-3-Clause
"""Content blocks: results of tools, messages of prompts, and messages to and from a model consist of them.

Bytes are base64 text here; the code that produces or uses them encodes and decodes.
"""

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from .base import BY_TYPE, Annotations, Flag, JSONObject, Meta, NullableWireModel, WireModel
from .resources import BlobResourceContents, Resource, TextResourceContents

__all__ = [
    "AudioContent",
    "Content",
    "ContentBlock",
    "EmbeddedResource",
    "ImageContent",
    "ResourceLink",
    "SamplingMessageContentBlock",
    "TextContent",
    "ToolResultContent",
    "ToolUseContent",
]


class TextContent(WireModel):
    """Text."""

    type: Literal["text"] = "text"
    text: str
    annotations: Annotations | None = None
    meta: Meta = None


class ImageContent(WireModel):
    """An image, in base64."""

    type: Literal["image"] = "image"
    data: str
    mimeType: str
    annotations: Annotations | None = None
    meta: Meta = None


class AudioContent(WireModel):
    """Sound, in base64 (2025-03-26 and later)."""

    type: Literal["audio"] = "audio"
    data: str
    mimeType: str
    annotations: Annotations | None = None
    meta: Meta = None


class ResourceLink(Resource):
    """A resource that the client may read (2025-06-18 and later). It need not be in `resources/list`."""

    type: Literal["resource_link"] = "resource_link"


class EmbeddedResource(WireModel):
    """The contents of a resource, inside the block."""

    type: Literal["resource"] = "resource"
    resource: TextResourceContents | BlobResourceContents
    annotations: Annotations | None = None
    meta: Meta = None


ContentBlock: TypeAlias = TextContent | ImageContent | AudioContent | ResourceLink | EmbeddedResource
"""The blocks of tool results and prompt messages."""

Content: TypeAlias = ContentBlock
"""Older name of `ContentBlock` in the first-generation SDK."""


class ToolUseContent(WireModel):
    """A model's request to call a tool during sampling (2025-11-25 and later)."""

    type: Literal["tool_use"] = "tool_use"
    id: str
    name: str
    input: JSONObject
    meta: Meta = None


class ToolResultContent(NullableWireModel):
    """The result of that tool call, for the model (2025-11-25 and later)."""

    nullable: ClassVar[frozenset[str]] = frozenset({"structuredContent"})
    implied: ClassVar[frozenset[str]] = frozenset({"isError"})

    type: Literal["tool_result"] = "tool_result"
    toolUseId: str
    content: list[Annotated[ContentBlock, BY_TYPE]]
    structuredContent: Any = None
    isError: Flag = False
    meta: Meta = None


SamplingMessageContentBlock: TypeAlias = (
    TextContent | ImageContent | AudioContent | ToolUseContent | ToolResultContent
)
"""The blocks of messages to and from a model."""
