# SPDX-License-Identifier: BSD-3-Clause
"""SIGINT for the calls on the kernel's main thread: to that call, and to nothing else.

Owns the signal's handler while a call's code runs, and in place of ipykernel's "ignore" between cells.
Knows nothing of queues, results or messages. A person's interrupt (Jupyter sends SIGINT) and our own (a
call was cancelled or ran out of time) come by the same signal; both are a KeyboardInterrupt in the call.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _thread
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, Protocol, TypeVar

from ipykernel.kernelbase import Kernel

__all__ = ["InterruptGate", "Interruptible"]

T = TypeVar("T")

SIGNAL_SECONDS: Final = 0.1
"""A signal sent to a running thread is seen within microseconds; a call that put a handler of its own
in place may have swallowed it, and the kernel must not wait for it."""

BRIEF_SECONDS: Final = 0.1
"""Beside an async cell, code that has run for less is not what a person who presses "stop" waits for."""


class Interruptible(Protocol):
    """What the gate knows of a call."""

    interrupted: bool
    """Set when a person interrupted it."""


class InterruptGate:
    """Runs a call's code so that SIGINT ends that code and nothing else.

    `interrupt` and `current` are for any thread, all else for the main one. A signal is sent only while
    the call's code runs, and before another handler comes back the main thread has seen it: so it
    cannot hit a cell, the loop or the next call.

    Parameters
    ----------
    idle : callable
        Called, from within the signal's handler, when a person interrupts while no call's code runs
        and no cell.
    """

    def __init__(self, idle: Callable[[], None]) -> None:
        self._idle = idle
        # Reentrant: the handler runs on the main thread, perhaps while that thread holds the lock.
        self._lock = threading.RLock()
        self._current: Interruptible | None = None
        self._previous: Any = None  # the handler that waits behind ours
        self._sent = False  # our signal is on its way
        self._echo = 0.0  # until then a signal may be our second one, sent to wake the thread
        self._early = False  # a signal came before the call's first line
        self._begun = 0.0  # when the code that runs began
        self._handler = self._handle  # one object, so that it can be recognised

    @property
    def current(self) -> Interruptible | None:
        """The call whose code holds the main thread."""
        return self._current

    def install(self) -> None:
        """Stand where "ignore" stands. To be repeated after cells: each gives back what it found."""
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._handler)

    def uninstall(self) -> None:
        """Give "ignore" back."""
        if signal.getsignal(signal.SIGINT) is self._handler:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def run(self, call: Interruptible, function: Callable[..., T], *args: Any) -> T:
        """Run some of a call's code. Nothing the handler raises gets into these lines: see `_inside`.

        Raises
        ------
        KeyboardInterrupt
            When the call was interrupted.
        BaseException
            Whatever the code raises.
        """
        # A call may run the loop from inside (nest_asyncio), and with it another call's next step.
        outer, outer_previous = self._current, self._previous
        self._early = False
        self._begun = time.monotonic()
        self._current = call
        # `signal.getsignal` makes an enum of its answer, for a tenth of what a call costs in all.
        replaced = _signal.getsignal(signal.SIGINT)
        try:
            if replaced is not self._handler:  # an async cell's, or that of a request being served
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
        """Interrupt the code of this call, if it is what runs now.

        A signal that comes in the moment before the thread goes to sleep does not wake it (nothing of Python
        runs in between to see it): asked again, this sends it again.

        Returns
        -------
        bool
            False when the call's code does not run just now, or cannot be reached: within it a cell
            runs, or it has put a handler of its own in place.
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
        """Run the code: below this frame, and only there, the handler raises."""
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
        """Tell the others of a person's interrupt; whether that is all."""
        if self._previous is None:
            self._idle()
        elif callable(self._previous) and self._previous is not signal.default_int_handler:
            self._previous(signum, frame)  # an async cell is at an `await`
            if time.monotonic() - self._begun < BRIEF_SECONDS:
                return True
        if self._current is not None:
            self._current.interrupted = True
        return False

    @staticmethod
    def _inside(frame: FrameType | None) -> bool:
        """Whether the interrupted code is a call's: not the gate's around it, the loop's, or a cell's
        that the call has let run.
        """
        while frame is not None and frame.f_code not in _BOUNDARIES:
            frame = frame.f_back
        return frame is not None and frame.f_code is InterruptGate._call.__code__

    def _await_signal(self) -> None:
        end = time.monotonic() + SIGNAL_SECONDS
        time.sleep(0.0002)  # a signal that was sent is seen by then
        while self._sent:
            if time.monotonic() > end:
                self._sent = False
            time.sleep(0.0002)


_BOUNDARIES: Final = (
    InterruptGate._call.__code__,
    InterruptGate.run.__code__,
    Kernel.shell_main.__code__,
)


def _send_sigint() -> None:
    if sys.platform == "win32":
        _thread.interrupt_main(signal.SIGINT)  # code that sleeps sees it when its sleep is over
    else:
        # To the thread, not the process: it must wake what the main thread is blocked in.
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)
