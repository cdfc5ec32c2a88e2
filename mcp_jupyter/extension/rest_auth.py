# SPDX-License-Identifier: BSD-3-Clause
"""Base handler for the user's own requests: authentication, origin and size of the body.

It uses Jupyter's own authentication, XSRF protection and Authorizer. Tokens of MCP clients are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, TypeVar, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from ..protocol.limits import MAX_SMALL_BODY_BYTES
from ..protocol.origins import OriginRule
from .events import Emit
from .manager import NotebookManager
from .observers import Observers
from .private import LoggedHandler
from .token_auth import RESOURCE, keep_logged_headers_fit, keep_logs_fit
from .tokens import TokenStore, split

__all__ = ["UserHandler", "allowed"]

_VerbT = TypeVar("_VerbT", bound=Callable[..., Any])


def allowed(action: Literal["read", "write", "execute"]) -> Callable[[_VerbT], _VerbT]:
    """Decorate a verb for users who are logged in and may do `action`.

    `authorized` gets both arguments: otherwise it remembers those of its first use.
    """

    def decorate(verb: _VerbT) -> _VerbT:
        checked: _VerbT = authorized(action, resource=RESOURCE)(verb)
        return cast(_VerbT, web.authenticated(checked))

    return decorate


@web.stream_request_body
class UserHandler(LoggedHandler, APIHandler):
    """Base: admits users, refuses tokens, and reads a small body."""

    def initialize(
        self,
        notebooks: NotebookManager,
        store: TokenStore,
        origins: Callable[[], OriginRule],
        url: Callable[[], str],
        audience: Callable[[], str],
        default_days: float,
        root: str,
        observers: Observers,
        emit: Emit,
    ) -> None:
        """Take the arguments of the route.

        Parameters
        ----------
        url : callable
            Returns the server's base URL as clients know it, ending in a slash.
        audience : callable
            Returns what binds a token to this server.
        default_days : float
            Days for which a token is valid by default.
        root : str
            The server's root directory: a real path.
        observers : Observers
            Follow the calls of live notebooks.
        emit : Emit
            Emits a Jupyter event.
        """
        self.notebooks = notebooks
        self.store = store
        self.url = url
        self.audience = audience
        self.default_days = default_days
        self.root = root
        self.observers = observers
        self.emit = emit
        self._origins = origins
        self.body = bytearray()
        self._let_in = False
        keep_logs_fit(self.request)

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse what no user's page or terminal sends; Jupyter decides about everything else."""
        headers = self.request.headers
        credentials = [part for value in headers.get_list("Authorization") for part in value.split()]
        if any(split(credential) is not None for credential in credentials):
            raise web.HTTPError(403, "A token for MCP clients opens nothing here.")
        reason = self.origin_refusal()
        if reason is not None:
            raise web.HTTPError(403, f"Refused: {reason}.")
        await super().prepare()
        length = headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length[:20]) > MAX_SMALL_BODY_BYTES:
            raise web.HTTPError(413, f"A body may have {MAX_SMALL_BODY_BYTES} bytes at most.")
        self.request.connection.set_max_body_size(MAX_SMALL_BODY_BYTES)  # type: ignore[union-attr]
        self._let_in = True

    def origin_refusal(self) -> str | None:
        """Return why the request's origin is refused; None when it is allowed.

        Jupyter's own check follows; this one holds whatever `allow_origin` says.
        """
        headers = self.request.headers
        origins = headers.get_list("Origin")
        if len(origins) == 1 and origins[0].partition("://")[2] == self.request.host:
            origins = []  # the host that the request was sent to, as behind a proxy
        return self._origins().check(origins, headers.get_list("Sec-Fetch-Site"))

    def before_log(self) -> None:
        """Keep tokens, and headers of any length, out of the log."""
        keep_logged_headers_fit(self.request)

    def data_received(self, chunk: bytes) -> None:
        """Append a chunk to the body."""
        self.body += chunk

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an error."""
        if not self._let_in:  # the rest of the body stays unread, so the connection must close
            self.set_header("Connection", "close")
        super().write_error(status_code, **kwargs)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log unexpected errors, without the URL's query, which may hold a token."""
        if not isinstance(value, web.HTTPError):
            self.log.error("%s %s failed", self.request.method, self.request.path, exc_info=value)
