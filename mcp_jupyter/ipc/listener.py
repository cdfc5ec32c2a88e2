# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's end of links: listen, check the key, and serve each connection in a task of its own.

The listener keeps the socket and the connection file in place. `serve`, which it calls with a channel, is the
kernel's MCP server.

Everything here runs on the thread of one asyncio loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from .._util.private_files import make_private_directory
from .._util.tasks import FailureLog, owned_tasks
from ..engine.channel import Channel, registering_callbacks
from ..errors import LinkError
from ..protocol.limits import MAX_SESSIONS
from .channel import LinkChannel
from .files import ConnectionInfo, Transport, default_runtime_dir, file_path, remove, this_machine
from .name_claims import NameClaim
from .names import RememberedNames, candidate_names
from .owner_link import Methods, moved, serve_owner
from .sockets import forget_after_fork, listen_again, listening_socket
from .wire import greeted

__all__ = ["HANDSHAKE_SECONDS", "MAX_CONNECTIONS", "Listener"]

log = logging.getLogger(__name__)

HANDSHAKE_SECONDS: Final = 5.0
"""Seconds. A client sends its key at once; a connection without a key is closed after this time."""

MAX_CONNECTIONS: Final = MAX_SESSIONS + 128
"""The sessions that a Jupyter Server may have, its pools, and attached command lines. Others wait in the
backlog: a client whose connection was closed would take the kernel for gone."""

ACCEPT_PAUSE_SECONDS: Final = 0.5
"""Seconds. When no descriptors are left, trying again at once would only use processor time."""

FILE_SECONDS: Final = 60.0
"""Seconds between two checks that the connection file and socket still exist. Clean-up programs remove them,
as do versions of this package that take another machine's kernels for dead."""

MAX_GREETING_BYTES: Final = 256
"""Bytes. A greeting has 75."""

Serve = Callable[[Channel], Awaitable[None]]


class _Greeting(asyncio.Protocol):
    """A connection until it has shown the key. It sends no reply, so that a stranger learns nothing."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._received = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not checked: uvloop's transports are not instances of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)
        self._listener._admit(self._transport)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._listener._handshake_seconds, self._refuse, "no key in time")

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._received += data
        greeting, line_break, rest = self._received.partition(b"\n")
        if len(greeting) > MAX_GREETING_BYTES:
            self._refuse("no greeting")
        elif line_break:
            self._answer(transport, bytes(greeting), bytes(rest))

    def _answer(self, transport: asyncio.Transport, greeting: bytes, rest: bytes) -> None:
        key, owner = greeted(greeting)
        if not self._listener._opens(key):
            self._refuse("wrong key")
            return
        self._stop_timer()
        self._listener._begin(transport, rest, owner)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        if self._transport is not None:
            self._listener._leave(self._transport)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _refuse(self, reason: str) -> None:
        log.info("Refused a connection: %s.", reason)
        self.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


class Listener:
    """Makes one kernel reachable. Use `Listener.open`.

    Attributes
    ----------
    naming : NameClaim
        The kernel's name, its notebook's path, and its connection file.
    """

    def __init__(
        self,
        naming: NameClaim,
        serve: Serve,
        sock: socket.socket,
        tasks: TaskGroup,
        *,
        methods: Methods,
        runtime_dir: Path,
        max_connections: int = MAX_CONNECTIONS,
        handshake_seconds: float = HANDSHAKE_SECONDS,
        file_seconds: float = FILE_SECONDS,
    ) -> None:
        self.naming = naming
        self._serve = serve
        self._methods = {**methods, **moved(naming.move)}
        self._sockets = [sock]
        self._tasks = tasks
        self._runtime_dir = runtime_dir
        self._max_connections = max_connections
        self._handshake_seconds = handshake_seconds
        self._file_seconds = file_seconds
        self._open: set[asyncio.Transport] = set()
        self._left = asyncio.Event()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        serve: Serve,
        *,
        name: str,
        kernel_id: str,
        path: str | None = None,
        remembered: RememberedNames | None = None,
        named: Callable[[ConnectionInfo], None] = lambda info: None,
        methods: Methods = MappingProxyType({}),
        runtime_dir: Path | None = None,
        transport: Transport | None = None,
        max_connections: int = MAX_CONNECTIONS,
        handshake_seconds: float = HANDSHAKE_SECONDS,
        file_seconds: float = FILE_SECONDS,
    ) -> AsyncIterator[Listener]:
        """Listen for as long as the context lasts; its end removes every task, socket and file.

        Parameters
        ----------
        serve : callable
            Serves one channel until it is closed. It runs in a task of its own per connection, and is
            cancelled at the end.
        name : str
            The wanted name; `listener.info.name` is the one that was free.
        kernel_id : str
            The kernel's id, which survives its restarts.
        path : str, optional
            The notebook's path, the real one if it is known.
        remembered, named
            See `NameClaim`.
        methods : mapping
            What the kernel does at requests on an owner's link, besides hearing of a new path.
        runtime_dir : Path, optional
            Jupyter's by default.
        transport : {"unix", "tcp"}, optional
            Use only this one; by default the best that is available.

        Raises
        ------
        LinkError
            No address is available, or the connection file cannot be written.
        """
        directory = runtime_dir or default_runtime_dir()
        try:
            make_private_directory(directory)
        except OSError as exc:
            raise LinkError(f"The directory {directory} cannot be made: {exc.strerror}.") from exc
        with listening_socket(directory, transport) as (sock, kind, address):
            info = ConnectionInfo(
                name=next(candidate_names(name, kernel_id, path)),
                kernel_id=kernel_id,
                pid=os.getpid(),
                path=path,
                transport=kind,
                address=address,
                key=secrets.token_hex(32),
                machine=this_machine(),
            )
            try:
                async with owned_tasks() as tasks:
                    listener = cls(
                        NameClaim(info, directory, remembered, named),
                        serve,
                        sock,
                        tasks,
                        methods=methods,
                        runtime_dir=directory,
                        max_connections=max_connections,
                        handshake_seconds=handshake_seconds,
                        file_seconds=file_seconds,
                    )
                    forget_after_fork(listener._descriptors)
                    tasks.start_soon(listener._accept, sock)
                    try:
                        await listener.naming.begin(name)
                        tasks.start_soon(listener._keep_reachable)
                        yield listener
                    finally:
                        listener._stop()
            finally:
                remove(info, directory)  # again: a thread may have written the file meanwhile

    @property
    def info(self) -> ConnectionInfo:
        """The content of the connection file."""
        return self.naming.info

    async def rename(self, chosen: str) -> None:
        """See `NameClaim.rename`."""
        await self.naming.rename(chosen)

    async def _keep_reachable(self) -> None:
        """Restore the connection file and the socket if they are removed while the kernel serves."""
        failures = FailureLog("Keeping this kernel reachable")
        while True:
            await anyio.sleep(self._file_seconds)
            with failures:
                await self._restore()

    async def _restore(self) -> None:
        address, path = self.info.address, file_path(self.info.kernel_id, self._runtime_dir)
        if isinstance(address, str) and not await to_thread.run_sync(os.path.lexists, address):
            sock = listen_again(address)
            if sock is not None:
                log.info("The socket of this kernel was removed; it listens on a new one.")
                self._sockets.append(sock)
                self._tasks.start_soon(self._accept, sock)
        # The content is left alone, because a newer process of this kernel may have written it.
        try:
            await to_thread.run_sync(os.utime, path)  # tells other machines that the kernel lives
        except FileNotFoundError:
            log.info("The connection file of this kernel was removed; it is written again.")
            await self.naming.publish()

    async def _accept(self, sock: socket.socket) -> None:
        # asyncio's Server, closed at the wrong moment, forgets a connection that it has just accepted.
        loop = asyncio.get_running_loop()
        sock.setblocking(False)
        with sock:
            while True:
                while len(self._open) >= self._max_connections:
                    self._left.clear()
                    await self._left.wait()
                try:
                    connection, _ = await loop.sock_accept(sock)
                    # Shielded: if accepting is cancelled, uvloop does not tell the protocol of the
                    # connection's end. It takes one turn of the loop.
                    with registering_callbacks(), anyio.CancelScope(shield=True):
                        await loop.connect_accepted_socket(lambda: _Greeting(self), connection)
                except OSError as exc:  # too many open files, or the client has gone again
                    log.warning("A connection could not be accepted: %s", exc)
                    await anyio.sleep(ACCEPT_PAUSE_SECONDS)

    def _stop(self) -> None:
        remove(self.info, self._runtime_dir)
        for transport in list(self._open):
            protocol = transport.get_protocol()
            if isinstance(protocol, _Greeting | LinkChannel):  # otherwise its socket is closed already
                protocol.close()

    def _descriptors(self) -> list[int]:
        sockets = [*self._sockets, *(transport.get_extra_info("socket") for transport in self._open)]
        return [number for sock in sockets if (number := sock.fileno()) >= 0]

    # -- called by _Greeting ---------------------------------------------------------------------

    def _admit(self, transport: asyncio.Transport) -> None:
        self._open.add(transport)

    def _leave(self, transport: asyncio.Transport) -> None:
        self._open.discard(transport)
        self._left.set()

    def _opens(self, key: str | None) -> bool:
        return key is not None and hmac.compare_digest(key.encode(), self.info.key.encode())

    def _begin(self, transport: asyncio.Transport, rest: bytes, owner: bool) -> None:
        # A response to a request of this kernel must never be taken for one to a request of the next kernel
        # in the same session, or of this kernel over another link, so request ids are never reused.
        channel = LinkChannel(id_prefix=f"{os.getpid()}-{secrets.token_hex(4)}-")
        transport.set_protocol(channel)
        channel.connection_made(transport)
        if rest:
            channel.data_received(rest)
        self._tasks.start_soon(self._run, channel, transport, owner)

    async def _run(self, channel: LinkChannel, transport: asyncio.Transport, owner: bool) -> None:
        try:
            await (serve_owner(channel, self._methods) if owner else self._serve(channel))
        except Exception:  # the top of a connection's task: its failure must not end the others
            log.exception("A connection on the link failed")
        finally:
            channel.close()
            with anyio.CancelScope(shield=True):  # bounded by the channel's own flush time
                await channel.wait_closed()
            self._leave(transport)
