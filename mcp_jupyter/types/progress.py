# SPDX-License-Identifier: BSD-3-Clause
"""Progress of a request, and its cancellation (spec, basic/utilities or basic/patterns)."""

from typing import Literal

from ._base import Notification, NotificationParams, Number, ProgressToken, RequestId

__all__ = [
    "CancelledNotification",
    "CancelledNotificationParams",
    "ProgressNotification",
    "ProgressNotificationParams",
]


class ProgressNotificationParams(NotificationParams):
    """Params of `notifications/progress`; `progress` grows with each, `message` since 2025-03-26."""

    progressToken: ProgressToken
    progress: Number
    total: Number | None = None
    message: str | None = None


class ProgressNotification(Notification):
    """How far a request has come."""

    method: Literal["notifications/progress"] = "notifications/progress"
    params: ProgressNotificationParams


class CancelledNotificationParams(NotificationParams):
    """Params of `notifications/cancelled`; 2025-11-25 allows `requestId` to be absent."""

    requestId: RequestId | None = None
    reason: str | None = None


class CancelledNotification(Notification):
    """The answer to a request is no longer wanted."""

    method: Literal["notifications/cancelled"] = "notifications/cancelled"
    params: CancelledNotificationParams
