# SPDX-License-Identifier: BSD-3-Clause
"""Keep the calls that became tasks, and answer `tasks/get`, `tasks/update` and `tasks/cancel`.

The client gets a handle instead of the result, and asks for the result later. A task is visible only to the
sender of its call; all others get the error for an unknown task. `SuspendedCall` runs the call and keeps its
questions.

Source: SEP-2663; ext-tasks specification 2026-07-28.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final

from ..errors import INTERNAL_ERROR, INVALID_PARAMS, McpError
from ..protocol.eras import Era
from .context import RequestContext
from .suspended_calls import SuspendedCall, responses_in

__all__ = ["MAX_TASKS", "MAX_TASKS_PER_SENDER", "TASK_SECONDS", "Task", "Tasks"]

TASK_SECONDS: Final = 4 * 3600.0
"""Seconds that a task may run, and that it is kept with its result: an afternoon's computation."""

MAX_TASKS_PER_SENDER: Final = 32
"""Tasks of one sender, ended ones included. Above the limit, calls are answered only when they end."""

MAX_TASKS: Final = 256
"""Tasks of all senders, ended ones included: bounds the memory for their results."""

POLL_SECONDS: Final = 1.0
"""Seconds between two `tasks/get` requests, as suggested to clients (`pollIntervalMs`)."""

_MILLISECONDS: Final = 1000


class Task:
    """One call that the client follows by a handle.

    Attributes
    ----------
    id : str
        The handle: 128 random bits, so that it cannot be guessed.
    sender : str
        The sender of the call.
    ends : float
        When the task is removed (`time.monotonic`, seconds).
    call : SuspendedCall
        The call that runs.
    """

    def __init__(self, call: SuspendedCall) -> None:
        self.id = secrets.token_urlsafe(16)
        self.sender = call.sender
        self.ends = monotonic() + TASK_SECONDS
        self.call = call
        self._method = call.context.method
        self._era: Era = call.context.era
        self._created = self._updated = _now()
        self._cancelled = False
        self._outcome: dict[str, Any] | None = None

    def touch(self) -> None:
        """Record that the task has changed now (`lastUpdatedAt`)."""
        self._updated = _now()

    def cancel(self) -> None:
        """Cancel the call; a task that has ended stays as it is."""
        if not self.call.done:
            self._cancelled = True
            self.call.cancel()
            self.touch()

    @property
    def handle(self) -> dict[str, Any]:
        """The result of the `tools/call` that became this task."""
        return {"resultType": "task", "status": self._status, **self._common}

    @property
    def detailed(self) -> dict[str, Any]:
        """The task's status, with its open questions, its result or its error."""
        said = {"status": self._status, **self._common}
        if self._status == "input_required":
            return {**said, "inputRequests": self.call.questions}
        return {**said, **self._ended()} if self.call.done and not self._cancelled else said

    @property
    def _common(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "taskId": self.id,
            "createdAt": self._created,
            "lastUpdatedAt": self._updated,
            "ttlMs": round(TASK_SECONDS * _MILLISECONDS),
            "pollIntervalMs": round(POLL_SECONDS * _MILLISECONDS),
        }
        if self.call.message and not self.call.done:
            said["statusMessage"] = self.call.message
        return said

    @property
    def _status(self) -> str:
        if self._cancelled:
            return "cancelled"
        if self.call.done:
            return "completed" if "result" in self._ended() else "failed"
        return "input_required" if self.call.questions else "working"

    def _ended(self) -> dict[str, Any]:
        if self._outcome is None:
            try:
                info = self.call.context.server_session.info
                result = self._era.complete(self._method, self.call.result(), info)
                self._outcome = {"result": result}
            except McpError as exc:
                self._outcome = {"error": exc.to_dict()}
            except BaseException as exc:  # noqa: BLE001 - the failure of a call must not end the server
                text = f"The server failed to answer: {type(exc).__name__}."
                self._outcome = {"error": McpError(INTERNAL_ERROR, text).to_dict()}
        return self._outcome


class Tasks:
    """The tasks of one running server.

    Parameters
    ----------
    changed : callable
        Takes a task whose state has changed.
    """

    def __init__(self, changed: Callable[[Task], None]) -> None:
        self._changed = changed
        self._tasks: dict[str, Task] = {}  # the oldest first

    def adopt(self, call: SuspendedCall) -> dict[str, Any] | None:
        """Make a call a task and return its handle; return None if a limit on tasks is reached."""
        self._forget_old()
        held = Counter(task.sender for task in self._tasks.values())
        if held[call.sender] >= MAX_TASKS_PER_SENDER or held.total() >= MAX_TASKS:
            return None
        task = Task(call)
        self._tasks[task.id] = task
        call.expire(TASK_SECONDS)

        def changed() -> None:
            task.touch()
            self._changed(task)

        call.watch(changed)
        return task.handle

    async def answer(self, context: RequestContext, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer `tasks/get`, `tasks/update` or `tasks/cancel`.

        Raises
        ------
        McpError
            INVALID_PARAMS: this sender has no such task, or an answer is malformed.
        MissingCapability
            The client has not declared the tasks extension.
        """
        context.require_tasks()
        task = self._task(context, params)
        if context.method == "tasks/get":
            return task.detailed
        if context.method == "tasks/update":
            task.call.answer(responses_in(params))
        else:
            task.cancel()
        return {}

    def owned(self, sender: str, ids: Iterable[str]) -> frozenset[str]:
        """Return those of `ids` that are tasks of the sender."""
        self._forget_old()
        held = {task.id for task in self._tasks.values() if task.sender == sender}
        return frozenset(held.intersection(ids))

    def forget(self, sender: str) -> None:
        """Cancel and remove the tasks of a sender."""
        for task in [task for task in self._tasks.values() if task.sender == sender]:
            del self._tasks[task.id]
            task.call.cancel()

    def _task(self, context: RequestContext, params: Mapping[str, Any]) -> Task:
        self._forget_old()
        id_ = params.get("taskId")
        task = self._tasks.get(id_) if isinstance(id_, str) else None
        if task is None or task.sender != context.sender:
            raise McpError(INVALID_PARAMS, "Unknown task. Its result may have expired.")
        return task

    def _forget_old(self) -> None:
        now = monotonic()
        for id_ in [id_ for id_, task in self._tasks.items() if task.ends <= now]:
            self._tasks.pop(id_).call.cancel()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
