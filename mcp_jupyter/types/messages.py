# SPDX-License-Identifier: BSD-3-Clause
"""Which messages each side may send, over all versions. Which of them a version has, `protocol` knows."""

from typing import TypeAlias

from .completion import CompleteRequest, CompleteResult
from .elicitation import ElicitCompleteNotification, ElicitRequest, ElicitResult
from .input_required import InputRequiredResult
from .lifecycle import (
    DiscoverRequest,
    DiscoverResult,
    EmptyResult,
    InitializedNotification,
    InitializeRequest,
    InitializeResult,
    PingRequest,
)
from .logging import LoggingMessageNotification, SetLevelRequest
from .progress import CancelledNotification, ProgressNotification
from .prompts import GetPromptRequest, GetPromptResult, ListPromptsRequest, ListPromptsResult
from .resources import (
    ListResourcesRequest,
    ListResourcesResult,
    ListResourceTemplatesRequest,
    ListResourceTemplatesResult,
    ReadResourceRequest,
    ReadResourceResult,
)
from .roots import ListRootsRequest, ListRootsResult, RootsListChangedNotification
from .sampling import CreateMessageRequest, CreateMessageResult
from .subscriptions import (
    PromptListChangedNotification,
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

ClientRequest: TypeAlias = (
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

ServerRequest: TypeAlias = (
    PingRequest | CreateMessageRequest | ListRootsRequest | ElicitRequest | _TaskRequest
)
"""Sent by the legacy versions only; since 2026-07-28 a server asks in an `InputRequiredResult`."""

ClientNotification: TypeAlias = (
    InitializedNotification
    | CancelledNotification
    | ProgressNotification
    | RootsListChangedNotification
    | TaskStatusNotification
)

ServerNotification: TypeAlias = (
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

ClientResult: TypeAlias = EmptyResult | CreateMessageResult | ListRootsResult | ElicitResult | _TaskResult

ServerResult: TypeAlias = (
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
