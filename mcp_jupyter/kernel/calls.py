# SPDX-License-Identifier: BSD-3-Clause
"""The calls of a kernel: what they print and draw, the cell they wait for, and their interrupts.

`CellWatch` tells which cell has the main thread; `InterruptGate` directs SIGINT to the call whose code runs.
Queues and threads are left to `runner`.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _thread
import asyncio
import signal
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any, Final, Literal, Protocol, TypeVar

from IPython.core.interactiveshell import InteractiveShell

from .._ipython.private import run_code_code, shell_main_code
from ..server.calls import Call
from ..server.content import Content
from ..server.runner import Invocation, Outcome
from .outputs import CallOutput

__all__ = [
    "CURRENT",
    "Activity",
    "CellWatch",
    "InterruptGate",
    "Interruptible",
    "KernelCall",
]


CURRENT: ContextVar[KernelCall | None] = ContextVar("mcp_jupyter_call", default=None)
"""The call to which the running code belongs; also set in tasks and `to_thread` jobs that the call starts."""


class KernelCall(Call):
    """A call in a kernel: it prints, displays, draws figures, and may be interrupted by the user.

    Attributes
    ----------
    output : CallOutput
        What it prints and displays.
    interrupted : bool
        The user interrupted it.
    shut_down : bool
        The interrupt came because the kernel shuts down.
    figures : OrderedDict
        pyplot's managers of the figures that it opened.
    displayed : list of Content
        What it displayed (see `Outcome`).
    """

    def __init__(self, invocation: Invocation, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(invocation, loop)
        self.context.run(CURRENT.set, self)
        self.output = CallOutput(partial(_post, loop, invocation.log))
        self.interrupted = False
        self.shut_down = False
        self.figures: OrderedDict[Any, Any] = OrderedDict()
        self.displayed: list[Content] = []

    @property
    def last_line(self) -> str:  # type: ignore[override]
        return self.output.last_line

    @property
    def printed(self) -> str:  # type: ignore[override]
        return self.output.printed

    def finish(self, value: Any, error: BaseException | None) -> None:
        self.output.close()
        super().finish(value, error)

    def _outcome(self, value: Any) -> Outcome:
        return Outcome(value, self.displayed, self.output.printed)

    def _why(self, error: BaseException) -> str:
        if self.interrupted and isinstance(error, (KeyboardInterrupt, asyncio.CancelledError)):
            if self.shut_down:
                return f"{self.name} was stopped, because its kernel was shut down."
            return f"{self.name} was interrupted by the user at the notebook."
        kind = type(error).__name__
        if isinstance(error, SystemExit):
            return f"{self.name} tried to end the kernel ({kind}); the kernel goes on."
        return f"{self.name} ended with {kind}, which is not an error a tool can report."


def _post(loop: asyncio.AbstractEventLoop, log: Callable[[str, str], None], level: str, text: str) -> None:
    with suppress(RuntimeError):  # the engine's loop is closed, so there is no listener
        loop.call_soon_threadsafe(log, level, text)


# -- activity ------------------------------------------------------------------------------------
#
# What the kernel's main thread is doing, and since when: IPython's events tell when a cell begins and ends.


@dataclass(frozen=True, slots=True)
class Activity:
    """What the main thread was doing at one moment. Immutable, so any thread may use it.

    Attributes
    ----------
    since : float
        When this began, on the clock of `time.monotonic`.
    cell : int, optional
        The number of the cell that runs, as in ``In [12]``.
    call : str, optional
        The name of the call that holds the main thread.
    """

    since: float
    cell: int | None = None
    call: str | None = None

    @property
    def state(self) -> Literal["idle", "busy"]:
        return "idle" if self.cell is None and self.call is None else "busy"

    @property
    def seconds(self) -> int:
        """How long the activity has lasted, in whole seconds."""
        return int(time.monotonic() - self.since)

    def __str__(self) -> str:
        """The obstacle that the caller of a waiting call is told of."""
        if self.call is not None:
            return f"another call ({self.call}), {self.seconds} s"
        if self.cell is not None:
            return f"cell [{self.cell}], {self.seconds} s"
        return "the kernel"


_RUN_CODE: Final = run_code_code()


class CellWatch:
    """Watches which cell runs on the main thread.

    Parameters
    ----------
    shell : InteractiveShell
        Its events tell when a cell starts and ends. Silent executions (of a front end) count as idle.
    ended : callable
        Called on the main thread after each cell, silent ones included.
    """

    def __init__(self, shell: InteractiveShell, ended: Callable[[], None]) -> None:
        self._shell = shell
        self._ended = ended
        self._main_thread = threading.main_thread()
        self._running: list[object] = []  # a cell may run another (`get_ipython().run_cell`)
        self._current = Activity(time.monotonic())
        self._callbacks: dict[str, Callable[..., None]] = {
            "pre_run_cell": self._before,
            "post_run_cell": self._after,
            "post_execute": self._executed,
        }

    @property
    def current(self) -> Activity:
        """The running cell, or idle. Any thread."""
        return self._current

    def open(self) -> None:
        """Begin to watch. A cell that calls this (`%load_ext` does) counts as running."""
        for event, callback in self._callbacks.items():
            self._shell.events.register(event, callback)
        if self.on_stack():
            self._before(None)

    def close(self) -> None:
        for event, callback in self._callbacks.items():
            self._shell.events.unregister(event, callback)

    def on_stack(self) -> bool:
        """Whether a cell's code is on this thread's stack.

        False while an async cell awaits: the loop is free then and a call may run. True when a cell runs the
        loop from inside (as nest_asyncio does): a call would then run in the middle of the cell.
        """
        frame = sys._getframe(1)
        while frame.f_code is not _RUN_CODE:
            if frame.f_back is None:
                return False
            frame = frame.f_back
        return True

    def _before(self, info: object) -> None:
        if threading.current_thread() is not self._main_thread:
            return  # a subshell's cell does not hold the main thread
        if not self._running:
            self._current = Activity(time.monotonic(), cell=self._shell.displayhook.prompt_count)
        self._running.append(info)

    def _after(self, result: Any) -> None:
        if threading.current_thread() is not self._main_thread:
            return
        if result is None:  # the cell was cancelled
            self._running.clear()
        else:  # an empty cell ends without having begun; None stands for the cell that called `open`
            self._running = [info for info in self._running if info not in (None, result.info)]
        if not self._running and self._current.cell is not None:
            self._current = Activity(time.monotonic())

    def _executed(self) -> None:
        if threading.current_thread() is self._main_thread:
            self._ended()


# -- interrupts ----------------------------------------------------------------------------------
#
# SIGINT on the kernel's main thread interrupts the call whose code runs, and nothing else.
#
# The gate's handler is in place while a call's code runs, and between cells, where ipykernel ignores SIGINT.
# The user's interrupt (Jupyter sends SIGINT) and our own (the call was cancelled or timed out) come as the
# same signal; both become a KeyboardInterrupt in the call.

T = TypeVar("T")

SIGNAL_SECONDS: Final = 0.1
"""How long to wait for a signal that was sent. A running thread sees it within microseconds; a call that
installed a handler of its own may have swallowed it, and the kernel must not wait for ever."""

BRIEF_SECONDS: Final = 0.1
"""While an async cell awaits, a user who presses "stop" means that cell, not a call that has run for less
than this."""


class Interruptible(Protocol):
    """The part of a call that the gate uses."""

    interrupted: bool
    """Set when the user interrupted the call."""


class InterruptGate:
    """Runs a call's code so that SIGINT ends that code and nothing else.

    Any thread may use `interrupt` and `current`; all other methods are for the main thread. A signal is sent
    only while the call's code runs, and the main thread has seen it before another handler is put back: so it
    cannot hit a cell, the loop or the next call.

    Parameters
    ----------
    idle : callable
        Called from within the signal's handler when the user interrupts the kernel outside of cells and of
        other requests of front ends.
    """

    def __init__(self, idle: Callable[[], None]) -> None:
        self._idle = idle
        # Reentrant: the handler runs on the main thread, perhaps while that thread holds the lock.
        self._lock = threading.RLock()
        self._current: Interruptible | None = None
        self._previous: Any = None  # the handler that ours replaces while a call's code runs
        self._sent = False  # our signal is on its way
        self._echo = 0.0  # until then a signal may be our second one, sent to wake the thread
        self._early = False  # a signal came before the call's first line
        self._begun = 0.0  # when the running code began
        self._handler = self._handle  # one object: each access to the method would make another

    @property
    def current(self) -> Interruptible | None:
        """The call whose code holds the main thread."""
        return self._current

    def install(self) -> None:
        """Replace the "ignore" handler. Repeat it after each cell, which puts back the handler it found."""
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._handler)

    def uninstall(self) -> None:
        """Put the "ignore" handler back."""
        if signal.getsignal(signal.SIGINT) is self._handler:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def run(self, call: Interruptible, function: Callable[..., T], *args: Any) -> T:
        """Run some of a call's code. The handler raises only in that code, not in this method (`_inside`).

        Raises
        ------
        KeyboardInterrupt
            The call was interrupted.
        BaseException
            Whatever the code raises.
        """
        # A call may run the loop from inside (nest_asyncio), and so the next step of another call: nest.
        outer, outer_previous = self._current, self._previous
        self._early = False
        self._begun = time.monotonic()
        self._current = call
        # Not `signal.getsignal`: it converts its result to an enum, which takes a tenth of a call's time.
        replaced = _signal.getsignal(signal.SIGINT)
        try:
            if replaced is not self._handler:  # the handler of an async cell or of a request being served
                signal.signal(signal.SIGINT, self._handler)
                self._previous = replaced
            return self._call(function, args)
        finally:
            with self._lock:
                self._current = outer  # from here on no signal is sent
            if self._sent or time.monotonic() < self._echo:
                self._await_signal()
            if replaced is not self._handler:
                signal.signal(signal.SIGINT, signal.SIG_DFL if replaced is None else replaced)
            self._previous = outer_previous

    def interrupt(self, call: Interruptible) -> bool:
        """Interrupt the code of this call, if it runs now.

        A signal that arrives just before the thread goes to sleep does not wake it, because no Python code
        runs in between. Each further call of this method sends the signal again.

        Returns
        -------
        bool
            False when the call's code does not run now, or is out of reach: it has run a cell or installed a
            handler of its own.
        """
        with self._lock:
            reachable = signal.getsignal(signal.SIGINT) is self._handler
            if self._current is not call or not reachable:
                return False
            if self._sent:
                self._echo = time.monotonic() + SIGNAL_SECONDS
            self._sent = True
            _send_sigint()
            return True

    def _call(self, function: Callable[..., T], args: tuple[Any, ...]) -> T:
        """Run the code. The handler raises below this frame only."""
        if self._early:
            raise KeyboardInterrupt
        return function(*args)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        with self._lock:
            ours, self._sent = self._sent, False
        if not ours and time.monotonic() < self._echo:
            return
        if not ours and self._is_for_others(signum, frame):
            return
        if self._inside(frame):
            raise KeyboardInterrupt
        self._early = True

    def _is_for_others(self, signum: int, frame: FrameType | None) -> bool:
        """Pass on the user's interrupt; return whether the running call must not be interrupted."""
        if self._previous is None:
            self._idle()
        elif callable(self._previous) and self._previous is not signal.default_int_handler:
            self._previous(signum, frame)  # the handler of an async cell that awaits
            if time.monotonic() - self._begun < BRIEF_SECONDS:
                return True
        if self._current is not None:
            self._current.interrupted = True
        return False

    @staticmethod
    def _inside(frame: FrameType | None) -> bool:
        """Whether the interrupted code is a call's own. Code of the gate, of the loop, or of a cell that the
        call has let run is not.
        """
        while frame is not None and frame.f_code not in _BOUNDARIES:
            frame = frame.f_back
        return frame is not None and frame.f_code is InterruptGate._call.__code__

    def _await_signal(self) -> None:
        end = time.monotonic() + SIGNAL_SECONDS
        time.sleep(0.0002)  # long enough for a signal that was sent to be seen
        while self._sent:
            if time.monotonic() > end:
                self._sent = False
            time.sleep(0.0002)


_BOUNDARIES: Final = (
    InterruptGate._call.__code__,
    InterruptGate.run.__code__,
    shell_main_code(),
)


def _send_sigint() -> None:
    if sys.platform == "win32":
        _thread.interrupt_main(signal.SIGINT)  # code that sleeps sees it when its sleep is over
    else:
        # To the thread, not the process: only so the signal ends a system call that blocks the main thread.
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)
