# SPDX-License-Identifier: BSD-3-Clause
"""How a cell waits for a call: it shows progress, puts the server's questions, and can be interrupted.

Owns the wait of a plain cell, which holds the main thread: no widget is heard meanwhile, so questions are
prompts. Knows no server.

Threads: for any thread but the background loop's. Only the main one may prompt; elsewhere questions are left
to whoever else takes them.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeAlias

from IPython.display import display

from .._ipython.questions import Question
from .._util.text import shorten
from ..errors import RequestTimeout
from .calls import Call, Progress
from .prompts import put
from .questions import Notice, Questions

__all__ = ["wait", "wait_opened"]

POLL_SECONDS: Final = 0.2
"""How long the wait may be deaf to an interrupt where a waiting lock cannot be interrupted (Windows)."""

CANCEL_SECONDS: Final = 2.0
"""After an interrupt: how long the call may take to end before the cell ends without it."""

MAX_PROGRESS_CHARS: Final = 100
"""Characters of the progress line: a carriage return overwrites it only where it does not wrap."""

Mailbox: TypeAlias = "queue.SimpleQueue[Question | Notice | None]"
"""What wakes the wait: something for the person, or None for a look at the call."""


def wait(call: Call, questions: Questions, alias: str) -> Any:
    """Wait for a call, and give its result.

    Raises
    ------
    KeyboardInterrupt
        The person interrupted; the call has been cancelled at the server.
    ToolError, McpError, RequestTimeout, ConnectionClosed
        What the call ended with.
    """
    __tracebackhide__ = True  # of the frames from the cell to the error, the cell is what a person looks for
    mailbox: Mailbox = queue.SimpleQueue()
    call.add_listener(lambda _: mailbox.put(None))
    line = _ProgressLine(f"{alias}.{call.name}")
    try:
        with _asking(questions, mailbox):
            while not call.done():
                _handle(mailbox)
                line.show(call.progress)
        line.show(call.progress)  # of a call that was quicker than the loop
        _handle_rest(mailbox)
    except BaseException:
        call.cancel()
        call.wait(CANCEL_SECONDS)
        raise
    finally:
        line.end()
    return call.result()


def wait_opened(opened: Future[None], questions: Questions, timeout: float, alias: str) -> None:
    """Wait until a connection is open; questions that come with it are put meanwhile.

    Raises
    ------
    RequestTimeout
        It took too long.
    BaseException
        What the opening failed with.
    """
    __tracebackhide__ = True
    mailbox: Mailbox = queue.SimpleQueue()
    opened.add_done_callback(lambda _: mailbox.put(None))
    end = time.monotonic() + timeout
    with _asking(questions, mailbox):
        while not opened.done():
            if time.monotonic() > end:
                raise RequestTimeout(f"{alias} did not answer within {timeout:g} s.")
            _handle(mailbox)
        _handle_rest(mailbox)
    if (error := opened.exception()) is not None:
        raise error.with_traceback(None)  # the stack of the loop's thread says nothing about what went wrong


@contextmanager
def _asking(questions: Questions, mailbox: Mailbox) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    take = mailbox.put
    try:
        with questions.taken_by(take):
            yield
    finally:  # a question of another call may have come after the last look, or an interrupt before it
        with suppress(queue.Empty):
            while True:
                item = mailbox.get_nowait()
                if item is not None and not (isinstance(item, Question) and item.is_settled):
                    questions.hand_on(item)


def _handle(mailbox: Mailbox) -> None:
    __tracebackhide__ = True
    with suppress(queue.Empty):
        _put(mailbox.get(timeout=POLL_SECONDS))


def _handle_rest(mailbox: Mailbox) -> None:
    """Show what came with the end; questions are settled by then."""
    with suppress(queue.Empty):
        while True:
            _put(mailbox.get_nowait())


def _put(item: Question | Notice | None) -> None:
    if isinstance(item, Notice):
        display(item.thing)
    elif item is not None:
        put(item)


class _ProgressLine:
    """One line of the cell's output that is written over. It depends on what the server said alone, never on
    the time: a recorded call prints what the call itself did.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._shown: Progress | None = None
        self._width = 0

    def show(self, progress: Progress | None) -> None:
        if progress is not None and progress is not self._shown:
            self._shown = progress
            text = shorten(f"{self._name}: {_text(progress)}", MAX_PROGRESS_CHARS)
            self._write("\r" + text.ljust(self._width))
            self._width = len(text)

    def end(self) -> None:
        if self._shown is not None:
            self._write("\n")

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def _text(progress: Progress) -> str:
    fraction = progress.fraction
    amount = f"{progress.value:g}" if progress.total is None else f"{progress.value:g}/{progress.total:g}"
    share = "" if fraction is None else f"{fraction:.0%} "
    return f"{share}({amount}) {progress.message}".rstrip()
