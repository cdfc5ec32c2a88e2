# SPDX-License-Identifier: BSD-3-Clause
"""What a user's function may ask and say while it runs.

Functions run on the event loop, on a kernel's main thread or on a worker thread; a `Context` works on
all of them: what it sends is posted to the loop's thread. Sending returns at once, so its methods may
be awaited or not; who sends faster than the loop can loses the oldest messages.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, cast

from typing_extensions import TypeVar

from ...protocol.limits import MAX_STREAM_BACKLOG
from ..content import plain, readable
from ..context import LOG_LEVELS, RequestContext
from ..posting import Poster

if TYPE_CHECKING:
    from .server import FastMCP

__all__ = ["Context", "ReadResource"]

S = TypeVar("S", default=Any)
L = TypeVar("L", default=Any)
R = TypeVar("R", default=Any)


class _Sent:
    """The result of a message that is on its way already: `await` it or leave it."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        return
        yield


_SENT = _Sent()


class ReadResource:
    """What `Context.read_resource` gives: `.content` and `.mime_type`, or both by unpacking."""

    __slots__ = ("content", "mime_type")

    def __init__(self, content: str | bytes, mime_type: str | None) -> None:
        self.content = content
        self.mime_type = mime_type

    def __iter__(self) -> Generator[Any, None, None]:
        yield self.content
        yield self.mime_type


class Context(Generic[S, L, R]):
    """The request behind a call. Declare a parameter of this type and it is filled in.

    As in the SDK it may be written with the types of session, lifespan context and HTTP request:
    `Context[ServerSession, AppContext]`. They change nothing here.

    Attributes
    ----------
    request_context : RequestContext
        The protocol's view: id, meta, session, `lifespan_context`.
    """

    def __init__(self, request: RequestContext, server: FastMCP, post: Poster) -> None:
        self.request_context = request
        self._server = server
        self._poster = post
        self._waiting: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque(maxlen=MAX_STREAM_BACKLOG)
        self._flushing = False

    # -- what it says ----------------------------------------------------------------------------

    def debug(self, message: Any, *, logger_name: str | None = None) -> Awaitable[None]:
        """Send a log message of level "debug"."""
        return self.log("debug", message, logger_name=logger_name)

    def info(self, message: Any, *, logger_name: str | None = None) -> Awaitable[None]:
        """Send a log message of level "info"."""
        return self.log("info", message, logger_name=logger_name)

    def warning(self, message: Any, *, logger_name: str | None = None) -> Awaitable[None]:
        """Send a log message of level "warning"."""
        return self.log("warning", message, logger_name=logger_name)

    def error(self, message: Any, *, logger_name: str | None = None) -> Awaitable[None]:
        """Send a log message of level "error"."""
        return self.log("error", message, logger_name=logger_name)

    def log(self, level: str, message: Any, *, logger_name: str | None = None) -> Awaitable[None]:
        """Send a log message, when the caller wants messages of this level.

        Parameters
        ----------
        message : Any
            Text, or a value: its JSON form is sent.

        Raises
        ------
        ValueError
            When `level` is not one of the protocol's eight levels.
        """
        if level not in LOG_LEVELS:
            raise ValueError(f"level must be one of {', '.join(LOG_LEVELS)}, not {level!r}")
        data = message if type(message) is str else plain(message, readable)
        self._send(self.request_context.log, level, data, logger_name)
        return _SENT

    def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> Awaitable[None]:
        """Report progress, when the caller asked for it; a number that does not rise is not sent."""
        done, of = _number(progress), None if total is None else _number(total)
        if math.isfinite(done):
            self._send(self.request_context.progress, done, of, message)
        return _SENT

    def _send(self, function: Callable[..., None], *args: Any) -> None:
        if self._poster.is_here:
            function(*args)
            return
        self._waiting.append((function, args))
        if not self._flushing:
            self._flushing = True
            with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                self._poster.soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False  # first: what comes from now on sees to itself
        while self._waiting:
            function, args = self._waiting.popleft()
            function(*args)

    # -- what it asks ----------------------------------------------------------------------------

    async def read_resource(self, uri: str) -> ReadResource:
        """Read a resource of this server; unpacks to (content, mime_type).

        Raises
        ------
        McpError
            When there is no such resource.
        """
        return await self._poster.run(self._server.read_resource(uri, self.request_context))

    # -- what it knows ---------------------------------------------------------------------------

    @property
    def request_id(self) -> str:
        """The request's id, as text."""
        return str(self.request_context.request_id)

    @property
    def client_id(self) -> str | None:
        """The id a client gave itself in `_meta`, if it did."""
        value = self.request_context.meta.get("client_id")
        return value if isinstance(value, str) else None

    @property
    def session(self) -> S:
        """The conversation the request came in on."""
        return cast(S, self.request_context.session)

    @property
    def fastmcp(self) -> FastMCP:
        """The server."""
        return self._server

    @property
    def meta(self) -> Mapping[str, Any]:
        """The request's `_meta`."""
        return self.request_context.meta


def _number(value: Any) -> float:
    """A number as JSON has it; NumPy's are not."""
    return value if type(value) in (int, float) else float(value)
