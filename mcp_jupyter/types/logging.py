# SPDX-License-Identifier: BSD-3-Clause
"""Log messages of a server, and their level (spec, server/utilities/logging). Not Python's `logging`."""

from typing import Any, ClassVar, Literal, TypeAlias

from ._base import Notification, NotificationParams, NullableWireModel, Request, RequestParams

__all__ = [
    "LoggingLevel",
    "LoggingMessageNotification",
    "LoggingMessageNotificationParams",
    "SetLevelRequest",
    "SetLevelRequestParams",
]

LoggingLevel: TypeAlias = Literal[
    "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"
]
"""Severity, as in syslog (RFC 5424, section 6.2.1), least severe first."""


class SetLevelRequestParams(RequestParams):
    """Params of `logging/setLevel`."""

    level: LoggingLevel


class SetLevelRequest(Request):
    """Ask for messages of this severity and above (legacy versions)."""

    method: Literal["logging/setLevel"] = "logging/setLevel"
    params: SetLevelRequestParams


class LoggingMessageNotificationParams(NotificationParams, NullableWireModel):
    """Params of `notifications/message`; `data` is any JSON value."""

    nullable: ClassVar[frozenset[str]] = frozenset({"data"})

    level: LoggingLevel
    logger: str | None = None
    data: Any


class LoggingMessageNotification(Notification):
    """A log message."""

    method: Literal["notifications/message"] = "notifications/message"
    params: LoggingMessageNotificationParams
