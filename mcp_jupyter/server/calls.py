# SPDX-License-Identifier: BSD-3-Clause
"""Calls of user functions that pass between threads, and the runner that moves them.

Theory of operation. Three kinds of threads meet here. The *protocol's* thread has the asyncio loop that
serves clients. The *user's* thread has the event loop on which user code runs in turn. *Worker* threads run
concurrent functions that are not async. A call goes this way:

1. Protocol: `CallRunner.run` makes a `Call`, which takes the context of the request, and starts its reports
   and its time-out.
2. Protocol: a call that must wait its turn is queued for the user's thread (`_queue`, which a subclass
   defines). A concurrent call starts at once: an async one on the protocol's loop, others on a worker thread.
3. User's or worker thread: `Call.claim` starts the call unless it was withdrawn before. `_end` keeps value
   and error in the call, and then posts `_settle` to the protocol's loop.
4. Protocol: `_settle` sets `call.ended`, and `run` returns the outcome.

A call that is cancelled or out of time (`_stop`) is withdrawn if it has not started. Else `_press` asks it to
stop, and repeats this until `STOP_SECONDS`; after that the caller is told that the function still runs. A
worker thread cannot be stopped: its caller goes on at once, and the thread is left to finish.

Rules for maintainers:

* The protocol's thread never waits for another: clients must get answers while user code runs.
* No `BaseException` of user code may reach a loop, which SystemExit and KeyboardInterrupt would end. The
  places that stop them say "user code ends here".
* What has been claimed reaches `_end` exactly once, whatever is raised; else its caller waits for ever.

`standalone` has the runner of programs, `kernel.runner` that of a kernel.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import Context, copy_context
from enum import Enum, auto
from functools import partial
from operator import itemgetter
from typing import Any, Final, Generic, TypeVar

from ..errors import ToolError
from .oversight import Record
from .runner import Invocation, OneProcess, Outcome, Steps, Workers, as_coroutine, is_async

__all__ = [
    "CALL_SHARE",
    "FIRST_REPORT_SECONDS",
    "HEARTBEAT_SECONDS",
    "MAX_CALLS",
    "REPORT_SECONDS",
    "STOP_SECONDS",
    "Call",
    "CallRunner",
    "Calls",
    "Run",
    "State",
    "run_plainly",
    "run_step",
]


class State(Enum):
    """The state of a call."""

    WAITING = auto()
    RUNNING = auto()
    WITHDRAWN = auto()
    DONE = auto()


MAX_CALLS: Final = 256
"""Calls waiting or running in one server: as many as one connection may have in flight. One principal may
have all of them until another needs a place."""

CALL_SHARE: Final = 64
"""Calls of one principal that never give way to calls of others: more than a host has in flight at once."""

MAX_CALLS_IN_ALL: Final = 512
"""Calls in one server at most. Running calls cannot give way, so calls of principals within their share are
admitted beyond `MAX_CALLS`."""


class Call:
    """One invocation.

    It is made on the protocol's thread, within the context of the request. The thread that runs the call uses
    `claim`, `start` and `finish`; the protocol's thread uses all other methods.

    Parameters
    ----------
    invocation : Invocation
        What to run.
    loop : asyncio.AbstractEventLoop
        The protocol's loop.

    Attributes
    ----------
    cancel : callable or None
        Cancels the task of a running async function. Any thread.
    """

    last_line = ""
    """The line that it printed last."""

    printed = ""
    """The text that it printed."""

    def __init__(self, invocation: Invocation, loop: asyncio.AbstractEventLoop) -> None:
        self.invocation = invocation
        self.loop = loop
        self.ended: asyncio.Future[None] = loop.create_future()
        self.context = copy_context()
        self.state = State.WAITING
        self.since = time.monotonic()  # when this state began
        self.cancel: Callable[[], object] | None = None
        self._lock = threading.Lock()
        self._stop: str | None = None  # why it must stop, or did not start
        self._verdict: str | None = None  # the error for a caller that goes on before the call ends
        self._value: Any = None
        self._error: BaseException | None = None

    @property
    def name(self) -> str:
        return self.invocation.name

    @property
    def sender(self) -> str:
        """The principal that made the call."""
        return self.invocation.sender

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop is not None

    @property
    def in_thread(self) -> bool:
        """Whether a worker thread runs the call. Such a call cannot be stopped."""
        return self.invocation.concurrent and self.cancel is None

    def claim(self) -> bool:
        """Mark the call as running and return True; return False when it was withdrawn."""
        with self._lock:
            if self.state is not State.WAITING:
                return False
            self.since, self.state = time.monotonic(), State.RUNNING
            return True

    def withdraw(self, reason: str) -> bool:
        """Ask the call to stop. Return True when it had not started: it never will."""
        with self._lock:
            if self.state is not State.DONE:
                self._stop = reason
            if self.state is not State.WAITING:
                return False
            self.state = State.WITHDRAWN
            return True

    def give_way(self, reason: str) -> bool:
        """Withdraw a waiting call and return True; return False and do nothing when it has started."""
        with self._lock:
            if self.state is not State.WAITING:
                return False
            self._stop, self.state = reason, State.WITHDRAWN
            return True

    def start(self) -> Any:
        """Call the function.

        Raises
        ------
        KeyboardInterrupt
            The call was asked to stop between `claim` and this.
        """
        if self._stop is not None:
            raise KeyboardInterrupt
        with OneProcess():
            self.invocation.record.began()
            return self.invocation.function(**self.invocation.arguments)

    def finish(self, value: Any, error: BaseException | None) -> None:
        """Keep the function's value or error. Tell the protocol's thread afterwards."""
        self._value, self._error, self.state = value, error, State.DONE
        self.context, self.cancel = Context(), None  # both refer to the call, and would keep its value alive

    def release(self, verdict: str | None = None) -> None:
        """Let the caller go on: the call has ended or, with a verdict, the caller gets that error now."""
        if self.ended.done():
            self._value = self._error = None  # the caller has gone
        else:
            self._verdict = verdict
            self.ended.set_result(None)

    def outcome(self) -> Outcome:
        """Return the outcome for the caller. To be called once: the error is dropped.

        Raises
        ------
        ToolError
            The call was stopped or interrupted, or raised an exception that must not leave it (`reportable`).
        Exception
            The function raised it.
        """
        error, self._error = self._error, None
        try:
            if self._verdict is not None:
                raise ToolError(self._verdict)
            if self.state is State.WITHDRAWN:
                raise ToolError(self._stop)
            if error is None:
                return self._outcome(self._value)
            if self._stop is not None:
                raise ToolError(self._stop) from error
            raise self.reportable(error)
        finally:
            del error  # it holds its frames, and those hold the tool's data

    def _outcome(self, value: Any) -> Outcome:
        return Outcome(value)

    def reportable(self, error: BaseException) -> Exception:
        """Return an error that may leave a call: an `Exception` as it is, else a `ToolError` in its place.

        SystemExit and KeyboardInterrupt would end the event loop, StopIteration cannot pass through a
        coroutine (PEP 479), and CancelledError would look like a cancellation of the caller.
        """
        if isinstance(error, Exception) and not isinstance(error, StopIteration):
            return error
        told = ToolError(self._why(error))
        told.__cause__ = error
        return told

    def _why(self, error: BaseException) -> str:
        return (
            f"{self.name} ended with {type(error).__name__}, which is not an error a tool can report; "
            "the server goes on."
        )


C = TypeVar("C", bound=Call)


class Calls(Generic[C]):
    """The calls of a server that have not ended, in the order of their arrival. Protocol's thread only.

    Parameters
    ----------
    place : str
        Where they run, for messages: "this server".
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._calls: dict[C, None] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[C]:
        return iter(self._calls)

    def add(self, call: C) -> None:
        """Add a call."""
        self._calls[call] = None

    def discard(self, call: C) -> None:
        """Remove a call that has ended."""
        self._calls.pop(call, None)

    def make_room(self, sender: str) -> C | None:
        """Make room for one more call; if there are `MAX_CALLS`, another principal's call gives way.

        A principal below `CALL_SHARE` displaces the newest waiting call of the principal that has most of
        them, if it has more than `CALL_SHARE`.

        Returns
        -------
        Call or None
            The call that gave way. It will not start.

        Raises
        ------
        ToolError
            Too many calls are waiting or running.
        """
        if len(self._calls) < MAX_CALLS:
            return None
        if sum(call.sender == sender for call in self._calls) < CALL_SHARE:
            gave_way = self._give_way()
            if gave_way is not None or len(self._calls) < MAX_CALLS_IN_ALL:
                return gave_way
        raise ToolError(f"{len(self._calls)} calls are waiting or running in {self._place}; try again later.")

    def _give_way(self) -> C | None:
        waiting = Counter(call.sender for call in self._calls if call.state is State.WAITING)
        sender, number = max(waiting.items(), key=itemgetter(1), default=("", 0))
        if number <= CALL_SHARE:
            return None
        reason = (
            f"{number} calls of this client were waiting in {self._place}, and another client needed a "
            f"place. Call again when fewer than {CALL_SHARE} of them wait."
        )
        # The newest first: the earlier ones have waited longer.
        theirs = (call for call in reversed(self._calls) if call.sender == sender)
        return next((call for call in theirs if call.give_way(reason)), None)


# -- reports -------------------------------------------------------------------------------------
#
# Progress reports to the caller: what the call waits for, and heartbeats while its function runs.
#
# The protocol's thread sends them, so they go on while the function blocks the thread that it runs on.

FIRST_REPORT_SECONDS: Final = 0.5
"""A call that waits this long tells its caller why. Most calls start sooner and need no message."""

REPORT_SECONDS: Final = 5.0
"""Between two reports of a waiting call: well within the shortest time-outs of clients (30 s to 60 s)."""

HEARTBEAT_SECONDS: Final = 10.0
"""Between two reports of a call that runs: well within the silence that hosts allow (30 s and more)."""


class _Reports(Generic[C]):
    """Sends the reports of all calls. The protocol's thread.

    One timer serves all calls: a timer for each would cost as much as the thread's other work for a short
    call.

    Parameters
    ----------
    obstacle : callable
        Says what a call waits for.
    heartbeat : float
        Seconds between two reports of a call that runs.
    """

    def __init__(self, obstacle: Callable[[C], str], heartbeat: float) -> None:
        self._obstacle = obstacle
        self._heartbeat = heartbeat
        self._first = min(FIRST_REPORT_SECONDS, heartbeat)
        self._due: dict[C, float] = {}  # on the clock of the calls' loop
        self._timer: asyncio.TimerHandle | None = None

    def add(self, call: C) -> None:
        """Report on a call that has not started yet, until it is discarded."""
        due = self._due[call] = call.loop.time() + self._first
        if self._timer is None or self._timer.when() > due:
            self._set_timer(call.loop, due)

    def discard(self, call: C) -> None:
        """Send no more reports on a call."""
        self._due.pop(call, None)

    def _set_timer(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(due, self._report_due, loop)

    def _report_due(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for call, due in list(self._due.items()):
            if due <= now:
                self._due[call] = now + self._report(call)
        if self._due:
            self._set_timer(loop, min(self._due.values()))

    def _report(self, call: C) -> float:
        """Send a report, if it is time for one; return the seconds until the next look."""
        if call.state is State.WAITING:
            call.invocation.report(f"waiting for {self._obstacle(call)}")
        elif call.state is State.RUNNING:
            spent = time.monotonic() - call.since
            if spent < self._heartbeat:  # the call waited before it started; heartbeats count from its start
                return self._heartbeat - spent
            call.invocation.running(spent, call.last_line)
            return self._heartbeat
        return REPORT_SECONDS


# -- the runner ----------------------------------------------------------------------------------

STOP_SECONDS: Final = 5.0
"""How long a call that timed out may take to stop before the caller is told that it still runs. Code that
holds the GIL, or catches the interrupt, does not stop."""

STOP_AGAIN_SECONDS: Final = 0.5
"""Between two attempts to stop a call that goes on: it may have been out of reach, or within a `finally`."""


class CallRunner(ABC, Generic[C]):
    """Runs invocations on other threads than the protocol's (see `mcp_jupyter.server.runner.Runner`).

    Parameters
    ----------
    place : str
        Where functions run, for messages: "this server".
    heartbeat : float
        Seconds between two reports of a call that runs.
    """

    keeps_printed = False

    _serves_no_more = "its server has stopped"
    """Why all calls end when the runner is closed."""

    def __init__(self, place: str, heartbeat: float = HEARTBEAT_SECONDS) -> None:
        self._reports: _Reports[C] = _Reports(self._obstacle, heartbeat)
        self._calls: Calls[C] = Calls(place)  # all calls that have not ended
        self._workers: Workers[C] = Workers(self._work)
        self._open = False

    # ------------------------------------------------------------------------------ for subclasses

    @abstractmethod
    def _new_call(self, invocation: Invocation, loop: asyncio.AbstractEventLoop) -> C:
        """Make a call."""

    @abstractmethod
    def _queue(self, call: C) -> None:
        """Queue a call for the user's thread, which runs one at a time."""

    @abstractmethod
    def _occupied_by(self) -> str:
        """Say what the user's thread does, as the object of "waiting for"."""

    def _unqueue(self, call: C) -> None:
        """Remove a withdrawn call from the queue. Where it stays in the queue, `claim` refuses it."""

    def _never_stops(self, call: C) -> str:
        """Say why a running call cannot be stopped; nothing if it can."""
        return "It runs in a thread, where it cannot be stopped" if call.in_thread else ""

    def _interrupt(self, call: C, again: bool) -> None:
        """Ask a running call to stop; `again`, if it was asked before."""
        if call.cancel is not None:
            call.cancel()

    def _threads(self, call: C) -> Workers[C]:
        """Return the threads for a concurrent call."""
        return self._workers

    def _arrived(self, call: C) -> None:
        """Note that a call has arrived."""

    def _left(self, call: C) -> None:
        """Note that a call's caller has its result, or is gone."""

    def _finish(self, call: C, error: BaseException | None, run: Run) -> BaseException | None:
        """Complete the result on the thread that ran the call; return the call's error."""
        return error

    # ------------------------------------------------------------------------ the protocol's thread

    async def run(self, invocation: Invocation) -> Outcome:
        """Run a function and return its outcome. When this is cancelled, the function stops or never starts.

        Raises
        ------
        ToolError
            The call timed out, was interrupted, tried to end the process, or was refused among too many.
        Exception
            The function raised it.
        """
        if not self._open:
            raise ToolError(f"{invocation.name} did not run: {self._serves_no_more}.")
        # The notebook's status (`always`) is read exactly when all other calls wait, so it needs no place.
        if not invocation.always and (refused := self._calls.make_room(invocation.sender)) is not None:
            self._withdraw(refused)
        loop = asyncio.get_running_loop()
        call = self._new_call(invocation, loop)
        self._calls.add(call)
        self._reports.add(call)
        timer = None
        if invocation.timeout is not None:
            timer = loop.call_later(invocation.timeout, self._expire, call, invocation.timeout)
        self._arrived(call)
        try:
            self._place(call)
            await call.ended
        except asyncio.CancelledError:
            # The end is not awaited: the caller is gone, and the function may take seconds to stop.
            self._stop(call, f"{call.name} was cancelled.")
            raise
        finally:
            self._reports.discard(call)
            if timer is not None:
                timer.cancel()
            self._left(call)
        try:
            return call.outcome()
        except Exception:
            invocation.failed_after(call.printed)
            raise

    def _place(self, call: C) -> None:
        if not call.invocation.concurrent:
            self._queue(call)
        elif is_async(call.invocation.function):
            self._work(call)
        else:
            self._threads(call).submit(call, call.sender)

    def _obstacle(self, call: C) -> str:
        return "a free worker thread" if call.invocation.concurrent else self._occupied_by()

    def _expire(self, call: C, timeout: float) -> None:
        late = f"{call.name} did not finish within {timeout:g} s"
        over = f"{late}; it is not running and will not run."
        if call.state is State.WAITING:
            over += f" It was waiting for {self._obstacle(call)}."
        if self._stop(call, over) or call.state is State.DONE:
            return
        # It has started: the caller gets this verdict only if the function does not stop by then.
        if never := self._never_stops(call):
            call.release(f"{late}. {never}: it is still running.")
        else:
            still = f"{late} and did not stop when interrupted: it is still running."
            call.loop.call_later(STOP_SECONDS, call.release, still)

    def _stop(self, call: C, reason: str) -> bool:
        """Withdraw a call that has not started (True), or begin to stop it (False)."""
        if not call.withdraw(reason):
            self._press(call, again=False, until=call.loop.time() + STOP_SECONDS)
            return False
        self._withdraw(call)
        return True

    def _withdraw(self, call: C) -> None:
        """Remove a withdrawn call from its queue, and release its caller."""
        if call.invocation.concurrent:
            self._threads(call).withdraw(call)
        else:
            self._unqueue(call)
        self._settle(call)

    def _press(self, call: C, again: bool, until: float) -> None:
        """Try to stop a running call, and try again later."""
        if call.state is not State.RUNNING or self._never_stops(call) or call.loop.time() > until:
            return
        self._interrupt(call, again)
        call.loop.call_later(STOP_AGAIN_SECONDS, partial(self._press, call, again=True, until=until))

    def _settle(self, call: C) -> None:
        self._calls.discard(call)
        call.release()

    def stop(self, record: Record, reason: str) -> bool:
        """Stop the call of a record. Its caller gets the reason as an error.

        Returns
        -------
        bool
            Whether there is such a call.
        """
        for call in self._calls:
            if call.invocation.record is record:
                if not self._stop(call, reason):
                    still = f"{reason} It did not stop when interrupted: it is still running."
                    call.loop.call_later(0 if self._never_stops(call) else STOP_SECONDS, call.release, still)
                return True
        return False

    def _stop_all(self) -> None:
        for call in list(self._calls):
            reason = f"{call.name} was stopped: {self._serves_no_more}."
            if not self._stop(call, reason) and self._never_stops(call):
                call.release(reason)

    # -------------------------------------------------------------- the protocol's or a worker's thread

    def _work(self, call: C) -> None:
        """Call the function of a concurrent call; an async one becomes a task of the protocol's loop."""
        if not call.claim():
            return  # withdrawn
        try:
            value = call.context.run(call.start)
        except BaseException as error:  # noqa: BLE001 - user code ends here
            self._end_concurrent(call, None, error)
            return
        if inspect.isawaitable(value):
            self._hand_over(call, partial(self._follow, call, value, call.loop, run_plainly))
        else:
            self._end_concurrent(call, value, None)

    def _end_concurrent(self, call: C, value: Any, error: BaseException | None) -> None:
        self._end(call, value, self._finish(call, error, run_plainly))

    def _end(self, call: C, value: Any, error: BaseException | None) -> None:
        # The result must be in place before the protocol's thread is told: that thread reads it without a
        # lock.
        call.finish(value, error)
        self._hand_over(call, partial(self._settle, call))

    @staticmethod
    def _hand_over(call: C, callback: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the protocol's loop is closed, and the caller is gone
            call.loop.call_soon_threadsafe(callback)

    def _follow(self, call: C, awaitable: Any, loop: asyncio.AbstractEventLoop, run: Run) -> None:
        """Make a task of what an async function returned, on the asyncio loop of this thread."""
        steps: Any = Steps(as_coroutine(awaitable), partial(run_step, call, run))
        task = loop.create_task(steps, context=call.context)
        call.cancel = partial(loop.call_soon_threadsafe, task.cancel)
        task.add_done_callback(partial(self._followed, call))
        if call.stopping:  # `_press` came before there was a task to cancel
            task.cancel()

    def _followed(self, call: C, task: asyncio.Task[Any]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        self._task_ended(call, task.result() if error is None else None, error)

    def _task_ended(self, call: C, value: Any, error: BaseException | None) -> None:
        """End a call whose task has ended, on the task's thread."""
        self._end(call, value, error)


Run = Callable[..., Any]
"""Runs a function on behalf of a call. Takes the call, the function and its arguments."""


def run_plainly(_: Call, function: Callable[..., Any], *args: Any) -> Any:
    """Run a step of a call without further measures."""
    return function(*args)


def run_step(call: Call, run: Run, function: Callable[..., Any], *args: Any) -> Any:
    """Run a step of a call's coroutine; what would end the loop becomes an error of the task.

    asyncio passes SystemExit and KeyboardInterrupt of a task to the loop, which they end.
    """
    try:
        return run(call, function, *args)
    except (SystemExit, KeyboardInterrupt) as error:
        raise call.reportable(error) from error
