# SPDX-License-Identifier: BSD-3-Clause
"""Hearing of changes: which a client asks for, and the notifications that tell of them.

Legacy versions subscribe to resources one by one; 2026-07-28 opens one `subscriptions/listen` with a
filter. The notifications of changes are the same.
"""

from typing import Literal

from ._base import Notification, NotificationParams, Request, RequestParams, Result, WireModel
from .lifecycle import NotificationMetaObject, ResultMetaObject
from .resources import ResourceRequestParams

__all__ = [
    "PromptListChangedNotification",
    "ResourceListChangedNotification",
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
    "ToolListChangedNotification",
    "UnsubscribeRequest",
    "UnsubscribeRequestParams",
]


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
    """Params of `notifications/resources/updated`; may name a part of the resource subscribed to."""

    uri: str


class ResourceUpdatedNotification(Notification):
    """A resource changed; read it again."""

    method: Literal["notifications/resources/updated"] = "notifications/resources/updated"
    params: ResourceUpdatedNotificationParams


# ------------------------------------------------------------------------------------ legacy: one by one


class SubscribeRequestParams(ResourceRequestParams):
    """Params of `resources/subscribe`."""


class SubscribeRequest(Request):
    """Ask to hear of changes to a resource."""

    method: Literal["resources/subscribe"] = "resources/subscribe"
    params: SubscribeRequestParams


class UnsubscribeRequestParams(ResourceRequestParams):
    """Params of `resources/unsubscribe`."""


class UnsubscribeRequest(Request):
    """Hear no more of it."""

    method: Literal["resources/unsubscribe"] = "resources/unsubscribe"
    params: UnsubscribeRequestParams


# ------------------------------------------------------------------------------------- modern: one stream


class SubscriptionFilter(WireModel):
    """What a client wants to hear of, and which part of it a server grants.

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
    """Ask to hear of changes until the request is cancelled."""

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
    """`_meta` of that result."""
