# SPDX-License-Identifier: BSD-3-Clause
"""Servers for plain test functions: connected on a thread of their own, called like functions.

Owns the thread, the order in which all ends, and that a test is never asked: it runs without a person. What
can be done with a server is `notebook_client`'s business.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from .._util.text import safe_block
from ..client.cassettes import Track
from ..client.client import Client
from ..client.config.targets import Target
from ..notebook_client.client_thread import Background
from ..notebook_client.connected_server import ConnectedServer

__all__ = ["OPEN_SECONDS", "Servers"]

OPEN_SECONDS: Final = 60.0
"""`npx` and `uvx` may have to download a server first."""

_NOBODY: Final = {"elicitation_callback": None, "sampling_callback": None}
"""A server that asks is told that the client cannot, instead of waiting for a person."""


def _nowhere(function: Callable[[], None]) -> None:
    """What would be shown on a kernel's main thread has no place in a test."""


class Servers:
    """The servers of one test. For the test's thread."""

    def __init__(self) -> None:
        self._background = Background()
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
        """Connect a server.

        Parameters
        ----------
        name : str
            What messages call it.
        target
            See `mcp_jupyter.Client`.
        timeout : float
            Seconds to wait for it.
        track : callable
            Gives the recording; called on the thread of the connections, which it belongs to.
        **options
            Of `Client`.

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
        """Disconnect all, the last one first, and end the thread. Idempotent."""
        while self._servers:
            self._servers.pop().close()
        self._background.stop()
