# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's `Runner`: it runs users' functions as cells run, and decides when, where and how they stop.

It knows nothing about the protocol, nor about what a value becomes.

Theory of operation
-------------------
Three kinds of threads meet here. The *engine's* thread has the loop that serves clients. The kernel's *main*
thread runs cells and, between them, calls. *Worker* threads run concurrent functions that are not async. A
call goes this way:

1. Engine: `run` makes a `Call`, which takes the context of the request, and starts its reports and its
   time-out.
2. Engine: `_place` appends it to `_waiting` for the main thread. A concurrent call starts at once: an async
   one on the engine's loop, others in a worker thread (4, without the gate).
3. Main: `_pump` takes one call in each round of the loop, so that cells get their turn. It takes none while
   the code of a cell or of a call is on the stack (the loop may be run from inside, as nest_asyncio does).
4. Main: `Call.claim` starts the call unless it was withdrawn before. Its code runs by way of `InterruptGate`,
   so that SIGINT ends this code and nothing else. An async function becomes a task of the main loop, and each
   of its steps passes through the gate (`Steps`).
5. Main or worker: `_finish` draws figures and makes content of what was displayed. `_end` keeps value and
   error in the call, and then posts `_settle` to the engine's loop.
6. Engine: `_settle` sets `call.ended`, and `run` returns the outcome.

A call that is cancelled or out of time (`_stop`, engine) is withdrawn if it has not started. Else `_press`
cancels its task, or sends SIGINT to the main thread, and repeats this until `STOP_SECONDS`; after that the
caller is told that the function still runs. A worker thread cannot be stopped: its caller goes on at once,
and the thread is left to finish. Where a user presses "stop", the end is held back by `SHUTDOWN_SECONDS`,
because Jupyter interrupts a kernel before it shuts it down, and the caller should hear which of the two it
was.

Who may touch what: `_calls`, the timers and `_state.begun/ended/settled` are the engine's; `_awaited`,
`_cells`, `_standins` and `_gate` are the main thread's, except for methods whose docstrings say otherwise.
`_waiting` is a deque that both use, by single operations, which are atomic.

Rules for maintainers:

* The engine's thread never waits for another: clients must get answers while a cell runs.
* No `BaseException` of a user's code may reach a loop. SystemExit would end the kernel, KeyboardInterrupt
  would leave its loop in pieces. The places that stop them are marked "the wall".
* `_pump` clears `_pumping` before it looks at `_waiting`. The other way round, a call that arrives in between
  would wait for the next one.
* What has been claimed reaches `_end` exactly once, whatever is raised; else its caller waits for ever.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final

from .._ipython.private import gui_has_main_thread, leave_gui, reload_modules
from ..errors import ToolError
from ..server.runner import Invocation, OneProcess, Outcome, Workers, is_async
from . import figures
from .calls import CURRENT, Activity, Call, Calls, CellWatch, InterruptGate, State, walled
from .content import Displays
from .execution_state import ExecutionState
from .stdio_redirect import StandIns

__all__ = [
    "FIRST_REPORT_SECONDS",
    "HEARTBEAT_SECONDS",
    "REPORT_SECONDS",
    "STOP_SECONDS",
    "KernelRunner",
    "Reports",
    "Steps",
    "as_coroutine",
    "task_factory",
]


# -- reports -------------------------------------------------------------------------------------
#
# Progress reports to the caller: what the call waits for, and heartbeats while its function runs.
#
# The engine's thread sends them, so they go on while the function blocks the thread that it runs on.

FIRST_REPORT_SECONDS: Final = 0.5
"""A call that waits this long tells its caller why. Most calls start sooner and need no message."""

REPORT_SECONDS: Final = 5.0
"""Between two reports of a waiting call: well within the shortest time-outs of clients (30 s to 60 s)."""

HEARTBEAT_SECONDS: Final = 10.0
"""Between two reports of a call that runs: well within the silence that hosts allow (30 s and more)."""


class Reports:
    """Sends the reports of one call, from now until `cancel`. The engine's thread.

    Parameters
    ----------
    call : Call
        A call that has not started yet.
    obstacle : callable
        Says what the call waits for.
    heartbeat : float
        Seconds between two reports of a call that runs.
    """

    def __init__(self, call: Call, obstacle: Callable[[Call], str], heartbeat: float) -> None:
        self._call = call
        self._obstacle = obstacle
        self._heartbeat = heartbeat
        self._timer = call.loop.call_later(min(FIRST_REPORT_SECONDS, heartbeat), self._report)

    def cancel(self) -> None:
        """Send no more reports."""
        self._timer.cancel()

    def _report(self) -> None:
        call, pause = self._call, REPORT_SECONDS
        if call.state is State.WAITING:
            call.invocation.report(f"waiting for {self._obstacle(call)}")
        elif call.state is State.RUNNING:
            pause = self._heartbeat
            spent = time.monotonic() - call.since
            if spent < pause:  # the call waited before it started, and heartbeats count from its start
                pause -= spent
            else:
                call.invocation.running(spent, call.output.last_line)
        self._timer = call.loop.call_later(pause, self._report)


# -- execution -----------------------------------------------------------------------------------

LOOKUP_THREADS: Final = 8
"""Threads for reads of variables. A read takes milliseconds."""

STOP_SECONDS: Final = 5.0
"""How long a call that timed out may take to stop before the caller is told that it still runs. Code that
holds the GIL, or catches the interrupt, does not stop."""

STOP_AGAIN_SECONDS: Final = 0.5
"""Between two interrupts of a call that goes on: it may have been out of reach, or within a `finally`."""

SHUTDOWN_SECONDS: Final = 0.3
"""How long an interrupted call's end is held back. Jupyter interrupts a kernel just before it asks it to shut
down, and the caller is told which of the two it was."""


class KernelRunner:
    """Runs invocations in the kernel (see `mcp_jupyter.server.runner.Runner`).

    Parameters
    ----------
    shell : InteractiveShell
        The kernel's shell (it has `kernel`).
    main_loop : asyncio.AbstractEventLoop
        The loop of the kernel's main thread (`kernel.io_loop.asyncio_loop`).
    called : callable, optional
        Called on the main thread after calls that ran there, as after cells.
    heartbeat : float
        Seconds between two reports of a call that runs.

    Notes
    -----
    Between `open` and `close`, both on the main thread, the runner stands in front of `sys.stdout`,
    `sys.stderr` and `sys.stdin`. What is written to a file descriptor, or printed by threads that a
    function starts with `threading.Thread`, appears where it does for cells.

    While a GUI's event loop has the main thread (`%gui qt`), sync functions run as usual. Async ones go on
    only when something else wakes asyncio's loop: a message to the kernel, or another call.
    """

    keeps_printed = True

    def __init__(
        self,
        shell: Any,
        main_loop: asyncio.AbstractEventLoop,
        called: Callable[[], None] | None = None,
        *,
        heartbeat: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._called = called
        self._heartbeat = heartbeat
        self._shell = shell
        self._kernel = shell.kernel
        self._main_loop = main_loop
        self._cells = CellWatch(shell, self._after_cell)
        self._displays = Displays(shell.display_formatter)
        self._standins = StandIns(shell, self._displays)
        self._gate = InterruptGate(idle=self._interrupt_awaited)
        self._state = ExecutionState(self._kernel)
        self._workers = Workers(self._work)
        self._lookups = Workers(
            self._work, size=LOOKUP_THREADS, share=LOOKUP_THREADS // 2, most=2 * LOOKUP_THREADS
        )
        self._waiting: deque[Call] = deque()  # calls for the main thread
        self._pumping = False  # `_pump` is scheduled on the main loop
        self._calls = Calls()  # all calls that have not ended
        self._awaited: set[Call] = set()  # calls with a task on the main loop
        self._engine_factory: Any = None  # the task factory that we set on the engine's loop
        self._main_factories: tuple[Any, Any] = (None, None)  # our task factory, and the main loop's own
        self._open = False

    @property
    def activity(self) -> Activity:
        """The cell or call that has the main thread. Any thread."""
        cell, call = self._cells.current, self._gate.current
        if isinstance(call, Call):
            return Activity(call.since, cell=cell.cell, call=call.name)
        return cell

    @property
    def waiting(self) -> int:
        """How many calls wait for the main thread. Any thread."""
        return len(self._waiting)

    # ----------------------------------------------------------------------------- the engine's thread

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
            raise ToolError("This notebook serves no calls any more.")
        # The notebook's status (`always`) is read exactly when all other calls wait, so it needs no place.
        if not invocation.always and (refused := self._calls.make_room(invocation.sender)) is not None:
            self._withdraw(refused)
        loop = asyncio.get_running_loop()
        call = Call(invocation, loop)
        self._calls.add(call)
        timers: list[Reports | asyncio.TimerHandle] = [Reports(call, self._obstacle, self._heartbeat)]
        if invocation.timeout is not None:
            timers.append(loop.call_later(invocation.timeout, self._expire, call, invocation.timeout))
        self._state.begun(loop, invocation.concurrent)
        try:
            self._place(call)
            await call.ended
        except asyncio.CancelledError:
            # The end is not awaited: the caller is gone, and the function may take seconds to stop.
            self._stop(call, f"{call.name} was cancelled.")
            raise
        finally:
            for timer in timers:
                timer.cancel()
            self._state.ended(invocation.concurrent)
        try:
            return call.outcome()
        except Exception:
            invocation.failed_after(call.output.printed)
            raise

    def _place(self, call: Call) -> None:
        if not call.invocation.concurrent:
            self._waiting.append(call)
            self._pump_soon()
        elif is_async(call.invocation.function):
            self._wall_in(call.loop)
            self._work(call)
        else:
            self._threads(call).submit(call, call.sender)

    def _threads(self, call: Call) -> Workers[Call]:
        return self._lookups if call.invocation.lookup else self._workers

    def _wall_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set our task factory on the engine's loop, so that no task of a call can end that loop."""
        if self._engine_factory is None or loop.get_task_factory() is not self._engine_factory:
            self._engine_factory = task_factory(loop.get_task_factory(), _run_plainly)
            loop.set_task_factory(self._engine_factory)

    def _obstacle(self, call: Call) -> str:
        return "a free worker thread" if call.invocation.concurrent else str(self.activity)

    def _expire(self, call: Call, timeout: float) -> None:
        late = f"{call.name} did not finish within {timeout:g} s"
        over = f"{late}; it is not running and will not run."
        if call.state is State.WAITING:
            over += f" It was waiting for {self._obstacle(call)}."
        if self._stop(call, over) or call.state is State.DONE:
            return
        # It has started: the caller gets this verdict only if the function does not stop by then.
        if call.in_thread:
            call.release(f"{late}. It runs in a thread, where it cannot be stopped: it is still running.")
        else:
            still = f"{late} and did not stop when interrupted: it is still running."
            call.loop.call_later(STOP_SECONDS, call.release, still)

    def _stop(self, call: Call, reason: str) -> bool:
        """Withdraw a call that has not started (True), or begin to stop it (False)."""
        if not call.withdraw(reason):
            self._press(call, again=False, until=call.loop.time() + STOP_SECONDS)
            return False
        self._withdraw(call)
        return True

    def _withdraw(self, call: Call) -> None:
        """Remove a withdrawn call from its queue, and release its caller."""
        if call.invocation.concurrent:
            self._threads(call).withdraw(call)
        else:
            with suppress(ValueError):  # the main thread has just taken it, and `claim` will refuse it
                self._waiting.remove(call)
        self._settle(call)

    def _press(self, call: Call, again: bool, until: float) -> None:
        """Try to stop a running call, and try again later: cancel its task, or interrupt its code."""
        if call.state is not State.RUNNING or call.in_thread or call.loop.time() > until:
            return
        task = call.task
        if task is not None:
            task.get_loop().call_soon_threadsafe(task.cancel)
        if task is None or again:  # a cancelled task that goes on may be blocked in a step
            self._gate.interrupt(call)
        call.loop.call_later(STOP_AGAIN_SECONDS, partial(self._press, call, again=True, until=until))

    def _settle(self, call: Call) -> None:
        self._calls.discard(call)
        self._state.settled(call.loop)
        call.release()

    def _settle_interrupted(self, call: Call) -> None:
        """Release the caller of an interrupted call. If the kernel shuts down, this has begun by now."""
        call.shut_down = bool(self._shell.exit_now)
        self._settle(call)

    def _stop_all(self) -> None:
        for call in list(self._calls):
            reason = f"{call.name} was stopped: its notebook serves no calls any more."
            if not self._stop(call, reason) and call.in_thread:
                call.release(reason)

    # ---------------------------------------------------------------- the engine's or a worker's thread

    def _work(self, call: Call) -> None:
        """Call the function of a concurrent call; an async one becomes a task of the engine's loop."""
        if not call.claim():
            return  # withdrawn
        self._standins.hook_display()
        try:
            value = call.context.run(call.start)
        except BaseException as error:  # noqa: BLE001 - the wall
            self._end_concurrent(call, None, error)
            return
        if inspect.isawaitable(value):
            self._hand_over(call, partial(self._follow, call, value, call.loop, _run_plainly))
        else:
            self._end_concurrent(call, value, None)

    def _end_concurrent(self, call: Call, value: Any, error: BaseException | None) -> None:
        self._end(call, value, self._finish(call, error, _run_plainly))

    def _finish(self, call: Call, error: BaseException | None, run: Run) -> BaseException | None:
        """Turn a call's figures and displays into content, on the thread that ran it.

        Returns the call's error: the function's, else that of the drawing.
        """
        if call.figures or call.output.displays:
            try:
                run(call, call.context.run, self._displays.finish, call, error is None)
            except BaseException as failure:  # noqa: BLE001 - the wall: drawing runs user code too
                return failure if error is None else error
        return error

    def _end(self, call: Call, value: Any, error: BaseException | None) -> None:
        # The result must be in place before the engine's thread is told: that thread reads it without a lock.
        call.finish(value, error)
        if call.interrupted:
            wait = partial(call.loop.call_later, SHUTDOWN_SECONDS, self._settle_interrupted, call)
            self._hand_over(call, wait)
        else:
            self._hand_over(call, partial(self._settle, call))

    @staticmethod
    def _hand_over(call: Call, callback: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the engine's loop is closed, so there is no caller
            call.loop.call_soon_threadsafe(callback)

    def _follow(self, call: Call, awaitable: Any, loop: asyncio.AbstractEventLoop, run: Run) -> None:
        """Make a task of what an async function returned, on the loop of this thread."""
        steps: Any = Steps(as_coroutine(awaitable), call, run)
        call.task = loop.create_task(steps, context=call.context)
        call.task.add_done_callback(partial(self._followed, call))
        if call.stopping:  # `_press` came before there was a task to cancel
            call.task.cancel()

    def _followed(self, call: Call, task: asyncio.Task[Any]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        value = task.result() if error is None else None
        if task.get_loop() is self._main_loop:
            self._conclude(call, value, error)
        elif call.figures or call.output.displays:  # in a thread: drawing may take seconds
            task.get_loop().run_in_executor(None, self._end_concurrent, call, value, error)
        else:
            self._end(call, value, error)

    # -------------------------------------------------------------------------- the kernel's main thread

    def open(self) -> None:
        """Begin to take calls. Main thread, within a cell or between cells.

        Raises
        ------
        RuntimeError
            This is not the main thread: only that thread has signals and cells.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("KernelRunner.open() belongs to the kernel's main thread")
        self._cells.open()
        self._standins.open()
        figures.install()
        before = self._main_loop.get_task_factory()
        self._main_factories = task_factory(before, self._run_code), before
        self._main_loop.set_task_factory(self._main_factories[0])
        self._gate.install()
        self._state.open(self._cells.on_stack())
        self._open = True

    def close(self) -> None:
        """Take no more calls, stop the present ones, restore the kernel. Main thread; idempotent."""
        if not self._open:
            return
        self._open = False
        ours, before = self._main_factories
        if self._main_loop.get_task_factory() is ours:
            self._main_loop.set_task_factory(before)
        self._cells.close()
        self._standins.close()
        figures.uninstall()
        self._workers.close()
        self._lookups.close()
        self._gate.uninstall()
        self._state.close()
        with suppress(RuntimeError):  # the loop is closed
            # Again after the running cell, at whose end ipykernel puts back the handler that it found: ours.
            self._main_loop.call_soon(self._gate.uninstall)
        for call in list(self._calls)[:1]:  # any call knows the engine's loop
            self._hand_over(call, self._stop_all)

    def _pump_soon(self) -> None:
        if self._waiting and not self._pumping:
            self._pumping = True
            self._main_loop.call_soon_threadsafe(self._pump)
            if gui_has_main_thread(self._kernel):
                leave_gui(self._kernel)

    def _pump(self) -> None:
        """Run the next call, and only one, so that cells get their turn between calls."""
        self._pumping = False
        if self._gate.current is not None or self._cells.on_stack():
            return  # the loop is run from inside a call or a cell; at its end `_pump_soon` is called again
        try:
            call = self._waiting.popleft()
        except IndexError:
            return
        if call.claim():
            self._state.hold()
            self._begin(call)
        self._pump_soon()

    def _begin(self, call: Call) -> None:
        try:
            value = self._run_code(call, call.context.run, self._start, call)
        except BaseException as error:  # noqa: BLE001 - the wall
            self._conclude(call, None, error)
            return
        if inspect.isawaitable(value):
            self._awaited.add(call)
            self._follow(call, value, self._main_loop, self._run_code)
        else:
            self._conclude(call, value, None)

    def _start(self, call: Call) -> Any:
        reload_modules(self._shell)
        return call.start()

    def _run_code(self, call: Call, function: Callable[..., Any], *args: Any) -> Any:
        """Run a sync function, or one step of an async one, so that SIGINT ends it."""
        try:
            return self._gate.run(call, function, *args)
        finally:
            if self._gate.current is None:
                self._pump_soon()

    def _conclude(self, call: Call, value: Any, error: BaseException | None) -> None:
        error = self._finish(call, error, self._run_code)
        self._awaited.discard(call)
        self._state.release()
        self._end(call, value, error)
        if self._called is not None and not self._waiting:  # once after a burst of calls
            self._main_loop.call_soon(self._called)

    def _after_cell(self) -> None:
        # Later: the cell's signal handler and streams are still in place, and its code may be on the stack.
        self._main_loop.call_soon(self._between_cells)

    def _between_cells(self) -> None:
        if self._open:
            self._standins.renew()
            self._gate.install()
            self._pump_soon()

    def _interrupt_awaited(self) -> None:
        # Called from a signal's handler, while the loop may sleep: only the threadsafe variant wakes it.
        self._main_loop.call_soon_threadsafe(self._cancel_awaited)

    def _cancel_awaited(self) -> None:
        for call in self._awaited:
            call.interrupted = True
            if call.task is not None:
                call.task.cancel()


def _run_plainly(_: Call, function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


# -- steps ---------------------------------------------------------------------------------------
#
# The wall around a call's coroutines, one step at a time.
#
# asyncio passes SystemExit and KeyboardInterrupt of a task to the loop, which they end. `Steps` turns them
# into errors of the task. A function runs each step: on the main thread it is the gate, so that SIGINT ends
# the step.

Run = Callable[..., Any]
"""Runs a function on behalf of a call. Takes the call, the function and its arguments."""


class Steps:
    """A coroutine around a user's coroutine, as a task sees it.

    Parameters
    ----------
    coroutine : Coroutine
        The user's coroutine.
    call : Call
        The call to which it belongs.
    run : callable
        Runs each step.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], call: Call, run: Run) -> None:
        self._coroutine = coroutine
        self._call = call
        self._run = run

    def send(self, value: Any) -> Any:
        return self._step(self._coroutine.send, value)

    def throw(self, *error: Any) -> Any:
        return self._step(self._coroutine.throw, *error)

    def close(self) -> None:
        self._coroutine.close()

    def __getattr__(self, name: str) -> Any:
        # `inspect.getcoroutinestate`, on which anyio relies, reads the state of the user's coroutine.
        return getattr(self._coroutine, name)

    def _step(self, function: Callable[..., Any], *args: Any) -> Any:
        try:
            return self._run(self._call, _in_one_process, function, *args)
        except (SystemExit, KeyboardInterrupt) as error:
            raise walled(self._call, error) from error


def _in_one_process(function: Callable[..., Any], *args: Any) -> Any:
    # Inside the gate, not around it: in a forked child the gate's lock may be held for ever.
    with OneProcess():
        return function(*args)


Coroutine.register(Steps)  # asyncio.Task accepts only coroutines


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def as_coroutine(awaitable: Awaitable[Any]) -> Coroutine[Any, Any, Any]:
    """Return a coroutine that awaits the awaitable: tasks are made of coroutines only."""
    return awaitable if asyncio.iscoroutine(awaitable) else _await(awaitable)


def task_factory(previous: Callable[..., Any] | None, run: Run) -> Callable[..., Any]:
    """Make a task factory that puts the wall around all tasks that a call starts.

    Parameters
    ----------
    previous : callable, optional
        The loop's factory so far, which still makes the tasks.
    run : callable
        Runs the steps of calls' tasks.
    """

    def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        context = options.get("context")
        call = CURRENT.get() if context is None else context.get(CURRENT)
        if call is not None and not isinstance(coroutine, Steps):
            coroutine = Steps(coroutine, call, run)
        if previous is not None:
            return previous(loop, coroutine, **options)
        return asyncio.Task(coroutine, loop=loop, **options)

    return make
