# SPDX-License-Identifier: BSD-3-Clause
"""What surrounds a server's life: a context manager of the user's. Knows no server."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

__all__ = ["no_lifespan", "opened"]

L = TypeVar("L")


@asynccontextmanager
async def no_lifespan() -> AsyncIterator[dict[str, Any]]:
    """Nothing to set up; handlers find an empty dict."""
    yield {}


def opened(
    lifespan: Callable[..., AbstractAsyncContextManager[L]], server: Any
) -> AbstractAsyncContextManager[L]:
    """The context manager that `lifespan` makes: of the server, if it takes an argument."""
    return lifespan(server) if inspect.signature(lifespan).parameters else lifespan()
