# SPDX-License-Identifier: BSD-3-Clause
"""Serve one client on this process's stdin and stdout, one JSON message per line (spec, basic/transports).

asyncio tells when a pipe or a socket has input, and the loop's thread then reads it. Other files, and pipes
on loops that cannot tell, are read by a daemon thread, which posts to the loop: the loop never waits for
input. The loop's thread writes; a write that blocks delays only the one client that has to read it. While a
server serves, file descriptors 0 and 1 point elsewhere, so that `print`, `input` and child processes cannot
disturb the protocol.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any, BinaryIO, Final, Protocol, cast

import anyio

from ..engine.channel import Channel, ReadHalf, Sink, WriteHalf, halves, joined, registering_callbacks
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


READ_BYTES: Final = 64 * 1024
"""Bytes read at once: what a pipe holds on Linux."""

MAX_READS_WAITING: Final = 16
"""Reads of the thread that the event loop has not handled yet: enough to keep it busy. The rest waits in the
file."""

ANSWER_SECONDS: Final = 1.0
"""Seconds. After the end of input the channel stays open while responses follow each other within this time,
so that a client that reads slowly gets them all. Calls that take longer are cancelled: hosts close stdin to
end a session, and kill a process that still runs two seconds later."""


class _Serves(Protocol):
    async def serve(self, channel: Channel) -> None: ...

    def running(self) -> AbstractAsyncContextManager[None]: ...


class StdioChannel(Channel):
    """A channel over a pair of binary files, one JSON message per line.

    It belongs to the event loop's thread. `_read` and `_wait_for_answers` run on a thread of their own and
    only post to the loop. The files stay open after `close`, because that thread may still be reading.

    Parameters
    ----------
    source : binary file
        The file to read until its end. Nothing has been read from it yet.
    target : binary file
        The file to write to.
    """

    def __init__(self, source: BinaryIO, target: BinaryIO) -> None:
        self._source = source
        self._target = target
        self._sink: Sink | None = None
        self._line = bytearray()  # what has come of a line
        self._drops = False  # the rest of a line that is too long
        self._unanswered: set[RequestId] = set()
        self._input_over = False
        self._answers = 0  # responses written
        self._writing = False
        self._stop_polling: Callable[[], object] = bool
        self._closed = threading.Event()
        self._room = threading.Semaphore(MAX_READS_WAITING)

    def start(self, sink: Sink) -> None:
        """Begin to read: on the event loop if it can tell when there is input, else on a daemon thread."""
        self._sink = sink
        self._post = Poster()
        if not self._poll():
            self._start_thread(self._read, "mcp-stdin")

    @property
    def is_started(self) -> bool:
        """Whether a connection uses the channel."""
        return self._sink is not None

    # -- a thread --------------------------------------------------------------------------------

    @staticmethod
    def _start_thread(run: Callable[[], None], name: str) -> None:
        threading.Thread(target=run, name=name, daemon=True).start()

    def _read(self) -> None:
        with suppress(RuntimeError):  # the loop is closed
            with suppress(OSError, ValueError):  # the file is closed, which also ends the input
                while data := self._source.read1(READ_BYTES):  # type: ignore[attr-defined]
                    self._room.acquire()
                    self._post(self._received, data)
            self._post(self._end_of_input)

    def _wait_for_answers(self) -> None:
        """Close the channel when no response was written for `ANSWER_SECONDS`.

        A patient channel is awaited without limit: the kernel that has to answer is still starting.
        """
        before = self._answers
        while not self._closed.wait(ANSWER_SECONDS):
            now = self._answers
            # During a blocked write the client has to read first.
            if now == before and not (self._writing or self.is_patient):
                break
            before = now
        with suppress(RuntimeError):  # the loop is closed
            self._post(self.close)

    # -- the event loop's thread -----------------------------------------------------------------

    def _poll(self) -> bool:
        """Have the event loop read the file when it has input. Return False if the loop cannot tell."""
        try:
            descriptor = self._source.fileno()
            mode = os.fstat(descriptor).st_mode
            if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
                return False
            loop = asyncio.get_running_loop()  # RuntimeError on trio
            with registering_callbacks():
                loop.add_reader(descriptor, self._readable, descriptor)
        except (OSError, ValueError, RuntimeError):  # NotImplementedError, on Windows, is a RuntimeError
            return False
        self._stop_polling = partial(loop.remove_reader, descriptor)
        return True

    def _readable(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            return  # another process has read it, or has made the pipe non-blocking
        except OSError:
            data = b""
        if data:
            self._take(data)
        else:
            self._stop_polling()
            self._end_of_input()

    def _received(self, data: bytes) -> None:
        self._room.release()
        self._take(data)

    def _take(self, data: bytes) -> None:
        """Deliver the lines that end in `data`, and keep the rest."""
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._extend(data, start, end)
            self._end_line()
            start = end + 1
        self._extend(data, start, len(data))

    def _extend(self, data: bytes, start: int, end: int) -> None:
        if self._drops:
            return
        if len(self._line) + end - start <= MAX_LINE_BYTES:
            self._line += memoryview(data)[start:end]
            return
        self._line.clear()
        self._drops = True
        self._deliver(FrameError(INVALID_REQUEST, f"A message is longer than {MAX_LINE_BYTES} bytes."))

    def _end_line(self) -> None:
        line, self._drops = bytes(self._line), False
        self._line.clear()
        if not line or line.isspace():
            return
        try:
            frame = decode(line)
        except FrameError as exc:
            self._deliver(exc)
        else:
            self._deliver(Message(frame, line))

    def _deliver(self, arrived: Message | FrameError) -> None:
        if self._sink is None or self._closed.is_set():
            return
        if isinstance(arrived, FrameError):
            self._sink.fault(arrived)
        else:
            self._expect(arrived.frame)
            self._sink.message(arrived)

    def _expect(self, frame: Frame) -> None:
        """Record the ids of requests that will be answered; those that are cancelled will not."""
        if isinstance(frame, Request):
            if frame.method != "subscriptions/listen":  # may stay open as long as the connection
                self._unanswered.add(frame.id)
        elif isinstance(frame, Notification) and frame.method == "notifications/cancelled":
            cancelled = frame.params.get("requestId")
            self._unanswered -= {cancelled} if is_request_id(cancelled) else set()

    def _end_of_input(self) -> None:
        self._end_line()
        self._input_over = True
        # A client that got an answer and closed stdin is gone. One that never sent a request, such as a shell
        # without input, may be waiting for the kernel's start to succeed or fail.
        if not self._unanswered and (self._answers or not self.is_patient):
            self.close()
        else:
            self._start_thread(self._wait_for_answers, "mcp-last-answers")

    def send(self, message: Message) -> None:
        """Write one message as a line.

        Raises
        ------
        ConnectionClosed
            The channel is closed, or the client no longer reads.
        """
        if self._closed.is_set():
            raise ConnectionClosed("The client closed its end.")
        self._writing = True
        try:
            rest = memoryview(message.raw + b"\n")
            while rest:
                rest = rest[self._target.write(rest) :]
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
        """Stop delivering and sending, and tell the sink. Idempotent."""
        if not self._closed.is_set():
            self._closed.set()
            self._stop_polling()
            if self._sink is not None:
                self._sink.closed()


@contextmanager
def protocol_stdin() -> Iterator[BinaryIO]:
    """Reserve the process's stdin for the protocol; other readers, `input` for one, get the end of input.

    Yields
    ------
    binary file
        The original stdin. It stays open afterwards, because a thread may be waiting in it.
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
    """Reserve the process's stdout for the protocol; all other output, `print` for one, goes to stderr.

    Yields
    ------
    binary file
        The original stdout, without a buffer: a buffer cannot be closed while another thread is stuck in it.
    """
    sys.stdout.flush()
    ours, kept, printing = os.dup(1), os.dup(1), sys.stdout
    os.set_blocking(ours, True)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    target = os.fdopen(ours, "wb", buffering=0)
    try:
        yield cast(BinaryIO, target)
    finally:
        target.close()
        sys.stdout = printing
        os.dup2(kept, 1)
        os.close(kept)


@asynccontextmanager
async def stdio_server() -> AsyncIterator[tuple[ReadHalf, WriteHalf]]:
    """Open the channel of the client on stdin and stdout: ``async with stdio_server() as (read, write)``.

    Inside the block, stdin and stdout are reserved for the protocol. SIGTERM and Ctrl-C close the channel, as
    a client that leaves does, so that the code around it ends in order; before the channel is used, they
    cancel the block. A function that blocks the event loop is then interrupted; if it goes on all the same,
    the process ends within two seconds.

    Yields
    ------
    (read, write)
        The two halves of the channel, for `Server.run`.
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
    """Serve one client on stdin and stdout until it closes stdin, or until SIGTERM or Ctrl-C."""
    async with stdio_server() as (read, write), server.running():
        await server.serve(joined(read, write))


# -- stopping ------------------------------------------------------------------------------------
#
# Stop a server that has the process to itself on SIGTERM and on Ctrl-C, with any transport.
#
# The signal's handler asks the event loop to stop. A function that blocks the loop's thread would delay that,
# so a thread watches: if the loop has not begun to stop in time, the thread interrupts the function as Ctrl-C
# interrupts a script, and if that does not help, it ends the process.

INTERRUPT_SECONDS: Final = 0.8
"""Seconds that a function may block the event loop after the first signal before it is interrupted."""

END_SECONDS: Final = 0.8
"""Seconds from the interrupt to the end of the process, if the function is in C code or ignores it.
Hosts kill a server two seconds after SIGTERM."""


@contextmanager
def on_terminate(stop: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Call `stop` at the first SIGTERM or SIGINT inside the block.

    A second SIGTERM ends the process at once. A SIGINT after the first signal of either kind raises
    KeyboardInterrupt. If the event loop does not begin to stop in time, the function that blocks it is
    interrupted, and at last the process is ended.

    On other threads than the main one this does nothing. A signal for which the program has set a handler of
    its own keeps that handler.

    Parameters
    ----------
    stop : callable
        Asks the server to stop; called on the event loop's thread.

    Yields
    ------
    callable
        To be called from another thread when the block must end for another reason than a signal: what
        blocks the event loop is then ended in the same way. It does not call `stop`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    stopping = _Stopping(stop)
    stopping.begin()
    try:
        yield stopping.must_stop
    finally:
        stopping.end()


class _Stopping:
    """The signal handlers, and the threads that make the loop stop in time.

    `_watch`, `_enforce` and `must_stop` run on other threads, all other methods on the main thread.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._post = Poster()
        self._before: dict[int, Any] = {}  # the handlers that ours replace
        self._stops = threading.Event()
        self._asked = False
        self._interrupts = False  # the next SIGINT is from `_enforce`, not from the user
        self._told, self._tells = socket.socketpair()
        self._tells.setblocking(False)
        self._taken = -1  # the previous wake-up descriptor

    def begin(self) -> None:
        """Set the handlers and start the watching thread."""
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            self._before[signal.SIGTERM] = signal.signal(signal.SIGTERM, self._terminated)
        if _is_plain(signal.getsignal(signal.SIGINT)):
            self._before[signal.SIGINT] = signal.signal(signal.SIGINT, self._interrupted)
        # The interpreter writes to this descriptor at once, even in C code, whereas Python handlers run only
        # when the C code returns. Trio wakes its loop by the descriptor that was set before, so the thread
        # copies to it what it reads.
        self._taken = signal.set_wakeup_fd(self._tells.fileno(), warn_on_full_buffer=False)
        if self._taken != -1 and sys.platform == "win32":  # a socket, which `os.write` does not take
            signal.set_wakeup_fd(self._taken)
        threading.Thread(target=self._watch, name="mcp-stop", daemon=True).start()

    def end(self) -> None:
        """Restore the handlers, and let the thread end."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._taken)
        self._stops.set()
        self._tells.close()

    def must_stop(self) -> None:
        """End what blocks the loop, as after a signal. From another thread."""
        with suppress(RuntimeError):  # the loop is closed
            self._post.soon(self._stops.set)
            self._start_to_enforce(1)

    def _terminated(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second SIGTERM ends the process
        self._ask(signal.SIGTERM)

    def _interrupted(self, *_: object) -> None:
        if self._interrupts:
            # If the loop has begun to stop meanwhile, there is nothing left to interrupt.
            self._interrupts = False
            if not self._stops.is_set():
                raise KeyboardInterrupt
        elif self._asked:
            raise KeyboardInterrupt
        else:
            self._ask(signal.SIGINT)

    def _ask(self, number: int) -> None:
        self._asked = True
        with suppress(OSError):  # the buffer is full: the thread has been told already
            self._tells.send(bytes([number]))
        self._post.soon(self._begin_to_stop)

    def _begin_to_stop(self) -> None:
        self._stops.set()
        self._stop()

    def _watch(self) -> None:
        """Read signal numbers, pass them on, and start `_enforce` at the first that is handled here."""
        heard = False
        with self._told:
            while number := self._told.recv(1):
                if self._taken != -1:
                    with suppress(OSError):  # the pipe is full: the loop wakes anyway
                        os.write(self._taken, number)
                if number[0] in self._before and not heard:
                    heard = True
                    self._start_to_enforce(128 + number[0])

    def _start_to_enforce(self, status: int) -> None:
        threading.Thread(target=self._enforce, args=(status,), name="mcp-stop-in-time", daemon=True).start()

    def _enforce(self, status: int) -> None:
        """Interrupt the main thread if the loop does not begin to stop in time; at last, end the process."""
        if self._stops.wait(INTERRUPT_SECONDS):
            return
        if signal.SIGINT in self._before:
            self._interrupts = True
            _interrupt_main_thread()
        if not self._stops.wait(END_SECONDS):
            os._exit(status)


def _is_plain(handler: Any) -> bool:
    """Whether the handler of SIGINT is Python's default, or that of the `asyncio.run` around this server."""
    method = getattr(handler, "func", None)  # `asyncio.Runner` sets a partial of its method
    return handler is signal.default_int_handler or isinstance(
        getattr(method, "__self__", None), asyncio.Runner
    )


def _interrupt_main_thread() -> None:
    if sys.platform == "win32":
        import _thread

        _thread.interrupt_main()
    else:  # a real signal also ends blocking system calls, such as a read
        ident = threading.main_thread().ident
        assert ident is not None
        signal.pthread_kill(ident, signal.SIGINT)
