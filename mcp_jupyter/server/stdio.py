# SPDX-License-Identifier: BSD-3-Clause
"""One client on this process's stdin and stdout, one JSON message a line (spec, basic/transports, stdio).

A daemon thread reads lines and posts them to the event loop, so the loop never waits for input. Writes
happen on the loop's thread: the one reader at the other end is whom they are for. While a server serves,
stdin and stdout belong to the protocol, on the level of file descriptors too: neither `print`, nor
`input`, nor a child process comes between.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from typing import Any, BinaryIO, Final, Protocol

import anyio

from ..engine.channel import Channel, ReadHalf, Sink, WriteHalf, halves, joined
from ..errors import INVALID_REQUEST, ConnectionClosed, FrameError
from ..protocol.frames import (
    ErrorResponse,
    Frame,
    Message,
    Notification,
    Request,
    RequestId,
    Response,
    decode,
    is_request_id,
)
from ..protocol.limits import MAX_LINE_BYTES
from .runner import Poster

__all__ = [
    "END_SECONDS",
    "INTERRUPT_SECONDS",
    "StdioChannel",
    "on_terminate",
    "protocol_stdin",
    "protocol_stdout",
    "serve_stdio",
    "stdio_server",
]


MAX_LINES_WAITING: Final = 64
"""Lines read ahead of the event loop: enough to keep it busy; the rest stays in the pipe."""

ANSWER_SECONDS: Final = 1.0
"""After the end of input, what was asked may still be answered while one answer follows the other within this
time: a client that reads slowly gets them all. A call that takes longer is given up: hosts close stdin to say
goodbye, and end a process that stays by force after two seconds."""

DISCARD_BYTES: Final = 64 * 1024
"""A line over the limit is read on in pieces of this size, and dropped."""


class _Serves(Protocol):
    async def serve(self, channel: Channel) -> None: ...

    def running(self) -> AbstractAsyncContextManager[None]: ...


class StdioChannel(Channel):
    """Lines of JSON on a pair of binary files.

    Belongs to the event loop's thread, but for `_read` and `_lines`, which run on a thread of their own
    and only post. The files stay open: the thread may still wait for a line.

    Parameters
    ----------
    source : binary file
        Read from, until its end.
    target : binary file
        Written to.
    """

    def __init__(self, source: BinaryIO, target: BinaryIO) -> None:
        self._source = source
        self._target = target
        self._sink: Sink | None = None
        self._unanswered: set[RequestId] = set()
        self._input_over = False
        self._answers = 0  # written
        self._writing = False
        self._closed = threading.Event()
        self._room = threading.Semaphore(MAX_LINES_WAITING)

    def start(self, sink: Sink) -> None:
        """Begin to read."""
        self._sink = sink
        self._post = Poster()
        threading.Thread(target=self._read, name="mcp-stdin", daemon=True).start()

    @property
    def is_started(self) -> bool:
        """Whether there is a conversation."""
        return self._sink is not None

    # -- the reading thread ----------------------------------------------------------------------

    def _read(self) -> None:
        with suppress(RuntimeError):  # the loop is closed
            with suppress(OSError, ValueError):  # so is the file, which ends it too
                for line in self._lines():
                    self._room.acquire()
                    self._post(self._line, line)
            self._post(self._end_of_input)
            self._wait_for_answers()
            self._post(self.close)

    def _wait_for_answers(self) -> None:
        """Wait until the channel is closed or, unless it is patient, no answer came for `ANSWER_SECONDS`."""
        before = self._answers
        while not self._closed.wait(ANSWER_SECONDS):
            now = self._answers
            # While it writes, the client has to read first.
            if now == before and not (self._writing or self.is_patient):
                return
            before = now

    def _lines(self) -> Iterator[bytes]:
        """The lines; of one over the limit, a byte more than the limit."""
        while line := self._source.readline(MAX_LINE_BYTES + 1):
            yield line
            if len(line) > MAX_LINE_BYTES:
                while line and not line.endswith(b"\n"):
                    line = self._source.readline(DISCARD_BYTES)

    # -- the event loop's thread -----------------------------------------------------------------

    def _line(self, line: bytes) -> None:
        self._room.release()
        if self._sink is None or self._closed.is_set() or line.isspace():
            return
        try:
            if len(line) > MAX_LINE_BYTES:
                raise FrameError(INVALID_REQUEST, f"A message is longer than {MAX_LINE_BYTES} bytes.")
            frame = decode(line)
        except FrameError as exc:
            self._sink.fault(exc)
            return
        self._expect(frame)
        self._sink.message(Message(frame, line))

    def _expect(self, frame: Frame) -> None:
        """Keep the ids of what will be answered; what is cancelled will not be."""
        if isinstance(frame, Request):
            if frame.method != "subscriptions/listen":  # it lasts until one of the two leaves
                self._unanswered.add(frame.id)
        elif isinstance(frame, Notification) and frame.method == "notifications/cancelled":
            cancelled = frame.params.get("requestId")
            self._unanswered -= {cancelled} if is_request_id(cancelled) else set()

    def _end_of_input(self) -> None:
        self._input_over = True
        # A client that leaves after an answer is gone. One that never spoke, such as a shell without input,
        # may wait for the start to succeed or fail.
        if not self._unanswered and (self._answers or not self.is_patient):
            self.close()

    def send(self, message: Message) -> None:
        """Write one line."""
        if self._closed.is_set():
            raise ConnectionClosed("The client closed its end.")
        self._writing = True
        try:
            self._target.write(message.raw + b"\n")
            self._target.flush()
        except (OSError, ValueError):
            self.close()
            raise ConnectionClosed("The client closed its end.") from None
        finally:
            self._writing = False
        if isinstance(message.frame, Response | ErrorResponse) and message.frame.id is not None:
            self._answers += 1
            self._unanswered.discard(message.frame.id)
            if self._input_over and not self._unanswered:
                self.close()

    def close(self) -> None:
        """Stop delivering and sending. Idempotent."""
        if not self._closed.is_set():
            self._closed.set()
            if self._sink is not None:
                self._sink.closed()


@contextmanager
def protocol_stdin() -> Iterator[BinaryIO]:
    """The process's stdin as the protocol's own; whatever else reads meets the end of input.

    The file given stays open afterwards: a thread may wait in it.
    """
    ours, kept, reading = os.dup(0), os.dup(0), sys.stdin
    os.set_blocking(ours, True)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
        sys.stdin = nothing
        try:
            yield os.fdopen(ours, "rb", closefd=False)
        finally:
            sys.stdin = reading
            os.dup2(kept, 0)
            os.close(kept)


@contextmanager
def protocol_stdout() -> Iterator[BinaryIO]:
    """The process's stdout as the protocol's own; everything else that prints goes to stderr."""
    sys.stdout.flush()
    ours, kept, printing = os.dup(1), os.dup(1), sys.stdout
    os.set_blocking(ours, True)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    target = os.fdopen(ours, "wb")
    try:
        yield target
    finally:
        with suppress(OSError):  # the reader left, and something was not yet written
            target.close()
        sys.stdout = printing
        os.dup2(kept, 1)
        os.close(kept)


@asynccontextmanager
async def stdio_server() -> AsyncIterator[tuple[ReadHalf, WriteHalf]]:
    """The client on this process's stdin and stdout: ``async with stdio_server() as (read, write)``.

    Within it stdin and stdout are the protocol's. SIGTERM and Ctrl-C end the conversation, as a client that
    leaves does, so that what stands around it ends in order; before there is a conversation, they cancel what
    runs. A function that blocks the event loop is interrupted then, and the process ends within two seconds.

    Yields
    ------
    (read, write)
        For `Server.run`.
    """
    with anyio.CancelScope() as scope, protocol_stdin() as source, protocol_stdout() as target:
        channel = StdioChannel(source, target)

        def stop() -> None:
            if channel.is_started:
                channel.close()
            else:
                scope.cancel()

        with on_terminate(stop):
            yield halves(channel)


async def serve_stdio(server: _Serves) -> None:
    """Serve one client on stdin and stdout until it closes stdin, or SIGTERM or Ctrl-C comes."""
    async with stdio_server() as (read, write), server.running():
        await server.serve(joined(read, write))


# -- stopping ------------------------------------------------------------------------------------
#
# Stop a server that has the process to itself on SIGTERM and on Ctrl-C. Knows no transport.
#
# The handler of a signal asks the event loop to stop. A function that blocks the loop's thread would hold
# that up, so a thread watches: when the loop has not begun to stop in time, the thread interrupts the
# function, as Ctrl-C interrupts a script, and at last ends the process.

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
