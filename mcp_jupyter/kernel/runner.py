# SPDX-License-Identifier: BSD-3-Clause
"""Runs a user's function in the kernel, as a cell would run: the kernel's `Runner`.

Owns which call runs when, and how one is stopped. Two threads meet here: `run` is called on the
engine's, the functions run on the kernel's main thread (one at a time, in order of arrival, between
cells and while an async cell awaits) or, declared concurrent, at once: async ones on the engine's loop,
others in a worker thread. Async functions on the main thread are tasks of its loop and interleave with
whatever else waits there. Knows nothing of the protocol, nor of what becomes of a value.
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
# Reports to the caller of a call: what the call waits for, and heartbeats while its function runs.
#
# The engine's thread sends them, so they go on while the function blocks the thread that it runs on. Knows
# nothing of progress tokens or of the wire.

FIRST_REPORT_SECONDS: Final = 0.5
"""A call that waits this long tells its caller why; most never wait so long."""

REPORT_SECONDS: Final = 5.0
"""Then this often: well within the shortest time-outs of clients (30 s to 60 s)."""

HEARTBEAT_SECONDS: Final = 10.0
"""A call that runs says so this often: well within the silence that hosts allow (30 s and more)."""


class Reports:
    """The reports of one call, from now until `cancel`. The engine's thread.

    Parameters
    ----------
    call : Call
        Not started yet.
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
            if spent < pause:
                pause -= spent
            else:
                call.invocation.running(spent, call.output.last_line)
        self._timer = call.loop.call_later(pause, self._report)


# -- execution -----------------------------------------------------------------------------------

LOOKUP_THREADS: Final = 8
"""Threads for reads of variables: a read takes milliseconds."""

STOP_SECONDS: Final = 5.0
"""How long a call that ran out of time may take to stop before the caller is told that it still runs:
code that holds the GIL, or catches the interrupt, does not stop."""

STOP_AGAIN_SECONDS: Final = 0.5
"""A call that goes on is interrupted again: it may have been out of reach, or within a `finally`."""

SHUTDOWN_SECONDS: Final = 0.3
"""Jupyter interrupts a kernel before it asks it to shut down; the request follows at once."""


class KernelRunner:
    """Runs invocations in the kernel (see `mcp_jupyter.server.runner.Runner`).

    Parameters
    ----------
    shell : InteractiveShell
        The kernel's shell; it has `kernel`.
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

    A sync function that runs in a worker thread cannot be stopped: cancelled or out of time, it ends
    for its caller at once, and its thread (of a bounded number, see `Workers`) is left to finish.

    While a GUI's event loop has the main thread (`%gui qt`) sync functions run as ever; async ones get
    on only when something else wakes asyncio's loop: a message to the kernel, or another call.
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
        self._waiting: deque[Call] = deque()  # for the main thread; the engine's puts, the main takes
        self._pumping = False  # a `_pump` is on its way
        self._calls = Calls()  # not ended; the engine's thread
        self._awaited: set[Call] = set()  # their tasks are on the main loop; the main thread
        self._engine_factory: Any = None  # of tasks
        self._main_factories: tuple[Any, Any] = (None, None)  # ours, and what was before
        self._open = False

    @property
    def activity(self) -> Activity:
        """What the main thread is doing. Any thread."""
        cell, call = self._cells.current, self._gate.current
        if isinstance(call, Call):
            return Activity(call.since, cell=cell.cell, call=call.name)
        return cell

    @property
    def waiting(self) -> int:
        """Calls that wait for the main thread. Any thread."""
        return len(self._waiting)

    # ----------------------------------------------------------------------------- the engine's thread

    async def run(self, invocation: Invocation) -> Outcome:
        """Run the function to its end. Cancelling this stops the function, or keeps it from starting.

        Raises
        ------
        ToolError
            When the call timed out, was interrupted, tried to end the process, or found too many others.
        Exception
            Whatever the function raised.
        """
        if not self._open:
            raise ToolError("This notebook serves no calls any more.")
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
        """See that no task of a call ends the engine's loop."""
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
        if call.in_thread:
            call.release(f"{late}. It runs in a thread, where it cannot be stopped: it is still running.")
        else:
            still = f"{late} and did not stop when interrupted: it is still running."
            call.loop.call_later(STOP_SECONDS, call.release, still)

    def _stop(self, call: Call, reason: str) -> bool:
        """Keep it from starting (True), or see to it that it stops."""
        if not call.withdraw(reason):
            self._press(call, again=False, until=call.loop.time() + STOP_SECONDS)
            return False
        self._withdraw(call)
        return True

    def _withdraw(self, call: Call) -> None:
        """End a call that has not started and will not."""
        if call.invocation.concurrent:
            self._threads(call).withdraw(call)
        else:
            with suppress(ValueError):  # just taken by the main thread, which sees it withdrawn
                self._waiting.remove(call)
        self._settle(call)

    def _press(self, call: Call, again: bool, until: float) -> None:
        """Have a running call stop: cancel a task; interrupt sync code, and a task that goes on."""
        if call.state is not State.RUNNING or call.in_thread or call.loop.time() > until:
            return
        task = call.task
        if task is not None:
            task.get_loop().call_soon_threadsafe(task.cancel)
        if task is None or again:
            self._gate.interrupt(call)
        call.loop.call_later(STOP_AGAIN_SECONDS, partial(self._press, call, again=True, until=until))

    def _settle(self, call: Call) -> None:
        self._calls.discard(call)
        self._state.settled(call.loop)
        call.release()

    def _settle_interrupted(self, call: Call) -> None:
        """Tell the caller whether the kernel is being shut down: Jupyter interrupts it first."""
        call.shut_down = bool(self._shell.exit_now)
        self._settle(call)

    def _stop_all(self) -> None:
        for call in list(self._calls):
            reason = f"{call.name} was stopped: its notebook serves no calls any more."
            if not self._stop(call, reason) and call.in_thread:
                call.release(reason)

    # ---------------------------------------------------------------- the engine's or a worker's thread

    def _work(self, call: Call) -> None:
        """Run a concurrent call, an async one up to its first `await`."""
        if not call.claim():
            return
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
        """See to a call's figures and displays, where it ran; give back what the caller is to be told."""
        if call.figures or call.output.displays:
            try:
                run(call, call.context.run, self._displays.finish, call, error is None)
            except BaseException as failure:  # noqa: BLE001 - the wall: drawing runs user code too
                return failure if error is None else error
        return error

    def _end(self, call: Call, value: Any, error: BaseException | None) -> None:
        call.finish(value, error)
        if call.interrupted:
            wait = partial(call.loop.call_later, SHUTDOWN_SECONDS, self._settle_interrupted, call)
            self._hand_over(call, wait)
        else:
            self._hand_over(call, partial(self._settle, call))

    @staticmethod
    def _hand_over(call: Call, callback: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the engine's loop is closed: nobody waits
            call.loop.call_soon_threadsafe(callback)

    def _follow(self, call: Call, awaitable: Any, loop: asyncio.AbstractEventLoop, run: Run) -> None:
        """Await what an async function gave, as a task of this thread's loop."""
        steps: Any = Steps(as_coroutine(awaitable), call, run)
        call.task = loop.create_task(steps, context=call.context)
        call.task.add_done_callback(partial(self._followed, call))
        if call.stopping:
            call.task.cancel()

    def _followed(self, call: Call, task: asyncio.Task[Any]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        value = task.result() if error is None else None
        if task.get_loop() is self._main_loop:
            self._conclude(call, value, error)
        elif call.figures or call.output.displays:  # drawing takes time, which this loop has not
            task.get_loop().run_in_executor(None, self._end_concurrent, call, value, error)
        else:
            self._end(call, value, error)

    # -------------------------------------------------------------------------- the kernel's main thread

    def open(self) -> None:
        """Begin to take calls. Main thread, within a cell or between cells.

        Raises
        ------
        RuntimeError
            On another thread: signals and cells are the main thread's.
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
        """Take no more calls, end those there are, leave the kernel as it was. Main thread; idempotent."""
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
            self._main_loop.call_soon(self._gate.uninstall)  # a cell gives back what it found
        for call in list(self._calls)[:1]:
            self._hand_over(call, self._stop_all)

    def _pump_soon(self) -> None:
        if self._waiting and not self._pumping:
            self._pumping = True
            self._main_loop.call_soon_threadsafe(self._pump)
            if gui_has_main_thread(self._kernel):
                leave_gui(self._kernel)

    def _pump(self) -> None:
        """Run the next call. One a round of the loop: cells get their turn between calls."""
        self._pumping = False
        if self._gate.current is not None or self._cells.on_stack():
            return  # the loop is run from inside a call or a cell; when that ends, `_pump_soon` comes
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
        """Run some of a call's code: all of a sync function, or a step of an async one."""
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
        if self._called is not None and not self._waiting:
            self._main_loop.call_soon(self._called)

    def _after_cell(self) -> None:
        # Not now: the cell's signal handler, its streams and perhaps itself are still in place.
        self._main_loop.call_soon(self._between_cells)

    def _between_cells(self) -> None:
        if self._open:
            self._standins.renew()
            self._gate.install()
            self._pump_soon()

    def _interrupt_awaited(self) -> None:
        self._main_loop.call_soon_threadsafe(self._cancel_awaited)  # wakes the loop

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
# asyncio lets SystemExit and KeyboardInterrupt out of a task into the loop, and ends it; here they end
# in the task. Each step of a coroutine also runs by way of a function given, which is how the main
# thread's signals are kept to it. Knows nothing of signals or queues.

Run = Callable[..., Any]
"""Takes a call, a function and its arguments; calls the function."""


class Steps:
    """A coroutine, as a task sees one, around another.

    Parameters
    ----------
    coroutine : Coroutine
        The user's.
    call : Call
        Whose it is.
    run : callable
        Makes each step.
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
        # What shows a coroutine's state (`inspect.getcoroutinestate`, on which anyio relies) sees it.
        return getattr(self._coroutine, name)

    def _step(self, function: Callable[..., Any], *args: Any) -> Any:
        try:
            return self._run(self._call, _in_one_process, function, *args)
        except (SystemExit, KeyboardInterrupt) as error:
            raise walled(self._call, error) from error


def _in_one_process(function: Callable[..., Any], *args: Any) -> Any:
    # Here, below the gate of the main thread: in a forked child its lock may be held for ever.
    with OneProcess():
        return function(*args)


Coroutine.register(Steps)  # what asyncio.Task asks for


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def as_coroutine(awaitable: Awaitable[Any]) -> Coroutine[Any, Any, Any]:
    """The awaitable as something a task can be made of."""
    return awaitable if asyncio.iscoroutine(awaitable) else _await(awaitable)


def task_factory(previous: Callable[..., Any] | None, run: Run) -> Callable[..., Any]:
    """Make a loop's task factory that puts the wall around tasks which calls start.

    Parameters
    ----------
    previous : callable, optional
        The factory that makes the tasks.
    run : callable
        Makes the steps of calls' tasks.
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
