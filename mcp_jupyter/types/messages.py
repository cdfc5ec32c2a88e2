# SPDX-License-Identifier: BSD-3-Clause
"""The messages that each side may send, over all versions; `protocol` decides which of them a version has.

Each union is a model with a `root`, as in the first-generation SDK: `ClientRequest(PingRequest())`. This
package does not wrap messages in them; an unwrapped message counts as an instance too.
"""

from typing import Any, TypeAlias

from pydantic import ConfigDict, RootModel

from .interaction import (
    CreateMessageRequest,
    CreateMessageResult,
    ElicitCompleteNotification,
    ElicitRequest,
    ElicitResult,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    RootsListChangedNotification,
)
from .lifecycle import (
    CancelledNotification,
    DiscoverRequest,
    DiscoverResult,
    EmptyResult,
    InitializedNotification,
    InitializeRequest,
    InitializeResult,
    LoggingMessageNotification,
    PingRequest,
    ProgressNotification,
    SetLevelRequest,
)
from .prompts import (
    CompleteRequest,
    CompleteResult,
    GetPromptRequest,
    GetPromptResult,
    ListPromptsRequest,
    ListPromptsResult,
)
from .resources import (
    ListResourcesRequest,
    ListResourcesResult,
    ListResourceTemplatesRequest,
    ListResourceTemplatesResult,
    PromptListChangedNotification,
    ReadResourceRequest,
    ReadResourceResult,
    ResourceListChangedNotification,
    ResourceUpdatedNotification,
    SubscribeRequest,
    SubscriptionsAcknowledgedNotification,
    SubscriptionsListenRequest,
    SubscriptionsListenResult,
    ToolListChangedNotification,
    UnsubscribeRequest,
)
from .tasks import (
    CancelTaskRequest,
    CancelTaskResult,
    CreateTaskResult,
    DetailedTaskNotification,
    DetailedTaskResult,
    GetTaskPayloadRequest,
    GetTaskPayloadResult,
    GetTaskRequest,
    GetTaskResult,
    ListTasksRequest,
    ListTasksResult,
    TaskHandleResult,
    TaskStatusNotification,
    UpdateTaskRequest,
)
from .tools import CallToolRequest, CallToolResult, ListToolsRequest, ListToolsResult

__all__ = [
    "ClientNotification",
    "ClientRequest",
    "ClientResult",
    "ServerNotification",
    "ServerRequest",
    "ServerResult",
]

_TaskRequest: TypeAlias = GetTaskRequest | GetTaskPayloadRequest | ListTasksRequest | CancelTaskRequest
_TaskResult: TypeAlias = (
    CreateTaskResult | GetTaskResult | GetTaskPayloadResult | ListTasksResult | CancelTaskResult
)


_Root: Any = RootModel  # Any, because mypy refuses to extend a metaclass that has no public name
_RootMeta: Any = type(RootModel)


class _Kind(_RootMeta):  # type: ignore[misc]
    def __instancecheck__(cls, instance: Any) -> bool:  # noqa: N805 - a metaclass
        kinds = cls.model_fields["root"].annotation
        return super().__instancecheck__(instance) or isinstance(instance, kinds)


class _Message(_Root, metaclass=_Kind):  # type: ignore[misc]
    model_config = ConfigDict(defer_build=True)


class ClientRequest(_Message):
    """A request of a client."""

    root: (
        InitializeRequest
        | DiscoverRequest
        | PingRequest
        | ListToolsRequest
        | CallToolRequest
        | ListResourcesRequest
        | ListResourceTemplatesRequest
        | ReadResourceRequest
        | SubscribeRequest
        | UnsubscribeRequest
        | SubscriptionsListenRequest
        | ListPromptsRequest
        | GetPromptRequest
        | CompleteRequest
        | SetLevelRequest
        | _TaskRequest
        | UpdateTaskRequest
    )


class ServerRequest(_Message):
    """A request of a server: legacy versions only; later versions ask in an `InputRequiredResult`."""

    root: PingRequest | CreateMessageRequest | ListRootsRequest | ElicitRequest | _TaskRequest


class ClientNotification(_Message):
    """A notification of a client."""

    root: (
        InitializedNotification
        | CancelledNotification
        | ProgressNotification
        | RootsListChangedNotification
        | TaskStatusNotification
    )


class ServerNotification(_Message):
    """A notification of a server."""

    root: (
        CancelledNotification
        | ProgressNotification
        | LoggingMessageNotification
        | ToolListChangedNotification
        | PromptListChangedNotification
        | ResourceListChangedNotification
        | ResourceUpdatedNotification
        | SubscriptionsAcknowledgedNotification
        | ElicitCompleteNotification
        | TaskStatusNotification
        | DetailedTaskNotification
    )


class ClientResult(_Message):
    """A result of a client."""

    root: EmptyResult | CreateMessageResult | ListRootsResult | ElicitResult | _TaskResult


class ServerResult(_Message):
    """A result of a server."""

    root: (
        EmptyResult
        | InitializeResult
        | DiscoverResult
        | ListToolsResult
        | CallToolResult
        | ListResourcesResult
        | ListResourceTemplatesResult
        | ReadResourceResult
        | SubscriptionsListenResult
        | ListPromptsResult
        | GetPromptResult
        | CompleteResult
        | InputRequiredResult
        | _TaskResult
        | TaskHandleResult
        | DetailedTaskResult
    )
