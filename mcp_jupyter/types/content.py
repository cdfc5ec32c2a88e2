# SPDX-License-Identifier: BSD-3-Clause
"""Blocks of content, as tools return them, prompts contain them and models are sent them.

Knows no method. Bytes are base64 text here; encoding and decoding is the business of whoever has them.
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
    """A resource the reader may fetch (2025-06-18 and later). It need not be in `resources/list`."""

    type: Literal["resource_link"] = "resource_link"


class EmbeddedResource(WireModel):
    """The contents of a resource, in place."""

    type: Literal["resource"] = "resource"
    resource: TextResourceContents | BlobResourceContents
    annotations: Annotations | None = None
    meta: Meta = None


ContentBlock: TypeAlias = TextContent | ImageContent | AudioContent | ResourceLink | EmbeddedResource
"""What results of tools and messages of prompts consist of."""

Content: TypeAlias = ContentBlock
"""Older name of `ContentBlock` in the first-generation SDK."""


class ToolUseContent(WireModel):
    """A model's wish to call a tool during sampling (2025-11-25 and later)."""

    type: Literal["tool_use"] = "tool_use"
    id: str
    name: str
    input: JSONObject
    meta: Meta = None


class ToolResultContent(NullableWireModel):
    """What that tool answered, for the model (2025-11-25 and later)."""

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
"""What messages to and from a model consist of."""
