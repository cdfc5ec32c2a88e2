# SPDX-License-Identifier: BSD-3-Clause
"""Stop a server that has the process to itself on SIGTERM and on Ctrl-C. Knows no transport.

The handler of a signal asks the event loop to stop. A function that blocks the loop's thread would hold that
up, so a thread watches: when the loop has not begun to stop in time, the thread interrupts the function, as
Ctrl-C interrupts a script, and at last ends the process.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from .posting import Poster

__all__ = ["END_SECONDS", "INTERRUPT_SECONDS", "on_terminate"]

INTERRUPT_SECONDS: Final = 0.8
"""How long a function may block the event loop after the first signal before it is interrupted."""

END_SECONDS: Final = 0.8
"""How long it may go on after that, in C code or in spite of the interrupt, before the process ends. Hosts
kill a server two seconds after SIGTERM."""


@contextmanager
def on_terminate(stop: Callable[[], None]) -> Iterator[None]:
    """Stop when the process is asked to terminate or is interrupted; asked again, it ends at once.

    Only on the main thread, and only for signals that have no handler but Python's or asyncio's own.

    Parameters
    ----------
    stop : callable
        Called on the event loop's thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stopping = _Stopping(stop)
    stopping.begin()
    try:
        yield
    finally:
        stopping.end()


class _Stopping:
    """The handlers of the signals, and the thread that sees to it that the loop stops.

    The handlers run on the main thread, `_watch` and `_enforce` on threads of their own; all else on the main
    thread.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._post = Poster()
        self._before: dict[int, Any] = {}  # the handlers that ours stand in for
        self._stops = threading.Event()
        self._asked = False
        self._interrupts = False  # the thread's signal is on its way
        self._told, self._tells = socket.socketpair()
        self._tells.setblocking(False)
        self._taken = -1  # the file descriptor that the interpreter wrote to before

    def begin(self) -> None:
        """Set the handlers."""
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            self._before[signal.SIGTERM] = signal.signal(signal.SIGTERM, self._terminated)
        if _is_plain(signal.getsignal(signal.SIGINT)):
            self._before[signal.SIGINT] = signal.signal(signal.SIGINT, self._interrupted)
        # The interpreter writes there at once, while a handler waits until C code returns. Trio has a
        # descriptor there that wakes its loop; the thread passes on to it what it reads.
        self._taken = signal.set_wakeup_fd(self._tells.fileno(), warn_on_full_buffer=False)
        if self._taken != -1 and sys.platform == "win32":  # a socket, which `os.write` does not take
            signal.set_wakeup_fd(self._taken)
        threading.Thread(target=self._watch, name="mcp-stop", daemon=True).start()

    def end(self) -> None:
        """Put the handlers back, and let the thread end."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._taken)
        self._stops.set()
        self._tells.close()

    def _terminated(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the second one ends the process
        self._ask(signal.SIGTERM)

    def _interrupted(self, *_: object) -> None:
        if self._interrupts:
            self._interrupts = False
            if not self._stops.is_set():
                raise KeyboardInterrupt
        elif self._asked:
            raise KeyboardInterrupt
        else:
            self._ask(signal.SIGINT)

    def _ask(self, number: int) -> None:
        self._asked = True
        with suppress(OSError):  # full, or the thread has heard already
            self._tells.send(bytes([number]))
        self._post.soon(self._begin_to_stop)

    def _begin_to_stop(self) -> None:
        self._stops.set()
        self._stop()

    def _watch(self) -> None:
        """Hear of signals, and of the first one that should stop the server in time."""
        heard = False
        with self._told:
            while number := self._told.recv(1):
                if self._taken != -1:
                    with suppress(OSError):  # full, so that the loop wakes anyway
                        os.write(self._taken, number)
                if number[0] in self._before and not heard:
                    heard = True
                    threading.Thread(
                        target=self._enforce, args=(number[0],), name="mcp-stop-in-time", daemon=True
                    ).start()

    def _enforce(self, number: int) -> None:
        """See to it that the server stops in time after a signal."""
        if self._stops.wait(INTERRUPT_SECONDS):
            return
        if signal.SIGINT in self._before:
            self._interrupts = True
            _interrupt_main_thread()
        if not self._stops.wait(END_SECONDS):
            os._exit(128 + number)


def _is_plain(handler: Any) -> bool:
    """Whether an interrupt has no handler but Python's, or that of the `asyncio.run` around us."""
    method = getattr(handler, "func", None)  # a partial of a method of the runner
    return handler is signal.default_int_handler or isinstance(
        getattr(method, "__self__", None), asyncio.Runner
    )


def _interrupt_main_thread() -> None:
    if sys.platform == "win32":
        import _thread

        _thread.interrupt_main()
    else:  # a signal also ends system calls
        ident = threading.main_thread().ident
        assert ident is not None
        signal.pthread_kill(ident, signal.SIGINT)
