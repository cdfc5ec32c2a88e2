# SPDX-License-Identifier: BSD-3-Clause
"""Run a tool's function in an executor: a pool of threads or processes, a Dask client, ipyparallel.

At each call it looks up executor and function, submits the call, waits for it or cancels it, and explains
failures of the executor. To a `Runner` an `ExecutorCall` is an async function. Dask and ipyparallel are
recognised by a few names, without importing them; `worker` packs the calls.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import nullcontext, suppress
from contextvars import copy_context
from functools import partial
from typing import Any, Final
from uuid import uuid4

import anyio
import anyio.to_thread

from .._util.names import library_of
from ..errors import ToolError
from .runner import Poster, collected, is_async
from .worker import RemoteCall, RemoteContext, Sent, mailbox, pack, shown

__all__ = [
    "ExecutorCall",
    "check",
    "is_view",
    "lost",
    "refusal",
]


CANCEL_SECONDS: Final = 2.0
"""Seconds. Dask is asked over the network to cancel a call, and may not respond."""

WATCH_SECONDS: Final = 6.0
"""Seconds between two looks at a view's engines. ipyparallel itself reports a call on a dead engine after
5 s, with a better message, and should come first."""

_LOST: Final = frozenset({"KilledWorker", "EngineError"})
"""Errors of Dask and ipyparallel for a worker that ended in mid-call. By name: they may not be installed."""


def check(executor: Any, function: Callable[..., Any]) -> None:
    """Refuse a function or an executor at registration if no call could work.

    Raises
    ------
    ValueError
        The message says what to do.
    """
    if is_async(function) or inspect.isasyncgenfunction(function):
        raise ValueError("an executor runs plain functions: make it one (def), or leave the executor out")
    if isinstance(executor, str):
        if _namespace(function) is None:
            raise ValueError(
                f"give the executor itself, not its name {executor!r}: this is not a plain function"
            )
    elif _executor_in(executor) is None:
        raise ValueError(f"executor must be one, or the name of one, not a {type(executor).__name__}")


class ExecutorCall:
    """Calls a function in an executor. Call it on the event loop's thread.

    Parameters
    ----------
    name : str
        The tool's name, for messages.
    function : callable
        A plain function is looked up by its name at each call, so that a re-run cell takes effect.
    executor : Executor or str
        The executor, or its name in the function's globals, which is looked up at each call.
    injected : str, optional
        Name of the argument that is a `Context`.
    timeout : float, optional
        Seconds for a call.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        executor: Any,
        *,
        injected: str | None = None,
        timeout: float | None = None,
    ) -> None:
        self._name = name
        self._function = function
        self._executor = executor
        self._injected = injected
        self._timeout = timeout
        self._shown = repr(executor) if isinstance(executor, str) else type(executor).__name__

    async def __call__(self, **arguments: Any) -> Any:
        """Call the function and return its value.

        Raises
        ------
        ToolError
            The executor does not exist or failed, the call cannot be pickled, or it took too long.
        Exception
            The function's own exception.
        """
        executor = self._found()
        context = arguments.get(self._injected or "")
        stays = isinstance(executor, ThreadPoolExecutor)
        async with nullcontext() if context is None or stays else mailbox(context) as box:
            replaced = {} if box is None or self._injected is None else {self._injected: box.stand_in}
            job = Job(self._name, self._shown, _current(self._function), arguments, replaced)
            submitted = _Submitted(executor, job)
            with anyio.move_on_after(self._timeout) as scope:
                await submitted.ended()
                if box is not None:
                    await box.drained()
        if scope.cancelled_caught and not submitted.done:
            raise ToolError(self._late(executor, submitted))
        if submitted.lost and not submitted.done:
            raise ToolError(
                f"The call of {self._name} does not end in the executor {self._shown}: {submitted.lost} "
                "What waits there may still run then."
            )
        try:
            return await anyio.to_thread.run_sync(_opened, submitted.result())
        except Exception as exc:
            if (failure := self._failure(exc, job, submitted)) is not None:
                raise failure from exc
            raise

    def _found(self) -> Any:
        found = self._executor
        if isinstance(found, str):
            space = _namespace(self._function) or {}
            if found not in space:
                raise ToolError(
                    f"{self._name} runs in the executor {found!r}, which is not defined. "
                    f"Define it in the notebook, as in {found} = ThreadPoolExecutor(), and call again."
                )
            found = space[found]
        executor = _executor_in(found)
        if executor is None:
            raise ToolError(
                f"{self._name} runs in the executor {self._shown}, and that is a {type(found).__name__}: "
                "it needs a concurrent.futures.Executor, a Dask Client or an ipyparallel view."
            )
        return executor

    def _late(self, executor: Any, submitted: _Submitted) -> str:
        late = f"{self._name} did not finish within {self._timeout:g} s"
        if submitted.dropped and isinstance(executor, ThreadPoolExecutor | ProcessPoolExecutor):
            return f"{late}; it is not running and will not run."
        if submitted.dropped:
            return (
                f"{late}. The executor {self._shown} was told to drop it; if it has begun there, it may "
                "still be running."
            )
        return f"{late}. The executor {self._shown} cannot stop it: it may still be running."

    def _failure(self, error: Exception, job: Job, submitted: _Submitted) -> ToolError | None:
        """Return the error to report if the executor failed, or None if the function did."""
        who = f"the executor {self._shown}"
        if job.refused is not None:
            return job.refused
        if isinstance(error, BrokenExecutor):
            return ToolError(
                f"A worker of {who} ended (killed, or out of memory?), and with it the call of {self._name}. "
                f"The pool is broken for good: make a new one ({shown(error)})."
            )
        if _kinds(error) & _LOST:
            return ToolError(
                f"A worker of {who} ended (killed, or out of memory?) in the middle of {self._name} "
                f"({' '.join(shown(error).split())})."
            )
        if isinstance(error, CancelledError):
            return ToolError(f"{self._name} was cancelled in {who}: has it been shut down?")
        if submitted.future is None:
            why = f": {error}" if isinstance(error, ToolError) else f" ({shown(error)})."
            return ToolError(f"The executor {self._shown} does not take the call of {self._name}{why}")
        return None


class Job:
    """A call as an executor receives it. Pickling it makes a `RemoteCall`; a thread calls it directly.

    Attributes
    ----------
    refused : ToolError or None
        Why the call could not be pickled. It is kept because executors wrap errors of pickling in their own.
    """

    def __init__(
        self,
        name: str,
        executor: str,
        function: Callable[..., Any],
        arguments: Mapping[str, Any],
        replaced: Mapping[str, RemoteContext],
    ) -> None:
        self.__name__ = name
        self.refused: ToolError | None = None
        self._executor = executor
        self._function = function
        self._arguments = arguments
        self._replaced = replaced
        self._context = copy_context()

    def __call__(self) -> Any:
        # In the caller's context, so that printed text goes to the call.
        return self._context.run(lambda: collected(self._function(**self._arguments)))

    def __reduce__(self) -> Any:
        try:
            return RemoteCall, (self.__name__, pack((self._function, {**self._arguments, **self._replaced})))
        except Exception as exc:
            self.refused = ToolError(
                f"{self.__name__} cannot be sent to the executor {self._executor} ({shown(exc)}). The "
                "function, the variables it uses and its arguments are pickled: make connections, locks and "
                "the like inside it, or use a pool of threads."
            )
            raise self.refused from exc

    def __dask_tokenize__(self) -> str:
        return uuid4().hex  # else Dask would return the first call's result for a second, equal call


class _Submitted:
    """A job that an executor was given.

    Attributes
    ----------
    future : Future or None
        The executor's future for the job; None when it refused the job.
    dropped : bool
        Whether the job was cancelled in the executor.
    lost : str
        Why the job will not end: no engine is left to run it. Else empty.
    """

    def __init__(self, executor: Any, job: Job) -> None:
        self.future: Future[Any] | None = None
        self.dropped = False
        self.lost = ""
        self._executor = executor
        self._job = job
        self._error: Exception | None = None
        self._given_up = False

    @property
    def done(self) -> bool:
        """Whether the job has ended without being cancelled."""
        return self.future is not None and self.future.done() and not self.dropped

    async def ended(self) -> None:
        """Submit the job and wait for its end; cancelling this cancels the job in the executor."""
        post, ended = Poster(), anyio.Event()

        def tell(_: object) -> None:
            with suppress(RuntimeError):  # the loop is closed, and the call with it
                post.soon(ended.set)

        try:
            # On another thread: `submit` may start processes, pickle much data or talk to a scheduler.
            await anyio.to_thread.run_sync(self._submit, tell, abandon_on_cancel=True)
            if self.future is not None:
                await self._wait(ended)
        finally:
            if self.future is None or not self.future.done():
                await self._give_up()

    async def _wait(self, ended: anyio.Event) -> None:
        if not is_view(self._executor):
            await ended.wait()
            return
        before = ""
        while not ended.is_set():
            with anyio.move_on_after(WATCH_SECONDS):
                await ended.wait()
                return
            now = lost(self._executor)
            if before and now:  # twice in a row, because an engine that restarts is back by then
                self.lost = now
                return
            before = now

    def _submit(self, tell: Callable[[object], None]) -> None:
        try:
            if is_view(self._executor) and (refused := refusal(self._executor)):
                raise ToolError(refused)
            future = self._executor.submit(self._job)
            future.add_done_callback(tell)
        except Exception as exc:  # noqa: BLE001 - whatever an executor raises
            self._error = exc
            return
        self.future = future
        if self._given_up:  # the call was cancelled while `submit` ran
            future.cancel()

    async def _give_up(self) -> None:
        self._given_up = True
        if self.future is not None:
            with anyio.move_on_after(CANCEL_SECONDS, shield=True):
                self.dropped = await anyio.to_thread.run_sync(self.future.cancel, abandon_on_cancel=True)

    def result(self) -> Any:
        """Return the future's result, or raise the executor's error."""
        if self.future is None:
            assert self._error is not None
            raise self._error
        return self.future.result(0)


def _kinds(error: Exception) -> set[str]:
    """Return the class names of an exception: its own, and those it had in workers."""
    kinds = {type(error).__name__, getattr(error, "ename", None) or ""}
    # ipyparallel, several engines: `elist` has one tuple for each, which begins with the name.
    if "CompositeError" in kinds:
        kinds.update(each[0] for each in getattr(error, "elist", ()))
    return kinds


def _opened(value: Any) -> Any:
    """Return the value sent back; for a view of several engines, the list of their values."""
    if isinstance(value, list) and value and all(isinstance(item, Sent) for item in value):
        return [item.open() for item in value]
    return value.open() if isinstance(value, Sent) else value


def _namespace(function: Callable[..., Any]) -> dict[str, Any] | None:
    while isinstance(function, partial):
        function = function.func
    return getattr(inspect.unwrap(function), "__globals__", None)


def _current(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that has this function's name now, if there is a plain one."""
    if not inspect.isfunction(function):
        return function
    found = (_namespace(function) or {}).get(function.__qualname__)
    return found if inspect.isfunction(found) and not is_async(found) else function


def _executor_in(value: Any) -> Any:
    """Return the executor that a value is or has, or None."""
    if isinstance(value, Executor):
        return value
    if isinstance(value, type):
        return None
    for name in ("get_executor", "executor"):  # Dask's Client; ipyparallel's Client and views
        made = getattr(value, name, None)
        if callable(made) and not isinstance(made, Executor):
            made = made()
        if isinstance(made, Executor):
            return made
    return value if callable(getattr(value, "submit", None)) else None


# -- engines -------------------------------------------------------------------------------------
#
# Find out whether an ipyparallel view still has engines; ipyparallel does not tell the waiting caller.
#
# Its scheduler keeps a call for ever, for engines that may start later. A view of certain engines keeps
# their numbers when they are gone. ipyparallel is not imported here: a process with a view has imported it.

_NONE_LEFT: Final = (
    "it has no engine left (killed, or out of memory?). Start one, as in cluster.start_engines_sync(1), and "
    "call again."
)


def is_view(executor: Any) -> bool:
    """Whether an executor belongs to one of ipyparallel's views."""
    return library_of(type(executor)) == "ipyparallel" and hasattr(executor, "view")


def refusal(executor: Any) -> str:
    """Return why a view cannot take a call, and what to do; empty if it can."""
    live = executor.view.client.ids
    if not live:
        return _NONE_LEFT
    gone = [each for each in _wanted(executor, live) if each not in live]
    return f"its engine {gone[0]} is gone. Make a new view, as in client[:], and call again." if gone else ""


def lost(executor: Any) -> str:
    """Return why a submitted call will not end, and what to do; empty while one of the engines lives."""
    live = executor.view.client.ids
    return "" if any(each in live for each in _wanted(executor, live)) else _NONE_LEFT


def _wanted(executor: Any, live: list[int]) -> list[int]:
    """Return the engines of a view: certain ones, or all live ones."""
    targets = executor.view.targets
    if isinstance(targets, int):
        return [targets]
    return list(targets) if isinstance(targets, list | tuple | range) else live
