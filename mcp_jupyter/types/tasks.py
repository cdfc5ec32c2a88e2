# SPDX-License-Identifier: BSD-3-Clause
"""Tasks: a request returns a handle first and its result later. Two designs share the name.

* 2025-11-25 (experimental): the client asks for a task and fetches the result with `tasks/result`. The
  models have the schema's names.
* The extension io.modelcontextprotocol/tasks (SEP-2663), since 2026-07-28: the server decides; `tasks/get`
  returns status, input requests, result or error. Where its schema uses a name of the first design for
  another shape, the model here is named after its `DetailedTask`.

`tasks/get` and `tasks/cancel` take the same params in both.
"""

from typing import ClassVar, Literal, TypeAlias

from .base import (
    JSONObject,
    Notification,
    NotificationParams,
    NullableWireModel,
    PaginatedRequest,
    PaginatedResult,
    Request,
    RequestParams,
    Result,
    WireModel,
)
from .interaction import InputRequests
from .jsonrpc import ErrorData

__all__ = [
    "CancelTaskRequest",
    "CancelTaskRequestParams",
    "CancelTaskResult",
    "CreateTaskResult",
    "DetailedTask",
    "DetailedTaskNotification",
    "DetailedTaskNotificationParams",
    "DetailedTaskResult",
    "GetTaskPayloadRequest",
    "GetTaskPayloadRequestParams",
    "GetTaskPayloadResult",
    "GetTaskRequest",
    "GetTaskRequestParams",
    "GetTaskResult",
    "ListTasksRequest",
    "ListTasksResult",
    "RelatedTaskMetadata",
    "Task",
    "TaskHandleResult",
    "TaskStatus",
    "TaskStatusNotification",
    "TaskStatusNotificationParams",
    "UpdateTaskRequest",
    "UpdateTaskRequestParams",
]

TaskStatus: TypeAlias = Literal["working", "input_required", "completed", "failed", "cancelled"]


class _TaskParams(RequestParams):
    taskId: str


class GetTaskRequestParams(_TaskParams):
    """Params of `tasks/get`."""


class GetTaskRequest(Request):
    """Ask for the state of a task."""

    method: Literal["tasks/get"] = "tasks/get"
    params: GetTaskRequestParams


class CancelTaskRequestParams(_TaskParams):
    """Params of `tasks/cancel`."""


class CancelTaskRequest(Request):
    """Cancel a task."""

    method: Literal["tasks/cancel"] = "tasks/cancel"
    params: CancelTaskRequestParams


class _TaskState(NullableWireModel):
    """Members that a task of either design has. Times are ISO 8601."""

    taskId: str
    status: TaskStatus
    statusMessage: str | None = None
    createdAt: str
    lastUpdatedAt: str


# ----------------------------------------------------------------------------- 2025-11-25, experimental


class Task(_TaskState):
    """The state of a task. `ttl` and `pollInterval` are in milliseconds; a `ttl` of None means no limit."""

    nullable: ClassVar[frozenset[str]] = frozenset({"ttl"})

    ttl: int | None
    pollInterval: int | None = None


class RelatedTaskMetadata(WireModel):
    """`_meta["io.modelcontextprotocol/related-task"]`: the task that a message belongs to."""

    taskId: str


class CreateTaskResult(Result):
    """A handle in place of a result."""

    task: Task


class GetTaskResult(Result, Task):
    """The state of a task."""


class CancelTaskResult(Result, Task):
    """The state of a task after it was cancelled."""


class GetTaskPayloadRequestParams(_TaskParams):
    """Params of `tasks/result`."""


class GetTaskPayloadRequest(Request):
    """Wait for the result of a task."""

    method: Literal["tasks/result"] = "tasks/result"
    params: GetTaskPayloadRequestParams


class GetTaskPayloadResult(Result, NullableWireModel):
    """The result of the request that became the task; its members are all extra members here."""


class ListTasksRequest(PaginatedRequest):
    """Ask for a page of tasks."""

    method: Literal["tasks/list"] = "tasks/list"


class ListTasksResult(PaginatedResult):
    """A page of tasks."""

    tasks: list[Task]


class TaskStatusNotificationParams(NotificationParams, Task):
    """Params of `notifications/tasks/status`."""


class TaskStatusNotification(Notification):
    """The status of a task changed."""

    method: Literal["notifications/tasks/status"] = "notifications/tasks/status"
    params: TaskStatusNotificationParams


# -------------------------------------------------------------- the extension io.modelcontextprotocol/tasks


class DetailedTask(_TaskState):
    """The state of a task, with the members that its status adds.

    `input_required` adds `inputRequests`, `completed` adds `result`, `failed` adds `error`. A `ttlMs` of None
    means no limit.
    """

    nullable: ClassVar[frozenset[str]] = frozenset({"ttlMs"})

    ttlMs: int | None
    pollIntervalMs: int | None = None
    inputRequests: InputRequests | None = None
    result: JSONObject | None = None
    error: ErrorData | None = None


class TaskHandleResult(Result, DetailedTask):
    """A handle in place of a result (the extension's CreateTaskResult)."""

    resultType: str = "task"


class DetailedTaskResult(Result, DetailedTask):
    """Result of `tasks/get` (the extension's GetTaskResult)."""


class UpdateTaskRequestParams(_TaskParams):
    """Params of `tasks/update`. Responses are kept as received, as in `InputResponseRequestParams`."""

    inputResponses: JSONObject


class UpdateTaskRequest(Request):
    """Send responses to a task's input requests. The result is an `EmptyResult`, as for `tasks/cancel`."""

    method: Literal["tasks/update"] = "tasks/update"
    params: UpdateTaskRequestParams


class DetailedTaskNotificationParams(NotificationParams, DetailedTask):
    """Params of `notifications/tasks`."""


class DetailedTaskNotification(Notification):
    """The status of a task changed (the extension's TaskStatusNotification)."""

    method: Literal["notifications/tasks"] = "notifications/tasks"
    params: DetailedTaskNotificationParams
