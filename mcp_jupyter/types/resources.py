# SPDX-License-Identifier: BSD-3-Clause
"""Resources and resource templates: listing, reading and subscribing (spec, server/resources).

URIs are plain text; these models do not parse or normalise them.
"""

import base64
from collections.abc import Iterator
from typing import Any, Literal

from .base import (
    Annotations,
    BaseMetadata,
    CacheableResult,
    Icon,
    InputResponseRequestParams,
    Meta,
    Notification,
    NotificationParams,
    PaginatedRequest,
    PaginatedResult,
    Request,
    RequestParams,
    Result,
    Uri,
    WireModel,
)
from .lifecycle import NotificationMetaObject, ResultMetaObject

__all__ = [
    "BlobResourceContents",
    "ListResourceTemplatesRequest",
    "ListResourceTemplatesResult",
    "ListResourcesRequest",
    "ListResourcesResult",
    "PromptListChangedNotification",
    "ReadResourceRequest",
    "ReadResourceRequestParams",
    "ReadResourceResult",
    "Resource",
    "ResourceContents",
    "ResourceListChangedNotification",
    "ResourceRequestParams",
    "ResourceTemplate",
    "ResourceUpdatedNotification",
    "ResourceUpdatedNotificationParams",
    "SubscribeRequest",
    "SubscribeRequestParams",
    "SubscriptionFilter",
    "SubscriptionsAcknowledgedNotification",
    "SubscriptionsAcknowledgedNotificationParams",
    "SubscriptionsListenRequest",
    "SubscriptionsListenRequestParams",
    "SubscriptionsListenResult",
    "SubscriptionsListenResultMetaObject",
    "TextResourceContents",
    "ToolListChangedNotification",
    "UnsubscribeRequest",
    "UnsubscribeRequestParams",
]


class Resource(BaseMetadata):
    """A resource that a client can read. `size` is in bytes, before any encoding."""

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
    """Members that all contents of a resource have."""

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
    """Contents of a resource: one part, or several.

    ``content, mime_type = result`` unpacks the first part, as text or bytes. (A pydantic model iterates over
    its fields instead, which only ``dict(model)`` uses.)
    """

    contents: list[TextResourceContents | BlobResourceContents]

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        for part in self.contents[:1]:
            yield part.text if isinstance(part, TextResourceContents) else base64.b64decode(part.blob)
            yield part.mimeType


# -- subscriptions -------------------------------------------------------------------------------
#
# Notifications of changes, and the requests that subscribe to them.
#
# Legacy versions subscribe to resources one by one; 2026-07-28 opens one `subscriptions/listen` with a
# filter. The notifications of changes are the same.


class ToolListChangedNotification(Notification):
    """The list of tools changed."""

    method: Literal["notifications/tools/list_changed"] = "notifications/tools/list_changed"
    params: NotificationParams | None = None


class PromptListChangedNotification(Notification):
    """The list of prompts changed."""

    method: Literal["notifications/prompts/list_changed"] = "notifications/prompts/list_changed"
    params: NotificationParams | None = None


class ResourceListChangedNotification(Notification):
    """The list of resources or of resource templates changed."""

    method: Literal["notifications/resources/list_changed"] = "notifications/resources/list_changed"
    params: NotificationParams | None = None


class ResourceUpdatedNotificationParams(NotificationParams):
    """Params of `notifications/resources/updated`. The URI may be a part of the subscribed resource."""

    uri: str


class ResourceUpdatedNotification(Notification):
    """A resource changed; read it again."""

    method: Literal["notifications/resources/updated"] = "notifications/resources/updated"
    params: ResourceUpdatedNotificationParams


# ------------------------------------------------------------------------------------ legacy: one by one


class SubscribeRequestParams(ResourceRequestParams):
    """Params of `resources/subscribe`."""


class SubscribeRequest(Request):
    """Subscribe to changes of a resource."""

    method: Literal["resources/subscribe"] = "resources/subscribe"
    params: SubscribeRequestParams


class UnsubscribeRequestParams(ResourceRequestParams):
    """Params of `resources/unsubscribe`."""


class UnsubscribeRequest(Request):
    """End that subscription."""

    method: Literal["resources/unsubscribe"] = "resources/unsubscribe"
    params: UnsubscribeRequestParams


# ------------------------------------------------------------------------------------- modern: one stream


class SubscriptionFilter(WireModel):
    """The changes that a client subscribes to, or the part of them that a server grants.

    `taskIds` belongs to the extension io.modelcontextprotocol/tasks.
    """

    toolsListChanged: bool | None = None
    promptsListChanged: bool | None = None
    resourcesListChanged: bool | None = None
    resourceSubscriptions: list[str] | None = None
    taskIds: list[str] | None = None


class SubscriptionsListenRequestParams(RequestParams):
    """Params of `subscriptions/listen`."""

    notifications: SubscriptionFilter


class SubscriptionsListenRequest(Request):
    """Subscribe to changes until the request is cancelled."""

    method: Literal["subscriptions/listen"] = "subscriptions/listen"
    params: SubscriptionsListenRequestParams


class SubscriptionsAcknowledgedNotificationParams(NotificationParams):
    """Params of `notifications/subscriptions/acknowledged`: the part of the filter that is granted."""

    notifications: SubscriptionFilter


class SubscriptionsAcknowledgedNotification(Notification):
    """First message of a subscription."""

    method: Literal["notifications/subscriptions/acknowledged"] = "notifications/subscriptions/acknowledged"
    params: SubscriptionsAcknowledgedNotificationParams


class SubscriptionsListenResult(Result):
    """The server ended the subscription."""


class SubscriptionsListenResultMetaObject(ResultMetaObject, NotificationMetaObject):
    """`_meta` of `SubscriptionsListenResult`."""
