# SPDX-License-Identifier: BSD-3-Clause
"""Lets anyio be used in what asyncio calls outside of any task: sockets' protocols, posted functions.

anyio asks sniffio, where that is installed, which library runs; sniffio looks for a task, and outside
of one it must be told. (`anyio.run` tells it, `asyncio.run` does not.) Knows no socket.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["registering_callbacks"]

_current: ContextVar[str | None]
try:
    from sniffio import current_async_library_cvar as _current
except ModuleNotFoundError:  # then anyio asks asyncio itself, which knows
    _current = ContextVar("unused")


@contextmanager
def registering_callbacks() -> Iterator[None]:
    """Callbacks registered inside may start anyio tasks: they keep the context they are registered in."""
    token = _current.set("asyncio")
    try:
        yield
    finally:
        _current.reset(token)
