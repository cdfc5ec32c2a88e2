# SPDX-License-Identifier: BSD-3-Clause
"""The stdio transport: a server as a child process, with one message a line on its standard streams.

`stdio_client` starts the child and ends it, together with all processes that it leaves behind in its process
group.

Source: spec 2025-11-25, basic/transports ("stdio") and basic/lifecycle ("Shutdown"); 2026-07-28 the same.
"""

from __future__ import annotations

import codecs
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, TextIO

import anyio
from anyio.abc import ByteReceiveStream, Process
from pydantic import BaseModel, Field

from .._util.tasks import owned_tasks
from .._util.text import MAX_MESSAGE_CHARS, safe_line
from ..protocol.limits import MAX_LINE_BYTES
from .transport import ClientChannel, ReadHalf, WriteHalf, halves

__all__ = ["StdioServerParameters", "get_default_environment", "stdio_client"]

log = logging.getLogger(__name__)

INHERITED: Final = (
    (
        "APPDATA",
        "HOMEDRIVE",
        "HOMEPATH",
        "LOCALAPPDATA",
        "PATH",
        "PATHEXT",
        "PROCESSOR_ARCHITECTURE",
        "SYSTEMDRIVE",
        "SYSTEMROOT",
        "TEMP",
        "USERNAME",
        "USERPROFILE",
    )
    if sys.platform == "win32"
    else ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER")
)
"""Environment variables that a child inherits: enough to find programs and files, but no tokens."""

EXIT_SECONDS: Final = 2.0
"""Seconds for each step of ending a child: enough to flush a file. A child that hangs is killed."""

FLUSH_SECONDS: Final = 0.5
"""Seconds for a child to read the last messages before its input is closed."""

LAST_WORDS_SECONDS: Final = 0.5
"""Seconds to wait, after a child closed its output, for its exit code and the rest of its error output."""

LAST_WORDS_BYTES: Final = 4096
"""Bytes of a child's error output that are kept to explain its end: the last lines of a traceback."""

MIN_SECRET_CHARS: Final = 8
"""A shorter value (as in `DEBUG=1`) is not a secret, and redacting it would garble a recording."""

READ_BYTES: Final = 65536
"""Bytes of one read: the capacity of a pipe on Linux."""

GROUP_POLL_SECONDS: Final = 0.02
"""Seconds between two checks whether a process group has ended."""

_BROKEN: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


class StdioServerParameters(BaseModel):
    """How to start a server.

    Attributes
    ----------
    command : str
        The program: a path, or a name on PATH.
    args : list of str
        The program's arguments, which are not passed through a shell.
    env : dict, optional
        Variables added to `get_default_environment`.
    cwd : path, optional
        The program's working directory.
    """

    command: str
    args: list[str] = Field(default_factory=list)
    env: dict[str, str] | None = Field(default=None, repr=False)  # it often holds tokens
    cwd: str | Path | None = None


def get_default_environment() -> dict[str, str]:
    """Return the part of this process's environment that a child inherits (`INHERITED`)."""
    found = {name: os.environ[name] for name in INHERITED if name in os.environ}
    # A value that begins with "()" is a function exported by an old bash.
    return {name: value for name, value in found.items() if not value.startswith("()")}


@asynccontextmanager
async def stdio_client(
    server: StdioServerParameters, errlog: TextIO | None = None
) -> AsyncIterator[tuple[ReadHalf, WriteHalf]]:
    """Start a server and connect to it.

    At the end its standard input is closed, and the server has `EXIT_SECONDS` to end. Then its process group
    is terminated, and after another `EXIT_SECONDS` killed. This ends also the processes that a server leaves
    behind when it ends in time.

    Parameters
    ----------
    server : StdioServerParameters
        The server to start.
    errlog : text file, optional
        The file that the server's error output is written to. Without it, only the end of the output is
        kept, to explain an unexpected end of the server.

    Yields
    ------
    read, write
        For `ClientSession`.

    Raises
    ------
    OSError
        The command cannot be started.
    """
    process = await _start(server)
    child = _Child(process, errlog, server.env or {})
    try:
        async with owned_tasks() as tasks:
            for task in (child.read, child.write, child.read_errors):
                tasks.start_soon(task)
            try:
                yield halves(child)
            finally:
                child.close()
                # The tasks still run: a server that is blocked in writing could not read its input's end.
                with anyio.CancelScope(shield=True):
                    await child.stop()
    finally:
        child.outbox.close()
        with anyio.CancelScope(shield=True):
            await child.release()


async def _start(server: StdioServerParameters) -> Process:
    try:
        return await anyio.open_process(
            [server.command, *server.args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=server.cwd,
            env=_environment(server.env),
            start_new_session=True,  # the id of its process group is then its own id
        )
    except OSError as exc:
        if exc.filename is None:  # uvloop does not say which file is missing
            exc.filename = _missing(server)
        raise


def _missing(server: StdioServerParameters) -> str:
    """Return what is missing to start a server: its working directory, or else its command."""
    if server.cwd is not None and not os.path.isdir(server.cwd):
        return str(server.cwd)
    return server.command


def _environment(given: Mapping[str, str] | None) -> dict[str, str]:
    return get_default_environment() | dict(given or {})


class _Child(ClientChannel):
    """The channel over one process."""

    def __init__(self, process: Process, errlog: TextIO | None, env: Mapping[str, str]) -> None:
        super().__init__()
        self._env = env
        self._process = process
        self._errlog = errlog
        self._written = anyio.Event()
        self._errors_read = anyio.Event()
        self._last_words = bytearray()

    def tell_secrets(self, listener: Callable[[str], None]) -> None:
        for value in self._env.values():
            if len(value) >= MIN_SECRET_CHARS:
                listener(value)

    async def write(self) -> None:
        """Send the outbox."""
        stdin = self._process.stdin
        assert stdin is not None
        try:
            async for message in self.outbox:
                await stdin.send(message.raw + b"\n")
        except _BROKEN:
            pass  # the server does not read any more; its output may still say why
        finally:
            self._written.set()

    async def read(self) -> None:
        """Receive messages until the child's output ends."""
        await self.started.wait()
        assert self._process.stdout is not None
        lines = _Lines()
        while chunk := await _read(self._process.stdout):
            for line in lines.feed(chunk):
                self.receive(line)
            if lines.pending > MAX_LINE_BYTES:
                self.lost(f"The server wrote a line of more than {MAX_LINE_BYTES} bytes.")
                return
        with anyio.move_on_after(LAST_WORDS_SECONDS):
            await self._process.wait()
            await self._errors_read.wait()
        self.lost(self._exit_message())

    async def read_errors(self) -> None:
        """Keep the end of the child's error output, and write all of it to `errlog` if there is one."""
        assert self._process.stderr is not None
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while chunk := await _read(self._process.stderr):
            self._last_words += chunk
            del self._last_words[:-LAST_WORDS_BYTES]
            if self._errlog is not None:
                try:
                    self._errlog.write(decoder.decode(chunk))
                    self._errlog.flush()
                except (OSError, ValueError):  # full, or closed by its owner
                    self._errlog = None
        self._errors_read.set()

    def _exit_message(self) -> str:
        code = self._process.returncode
        end = "closed its output" if code is None else f"ended ({_exit(code)})"
        words = safe_line(_last_lines(self._last_words.decode("utf-8", "replace")), MAX_MESSAGE_CHARS)
        return f"The server process {end}." + (f" Its last words: {words}" if words else "")

    async def stop(self) -> None:
        """End the child and its group, within `FLUSH_SECONDS` and three times `EXIT_SECONDS`."""
        process = self._process
        assert process.stdin is not None
        # The order of the specification ("Shutdown"): close the input, wait, terminate, kill.
        with anyio.move_on_after(FLUSH_SECONDS):
            await self._written.wait()
        with suppress(*_BROKEN):
            await process.stdin.aclose()
        with anyio.move_on_after(EXIT_SECONDS):
            await process.wait()
        if not await _ended(process, force=False):
            await _ended(process, force=True)

    async def release(self) -> None:
        """Close the pipes of a child that has ended."""
        if self._process.returncode is None:  # even killing it failed: closing would wait for ever
            log.warning("The server process %d could not be ended.", self._process.pid)
        else:
            await self._process.aclose()


if sys.platform == "win32":  # pragma: no cover - no process groups to speak of there

    async def _ended(process: Process, *, force: bool) -> bool:
        """Tell the child to end; return whether it did, within `EXIT_SECONDS`."""
        with suppress(ProcessLookupError), anyio.move_on_after(EXIT_SECONDS):
            process.kill() if force else process.terminate()
            await process.wait()
        return process.returncode is not None

else:

    async def _ended(process: Process, *, force: bool) -> bool:
        """Tell the child's group to end; return whether all of it did, within `EXIT_SECONDS`."""
        if not _signal_group(process.pid, signal.SIGKILL if force else signal.SIGTERM):
            return True
        with anyio.move_on_after(EXIT_SECONDS):
            await process.wait()
            while _signal_group(process.pid, 0):  # noqa: ASYNC110 - no event tells of a group's end
                await anyio.sleep(GROUP_POLL_SECONDS)
            return True
        return False

    def _signal_group(group: int, number: int) -> bool:
        """Signal a process group; return False if it has no processes left."""
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # some processes belong to another user; the others got the signal
        return True


async def _read(stream: ByteReceiveStream) -> bytes:
    """Read from a pipe; return nothing once it has ended, in whatever way."""
    with suppress(anyio.EndOfStream, *_BROKEN):
        return await stream.receive(READ_BYTES)
    return b""


class _Lines:
    """Splits a stream of bytes into lines, in linear time however small the chunks are."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.pending = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the lines that `chunk` completes, without their line ends."""
        *ended, rest = chunk.split(b"\n")
        for line in ended:
            self._parts.append(line)
            yield b"".join(self._parts)
            self._parts.clear()
            self.pending = 0
        if rest:
            self._parts.append(rest)
            self.pending += len(rest)


def _last_lines(text: str) -> str:
    """Return as many of a text's last lines as can be shown whole, but at least one."""
    kept: list[str] = []
    left = MAX_MESSAGE_CHARS
    for line in reversed(text.strip().splitlines()):
        left -= len(line) + bool(kept)
        if kept and left < 0:
            break
        kept.append(line)
    return "\n".join(reversed(kept))


def _exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"
