# SPDX-License-Identifier: BSD-3-Clause
"""A call in another process: how it is packed, what it finds there, how its outcome comes back.

Imported by the workers of executors, so it imports little. Unpacks only what the two ends of one call packed
for each other: nothing a client sends is ever unpickled. Knows no executor, no loop and no server.
"""

from __future__ import annotations

import json
import pickle
import platform
import socket
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

from ..errors import ToolError

__all__ = [
    "ACCEPTED",
    "MAX_SAID_BYTES",
    "REACH_SECONDS",
    "RemoteCall",
    "RemoteContext",
    "Sent",
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
        from .running import collected

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
