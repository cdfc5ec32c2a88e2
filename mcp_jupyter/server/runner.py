# SPDX-License-Identifier: BSD-3-Clause
"""How a user's function is run: the seam, and the plain way of doing it.

A `Runner` gets one `Invocation` and gives its `Outcome`. It knows neither the protocol nor what the
value will become. The plain runner runs a function where the server runs; a kernel puts its own in
its place (between cells, on the main thread).
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
    "Workers",
    "collected",
    "converted",
    "is_async",
]


MAX_ITEMS: Final = 100_000
"""Values that one call may yield: those of an endless iterator would fill the memory."""


MAX_LIGHT_ITEMS: Final = 100
"""Items of a list that are looked at, to see whether its conversion takes time."""


def _unheard(*_: Any) -> None:
    """Default progress and log callback: does nothing."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One use of a user's function.

    Attributes
    ----------
    name : str
        Of the tool, resource or prompt, for messages.
    function : callable
        The user's function, sync or async.
    arguments : mapping
        Keyword arguments, validated.
    concurrent : bool
        Run at once, beside whatever else runs, instead of in turn.
    always : bool
        Run however many others there are: for what says how things stand.
    lookup : bool
        It is a function of ours that only looks a value up: in a kernel, such calls have threads of their
        own, which no user's function can hold.
    sender : str
        The principal whose call it is.
    timeout : float, optional
        Seconds from now; over it, a `ToolError`.
    report : callable
        Tells the caller why the call has to wait (one line). Event loop's thread only.
    running : callable
        Tells the caller that the function runs: for how many seconds, and which line it printed last. Event
        loop's thread only.
    log : callable
        Sends the caller a log message, (level, text). Event loop's thread only.
    failed_after : callable
        Takes what the function had printed (as `Outcome.printed`), where there is no outcome: just before
        `run` raises. Event loop's thread only.
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


@dataclass(slots=True)
class Outcome:
    """The result of an invocation.

    Attributes
    ----------
    value : Any
    displayed : list of Content
        What the function displayed.
    printed : str
        What it printed; of a long text its beginning and its end.
    """

    value: Any
    displayed: list[Content] = field(default_factory=list)
    printed: str = ""


class Runner(Protocol):
    """Runs invocations; its one method is called on the event loop's thread.

    Attributes
    ----------
    keeps_printed : bool
        Whether an outcome has what the function printed.
    """

    keeps_printed: bool

    async def run(self, invocation: Invocation) -> Outcome:
        """Run the function to its end.

        Raises
        ------
        ToolError
            When the call timed out, was interrupted, or tried to end the process.
        Exception
            Whatever the function raised.
        """


class InlineRunner:
    """Runs functions where the server runs: one rule, as in a kernel.

    Sync functions run on the event loop's thread, in turn, so that what is bound to a thread works;
    declared `concurrent`, in a worker thread. Async functions are awaited, and so is whatever else can
    be. What is no `Exception` (`sys.exit()`) ends the call and nothing else.

    Neither a time-out nor a cancellation stops a sync function that runs: on the event loop's thread it
    is noticed when the function returns, in a worker thread the function goes on unheard.

    Used as a context manager, on the event loop's thread.
    """

    keeps_printed = False

    def __enter__(self) -> InlineRunner:
        self._post = Poster()
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
                raise  # the call was cancelled: this is how it ends
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
        if invocation.concurrent and not is_async(function):
            value = await self._in_thread(function, invocation.sender)
        else:
            with OneProcess():
                value = function()
        if not hasattr(type(value), "__await__"):
            return value
        return await _Steps(value)

    async def _in_thread(self, function: Callable[[], Any], sender: str) -> Any:
        """Call it in a worker thread; cancelled before it started, it never runs."""
        job: Future[Any] = Future()
        context = copy_context()
        ended = anyio.Event()

        def work() -> None:
            if job.set_running_or_notify_cancel():
                try:
                    with OneProcess():
                        value = context.run(function)
                    job.set_result(value)
                except BaseException as exc:  # noqa: BLE001 - carried to the caller
                    job.set_exception(exc)
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                self._post(ended.set)

        self._workers.submit(work, sender)
        try:
            await ended.wait()
        finally:
            job.cancel()
        return job.result()


class _Steps(Generator[Any, Any, Any]):
    """An awaitable, each step of which is made within `OneProcess`: `value = await _Steps(awaitable)`.

    Between two steps a forked child would be in the server's loop.
    """

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self._steps = awaitable.__await__()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self

    def send(self, value: Any) -> Any:
        with OneProcess():
            # What only iterates takes no values: it is the event loop's future, and gets none.
            return next(self._steps) if value is None else self._steps.send(value)

    def throw(self, *error: Any) -> Any:
        with OneProcess():
            return self._steps.throw(*error)


class OneProcess:
    """Stands around every use of user code: `with OneProcess(): value = function()`.

    The code may fork (`os.fork`) and return in both processes. The child has copies of the server's loop and
    sockets: if it went on, it would take requests that are meant for its parent. So it ends here.
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
    """End this process, a fork, without the clean-up of its parent (`atexit`, `finally`)."""
    if isinstance(error, StopIteration):  # a coroutine has returned
        error = None
    status = 0 if error is None else 1
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        traceback.print_exception(error, file=sys.__stderr__)
    for stream in (sys.stdout, sys.stderr, sys.__stderr__):
        with suppress(Exception):  # there may be none, or it may be closed
            stream.flush()  # type: ignore[union-attr]
    os._exit(status & 0xFF)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling `function` gives a coroutine; sees through partials and callable objects."""
    while isinstance(function, partial):
        function = function.func
    if inspect.iscoroutinefunction(function):
        return True
    if type(function) is FunctionType:  # each call asks, and inspect takes microseconds
        return False
    return inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - the method itself is wanted
    )


def converted(
    function: Callable[..., Any], convert: Callable[[Any], Any], *, concurrent: bool = False
) -> Callable[..., Any]:
    """`function` with its value converted in the same place: on the thread and in the turn it ran in.

    Figures and other thread-bound values are turned into content where they were made. What can be
    awaited is, and what an iterator or an async generator yields becomes a list: a call has one value.

    Parameters
    ----------
    concurrent : bool
        Whether an async function runs on the server's own loop: to draw its figure or to write out its frame
        there would stop all other calls, so that is done in a thread.
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
    """Whether a value is surely converted in less time than it takes to go to a thread."""
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
                break  # `collected` says so
    return iter(items)


def collected(value: Any) -> Any:
    """A value; of an iterator a list of what it yields.

    Of an object that raises when it is asked for its class, as a dead weak reference does, its text.

    Raises
    ------
    ToolError
        When it does not end.
    """
    try:
        is_iterator = isinstance(value, Iterator)
    except Exception:  # noqa: BLE001 - a user's class may raise anything
        from .content import readable  # not for those who have none: an executor's process begins faster

        return readable(value)
    if not is_iterator:
        return value
    items = list(islice(value, MAX_ITEMS + 1))
    if len(items) > MAX_ITEMS:
        raise ToolError(f"It yielded more than {MAX_ITEMS} values, and a call has to end.")
    return items


# -- posting -------------------------------------------------------------------------------------
#
# Calls onto the event loop's thread, from any thread. Knows no protocol, and never blocks.

T = TypeVar("T")


class Poster:
    """Calls functions on the thread of the event loop it was made on.

    `poster(function, *args)` runs at once on that thread, so that what a function says stands before what
    it returns; from other threads it runs soon, in the order of the calls.

    Raises
    ------
    RuntimeError
        When the loop is closed.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._loop = cast(Any, current_token().native_token)  # asyncio's loop, or trio's token
        on_asyncio = isinstance(self._loop, asyncio.AbstractEventLoop)
        self._soon: Callable[..., Any] = (
            self._loop.call_soon_threadsafe if on_asyncio else self._loop.run_sync_soon
        )
        # Not the context of the thread that calls: anyio looks up the kind of loop there.
        with registering_callbacks() if on_asyncio else nullcontext():
            self._context = copy_context()

    @property
    def is_here(self) -> bool:
        """Whether the loop's thread is the one that asks."""
        return threading.get_ident() == self._thread

    def __call__(self, function: Callable[..., Any], *args: Any) -> None:
        if self.is_here:
            function(*args)
        else:
            self.soon(function, *args)

    def soon(self, function: Callable[..., Any], *args: Any) -> None:
        """Call the function in a later turn of the loop; for signal handlers too."""
        self._soon(self._context.run, function, *args)

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop's thread, from a coroutine there or on another asyncio loop."""
        if self.is_here:
            return await coroutine
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))


# -- workers -------------------------------------------------------------------------------------
#
# A bounded set of daemon threads for calls declared concurrent, shared fairly between those who call.
#
# Not `concurrent.futures`: its threads are joined when the interpreter ends, and a tool that never
# returns would keep the process from ending. Knows nothing of what a job is.

MAX_WORKERS: Final = 32
"""Threads that one principal may have while nobody else waits: a thread cannot be stopped, so those that hang
add up; past this, calls wait."""

WORKER_SHARE: Final = 16
"""Threads that a principal gets even when others have taken the rest, half of `MAX_WORKERS`."""

MAX_THREADS: Final = 64
"""Threads in all. Beyond `MAX_WORKERS` they are for principals within their share: a thread that hangs cannot
be taken from its principal, and must not keep the others waiting."""


class Workers(Generic[T]):
    """Does jobs at once while there is a thread, else one principal's in order of arrival.

    A thread that becomes free takes a job of the principal with the fewest threads. Any thread may use this.
    The queue has the bound of those who submit: what is withdrawn leaves it.

    Parameters
    ----------
    work : callable
        Does one job. Must not raise.
    size, share, most : int
        Threads for anybody, for a principal whatever the others hold, and in all.
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
        self._jobs: dict[str, deque[T]] = {}  # by sender; none is empty
        self._busy: Counter[str] = Counter()  # threads by sender
        self._idle = 0
        self._count = 0
        self._made = 0
        self._closed = False

    def submit(self, job: T, sender: str = "") -> None:
        """Have the job done; never waits for it.

        Parameters
        ----------
        sender : str
            The principal whose job it is.
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
        # As ipykernel does with its own threads: a breakpoint must not stop them all.
        thread.pydev_do_not_trace = True  # type: ignore[attr-defined]
        thread.is_pydev_daemon_thread = True  # type: ignore[attr-defined]
        thread.start()

    def withdraw(self, job: T) -> None:
        """Forget a job that waits."""
        with self._changed:
            for sender, jobs in list(self._jobs.items()):
                with suppress(ValueError):
                    jobs.remove(job)
                    if not jobs:
                        del self._jobs[sender]

    def close(self) -> None:
        """Let the threads end, each after the job it is doing."""
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
            del job, taken  # not kept until the next one

    def _take(self, done: str | None) -> tuple[T, str] | None:
        """Wait for a job; None when the thread is to end.

        Parameters
        ----------
        done : str, optional
            Whose job this thread has just done.
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
                self._jobs[sender] = jobs  # behind the others
            return job, sender

    def _next(self) -> str | None:
        """Whose job comes next: of those who may have a thread, the one with the fewest."""
        is_full = self._busy.total() >= self._size
        may = [sender for sender in self._jobs if not is_full or self._busy[sender] < self._share]
        return min(may, key=self._busy.__getitem__, default=None)
