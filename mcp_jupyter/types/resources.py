# SPDX-License-Identifier: BSD-3-Clause
"""Resources and resource templates: listing and reading (spec, server/resources).

Subscribing is in `subscriptions`. URIs are plain text: nothing here parses or normalises them.
"""

import base64
from collections.abc import Iterator
from typing import Any, Literal

from ._base import (
    CacheableResult,
    InputResponseRequestParams,
    Meta,
    PaginatedRequest,
    PaginatedResult,
    Request,
    RequestParams,
    Uri,
    WireModel,
)
from .metadata import Annotations, BaseMetadata, Icon

__all__ = [
    "BlobResourceContents",
    "ListResourceTemplatesRequest",
    "ListResourceTemplatesResult",
    "ListResourcesRequest",
    "ListResourcesResult",
    "ReadResourceRequest",
    "ReadResourceRequestParams",
    "ReadResourceResult",
    "Resource",
    "ResourceContents",
    "ResourceRequestParams",
    "ResourceTemplate",
    "TextResourceContents",
]


class Resource(BaseMetadata):
    """Something a server can be asked to read. `size` is in bytes, before any encoding."""

    uri: Uri
    description: str | None = None
    mimeType: str | None = None
    size: int | None = None
    icons: list[Icon] | None = None
    annotations: Annotations | None = None
    meta: Meta = None


class ResourceTemplate(BaseMetadata):
    """A family of resources under one URI template (RFC 6570)."""

    uriTemplate: str
    description: str | None = None
    mimeType: str | None = None
    icons: list[Icon] | None = None
    annotations: Annotations | None = None
    meta: Meta = None


class ResourceContents(WireModel):
    """What all contents of a resource have."""

    uri: Uri
    mimeType: str | None = None
    meta: Meta = None


class TextResourceContents(ResourceContents):
    """Contents that are text."""

    text: str


class BlobResourceContents(ResourceContents):
    """Contents that are bytes, in base64."""

    blob: str


class ListResourcesRequest(PaginatedRequest):
    """Ask for a page of resources."""

    method: Literal["resources/list"] = "resources/list"


class ListResourcesResult(CacheableResult, PaginatedResult):
    """A page of resources."""

    resources: list[Resource]


class ListResourceTemplatesRequest(PaginatedRequest):
    """Ask for a page of resource templates."""

    method: Literal["resources/templates/list"] = "resources/templates/list"


class ListResourceTemplatesResult(CacheableResult, PaginatedResult):
    """A page of resource templates."""

    resourceTemplates: list[ResourceTemplate]


class ResourceRequestParams(RequestParams):
    """Params of a request about one resource."""

    uri: Uri


class ReadResourceRequestParams(ResourceRequestParams, InputResponseRequestParams):
    """Params of `resources/read`."""


class ReadResourceRequest(Request):
    """Ask for the contents of a resource."""

    method: Literal["resources/read"] = "resources/read"
    params: ReadResourceRequestParams


class ReadResourceResult(CacheableResult):
    """Contents of a resource: of itself, or of the parts it consists of.

    ``content, mime_type = result`` unpacks the first part, as text or bytes. (A pydantic model iterates over
    its fields, and only ``dict(model)`` makes use of that.)
    """

    contents: list[TextResourceContents | BlobResourceContents]

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        for part in self.contents[:1]:
            yield part.text if isinstance(part, TextResourceContents) else base64.b64decode(part.blob)
            yield part.mimeType
