# SPDX-License-Identifier: BSD-3-Clause
"""The handlers for MCP clients, and the route table of the extension.

The handlers of `server.http` come before Jupyter's `APIHandler` in the class hierarchy; `token_auth` replaces
its login. Each handler serves one notebook, or all of them at a URL without a name.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import APIHandler
from tornado.web import RequestHandler

from ..ipc.rendezvous import CALLBACK_PATH
from ..server.http.admission import Principal
from ..server.http.base_handler import BaseHandler, HttpFront
from ..server.http.legacy_sse import MessagesHandler, SseHandler
from ..server.http.sessions import Endpoint
from ..server.http.streamable import StreamableHandler
from .api import (
    ApprovalHandler,
    ApprovalsHandler,
    CallHandler,
    CallsHandler,
    ConnectLinesHandler,
    NotebookHandler,
    ObserveHandler,
    PauseHandler,
    ServersHandler,
    StopHandler,
    TokenHandler,
    TokensHandler,
)
from .grants import scope_of
from .manager import NotebookManager
from .oauth_callback import CallbackHandler
from .private import LoggedHandler
from .token_auth import keep_logged_headers_fit, keep_logs_fit

__all__ = [
    "McpHandler",
    "McpMessagesHandler",
    "McpSseHandler",
    "routes",
]

Route = tuple[str, type[RequestHandler], dict[str, Any]]


class _MachineHandler(LoggedHandler, BaseHandler):
    """The shared base. Jupyter's own `prepare`, which authenticates users, is never called."""

    def initialize(self, front: HttpFront, notebooks: NotebookManager) -> None:  # type: ignore[override]
        """Take the arguments of the route."""
        keep_logs_fit(self.request)
        self._notebooks = notebooks
        super().initialize(front)

    async def prepare(self) -> None:
        """Normalise the name in the URL as notebook names are (NFC), then admit the request."""
        self.path_args = [unicodedata.normalize("NFC", name) for name in self.path_args]
        await super().prepare()

    async def find_endpoint(self, principal: Principal) -> Endpoint:
        """Return the endpoint of the notebook in the URL; without a name, that of all notebooks."""
        if not self.path_args:
            return await self._notebooks.aggregate()
        return await self._notebooks.endpoint(self.path_args[0], scope_of(principal))

    def before_log(self) -> None:
        """Keep tokens, and headers of any length, out of the log."""
        keep_logged_headers_fit(self.request)


class McpHandler(_MachineHandler, StreamableHandler, APIHandler):  # type: ignore[misc]
    """Streamable HTTP."""

    get = allow_unauthenticated(StreamableHandler.get)
    post = allow_unauthenticated(StreamableHandler.post)
    delete = allow_unauthenticated(StreamableHandler.delete)


class McpSseHandler(_MachineHandler, SseHandler, APIHandler):  # type: ignore[misc]
    """HTTP+SSE: the stream."""

    get = allow_unauthenticated(SseHandler.get)


class McpMessagesHandler(_MachineHandler, MessagesHandler, APIHandler):  # type: ignore[misc]
    """HTTP+SSE: the messages that a client posts."""

    post = allow_unauthenticated(MessagesHandler.post)


def routes(machine: dict[str, Any], human: dict[str, Any]) -> list[Route]:
    """Return all routes of the extension, below the server's base URL.

    Parameters
    ----------
    machine, human : dict
        The arguments of the handlers for MCP clients, and of the handlers for the user.
    """
    root, name = r"/mcp-jupyter", r"/mcp-jupyter/([^/]+)"
    return [
        (rf"{root}/api/servers", ServersHandler, human),
        (rf"{root}/api/servers/([^/]+)", NotebookHandler, human),
        (rf"{root}/api/servers/([^/]+)/calls", CallsHandler, human),
        (rf"{root}/api/servers/([^/]+)/calls/([0-9]{{1,9}})", CallHandler, human),
        (rf"{root}/api/servers/([^/]+)/calls/([0-9]{{1,9}})/stop", StopHandler, human),
        (rf"{root}/api/servers/([^/]+)/pause", PauseHandler, human),
        (rf"{root}/api/observe", ObserveHandler, human),
        (rf"{root}/api/approvals", ApprovalsHandler, human),
        (rf"{root}/api/approvals/([0-9a-f]{{64}})", ApprovalHandler, human),
        (rf"{root}/api/connect-lines", ConnectLinesHandler, human),
        (rf"{root}/api/tokens", TokensHandler, human),
        (rf"{root}/api/tokens/([^/]+)", TokenHandler, human),
        (rf"/{CALLBACK_PATH}", CallbackHandler, human),
        (rf"{root}/?", McpHandler, machine),
        (rf"{root}/sse/?", McpSseHandler, machine),
        (rf"{root}/messages/?", McpMessagesHandler, machine),
        (rf"{name}/?", McpHandler, machine),
        (rf"{name}/sse/?", McpSseHandler, machine),
        (rf"{name}/messages/?", McpMessagesHandler, machine),
    ]
