# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's `Runner`: it runs users' functions as cells run, and decides when, where and how they stop.

It knows nothing about the protocol, nor about what a value becomes.

Theory of operation. `server.calls` says how a call passes between threads. Here the protocol's thread is the
*engine's*, and the user's thread is the kernel's *main* thread, which runs cells and, between them, calls:

1. Engine: `_queue` appends the call to `_waiting`.
2. Main: `_pump` takes one call in each round of the loop, so that cells get their turn. It takes none while
   the code of a cell or of a call is on the stack (the loop may be run from inside, as nest_asyncio does).
3. Main: a call's code runs by way of `InterruptGate`, so that SIGINT ends this code and nothing else. An
   async function becomes a task of the main loop, and each of its steps passes through the gate (`Steps`).
4. Main or worker: `_finish` draws figures and makes content of what was displayed.

`_interrupt` cancels a call's task, or sends SIGINT to the main thread. Where a user presses "stop", the end
is held back by `SHUTDOWN_SECONDS`, because Jupyter interrupts a kernel before it shuts it down, and the
caller should hear which of the two it was.

Who may touch what: `_calls`, the timers and `_state.begun/ended/settled` are the engine's; `_awaited`,
`_cells`, `_standins` and `_gate` are the main thread's, except for methods whose docstrings say otherwise.
`_waiting` is a deque that both use, by single operations, which are atomic.

Rule for maintainers: `_pump` clears `_pumping` before it looks at `_waiting`. The other way round, a call
that arrives in between would wait for the next one.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from .._ipython.private import gui_has_main_thread, leave_gui, reload_modules
from ..errors import ToolError
from ..server.calls import HEARTBEAT_SECONDS, CallRunner, Run, run_plainly, run_step
from ..server.runner import Invocation, Outcome, Steps, Workers
from . import figures
from .calls import CURRENT, Activity, CellWatch, InterruptGate, KernelCall
from .content import Displays
from .execution_state import ExecutionState
from .stdio_redirect import StdioRedirect

__all__ = ["KernelRunner", "task_factory"]


LOOKUP_THREADS: Final = 8
"""Threads for reads of variables. A read takes milliseconds."""

SHUTDOWN_SECONDS: Final = 0.3
"""How long an interrupted call's end is held back. Jupyter interrupts a kernel just before it asks it to shut
down, and the caller is told which of the two it was."""


class KernelRunner(CallRunner[KernelCall]):
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

    paused = False
    """Whether calls are refused, because the user paused them. Set on any thread."""

    _serves_no_more = "its notebook serves no calls any more"

    def __init__(
        self,
        shell: Any,
        main_loop: asyncio.AbstractEventLoop,
        called: Callable[[], None] | None = None,
        *,
        heartbeat: float = HEARTBEAT_SECONDS,
    ) -> None:
        super().__init__("this kernel", heartbeat)
        self._called = called
        self._shell = shell
        self._kernel = shell.kernel
        self._main_loop = main_loop
        self._cells = CellWatch(shell, self._after_cell)
        self._displays = Displays(shell.display_formatter)
        self._standins = StdioRedirect(shell, self._displays)
        self._gate = InterruptGate(idle=self._interrupt_awaited)
        self._state = ExecutionState(self._kernel)
        self._lookups: Workers[KernelCall] = Workers(
            self._work, size=LOOKUP_THREADS, share=LOOKUP_THREADS // 2, most=2 * LOOKUP_THREADS
        )
        self._waiting: deque[KernelCall] = deque()  # calls for the main thread
        self._pumping = False  # `_pump` is scheduled on the main loop
        self._awaited: set[KernelCall] = set()  # calls with a task on the main loop
        self._engine_factory: Any = None  # the task factory that we set on the engine's loop
        self._main_factories: tuple[Any, Any] = (None, None)  # our task factory, and the main loop's own

    @property
    def activity(self) -> Activity:
        """The cell or call that has the main thread. Any thread."""
        cell, call = self._cells.current, self._gate.current
        if isinstance(call, KernelCall):
            return Activity(call.since, cell=cell.cell, call=call.name)
        return cell

    @property
    def waiting(self) -> int:
        """How many calls wait for the main thread. Any thread."""
        return len(self._waiting)

    # ----------------------------------------------------------------------------- the engine's thread

    async def run(self, invocation: Invocation) -> Outcome:
        """Run a function (see `CallRunner.run`), unless the user has paused calls.

        Raises
        ------
        ToolError
            Calls are paused.
        """
        if self.paused and not invocation.always:
            raise ToolError(f"{invocation.name} did not run: the user of the notebook has paused all calls.")
        return await super().run(invocation)

    def _new_call(self, invocation: Invocation, loop: asyncio.AbstractEventLoop) -> KernelCall:
        return KernelCall(invocation, loop)

    def _arrived(self, call: KernelCall) -> None:
        if call.invocation.concurrent:
            self._contain_tasks(call.loop)
        self._state.begun(call.loop, call.invocation.concurrent)

    def _contain_tasks(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set our task factory on the engine's loop, so that no task of a call can end that loop."""
        if self._engine_factory is None or loop.get_task_factory() is not self._engine_factory:
            self._engine_factory = task_factory(loop.get_task_factory(), run_plainly)
            loop.set_task_factory(self._engine_factory)

    def _left(self, call: KernelCall) -> None:
        self._state.ended(call.invocation.concurrent)

    def _queue(self, call: KernelCall) -> None:
        self._waiting.append(call)
        self._pump_soon()

    def _unqueue(self, call: KernelCall) -> None:
        with suppress(ValueError):  # the main thread has just taken it, and `claim` will refuse it
            self._waiting.remove(call)

    def _threads(self, call: KernelCall) -> Workers[KernelCall]:
        return self._lookups if call.invocation.lookup else self._workers

    def _occupied_by(self) -> str:
        return str(self.activity)

    def _interrupt(self, call: KernelCall, again: bool) -> None:
        """Cancel a call's task, or interrupt its code."""
        is_task = call.cancel is not None
        super()._interrupt(call, again)
        if not is_task or again:  # a cancelled task that goes on may be blocked in a step
            self._gate.interrupt(call)

    def _settle(self, call: KernelCall) -> None:
        self._state.settled(call.loop)
        super()._settle(call)

    def _settle_interrupted(self, call: KernelCall) -> None:
        """Release the caller of an interrupted call. If the kernel shuts down, this has begun by now."""
        call.shut_down = bool(self._shell.exit_now)
        self._settle(call)

    # ---------------------------------------------------------------- the engine's or a worker's thread

    def _work(self, call: KernelCall) -> None:
        self._standins.hook_display()
        super()._work(call)

    def _finish(self, call: KernelCall, error: BaseException | None, run: Run) -> BaseException | None:
        """Turn a call's figures and displays into content, on the thread that ran it.

        Returns the call's error: the function's, else that of the drawing.
        """
        if call.figures or call.output.displays:
            try:
                run(call, call.context.run, self._displays.finish, call, error is None)
            except BaseException as failure:  # noqa: BLE001 - user code ends here: drawing runs it
                return failure if error is None else error
        return error

    def _end(self, call: KernelCall, value: Any, error: BaseException | None) -> None:
        if not call.interrupted:
            super()._end(call, value, error)
            return
        call.finish(value, error)
        wait = partial(call.loop.call_later, SHUTDOWN_SECONDS, self._settle_interrupted, call)
        self._hand_over(call, wait)

    def _task_ended(self, call: KernelCall, value: Any, error: BaseException | None) -> None:
        if not call.invocation.concurrent:
            self._conclude(call, value, error)
        elif call.figures or call.output.displays:  # in a thread: drawing may take seconds
            call.loop.run_in_executor(None, self._end_concurrent, call, value, error)
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

    def _begin(self, call: KernelCall) -> None:
        try:
            value = self._run_code(call, call.context.run, self._start, call)
        except BaseException as error:  # noqa: BLE001 - user code ends here
            self._conclude(call, None, error)
            return
        if inspect.isawaitable(value):
            self._awaited.add(call)
            self._follow(call, value, self._main_loop, self._run_code)
        else:
            self._conclude(call, value, None)

    def _start(self, call: KernelCall) -> Any:
        reload_modules(self._shell)
        return call.start()

    def _run_code(self, call: KernelCall, function: Callable[..., Any], *args: Any) -> Any:
        """Run a sync function, or one step of an async one, so that SIGINT ends it."""
        try:
            return self._gate.run(call, function, *args)
        finally:
            if self._gate.current is None:
                self._pump_soon()

    def _conclude(self, call: KernelCall, value: Any, error: BaseException | None) -> None:
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
            if call.cancel is not None:
                call.cancel()


def task_factory(previous: Callable[..., Any] | None, run: Run) -> Callable[..., Any]:
    """Make a task factory that runs the tasks of calls step by step (`Steps`), so that none ends the loop.

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
            coroutine = Steps(coroutine, partial(run_step, call, run))
        if previous is not None:
            return previous(loop, coroutine, **options)
        return asyncio.Task(coroutine, loop=loop, **options)

    return make
