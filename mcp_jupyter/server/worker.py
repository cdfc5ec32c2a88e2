# SPDX-License-Identifier: BSD-3-Clause
"""Send a call to another process: pickle it, run it there, carry its messages and its outcome back.

The workers of executors import this module, so it imports little. Each end unpickles only bytes that the
other end of the same call pickled; bytes from a client are never unpickled. `executors` submits the calls.
"""

from __future__ import annotations

import json
import pickle
import platform
import secrets
import socket
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

import anyio
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream
from pydantic_core import from_json

from ..errors import ToolError

__all__ = [
    "ACCEPTED",
    "MAX_SAID_BYTES",
    "REACH_SECONDS",
    "Mailbox",
    "RemoteCall",
    "RemoteContext",
    "ReportReceiver",
    "Sent",
    "mailbox",
    "pack",
    "shown",
]


REACH_SECONDS: Final = 5.0
"""Seconds to reach the mailbox: a long call may hold the notebook's process for some time."""

MAX_SAID_BYTES: Final = 1024 * 1024
"""Bytes of one message from a worker: more text than a user reads in a log."""

ACCEPTED: Final = b"ok\n"
"""The mailbox's reply to a worker that sent the right key."""


def pack(value: Any) -> bytes:
    """Pickle a value, with cloudpickle if it is installed.

    A notebook's functions and classes live in `__main__`, which is another module in each process. pickle
    stores only their names; cloudpickle stores them and the variables they use.
    """
    try:
        dumps = import_module("cloudpickle").dumps
    except ImportError:
        dumps = pickle.dumps
    packed: bytes = dumps(value)
    return packed


def shown(error: BaseException) -> str:
    """Return an exception as one line: class name and text."""
    kind, text = type(error).__name__, str(error)
    return f"{kind}: {text}" if text else kind


class RemoteCall:
    """A call as a worker receives it. It returns an exception as a `Sent` instead of raising it.

    An exception that the notebook's process cannot unpickle would break a process pool for good.

    Parameters
    ----------
    name : str
        The tool's name, for messages and dashboards.
    packed : bytes
        The function and its arguments.
    """

    def __init__(self, name: str, packed: bytes) -> None:
        self.__name__ = name
        self._packed = packed

    def __call__(self) -> Sent:
        name = self.__name__
        try:
            function, arguments = pickle.loads(self._packed)  # noqa: S301 - packed by the other end
        except Exception as exc:  # noqa: BLE001 - carried to the caller
            return Sent.text(
                f"{name} cannot be unpacked where its executor runs ({shown(exc)}). What it needs must be "
                "installed there; for a function defined in a notebook, cloudpickle at both ends."
            )
        try:
            return Sent.value(name, _called(function, arguments))
        except Exception as exc:  # noqa: BLE001 - carried to the caller
            return Sent.error(name, exc)
        finally:
            for argument in arguments.values():
                if isinstance(argument, RemoteContext):
                    argument.close()


def _called(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    value = function(**arguments)
    if isinstance(value, Iterator):
        from .runner import collected

        return collected(value)
    return value


class Sent:
    """The outcome of a call, on its way back."""

    def __init__(self, packed: bytes | None, failed: str | None) -> None:
        self._packed = packed
        self._failed = failed

    @classmethod
    def value(cls, name: str, value: Any) -> Sent:
        """Pack the value that the function returned."""
        try:
            return cls(pack(value), None)
        except Exception as exc:  # noqa: BLE001 - carried to the caller
            kind = type(value).__name__
            return cls.text(
                f"{name} returned a {kind} that cannot be sent back from its executor ({shown(exc)}). "
                "Return data: text, numbers, lists, data frames, models."
            )

    @classmethod
    def error(cls, name: str, error: Exception) -> Sent:
        """Pack the exception that the function raised; only its text if it cannot be pickled."""
        failed = f"Error in {name}: {shown(error)}"
        try:
            return cls(pack(error), failed)
        except Exception:  # noqa: BLE001 - the text is sent instead
            return cls.text(failed)

    @classmethod
    def text(cls, failed: str) -> Sent:
        """An error of the call itself."""
        return cls(None, failed)

    def open(self) -> Any:
        """Return the function's value.

        Raises
        ------
        ToolError
            The call failed, or its outcome could not be sent or unpickled.
        Exception
            The function's own exception.
        """
        if self._packed is None:
            raise ToolError(self._failed)
        try:
            value = pickle.loads(self._packed)  # noqa: S301 - packed by our worker
        except Exception as exc:
            raise ToolError(self._failed or f"What it returned cannot be read here ({shown(exc)}).") from exc
        if self._failed is not None:
            raise value
        return value


class _Said:
    """Returned for a message that has been sent already, so that `await ctx.info(...)` works too."""

    def __await__(self) -> Generator[Any, None, None]:
        return
        yield


class RemoteContext:
    """The `Context` of a call in another process: it sends progress and log messages. Any thread.

    It cannot ask the client: that needs the session, which stays in the notebook's process.

    Parameters
    ----------
    address : str or (str, int)
        Where the call's mailbox listens: a Unix socket's path, or host and port.
    key : str
        The mailbox's one-time key.
    host : str
        The mailbox's machine, for messages.
    """

    def __init__(self, address: str | tuple[str, int], key: str, host: str) -> None:
        self._address = address
        self._key = key
        self._host = host
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        # None: messages can be sent. "": the call is over. Else: why the mailbox could not be reached.
        self._over: str | None = None

    def __reduce__(self) -> Any:
        return RemoteContext, (self._address, self._key, self._host)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"ctx.{name} is not there in an executor's process: ctx can report progress and log. Ask, sample "
            "and read resources in a tool that runs in the notebook."
        )

    def debug(self, message: Any, *, logger_name: str | None = None) -> _Said:
        """Send a log message of level "debug"."""
        return self.log("debug", message, logger_name=logger_name)

    def info(self, message: Any, *, logger_name: str | None = None) -> _Said:
        """Send a log message of level "info"."""
        return self.log("info", message, logger_name=logger_name)

    def warning(self, message: Any, *, logger_name: str | None = None) -> _Said:
        """Send a log message of level "warning"."""
        return self.log("warning", message, logger_name=logger_name)

    def error(self, message: Any, *, logger_name: str | None = None) -> _Said:
        """Send a log message of level "error"."""
        return self.log("error", message, logger_name=logger_name)

    def log(self, level: str, message: Any, *, logger_name: str | None = None) -> _Said:
        """Send a log message (see `Context.log`).

        Raises
        ------
        ToolError
            The notebook's process cannot be reached.
        ValueError
            There is no such level, or the message is longer than `MAX_SAID_BYTES`.
        """
        from .context import LOG_LEVELS

        if level not in LOG_LEVELS:
            raise ValueError(f"level must be one of {', '.join(LOG_LEVELS)}, not {level!r}")
        if type(message) is not str:
            from .content import plain, readable

            message = plain(message, readable)
        return self._say("log", level, message, logger_name)

    def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> _Said:
        """Report progress (see `Context.report_progress`).

        Raises
        ------
        ToolError
            The notebook's process cannot be reached.
        """
        return self._say("progress", _number(progress), None if total is None else _number(total), message)

    def _say(self, *said: Any) -> _Said:
        line = json.dumps(said).encode() + b"\n"
        if len(line) > MAX_SAID_BYTES:
            raise ValueError(f"A message has at most {MAX_SAID_BYTES} bytes: return long text instead.")
        with self._lock:
            if self._socket is None and self._over is None:
                self._socket = self._reached()
            if self._over:
                raise ToolError(self._over)
            if self._socket is not None:
                try:
                    self._socket.sendall(line)
                except OSError:
                    self._end("")  # the mailbox is closed: the call is over
        return _Said()

    def _reached(self) -> socket.socket | None:
        sock = None
        try:
            sock = socket.socket(socket.AF_UNIX if isinstance(self._address, str) else socket.AF_INET)
            sock.settimeout(REACH_SECONDS)
            sock.connect(self._address)
            sock.sendall(self._key.encode() + b"\n")
            if sock.recv(len(ACCEPTED)) == ACCEPTED:
                return sock
            reason = "it does not listen for this call"
        except (OSError, AttributeError) as exc:  # AttributeError: a system without Unix sockets
            reason = str(getattr(exc, "strerror", None) or exc)
        if sock is not None:
            sock.close()
        self._over = (
            f"Progress and log messages cannot reach the notebook on {self._host} from {platform.node()} "
            f"({reason}). They need an executor on the notebook's own machine, and a call that still runs; "
            "leave them out of functions that run elsewhere."
        )
        return None

    def close(self) -> None:
        """Close the connection to the mailbox; later messages are dropped."""
        with self._lock:
            self._end("")

    def _end(self, over: str) -> None:
        self._over = self._over or over
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None


def _number(value: Any) -> float:
    """Return an int or float; numbers of NumPy and other libraries become floats."""
    return value if type(value) in (int, float) else float(value)


# -- mailbox -------------------------------------------------------------------------------------
#
# Receive the messages of a call that runs in another process, on a socket that lasts as long as the call.
#
# It is a Unix socket in a directory of mode 0700 where the system has them, else loopback TCP; either way a
# worker must first send a one-time key. Messages are JSON lines, `["log", level, data, logger]` and
# `["progress", progress, total, message]`: pickles are never read here.

DRAIN_SECONDS: Final = 2.0
"""Seconds. Messages must precede the result, so it waits this long for workers to close their connection."""

MAX_SPEAKERS: Final = 64
"""Connections of one call: a function may pass its context on to workers of its own."""

KEY_BYTES: Final = 32
"""256 bits cannot be guessed while a call lasts."""


class ReportReceiver(Protocol):
    """The part of a `Context` that a worker can use: the mailbox calls it for each message."""

    def log(self, level: str, message: Any, *, logger_name: str | None = None) -> object: ...

    def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> object: ...


@asynccontextmanager
async def mailbox(context: ReportReceiver) -> AsyncIterator[Mailbox]:
    """Receive the messages of a call until the block ends.

    The block should not raise an `Exception`: it would come out in an exception group.
    """
    with tempfile.TemporaryDirectory(prefix="mcp-call-") as directory:
        listener, address = await _listen(Path(directory) / "s")
        box = Mailbox(context, address)
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, box.receive)
            yield box
            tasks.cancel_scope.cancel()


async def _listen(path: Path) -> tuple[Any, str | tuple[str, int]]:
    with suppress(OSError, AttributeError, NotImplementedError):  # too long a path; no Unix sockets
        return await anyio.create_unix_listener(path, mode=0o600), str(path)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    return listener, ("127.0.0.1", listener.extra(SocketAttribute.local_port))  # noqa: S610 - not Django's


class Mailbox:
    """Receives the messages of one call's workers. Event loop's thread only.

    Parameters
    ----------
    context : ReportReceiver
        Sends the messages on to the caller.
    address : str or (str, int)
        Where the workers connect.

    Attributes
    ----------
    stand_in : RemoteContext
        The context for the workers, to be pickled.
    """

    def __init__(self, context: ReportReceiver, address: str | tuple[str, int]) -> None:
        self._key = secrets.token_hex(KEY_BYTES)
        self.stand_in = RemoteContext(address, self._key, platform.node())
        self._context = context
        self._speakers = 0
        self._hung_up = anyio.Event()

    async def drained(self) -> None:
        """Wait until all workers have disconnected, at most `DRAIN_SECONDS`.

        No message is missed: a worker gets `ACCEPTED`, and is counted, before it sends its first.
        """
        with anyio.move_on_after(DRAIN_SECONDS):
            while self._speakers:
                self._hung_up = anyio.Event()
                await self._hung_up.wait()

    async def receive(self, stream: SocketStream) -> None:
        """Receive the messages of one worker until it disconnects."""
        lines = BufferedByteReceiveStream(stream)
        async with stream:
            with suppress(anyio.IncompleteRead, anyio.DelimiterNotFound, anyio.BrokenResourceError):
                if self._speakers >= MAX_SPEAKERS or not await self._accepts(lines):
                    return
                self._speakers += 1
                try:
                    await stream.send(ACCEPTED)
                    while True:
                        self._say(await lines.receive_until(b"\n", MAX_SAID_BYTES))
                finally:
                    self._speakers -= 1
                    self._hung_up.set()

    async def _accepts(self, lines: BufferedByteReceiveStream) -> bool:
        with anyio.move_on_after(REACH_SECONDS):
            given = await lines.receive_until(b"\n", 2 * KEY_BYTES + 1)
            return secrets.compare_digest(given, self._key.encode())
        return False

    def _say(self, line: bytes) -> None:
        with suppress(ValueError, TypeError):  # malformed lines, which a stand-in never writes
            match from_json(line):
                case ["log", str(level), data, str() | None as logger]:
                    self._context.log(level, data, logger_name=logger)
                case ["progress", int() | float() as done, int() | float() | None as total, text]:
                    self._context.report_progress(done, total, None if text is None else str(text))
