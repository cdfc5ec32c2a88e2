# SPDX-License-Identifier: BSD-3-Clause
"""Run user functions: the `Runner` interface, the runner of servers in memory, and what runners share.

Theory of operation. The server makes an `Invocation` (function, validated arguments, time limit, callbacks)
and awaits `Runner.run` on its event loop; the runner returns an `Outcome` or raises.

1. `converted` wraps the function so that its value becomes content on the same thread, in the same turn:
   figures and some other values are bound to their thread.
2. `InlineRunner`, the runner of servers in memory, calls sync functions on the event loop's thread and awaits
   async functions there. A sync function declared `concurrent` runs on a thread of `Workers`, which shares
   threads fairly among principals.
3. A worker thread reports its end with a `Poster`: one `call_soon_threadsafe`.

Where user code has a thread of its own, a `CallRunner` (`calls`) takes the place of `InlineRunner`: that of a
program (`standalone`) or that of a kernel (`kernel.runner`). They use the rest.
Rule: each use of user code stands inside `OneProcess`. Otherwise a child that the code forks would return
into the server's loop and take requests from its parent.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import os
import sys
import threading
import traceback
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterator, Mapping
from concurrent.futures import Future
from contextlib import aclosing, nullcontext, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from operator import call
from types import AsyncGeneratorType, FunctionType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, Protocol, TypeVar, cast

import anyio
import anyio.to_thread
from anyio.lowlevel import current_token

from .._util.names import is_builtin
from ..engine.channel import registering_callbacks
from ..errors import ToolError
from .oversight import NO_RECORD, Record

if TYPE_CHECKING:
    from .content import Content

__all__ = [
    "MAX_THREADS",
    "MAX_WORKERS",
    "WORKER_SHARE",
    "InlineRunner",
    "Invocation",
    "OneProcess",
    "Outcome",
    "Poster",
    "Runner",
    "Steps",
    "Workers",
    "as_coroutine",
    "awaited",
    "collected",
    "converted",
    "is_async",
]


MAX_ITEMS: Final = 100_000
"""Values that one call may yield: an endless iterator would fill the memory."""


MAX_LIGHT_ITEMS: Final = 100
"""Items of a list that are inspected; the conversion of a longer list counts as slow."""


def _unheard(*_: Any) -> None:
    """Default progress and log callback: does nothing."""


@dataclass(slots=True)  # not frozen: that would make it four times slower to build, once for each call
class Invocation:
    """One run of a user's function. It is not changed once it is made.

    Attributes
    ----------
    name : str
        Name of the tool, resource or prompt, for messages.
    function : callable
        The user's function, sync or async.
    arguments : mapping
        Keyword arguments, validated.
    concurrent : bool
        Run at once, in parallel with other calls, instead of in turn.
    always : bool
        Run even if too many calls wait already: for functions that report the notebook's state.
    lookup : bool
        The function is ours and only looks up a value. In a kernel, such calls have threads of their own,
        which no user function can block.
    sender : str
        The call's principal.
    timeout : float, optional
        Seconds from now; after them, a `ToolError`.
    report : callable
        Tells the caller why the call has to wait (one line). Event loop's thread only.
    running : callable
        Tells the caller that the function runs: for how many seconds, and the last line it printed. Event
        loop's thread only.
    log : callable
        Sends the caller a log message, (level, text). Event loop's thread only.
    failed_after : callable
        Takes the text that the function printed (as `Outcome.printed`) just before `run` raises. Event
        loop's thread only.
    record : Record
        Is told when the function begins.
    """

    name: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    concurrent: bool = False
    timeout: float | None = None
    always: bool = False
    lookup: bool = False
    sender: str = ""
    report: Callable[[str], None] = _unheard
    running: Callable[[float, str], None] = _unheard
    log: Callable[[str, str], None] = _unheard
    failed_after: Callable[[str], None] = _unheard
    record: Record = NO_RECORD


@dataclass(slots=True)
class Outcome:
    """The result of an invocation.

    Attributes
    ----------
    value : Any
        The function's value.
    displayed : list of Content
        Content that the function displayed.
    printed : str
        Text that it printed; the middle of a long text is left out.
    """

    value: Any
    displayed: list[Content] = field(default_factory=list)
    printed: str = ""


class Runner(Protocol):
    """Runs invocations; its one method is called on the event loop's thread.

    Attributes
    ----------
    keeps_printed : bool
        Whether outcomes include the text that the function printed.
    """

    keeps_printed: bool

    async def run(self, invocation: Invocation) -> Outcome:
        """Run the function to its end.

        Raises
        ------
        ToolError
            The call timed out, was interrupted, or tried to end the process.
        Exception
            The function's own exception.
        """


class InlineRunner:
    """Runs functions on the event loop's thread, in turn; sync `concurrent` functions on worker threads.

    All plain functions share one thread, so thread-bound objects work. Async functions and other awaitable
    values are awaited. A `BaseException` such as that of `sys.exit()` ends the call and not the server.

    A time-out or a cancellation cannot stop a running sync function. On the event loop's thread it takes
    effect when the function returns; on a worker thread the function goes on and its value is dropped.

    Use it as a context manager, on the event loop's thread.
    """

    keeps_printed = False

    def __enter__(self) -> InlineRunner:
        self._workers = Workers[Callable[[], None]](call)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workers.close()

    async def run(self, invocation: Invocation) -> Outcome:
        """Run the function to its end (see `Runner.run`)."""
        try:
            if invocation.timeout is None:
                return Outcome(await self._value(invocation))
            with anyio.move_on_after(invocation.timeout):
                return Outcome(await self._value(invocation))
        except Exception:
            raise
        except BaseException as exc:
            if anyio.current_effective_deadline() == -math.inf:
                raise  # the call was cancelled, which must not become a ToolError
            kind = type(exc).__name__
            raise ToolError(
                f"{invocation.name} ended with {kind}, which is not an error a tool can report; "
                "the server goes on."
            ) from exc
        threaded = invocation.concurrent and not is_async(invocation.function)
        left = "if it has begun, its thread goes on" if threaded else "it is not running and will not run"
        raise ToolError(f"{invocation.name} did not finish within {invocation.timeout:g} s; {left}.")

    async def _value(self, invocation: Invocation) -> Any:
        function = partial(invocation.function, **invocation.arguments)
        invocation.record.began()
        if invocation.concurrent and not is_async(function):
            value = await self._in_thread(function, invocation.sender)
        else:
            with OneProcess():
                value = function()
        if not hasattr(type(value), "__await__"):
            return value
        return await Steps(as_coroutine(value))

    async def _in_thread(self, function: Callable[[], Any], sender: str) -> Any:
        """Call the function on a worker thread; if cancelled before it starts, it never runs."""
        job: Future[Any] = Future()
        context = copy_context()

        def work() -> None:
            if job.set_running_or_notify_cancel():
                try:
                    with OneProcess():
                        value = context.run(function)
                    job.set_result(value)
                except BaseException as exc:  # noqa: BLE001 - carried to the caller
                    job.set_exception(exc)

        self._workers.submit(work, sender)
        return await awaited(job)


class Steps:
    """A coroutine around a user's coroutine: `await Steps(coroutine)`, or a task of it.

    Each step runs within `OneProcess`. One `OneProcess` around all steps would not do: between two steps a
    forked child runs the server's loop.

    Parameters
    ----------
    coroutine : Coroutine
        The user's coroutine.
    run : callable
        Runs each step; takes a function and its arguments.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], run: Callable[..., Any] = call) -> None:
        self._coroutine = coroutine
        self._run = run

    def send(self, value: Any) -> Any:
        return self._run(_in_one_process, self._coroutine.send, value)

    def throw(self, *error: Any) -> Any:
        return self._run(_in_one_process, self._coroutine.throw, *error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return cast("Generator[Any, Any, Any]", self)

    def __iter__(self) -> Steps:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def __getattr__(self, name: str) -> Any:
        # `inspect.getcoroutinestate`, on which anyio relies, reads the state of the user's coroutine.
        return getattr(self._coroutine, name)


Coroutine.register(Steps)  # asyncio.Task accepts only coroutines


def _in_one_process(function: Callable[..., Any], *args: Any) -> Any:
    # Inside `run`, not around it: in a forked child the lock of a kernel's gate may be held for ever.
    with OneProcess():
        return function(*args)


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def as_coroutine(awaitable: Awaitable[Any]) -> Coroutine[Any, Any, Any]:
    """Return a coroutine that awaits the awaitable: tasks are made of coroutines only."""
    return awaitable if asyncio.iscoroutine(awaitable) else _await(awaitable)


class OneProcess:
    """End a child process that user code forked: `with OneProcess(): value = function()`.

    The code may call `os.fork` and return in both processes. The child has copies of the server's loop and
    sockets; if it went on, it would take requests meant for its parent.
    """

    __slots__ = ("_process",)

    def __enter__(self) -> None:
        self._process = os.getpid()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if os.getpid() != self._process:
            _end_child(exc)


def _end_child(error: BaseException | None) -> NoReturn:
    """End this forked process without running the clean-up of its parent (`atexit`, `finally`)."""
    if isinstance(error, StopIteration):  # a coroutine's return, and no error
        error = None
    status = 0 if error is None else 1
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        traceback.print_exception(error, file=sys.__stderr__)
    for stream in (sys.stdout, sys.stderr, sys.__stderr__):
        with suppress(Exception):  # a stream may be None or closed
            stream.flush()  # type: ignore[union-attr]
    os._exit(status & 0xFF)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling `function` returns a coroutine; works for partials and callable objects too."""
    while isinstance(function, partial):
        function = function.func
    if inspect.iscoroutinefunction(function):
        return True
    if type(function) is FunctionType:  # on the path of every call: the rest takes microseconds
        return False
    return inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - the method itself is wanted
    )


def converted(
    function: Callable[..., Any], convert: Callable[[Any], Any], *, concurrent: bool = False
) -> Callable[..., Any]:
    """Wrap `function` so that its value is converted on the thread, and in the turn, in which it ran.

    Figures and other thread-bound values become content where they were made. Awaitable values are awaited,
    and the values of an iterator or an async generator become a list: a call has one value.

    Parameters
    ----------
    function : callable
        The user's function, sync or async.
    convert : callable
        Makes content of the value.
    concurrent : bool
        Whether an async function runs on the server's own loop. Drawing a figure or writing out a frame
        there would block all other calls, so such values are converted on a thread.

    Returns
    -------
    callable
        Takes the function's keyword arguments.
    """
    if is_async(function):

        async def run_async(**arguments: Any) -> Any:
            with OneProcess():
                value = await function(**arguments)
            if concurrent and not _is_light(value):
                return await anyio.to_thread.run_sync(convert, collected(value))
            return convert(collected(value))

        return run_async

    def run(**arguments: Any) -> Any:
        with OneProcess():
            value = function(**arguments)
        if type(value) is AsyncGeneratorType:
            value = _drained(value)
        if hasattr(type(value), "__await__"):
            return _awaited(value, convert)
        return convert(collected(value))

    return run


def _is_light(value: Any) -> bool:
    """Whether converting a value surely takes less time than the hop to a thread."""
    if isinstance(value, list | tuple):
        return len(value) <= MAX_LIGHT_ITEMS and all(map(is_builtin, value))
    return is_builtin(value)


async def _awaited(value: Awaitable[Any], convert: Callable[[Any], Any]) -> Any:
    with OneProcess():
        value = await value
    return convert(collected(value))


async def _drained(generator: AsyncGenerator[Any, None]) -> Iterator[Any]:
    items: list[Any] = []
    async with aclosing(generator):
        async for item in generator:
            items.append(item)
            if len(items) > MAX_ITEMS:
                break  # `collected` raises the error
    return iter(items)


def collected(value: Any) -> Any:
    """Return the value, or the list of values if it is an iterator.

    An object that raises when asked for its class, such as a proxy of a dead weak reference, becomes text.

    Raises
    ------
    ToolError
        The iterator yields more than `MAX_ITEMS` values.
    """
    try:
        is_iterator = isinstance(value, Iterator)
    except Exception:  # noqa: BLE001 - a user's class may raise anything
        from .content import readable  # here: the processes of executors start faster without it

        return readable(value)
    if not is_iterator:
        return value
    items = list(islice(value, MAX_ITEMS + 1))
    if len(items) > MAX_ITEMS:
        raise ToolError(f"It yielded more than {MAX_ITEMS} values, and a call has to end.")
    return items


# -- posting -------------------------------------------------------------------------------------
#
# Call functions on the event loop's thread from any thread, without blocking.

T = TypeVar("T")


class Poster:
    """Calls functions on the thread of the event loop that was running when the poster was made.

    On that thread, `poster(function, *args)` calls at once, so that a function's messages precede its
    result. From other threads the call happens soon, in the order of posting.

    Raises
    ------
    RuntimeError
        The loop is closed.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._loop = cast(Any, current_token().native_token)  # asyncio's loop, or trio's token
        on_asyncio = isinstance(self._loop, asyncio.AbstractEventLoop)
        self._soon: Callable[..., Any] = (
            self._loop.call_soon_threadsafe if on_asyncio else self._loop.run_sync_soon
        )
        # Posted functions run in this context: that of the posting thread does not say which library's loop
        # runs, and anyio reads that from the context.
        with registering_callbacks() if on_asyncio else nullcontext():
            self._context = copy_context()

    @property
    def is_here(self) -> bool:
        """Whether the current thread is the loop's."""
        return threading.get_ident() == self._thread

    def __call__(self, function: Callable[..., Any], *args: Any) -> None:
        if self.is_here:
            function(*args)
        else:
            self.soon(function, *args)

    def soon(self, function: Callable[..., Any], *args: Any) -> None:
        """Call the function in a later turn of the loop. Signal handlers may use it."""
        self._soon(self._context.run, function, *args)

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop's thread, from a coroutine there or on another loop.

        The loop of this poster must be asyncio's, unless the coroutine is there already.
        """
        if self.is_here:
            return await coroutine
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return await awaited(future)  # from trio
        return await asyncio.wrap_future(future)


async def awaited(future: Future[T]) -> T:
    """Wait for a future that another thread completes, on asyncio or trio; if cancelled, cancel it."""
    done, post = anyio.Event(), Poster()

    def tell(_: Future[T]) -> None:
        with suppress(RuntimeError):  # this loop is closed
            post.soon(done.set)

    future.add_done_callback(tell)
    try:
        await done.wait()
    finally:
        future.cancel()
    return future.result()


# -- workers -------------------------------------------------------------------------------------
#
# A bounded set of daemon threads for concurrent calls, shared fairly among principals.
#
# `concurrent.futures` would not do: its threads are joined when the interpreter ends, so a tool that never
# returns would keep the process from ending.

MAX_WORKERS: Final = 32
"""Threads that one principal may use while the others use none. A thread cannot be stopped, so hanging calls
add up; beyond this number, calls wait."""

WORKER_SHARE: Final = 16
"""Threads that a principal gets even when others use all `MAX_WORKERS`; half of that number."""

MAX_THREADS: Final = 64
"""Threads in all. Those beyond `MAX_WORKERS` are for principals within their share: a hanging thread cannot
be taken from its principal, and must not make the others wait."""


class Workers(Generic[T]):
    """Threads that do jobs: at once while a thread is free, else each principal's jobs in order of arrival.

    A thread that becomes free takes a job of the principal with the fewest threads. All methods may be called
    from any thread. The queue has no bound of its own: the code that submits must limit it.

    Parameters
    ----------
    work : callable
        Does one job. Must not raise.
    size, share, most : int
        `MAX_WORKERS`, `WORKER_SHARE` and `MAX_THREADS` by default; see there.
    """

    def __init__(
        self,
        work: Callable[[T], None],
        *,
        size: int = MAX_WORKERS,
        share: int = WORKER_SHARE,
        most: int = MAX_THREADS,
    ) -> None:
        self._work = work
        self._size, self._share, self._most = size, share, most
        self._changed = threading.Condition()
        self._jobs: dict[str, deque[T]] = {}  # by sender; without empty queues
        self._busy: Counter[str] = Counter()  # threads by sender
        self._idle = 0
        self._count = 0
        self._made = 0
        self._closed = False

    def submit(self, job: T, sender: str = "") -> None:
        """Queue a job, and start a thread for it if allowed and needed.

        Parameters
        ----------
        job
            Passed to `work`.
        sender : str
            The job's principal.
        """
        with self._changed:
            jobs = self._jobs.setdefault(sender, deque())
            jobs.append(job)
            is_within_share = self._busy[sender] + len(jobs) <= self._share
            if self._waiting <= self._idle or self._count >= (self._most if is_within_share else self._size):
                self._changed.notify()
                return
            self._count += 1
            self._made += 1
            thread = threading.Thread(target=self._run, name=f"mcp-call-{self._made}", daemon=True)
        # ipykernel marks its own threads the same way: a breakpoint must not stop them.
        thread.pydev_do_not_trace = True  # type: ignore[attr-defined]
        thread.is_pydev_daemon_thread = True  # type: ignore[attr-defined]
        thread.start()

    def withdraw(self, job: T) -> None:
        """Remove a waiting job; a job that has started goes on."""
        with self._changed:
            for sender, jobs in list(self._jobs.items()):
                with suppress(ValueError):
                    jobs.remove(job)
                    if not jobs:
                        del self._jobs[sender]

    def close(self) -> None:
        """Drop waiting jobs and end the threads, each after its current job."""
        with self._changed:
            self._closed = True
            self._jobs.clear()
            self._changed.notify_all()

    @property
    def _waiting(self) -> int:
        return sum(map(len, self._jobs.values()))

    def _run(self) -> None:
        sender: str | None = None
        while (taken := self._take(sender)) is not None:
            job, sender = taken
            self._work(job)
            del job, taken  # so that a waiting thread does not keep the job's objects alive

    def _take(self, done: str | None) -> tuple[T, str] | None:
        """Wait for a job and return it with its sender; None when the thread must end.

        Parameters
        ----------
        done : str, optional
            The principal of the job that this thread has just finished.
        """
        with self._changed:
            if done is not None:
                self._busy[done] -= 1
                if not self._busy[done]:
                    del self._busy[done]
            self._idle += 1
            while (sender := self._next()) is None:
                if self._closed or self._count > self._size:
                    self._count -= 1
                    self._idle -= 1
                    return None
                self._changed.wait()
            self._idle -= 1
            self._busy[sender] += 1
            jobs = self._jobs.pop(sender)
            job = jobs.popleft()
            if jobs:
                self._jobs[sender] = jobs  # behind the other principals, for those with as many threads
            return job, sender

    def _next(self) -> str | None:
        """Return the principal whose job is next: of those allowed a thread, the one with the fewest."""
        is_full = self._busy.total() >= self._size
        may = [sender for sender in self._jobs if not is_full or self._busy[sender] < self._share]
        return min(may, key=self._busy.__getitem__, default=None)
