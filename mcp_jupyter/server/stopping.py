# SPDX-License-Identifier: BSD-3-Clause
"""How a server that has the process to itself is told to stop: SIGTERM. Knows no transport."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .posting import Poster

__all__ = ["on_terminate"]


@contextmanager
def on_terminate(stop: Callable[[], None]) -> Iterator[None]:
    """Stop when the process is asked to terminate; asked again, it ends at once.

    Only where the signal has no handler yet, and handlers can be set.

    Parameters
    ----------
    stop : callable
        Called on the event loop's thread.
    """
    free = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not free or threading.current_thread() is not threading.main_thread():
        yield
        return
    post = Poster()

    def terminate(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        post.soon(stop)

    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
