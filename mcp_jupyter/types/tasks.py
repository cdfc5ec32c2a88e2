# SPDX-License-Identifier: BSD-3-Clause
"""Tasks: requests answered with a handle first and the result later. Two designs share the name.

* 2025-11-25 (experimental): the client asks for a task; the result is fetched with `tasks/result`. The
  models carry the schema's names.
* The extension io.modelcontextprotocol/tasks (SEP-2663), since 2026-07-28: the server decides; `tasks/get`
  brings status, questions, result or error inline. Where its schema gives other shapes the same names,
  the models here are called after its `DetailedTask`.

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
    """Ask how a task stands."""

    method: Literal["tasks/get"] = "tasks/get"
    params: GetTaskRequestParams


class CancelTaskRequestParams(_TaskParams):
    """Params of `tasks/cancel`."""


class CancelTaskRequest(Request):
    """Ask that a task be given up."""

    method: Literal["tasks/cancel"] = "tasks/cancel"
    params: CancelTaskRequestParams


class _TaskState(NullableWireModel):
    """What a task of either design has. Times are ISO 8601."""

    taskId: str
    status: TaskStatus
    statusMessage: str | None = None
    createdAt: str
    lastUpdatedAt: str


# ----------------------------------------------------------------------------- 2025-11-25, experimental


class Task(_TaskState):
    """How a task stands; `ttl` and `pollInterval` in milliseconds, a `ttl` of None for no limit."""

    nullable: ClassVar[frozenset[str]] = frozenset({"ttl"})

    ttl: int | None
    pollInterval: int | None = None


class RelatedTaskMetadata(WireModel):
    """`_meta["io.modelcontextprotocol/related-task"]`: the task a message belongs to."""

    taskId: str


class CreateTaskResult(Result):
    """A handle in place of a result."""

    task: Task


class GetTaskResult(Result, Task):
    """How a task stands."""


class CancelTaskResult(Result, Task):
    """How a task stands after it was given up."""


class GetTaskPayloadRequestParams(_TaskParams):
    """Params of `tasks/result`."""


class GetTaskPayloadRequest(Request):
    """Ask for the result of a task, and wait for it."""

    method: Literal["tasks/result"] = "tasks/result"
    params: GetTaskPayloadRequestParams


class GetTaskPayloadResult(Result, NullableWireModel):
    """The result of the request the task was made for: all of it is in the extra members."""


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
    """How a task stands, with what its status brings.

    `inputRequests` when `input_required`, `result` when `completed`, `error` when `failed`. `ttlMs` is
    None for no limit.
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
    """Params of `tasks/update`. Answers are left as received, as in `InputResponseRequestParams`."""

    inputResponses: JSONObject


class UpdateTaskRequest(Request):
    """Answer what a task asked. The result is an `EmptyResult`, as that of the extension's `tasks/cancel`."""

    method: Literal["tasks/update"] = "tasks/update"
    params: UpdateTaskRequestParams


class DetailedTaskNotificationParams(NotificationParams, DetailedTask):
    """Params of `notifications/tasks`."""


class DetailedTaskNotification(Notification):
    """The status of a task changed (the extension's TaskStatusNotification)."""

    method: Literal["notifications/tasks"] = "notifications/tasks"
    params: DetailedTaskNotificationParams
