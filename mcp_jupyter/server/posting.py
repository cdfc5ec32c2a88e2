# SPDX-License-Identifier: BSD-3-Clause
"""Calls onto the event loop's thread, from any thread. Knows no protocol, and never blocks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from contextvars import copy_context
from typing import Any, TypeVar, cast

from anyio.lowlevel import current_token

from ..engine.channel import registering_callbacks

__all__ = ["Poster"]

T = TypeVar("T")


class Poster:
    """Calls functions on the thread of the event loop it was made on.

    `poster(function, *args)` runs at once on that thread, so that what a function says stands before what
    it returns; from other threads it runs soon, in the order of the calls.

    Raises
    ------
    RuntimeError
        When the loop is closed.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._loop = cast(Any, current_token().native_token)  # asyncio's loop, or trio's token
        on_asyncio = isinstance(self._loop, asyncio.AbstractEventLoop)
        self._soon: Callable[..., Any] = (
            self._loop.call_soon_threadsafe if on_asyncio else self._loop.run_sync_soon
        )
        # Not the context of the thread that calls: anyio looks up the kind of loop there.
        with registering_callbacks() if on_asyncio else nullcontext():
            self._context = copy_context()

    @property
    def is_here(self) -> bool:
        """Whether the loop's thread is the one that asks."""
        return threading.get_ident() == self._thread

    def __call__(self, function: Callable[..., Any], *args: Any) -> None:
        if self.is_here:
            function(*args)
        else:
            self.soon(function, *args)

    def soon(self, function: Callable[..., Any], *args: Any) -> None:
        """Call the function in a later turn of the loop; for signal handlers too."""
        self._soon(self._context.run, function, *args)

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop's thread, from a coroutine there or on another asyncio loop."""
        if self.is_here:
            return await coroutine
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))
