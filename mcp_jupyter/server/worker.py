# SPDX-License-Identifier: BSD-3-Clause
"""A call in another process: how it is packed, what it finds there, how its outcome comes back.

Imported by the workers of executors, so it imports little. Unpacks only what the two ends of one call packed
for each other: nothing a client sends is ever unpickled. Knows no executor, no loop and no server.
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
    "Mouthpiece",
    "RemoteCall",
    "RemoteContext",
    "Sent",
    "mailbox",
    "pack",
    "shown",
]


REACH_SECONDS: Final = 5.0
"""The notebook's process may be held by one long call; past this it is out of reach."""

MAX_SAID_BYTES: Final = 1024 * 1024
"""One message from a worker: more text than anybody reads in a log."""

ACCEPTED: Final = b"ok\n"
"""What a worker that showed the key hears."""


def pack(value: Any) -> bytes:
    """Pickle a value; with cloudpickle, where it is installed.

    A notebook's functions and classes live in `__main__`, which is another module in each process. pickle
    only names them; cloudpickle takes them along, with the variables they use.
    """
    try:
        dumps = import_module("cloudpickle").dumps
    except ImportError:
        dumps = pickle.dumps
    packed: bytes = dumps(value)
    return packed


def shown(error: BaseException) -> str:
    """An exception in one line: kind and text."""
    kind, text = type(error).__name__, str(error)
    return f"{kind}: {text}" if text else kind


class RemoteCall:
    """A call as a worker gets it. Never raises an `Exception`: the outcome is the value.

    An exception that the other side cannot unpickle would break a process pool for good.

    Parameters
    ----------
    name : str
        The tool's, for messages and for dashboards.
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
        """What the function returned."""
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
        """What the function raised; its text alone where the exception cannot travel."""
        failed = f"Error in {name}: {shown(error)}"
        try:
            return cls(pack(error), failed)
        except Exception:  # noqa: BLE001 - the text says it
            return cls.text(failed)

    @classmethod
    def text(cls, failed: str) -> Sent:
        """An error of the call itself."""
        return cls(None, failed)

    def open(self) -> Any:
        """The value.

        Raises
        ------
        ToolError
            When the call, or the way back, failed.
        Exception
            What the function raised.
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
    """The result of a message that is on its way already: `await` it or leave it."""

    def __await__(self) -> Generator[Any, None, None]:
        return
        yield


class RemoteContext:
    """Stands in for a `Context` in another process: what it says reaches the caller. Any thread.

    It can only say: a question would need the conversation, which stays where it is.

    Parameters
    ----------
    address : str or (str, int)
        Where the call's mailbox listens.
    key : str
        The mailbox's.
    host : str
        Its machine, for messages.
    """

    def __init__(self, address: str | tuple[str, int], key: str, host: str) -> None:
        self._address = address
        self._key = key
        self._host = host
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._over: str | None = None  # "": nobody listens any more; else why nobody could be reached

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
            The first time, when the notebook is out of reach.
        ValueError
            When there is no such level, or the message is longer than `MAX_SAID_BYTES`.
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
            The first time, when the notebook is out of reach.
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
                    self._end("")  # the call is over: nobody listens
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
        """Say that nothing more will be said."""
        with self._lock:
            self._end("")

    def _end(self, over: str) -> None:
        self._over = self._over or over
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None


def _number(value: Any) -> float:
    """A number as JSON has it; NumPy's are not."""
    return value if type(value) in (int, float) else float(value)


# -- mailbox -------------------------------------------------------------------------------------
#
# Where a call that runs in another process is heard: a socket of its own, for as long as the call lasts.
#
# Owns the socket, its key and the limits on what comes in. A Unix socket in a directory of mode 0700, where
# there are any, else loopback TCP; either way only a one-time key opens it. JSON lines, `["log", level, data,
# logger]` and `["progress", progress, total, message]`: nothing is unpickled here. Knows no executor.

DRAIN_SECONDS: Final = 2.0
"""What was said stands before the result; a worker that does not hang up is not waited for longer."""

MAX_SPEAKERS: Final = 64
"""Processes that speak for one call: it may hand its context on to workers of its own."""

KEY_BYTES: Final = 32
"""Nobody guesses it in the life of a call."""


class Mouthpiece(Protocol):
    """What a call says, said here: the part of a `Context` that works from another process."""

    def log(self, level: str, message: Any, *, logger_name: str | None = None) -> object: ...

    def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> object: ...


@asynccontextmanager
async def mailbox(context: Mouthpiece) -> AsyncIterator[Mailbox]:
    """Hear what is said in the block's course.

    The block should raise no `Exception`: it would come out in a group.
    """
    with tempfile.TemporaryDirectory(prefix="mcp-call-") as directory:
        listener, address = await _listen(Path(directory) / "s")
        box = Mailbox(context, address)
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, box.hear)
            yield box
            tasks.cancel_scope.cancel()


async def _listen(path: Path) -> tuple[Any, str | tuple[str, int]]:
    with suppress(OSError, AttributeError, NotImplementedError):  # too long a path; no Unix sockets
        return await anyio.create_unix_listener(path, mode=0o600), str(path)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    return listener, ("127.0.0.1", listener.extra(SocketAttribute.local_port))  # noqa: S610 - not Django's


class Mailbox:
    """What hears the workers of one call. The event loop's thread.

    Parameters
    ----------
    context : Mouthpiece
        Says what they say.
    address : str or (str, int)
        Where they reach it.

    Attributes
    ----------
    stand_in : RemoteContext
        What they say it with.
    """

    def __init__(self, context: Mouthpiece, address: str | tuple[str, int]) -> None:
        self._key = secrets.token_hex(KEY_BYTES)
        self.stand_in = RemoteContext(address, self._key, platform.node())
        self._context = context
        self._speakers = 0
        self._hung_up = anyio.Event()

    async def silence(self) -> None:
        """Wait until no worker sends any more. Each worker that ever sent something got `ACCEPTED` first."""
        with anyio.move_on_after(DRAIN_SECONDS):
            while self._speakers:
                self._hung_up = anyio.Event()
                await self._hung_up.wait()

    async def hear(self, stream: SocketStream) -> None:
        """Hear one worker out."""
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
        with suppress(ValueError, TypeError):  # not what a stand-in writes
            match from_json(line):
                case ["log", str(level), data, str() | None as logger]:
                    self._context.log(level, data, logger_name=logger)
                case ["progress", int() | float() as done, int() | float() | None as total, text]:
                    self._context.report_progress(done, total, None if text is None else str(text))
