# SPDX-License-Identifier: BSD-3-Clause
"""The functions that a session takes, as types under the first-generation SDK's names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from .. import types
from .answering import RequestContext

__all__ = ["ElicitationFnT", "ListRootsFnT", "LoggingFnT", "MessageHandlerFnT", "SamplingFnT"]

SamplingFnT: TypeAlias = Callable[
    [RequestContext, types.CreateMessageRequestParams], Awaitable[types.CreateMessageResult | types.ErrorData]
]
ElicitationFnT: TypeAlias = Callable[
    [RequestContext, types.ElicitRequestParams], Awaitable[types.ElicitResult | types.ErrorData]
]
ListRootsFnT: TypeAlias = Callable[[RequestContext], Awaitable[types.ListRootsResult | types.ErrorData]]
LoggingFnT: TypeAlias = Callable[[types.LoggingMessageNotificationParams], Awaitable[None]]
MessageHandlerFnT: TypeAlias = Callable[[Any], Awaitable[None]]
"""Takes a notification (`types.ServerNotification`)."""
