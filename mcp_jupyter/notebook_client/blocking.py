# SPDX-License-Identifier: BSD-3-Clause
"""Wait for a call in a plain cell: show its progress, ask the server's questions, pass on an interrupt.

The wait holds the main thread, so widgets receive no events meanwhile and questions are asked as prompts.

Threads: any thread but the background loop's. Only the main thread prompts; on others, questions stay with
the other takers.
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
"""Seconds between two looks: on Windows an interrupt does not end the wait for a lock."""

CANCEL_SECONDS: Final = 2.0
"""Seconds. After an interrupt, how long the call may take to end before the cell ends without it."""

MAX_PROGRESS_CHARS: Final = 100
"""The progress line is overwritten by a carriage return, which works only where the line does not wrap."""

Mailbox: TypeAlias = "queue.SimpleQueue[Question | Notice | None]"
"""Wakes the wait: something to show or ask the user, or None when the call changed."""


def wait(call: Call, questions: Questions, alias: str) -> Any:
    """Wait for a call and return its result.

    Raises
    ------
    KeyboardInterrupt
        The user interrupted; the call has been cancelled at the server.
    ToolError, McpError, RequestTimeout, ConnectionClosed
        The error that the call ended with.
    """
    __tracebackhide__ = True  # the user looks for the cell's own frame, not for those below it
    mailbox: Mailbox = queue.SimpleQueue()
    call.add_listener(lambda _: mailbox.put(None))
    line = _ProgressLine(f"{alias}.{call.name}")
    try:
        with _asking(questions, mailbox):
            while not call.done():
                _handle(mailbox)
                line.show(call.progress)
        line.show(call.progress)  # a quick call ends before the loop has shown its last progress
        _handle_rest(mailbox)
    except BaseException:
        call.cancel()
        call.wait(CANCEL_SECONDS)
        raise
    finally:
        line.end()
    return call.result()


def wait_opened(opened: Future[None], questions: Questions, timeout: float, alias: str) -> None:
    """Wait until a connection is open; ask the server's questions meanwhile.

    Raises
    ------
    RequestTimeout
        The connection was not open within `timeout` seconds.
    BaseException
        The error that opening failed with.
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
        raise error.with_traceback(None)  # the stack of the loop's thread does not explain the error


@contextmanager
def _asking(questions: Questions, mailbox: Mailbox) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    take = mailbox.put
    try:
        with questions.taken_by(take):
            yield
    finally:  # pass on a question that came after the last look, or before an interrupt was noticed
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
    """Show the notices that came with the end; all questions are settled by then."""
    with suppress(queue.Empty):
        while True:
            _put(mailbox.get_nowait())


def _put(item: Question | Notice | None) -> None:
    if isinstance(item, Notice):
        display(item.thing)
    elif item is not None:
        put(item)


class _ProgressLine:
    """One line of the cell's output that is overwritten.

    It depends only on what the server sent, never on the time: a replayed call prints the same lines.
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
