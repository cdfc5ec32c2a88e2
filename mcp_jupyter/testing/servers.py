# SPDX-License-Identifier: BSD-3-Clause
"""Connect to servers from plain test functions: the connections run on a background thread.

A test runs without a user, so the clients declare no capability to ask one. `ConnectedServer`
(`notebook_client`) makes the calls.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from .._util.text import safe_block
from ..client.cassettes import Track
from ..client.client import Client
from ..client.config.targets import Target
from ..notebook_client.client_thread import ClientThread
from ..notebook_client.connected_server import ConnectedServer

__all__ = ["OPEN_SECONDS", "Servers"]

OPEN_SECONDS: Final = 60.0
"""Seconds. `npx` and `uvx` may have to download a server first."""

_NOBODY: Final = {"elicitation_callback": None, "sampling_callback": None}
"""Without these callbacks, a server that asks gets an error at once instead of waiting for a user."""


def _nowhere(function: Callable[[], None]) -> None:
    """Ignore functions that would display something on a kernel's main thread."""


class Servers:
    """The servers of one test. Call it on the test's thread."""

    def __init__(self) -> None:
        self._background = ClientThread()
        self._servers: list[ConnectedServer] = []

    def connect(
        self,
        name: str,
        target: Target,
        *,
        timeout: float = OPEN_SECONDS,
        track: Callable[[], Track | None] = lambda: None,
        **options: Any,
    ) -> ConnectedServer:
        """Connect to a server.

        Parameters
        ----------
        name : str
            The server's name in messages.
        target
            See `mcp_jupyter.Client`.
        timeout : float
            Seconds to wait for the connection.
        track : callable
            Returns the recording, or None; called on the background thread, which the recording belongs to.
        **options
            Options of `Client`.

        Raises
        ------
        ValueError, ConfigError, CassetteError
            The target, an option or the recording cannot be used.
        McpError, RequestTimeout, ConnectionClosed, OSError
            The server cannot be reached.
        """
        __tracebackhide__ = True
        tracks: list[Track] = []

        def make_client(**callbacks: Any) -> Client:
            if (recorded := track()) is not None:
                tracks.append(recorded)
            return Client(target, **{**callbacks, **_NOBODY, "cassette": recorded, **options})

        server = ConnectedServer(name, make_client, self._background, _nowhere)
        server.open(timeout)
        self._servers.append(server)
        for line in (line for recorded in tracks for line in recorded.drift):
            print(f"{name} is not what was recorded before: {safe_block(line)}", file=sys.stderr)
        return server

    def close(self) -> None:
        """Disconnect all servers, the last one first, and end the thread. Idempotent."""
        while self._servers:
            self._servers.pop().close()
        self._background.stop()
