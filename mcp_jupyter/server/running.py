# SPDX-License-Identifier: BSD-3-Clause
"""How a user's function is run: the seam, and the plain way of doing it.

A `Runner` gets one `Invocation` and gives its `Outcome`. It knows neither the protocol nor what the
value will become. The plain runner runs a function where the server runs; a kernel puts its own in
its place (between cells, on the main thread).
"""

from __future__ import annotations

import inspect
import math
import os
import sys
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator, Mapping
from concurrent.futures import Future
from contextlib import aclosing, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from operator import call
from types import AsyncGeneratorType, FunctionType, TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

import anyio
import anyio.to_thread

from ..errors import ToolError
from .kinds import is_builtin
from .posting import Poster
from .workers import Workers

if TYPE_CHECKING:
    from .content import Content

__all__ = [
    "InlineRunner",
    "Invocation",
    "OneProcess",
    "Outcome",
    "Runner",
    "collected",
    "converted",
    "is_async",
]

MAX_ITEMS: Final = 100_000
"""Values that one call may yield: those of an endless iterator would fill the memory."""


MAX_LIGHT_ITEMS: Final = 100
"""Items of a list that are looked at, to see whether its conversion takes time."""


def _unheard(*_: Any) -> None:
    """What a call says when nobody asked to hear it."""


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
